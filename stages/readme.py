"""readme: put the committed results into the README, between its two marks.

Not a stage of the graph: `make readme` runs it.
"""

from pathlib import Path

import pandas as pd

from stages.common.evidence.identity import identity, workspace
from stages.common.evidence.studies import stored
from stages.common.report import tables

README = Path("README.md")
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->\n"


def filled(text: str) -> str:
    """The README with its block replaced by the table of the metrics at hand."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    systems = tables.markdown(tables.systems(tables.results()))
    claims = tables.markdown(tables.claims(pd.read_csv("plots/claims.csv")))
    seeds = stored(identity(workspace))
    over = "`make seeds` repeats this with other seeds and adds their table here.\n"
    if len(seeds):
        over = (
            f"What the seeds {seeds['seeds'].iloc[0].replace(' ', ', ')} say of it:\n"
            f"\n{tables.markdown(tables.seeds(seeds))}\n{tables.SEEDS_NOTE}\n"
        )
    equal = tables.markdown(tables.equal_size(pd.read_csv("plots/equal_size.csv")))
    speed = tables.markdown(tables.speed(pd.read_csv("plots/latency.csv").query("threads == 1")))
    block = (
        f"{systems}\n{tables.NOTE}\n"
        f"\nWhat this run says of each claim:\n\n{claims}\n{tables.CLAIMS_NOTE}\n"
        f"\n{over}"
        "\nThe methods at equal size: about 256 k parameters or their bytes, then the pruned student and\n"
        f"its controls. Differences are of the same validation photos.\n\n{equal}"
        "\nSpeed on one thread of the machine that made these results (all threads: `plots/latency.csv`):\n"
        f"\n{speed}"
    )
    return before + BEGIN + block + END + after


def main() -> None:
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
