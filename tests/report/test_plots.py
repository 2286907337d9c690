"""What is drawn: dvc.yaml and the page say the same of it, and every template draws several revisions."""

import json

import pandas as pd
import pytest
import vl_convert
import yaml
from dvc_render import VegaRenderer

from stages.common.report.plots import PLOTS
from tests.graph import ROOT

TEMPLATES = ROOT / ".dvc/plots"


def written() -> dict[str, dict]:
    """Every plot of dvc.yaml that is a CSV, by its name below plots/."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    stages = [stage.get("do", stage) for stage in graph["stages"].values()]
    plots = [item for stage in stages for plot in stage.get("plots", []) for item in plot.items()]
    return {
        path.removeprefix("plots/").removesuffix(".csv"): {k: v for k, v in given.items() if k != "cache"}
        for path, given in plots
        if path.endswith(".csv")
    }


def test_the_page_draws_what_dvc_yaml_says():
    of_dvc = written()
    assert {name: of_dvc.get(name) for name in PLOTS} == {
        name: plot.properties for name, plot in PLOTS.items()
    }


def test_no_template_is_left_over():
    used = {plot["template"] for plot in written().values()} | {plot.template for plot in PLOTS.values()}
    assert {path.stem for path in TEMPLATES.glob("*.json")} == used - {"confusion"}


@pytest.mark.parametrize("name", PLOTS)
def test_two_revisions_are_drawn_and_told_apart(there, name):
    rows = pd.read_csv(f"plots/{name}.csv", keep_default_na=False, dtype=str)
    if "machine" in rows:
        rows = rows.assign(machine="another")
    points = [{**row, "rev": rev} for rev in ("first", "second") for row in rows.to_dict("records")]
    properties = PLOTS[name].properties
    filled = VegaRenderer(points, name, template_dir=str(TEMPLATES), **properties).get_filled_template()
    assert "<DVC_METRIC" not in json.dumps(filled)
    picture = vl_convert.vegalite_to_svg(filled)
    assert ">first<" in picture
    assert ">second<" in picture
    assert "NaN" not in picture
