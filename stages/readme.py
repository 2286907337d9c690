"""readme: put the committed results into the README, between its two marks.

Not a stage of the graph: `make readme` runs it.
"""

from pathlib import Path

from stages.common import tables

README = Path("README.md")
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->\n"


def filled(text: str) -> str:
    """The README with its block replaced by the table of the metrics at hand."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + tables.markdown(tables.results()) + f"\n{tables.NOTE}\n" + END + after


def main() -> None:
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
