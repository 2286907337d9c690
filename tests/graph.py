"""What dvc.yaml should say of a stage, read off the stage's source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent


def file_of(module: str) -> Path | None:
    """The file of a project module; None for another's module, and for a package that is a mere docstring."""
    path = ROOT / module.replace(".", "/")
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    package = path / "__init__.py"
    return package if package.is_file() and len(ast.parse(package.read_text()).body) > 1 else None


def imports(path: Path) -> set[Path]:
    """The project modules that a file imports when it runs; what only type checkers read is left out."""
    found = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(file_of(alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            found.add(file_of(node.module))
            found.update(file_of(f"{node.module}.{alias.name}") for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found - {None}


def modules(stage: Path) -> set[str]:
    """A stage's file and everything of the project that it imports, at any depth, relative to the root."""
    seen, todo = set(), {stage}
    while todo:
        path = todo.pop()
        seen.add(path)
        todo |= imports(path) - seen
    # A module's other files have its name: page.py reads page.html.
    seen |= {other for path in seen for other in path.parent.glob(f"{path.stem}.*")}
    return {path.relative_to(ROOT).as_posix() for path in seen}


def parameters(stage: Path) -> set[str]:
    """The keys that a stage names in `read(...)`."""
    tree = ast.parse(stage.read_text(encoding="utf-8"))
    names = {
        t.id: n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Assign)
        for t in n.targets
        if hasattr(t, "id")
    }
    keys = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read":
            for argument in node.args:
                if isinstance(argument, ast.Starred):
                    keys.update(ast.literal_eval(names[argument.value.id]))
                elif isinstance(argument, ast.JoinedStr):  # as the stages of a `foreach` have it
                    keys.add(
                        "".join(
                            getattr(part, "value", "") if isinstance(part, ast.Constant) else "${key}"
                            for part in argument.values
                        )
                    )
                else:
                    keys.add(ast.literal_eval(argument))
    return keys
