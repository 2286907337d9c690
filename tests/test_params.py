"""params.yaml: closed, typed, ranged; what a stage does not name, it does not get; and no shell reads it."""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml
from dvc.utils.serialize import parse_yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from stages import export_quantized, prune
from stages.common.errors import UserError
from stages.common.params import Params, given_rate, load, parsed, read, require_rate
from tests.graph import ROOT

set_hypothesis_home_dir(ROOT / ".scratch/hypothesis")
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(TEXT)


def place(values: dict, key: str) -> tuple[dict, str]:
    """The section that holds a dotted key, and the key's name in it."""
    *sections, name = key.split(".")
    for section in sections:
        values = values[section]
    return values, name


@pytest.fixture
def edited(tmp_path):
    """params.yaml with one dotted key set to a YAML text; returns its path."""

    def edit(key: str, text: str) -> Path:
        values = copy.deepcopy(VALUES)
        section, name = place(values, key)
        section[name] = "VALUE"
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values).replace("VALUE", text), encoding="utf-8")
        return path

    return edit


def complaint(path: Path) -> str:
    """What `load` says of a file, in one line of ours; empty where it takes the file."""
    try:
        load(path)
    except UserError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()  # so it is one line
        assert len(message) < 1000
        assert not re.search("pydantic|Input should|Value error|Traceback", message)
        return message.removeprefix(f"{path}: ")
    return ""


@pytest.mark.parametrize("name", ["params.yaml", "params.food11.yaml", "tests/tiny.yaml"])
def test_committed_files_are_valid(name):
    load(ROOT / name)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("prune.rate", "1"),
        ("prune.rate", "0"),
        ("prune.rate", "-0.5"),
        ("prune.rate", "1.5"),
        ("prune.rate", ".nan"),
        ("prune.rate", "'0.8'"),
        ("prune.rate", "fast"),
        ("prune.rate", "[0.8, 0.9]"),
        ("prune.rate", "0.99999"),
        ("prune.teacher", "imagenet"),
        ("prune.reference_rates", "[0.9, 0.95]"),
        ("prune.reference_rates", "[0.95]"),
        ("prune.reference_rates", "[0.95, 0.4]"),
        ("student.epochs", "1:30"),
        ("student.epochs", "yes"),
        ("student.epochs", "2.5"),
        ("student.epochs", "true"),
        ("student.learning_rate", "0"),
        ("student.epocs", "3"),
        ("distill.alpha", "1.1"),
        ("data.image_size", "16"),
        ("augment.flip", "1"),
        ("data.source", ""),
        ("student.architecture", "studnet"),
        ("student.architecture", "torchvision/"),
        ("student.architecture", "mine.py"),
        ("student.architecture", "/tmp/mine.py:build"),
        ("student.architecture", "../mine.py:build"),
        ("cnn.architecture", "mine.py:build"),
        ("prune.round_to", "0"),
        ("own_networks", "''"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_key(edited, key, text):
    assert complaint(edited(key, text)).startswith(key)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("student.epochs", "yes", "student.epochs = 'yes': expected a whole number from 1 to 10,000"),
        ("student.epochs", "10001", "student.epochs = 10001: expected a whole number from 1 to 10,000"),
        ("distill.alpha", "true", "distill.alpha = true: expected a number from 0 to 1"),
        ("student.learning_rate", "0", "student.learning_rate = 0: expected a number above 0, at most 1"),
        ("augment.colour", "1", "augment.colour = 1: expected a number from 0 to under 1"),
        ("augment.flip", "1", "augment.flip = 1: expected true or false"),
        ("quantize.bits", "5", "quantize.bits = 5: expected 16, 8, 6, 4 or 3"),
        ("quantize.bits", "8;touch X", "quantize.bits = '8;touch X': expected 16, 8, 6, 4 or 3"),
        (
            "teacher.scratch.image_size",
            "2",
            "teacher.scratch.image_size = 2: expected a whole number from 16 to",
        ),
        (
            "teacher.scratch.image_size",
            "a",
            "teacher.scratch.image_size = 'a': expected a whole number from 16",
        ),
        (
            "prune.reference_rates",
            "[0.9]",
            "prune.reference_rates = [0.9]: expected a list of 2, each a number",
        ),
        ("data.class_folder", "middle", "data.class_folder = 'middle': expected top or leaf"),
        ("data.source", "null", "data.source = null: expected a text that is not empty"),
        ("student", "3", "student = 3: expected a section of keys"),
        ("student.epocs", "3", "student.epocs: no such key; did you mean student.epochs?"),
        ("stduent", "3", "stduent: no such key; did you mean student?"),
        ("factorize.x", "3", "factorize.x: no such key; there are epochs, learning_rate, batch_size, "),
        ("seed", "{a: {b: {c: 1}}}", "seed = {'a': {'b': {...}}}: expected a whole number"),
        ("seed", "[1, 2, 3, 4, 5, 6]", "seed = [1, 2, 3, 4, ...]: expected a whole number"),
        ("seed", "x" * 10_000, "seed = 'xxxx"),
        ("seed", "0x" + "f" * 9_000, "seed = a number of very many digits: expected a whole number"),
        ("prune.rate", "0.99999", "prune.rate = 0.99999: needs over 200 steps to prune.min_width = 0.5"),
    ],
)
def test_a_message_says_what_is_expected(edited, key, text, said):
    assert complaint(edited(key, text)).startswith(said)


