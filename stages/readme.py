"""readme: put the committed results into the README, between its marks, and draw its picture of photos.

Not a stage of the graph: `make readme` runs it.
"""

from pathlib import Path

from PIL import Image

from stages.common import errors
from stages.common.data.listing import FOOD11
from stages.common.files import read_csv, read_json, write
from stages.common.report import charts, contents, tables

README, STUDY = Path("README.md"), Path("studies/sample")
SAMPLE, PICTURE = Path("data/sample"), Path("plots/sample.png")
CLAIMS = (  # the original report's conclusions, and what Liu et al. 2019 ask of pruning; the page has all
    "Distillation from the pretrained teacher helps",
    "The pretrained teacher teaches better",
    "Design beats pruning at equal size",
    "Small pruning steps beat large ones at equal size",
    "Pruning beats training its shape from scratch",
)


def figures() -> str:
    """The four figures that the page begins with."""
    data = read_json("metrics/data.json")
    tiles = tables.tiles(read_csv("plots/tradeoff.csv"), read_csv("plots/latency.csv"), data)
    return "".join(f"* **{value}** {label}\n" for value, label in tiles)


def claims() -> str:
    """CLAIMS over the seeds of the sample's study, if there is one. Raises `KeyError` for one not in it."""
    if not STUDY.exists():
        return "No study has been made yet: `make study SEEDS=0,1,2,3,4`.\n"
    rows = read_csv(STUDY / "claims.csv")
    chosen = rows.set_index("claim", drop=False).loc[list(CLAIMS)]
    shown = contents.claims(STUDY / "claims.csv", "seeds")["shown"]
    return (
        f"{tables.markdown(tables.claims(chosen))}\n{contents.about(STUDY)}. All verdicts of a column hold "
        f"together at 95 % (Holm); intervals are each claim's own. {shown}\n"
    )


BLOCKS = {"figures": figures, "claims": claims}


def filled(text: str) -> str:
    """The README with each block between `<!-- name:begin -->` and `<!-- name:end -->` made anew.

    Raises `ValueError` where a mark is not there once.
    """
    for name, block in BLOCKS.items():
        before, rest = text.split(f"<!-- {name}:begin -->\n")
        _, after = rest.split(f"<!-- {name}:end -->")
        text = f"{before}<!-- {name}:begin -->\n{block()}<!-- {name}:end -->{after}"
    return text


def sample() -> None:
    """plots/sample.png: the first drawn training photo of each class, where data/sample is on disk."""
    if SAMPLE.exists():
        photos = {name: SAMPLE / f"training/{number}_0.jpg" for number, name in enumerate(FOOD11)}
        charts.sample_picture(PICTURE, {name: Image.open(path) for name, path in photos.items()})


def main() -> None:
    write(README, filled(README.read_text(encoding="utf-8")))
    sample()


if __name__ == "__main__":
    errors.run(main)