def test_a_missing_key_is_named_and_a_misspelt_one_before_it(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("\nseed: 0\n", "\n"), encoding="utf-8")
    assert complaint(path) == "seed: missing; add it as params.food11.yaml has it"
    path.write_text(TEXT.replace("\nseed: 0\n", "\nsed: 0\n"), encoding="utf-8")
    assert complaint(path) == "sed: no such key; did you mean seed?"


def test_every_number_has_two_bounds():
    """What multiplies work or space has an upper one, and messages name both."""
    schema = Params.model_json_schema()
    fields = [field for of in (schema, *schema["$defs"].values()) for field in of["properties"].items()]
    numbers = [
        (name, kind)
        for name, field in fields
        for kind in field.get("anyOf", [field.get("items", field)])
        if kind.get("type") in ("integer", "number") and "enum" not in kind
    ]
    assert len(numbers) > 40
    for name, kind in numbers:
        assert {"minimum", "exclusiveMinimum"} & kind.keys(), name
        assert {"maximum", "exclusiveMaximum"} & kind.keys(), name


@pytest.mark.parametrize("key", ["data.source", "data.labels", "pretrain.source", "own_networks"])
@pytest.mark.parametrize(
    "text", [r'"labels/a\nb"', r'"labels/a\0b"', r'"labels/a\eb"', "https://x.org/a.zip"]
)
def test_a_path_has_no_control_character_and_is_no_address(edited, key, text):
    assert complaint(edited(key, text)).startswith(f"{key} = ")


@pytest.mark.parametrize("name", ["labels/a.csv", "labels/b/a.tsv", "data/sample/a.csv", "./labels/a.csv"])
def test_labels_lie_where_dvc_looks(edited, name):
    assert load(edited("data.labels", name)).data.labels == name


@pytest.mark.parametrize(
    "name", ["a.csv", "labels", "labels/../a.csv", "data/a.csv", "data/sample/../a.csv", "/labels/a.csv"]
)
def test_labels_elsewhere_are_refused(edited, name):
    message = complaint(edited("data.labels", name))
    assert message.startswith(f"data.labels = '{name}': is neither in labels/ nor in data.source = ")


ALIASES = "a: &a [x]\n" + "".join(f"b{i}: &b [{', '.join(['*b' if i else '*a'] * 9)}]\n" for i in range(9))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no keys"),
        (b"# nothing", "holds no keys"),
        (b"[1, 2]", "holds no keys"),
        (b"3", "holds no keys"),
        (TEXT.encode("utf-16"), "not UTF-8"),
        (TEXT.encode("utf-16-be"), "not"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        (b"seed: 0\0", "not YAML: unacceptable character #x0000"),
        (b"seed: 0\n\tsample: 1", "line 2: not YAML: "),
        (b"seed: 1\nseed: 2", "line 2: the key 'seed' comes twice; remove one"),
        (b"a:\n  b: {c: 1, c: 2}", "line 2: the key 'c' comes twice; remove one"),
        (b"seed: 1\n---\nseed: 2", "line 2: not YAML: expected a single document"),
        (b"1: 2", "1: no such key"),
        (b"? [a]\n: 2", "('a',): no such key"),
        (b"seed: !!python/object/apply:os.system [ls]", "line 1: the tag "),
        (b"seed: !!bool x", "line 1: the tag "),
        (b"seed: 2026-13-45", "not YAML: month must be"),
        (b"seed: " + b"9" * 5000, "not YAML: "),
        (b"[" * 3000 + b"]" * 3000, "line 1: over 20 levels deep"),
        (b"x: &a [*a]", "x: no such key"),
        (ALIASES.encode(), "line 5: over 30 aliases"),
        (b"x" * 2**20, "over 64 KiB"),
    ],
)
def test_what_is_no_file_of_parameters_is_one_line(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert complaint(path).startswith(said)


def test_a_folder_is_one_line(tmp_path):
    assert complaint(tmp_path) == "cannot be read (Is a directory)"


FUZZ = settings(max_examples=40, deadline=None, derandomize=True, database=None)
MARKS = [
    *(m.encode() for m in ("\n", "\t", ": ", "- ", "&a ", "*a", "!!int ", "<<: ", "---\n", "é")),
    b"\0",
    b"{",
]
SECTIONS = {key: value for key, value in VALUES.items() if isinstance(value, dict)}
KEYS = [*VALUES, *(f"{section}.{key}" for section, keys in SECTIONS.items() for key in (*keys, "new"))]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzzed") / "params.yaml"


def require_taken_or_refused(path: Path) -> None:
    """A file is loaded as DVC reads it, or is refused in one line."""
    if not complaint(path):
        assert parsed(path.read_bytes()) == parse_yaml(path.read_text(encoding="utf-8"), str(path))


@FUZZ
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TEXT)), st.integers(0, 30), st.binary(max_size=9) | st.sampled_from(MARKS)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_bytes_are_a_crash(fuzzed, edits):
    content = TEXT.encode()
    for start, length, new in edits:
        content = content[:start] + new + content[start + length :]
    fuzzed.write_bytes(content)
    require_taken_or_refused(fuzzed)


@FUZZ
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1, max_size=2))
def test_no_value_is_a_crash(fuzzed, changes):
    values = copy.deepcopy(VALUES)
    for key in sorted(changes, key=lambda key: -key.count(".")):  # a section is replaced after its keys
        section, name = place(values, key)
        section[name] = changes[key]
    fuzzed.write_text(yaml.safe_dump(values), encoding="utf-8")
    require_taken_or_refused(fuzzed)


@pytest.mark.parametrize(
    "text",
    [
        "1e-3",
        "1E-3",
        "0.001",
        ".001",
        "1_0",
        "010",
        "0o10",
        "1:30",
        "yes",
        "on",
        "~",
        "2026-11-25",
        "'1'",
        "1.",
    ],
)
def test_values_are_those_that_dvc_reads(edited, text):
    path = edited("student.learning_rate", text)
    assert parsed(path.read_bytes()) == parse_yaml(path.read_text(), str(path))


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), ("1E-3", 0.001), (".001", 0.001)])
def test_small_numbers_are_numbers(edited, text, value):
    assert load(edited("student.learning_rate", text)).student.learning_rate == value


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("0o10", 8), ("1_0", 10)])
def test_whole_numbers_are_what_dvc_takes_them_for(edited, text, value):
    assert load(edited("student.epochs", text)).student.epochs == value


def test_broken_or_missing_file_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(UserError, match=r"params\.yaml"):
        load(path)
    path.write_text("seed: [", encoding="utf-8")
    assert "not YAML" in complaint(path)


def test_read_gives_just_what_is_named():
    chosen = read("seed", "prune.epochs", "prune.teacher", path=ROOT / "params.yaml")
    assert vars(chosen).keys() == {"seed", "prune"}
    assert vars(chosen.prune).keys() == {"epochs", "teacher"}


def test_read_checks_the_rest_of_the_file_too(edited):
    with pytest.raises(UserError, match=r"prune\.rate"):
        read("seed", path=edited("prune.rate", "2"))


@pytest.mark.parametrize(
    "text", ["0", "1", "-1", "2", "nan", "inf", "fast", "", "a\nb", "0.9;touch X", "x" * 999]
)
def test_a_rate_outside_0_and_1_is_refused(text):
    with pytest.raises(UserError, match=r"^prune\.rate = .*: expected a number between 0 and 1") as caught:
        require_rate(text)
    assert str(caught.value).isprintable()


def test_a_rate_inside_is_a_number():
    assert require_rate("0.8") == 0.8


def test_a_misspelt_network_is_told_its_neighbour(edited):
    with pytest.raises(UserError, match=r"student\.architecture = 'studnet': .*did you mean student\?"):
        load(edited("student.architecture", "studnet"))


def test_an_own_network_must_lie_where_dvc_looks(edited):
    load(edited("student.architecture", "architectures/small.py:small"))
    with pytest.raises(
        UserError, match=r"mine\.py is not in own_networks = 'architectures', where DVC looks"
    ):
        load(edited("student.architecture", "mine.py:build"))


@pytest.mark.parametrize(
    "name", ["torchvision/resnet50", "timm/lcnet_035", "timm/vit_tiny_patch16_224.augreg_in21k"]
)
def test_names_of_libraries_are_taken(edited, name):
    assert load(edited("cnn.architecture", name)).cnn.architecture == name


def test_a_key_is_read_at_any_depth():
    chosen = read("teacher.pretrained.architecture", "teacher.scratch", path=ROOT / "params.yaml")
    assert vars(chosen.teacher).keys() == {"pretrained", "scratch"}
    assert vars(chosen.teacher.pretrained) == {"architecture": "resnet18"}


def test_the_rate_is_that_of_the_option_or_else_of_the_stage(monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "../dvc.yaml:prune@0.95")
    assert given_rate(None) == "0.95"
    assert given_rate("0.8") == "0.8"
    monkeypatch.delenv("DVC_STAGE")
    with pytest.raises(UserError, match="add --rate"):
        given_rate(None)


@pytest.fixture
def keys_of_progress(monkeypatch) -> list[str]:
    """What `prune` keeps its progress under, of each run; nothing is read and nothing trains."""
    keys = []

    def stop(_, params, __):
        keys.append(str(params))
        raise KeyboardInterrupt

    monkeypatch.setattr(prune, "read", lambda *names: read(*names, path=ROOT / "params.yaml"))
    for name in ("open_data", "open_soft_labels", "load_to_go_on", "cuttable"):
        monkeypatch.setattr(prune, name, MagicMock())
    monkeypatch.setattr(prune, "Resumable", stop)
    return keys


def test_a_killed_run_of_another_rate_is_not_gone_on_with(monkeypatch, keys_of_progress):
    monkeypatch.setattr(sys, "argv", ["prune"])
    for rate in ("0.9", "0.95", "0.9"):
        monkeypatch.setenv("DVC_STAGE", f"prune@{rate}")
        with pytest.raises(KeyboardInterrupt):
            prune.main()
    first, other, again = keys_of_progress
    assert first == again != other


def test_a_rate_by_hand_is_checked_like_the_files(monkeypatch, keys_of_progress):
    monkeypatch.setattr(sys, "argv", ["prune", "--rate", "0.99999"])
    with pytest.raises(UserError, match=r"^prune\.rate = 0\.99999: needs over 200 steps"):
        prune.main()


def test_other_bits_than_there_are_is_one_line(monkeypatch, edited):
    monkeypatch.chdir(edited("quantize.bits", "5").parent)
    with pytest.raises(UserError, match=r"^params\.yaml: quantize\.bits = 5: expected 16, 8, 6, 4 or 3$"):
        export_quantized.main()


class Scratch:
    """A repository with the stages of dvc.yaml that prune.rate and quantize.bits decide, without their work."""

    PRUNE = """
import os, pathlib
rate = os.environ["DVC_STAGE"].rpartition("@")[2]
assert 0 < float(rate) < 1
pathlib.Path(f"models/pruned/{rate}").mkdir(parents=True)
pathlib.Path(f"models/pruned/{rate}/steps.csv").write_text(rate)
"""
    KINDS = ("matrix", "wdir", "vars", "cmd", "params", "outs")

    def __init__(self, folder: Path):
        self.folder = folder / "project"
        self.precious = [self.folder / "data/mine/photo", folder / "photos/photo"]
        for path in self.precious:
            path.parent.mkdir(parents=True)
            path.write_text("precious")
        for words in ("git init -q", "dvc init -q", "dvc config core.analytics false"):
            subprocess.run(words.split(), cwd=self.folder, check=True, capture_output=True)
        self.write("params.yaml", TEXT)
        self.write("models/.gitignore", "*")
        self.write("stages/__init__.py", "")
        self.write("stages/prune.py", self.PRUNE)
        written = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        stages = {}
        for name, dep in (
            ("prune", "stages/prune.py"),
            ("export_pruned", "models/pruned/${prune.rate}"),
            ("export_quantized", "stages/export_quantized.py"),
        ):
            stage = written[name]
            stages[name] = {kind: stage[kind] for kind in self.KINDS if kind in stage} | {"deps": [dep]}
            if name != "prune":
                self.write(f"stages/{name}.py", f"for out in {stage['outs']}: open(out, 'w').close()")
        self.write("dvc.yaml", yaml.safe_dump({"stages": stages}))
        (self.folder / ".dvc/plots").mkdir()
        shutil.copy(ROOT / ".dvc/plots/points.json", self.folder / ".dvc/plots")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def dvc(self, *words: str) -> subprocess.CompletedProcess:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
        return subprocess.run(
            ["dvc", *words], cwd=self.folder, env=clean, capture_output=True, text=True, check=False
        )

    def set(self, **changes: object) -> None:
        """params.yaml with other values of keys, given as prune__rate."""
        values = copy.deepcopy(VALUES)
        for key, value in changes.items():
            section, name = place(values, key.replace("__", "."))
            section[name] = value
        self.write("params.yaml", yaml.safe_dump(values))

    def require_untouched(self) -> None:
        """Nothing of the user's is gone, no X was made, and with the former values nothing is to be done."""
        assert all(path.exists() for path in self.precious)
        assert not list(self.folder.rglob("X*"))
        self.write("params.yaml", TEXT)
        done = self.dvc("repro")
        assert done.returncode == 0, done.stderr
        assert "Running stage" not in done.stdout


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Scratch:
    scratch = Scratch(tmp_path_factory.mktemp("scratch"))
    first = scratch.dvc("repro")
    assert first.returncode == 0, first.stderr
    assert (scratch.folder / "models/pruned/0.95/steps.csv").read_text() == "0.95"
    return scratch


def absolute(path: Path) -> str:
    """A path from any folder: `..` above the root is the root."""
    return "../" * 30 + path.as_posix().lstrip("/")


@pytest.mark.slow
def test_a_path_in_place_of_a_rate_deletes_nothing(scratch):
    mine, outside = (path.parent for path in scratch.precious)
    named = ["../../data/mine", "../../../photos", "x/../../../data/mine", ".", ".."]
    for rate in (*named, absolute(mine), absolute(mine.parent), absolute(outside)):
        scratch.set(prune__rate=rate)
        assert "failed to parse stage 'prune@" in scratch.dvc("repro").stderr
    scratch.set(prune__reference_rates=[0.95, "../../data/mine"])
    assert "failed to parse stage 'prune@" in scratch.dvc("checkout", "--force").stderr
    # Where another project's file of parameters lies beside, with none of our keys.
    for folder in (mine.parent, outside.parent):
        (folder / "params.yaml").write_text("theirs: 1", encoding="utf-8")
    for rate in (".", absolute(mine), absolute(outside)):
        scratch.set(prune__rate=rate)
        assert "failed to parse stage 'prune@" in scratch.dvc("repro").stderr
    scratch.require_untouched()


@pytest.mark.slow
@pytest.mark.parametrize("text", [";touch X", "$(touch X)`touch X`", "'\"\ntouch X\n", " -x"])
def test_a_command_in_place_of_a_number_is_not_run(scratch, text):
    hostile = {"prune__rate": f"0.8{text}", "prune__reference_rates": [text, f"0.9{text}"]}
    scratch.set(**hostile, quantize__bits=f"8{text}")
    done = scratch.dvc("repro", "--keep-going")
    assert done.returncode != 0
    assert done.stdout.count("Running stage 'prune@") == 3
    assert "Running stage 'export_quantized'" in done.stdout
    scratch.require_untouched()
