"""The page's parts: charts of one revision, text that stays text, small pictures."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.common.report import contents as evidence
from stages.common.report import tables
from stages.common.report.page import script_data, specification, thumbnails, write_page
from tests.browser import opened
from tests.graph import ROOT


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A directory with the project's graph and templates, and its committed plots."""
    for name in ("dvc.yaml", ".dvc/plots", "plots"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def keys_and_values(part):
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from keys_and_values(value)
    elif isinstance(part, list):
        for item in part:
            yield from keys_and_values(item)


@pytest.mark.parametrize("name", evidence.CHARTS)
def test_a_chart_holds_every_row_and_speaks_of_no_revision(somewhere, name):
    chart = specification(f"plots/{name}.csv")
    rows = pd.read_csv(ROOT / f"plots/{name}.csv")
    assert len(chart["data"]["values"]) == len(rows)
    assert ("field", "rev") not in [pair for pair in keys_and_values(chart) if isinstance(pair[1], str)]
    assert "<DVC_METRIC" not in json.dumps(chart)
    assert "facet" in chart or chart["width"] == "container"


def test_a_csv_that_is_no_plot_is_an_error(somewhere):
    with pytest.raises(KeyError):
        specification("plots/seeds_networks.csv")


def test_data_in_a_script_cannot_end_it():
    text = script_data({"class": "</script><script>alert(1)</script>"})
    assert "<" not in text
    assert json.loads(text)["class"].startswith("</script>")


def test_thumbnails_are_small_and_of_the_photos(tmp_path):
    Image.fromarray(np.full((300, 500, 3), (200, 30, 30), dtype=np.uint8)).save(tmp_path / "a b.png")
    pictures = thumbnails(tmp_path, ["a b.png", "a b.png"])
    assert list(pictures) == ["a b.png"]
    head, data = pictures["a b.png"].split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (80, 80)
    assert np.abs(np.asarray(picture).mean((0, 1)) - (200, 30, 30)).max() < 3


def test_rows_are_spread_over_all_and_never_twice():
    rows = pd.DataFrame({"n": range(100)})
    assert list(evidence.spread(rows, 3)["n"]) == [0, 49, 99]
    assert list(evidence.spread(rows.head(2), 8)["n"]) == [0, 1]
    assert len(evidence.spread(rows.head(0), 8)) == 0


@pytest.mark.parametrize("same", [True, False])
def test_seeds_of_another_experiment_are_not_shown(tmp_path, monkeypatch, same):
    monkeypatch.chdir(tmp_path)
    Path("plots").mkdir()
    Path("plots/seeds.csv").write_text(
        "claim,difference,low,high,n,verdict,deviation,decides_at,seeds,each,identity\n"
        "It helps,0.02,-0.01,0.05,3,not decided,0.01,4,0 1 2,0 0 0,abc\n"
    )
    Path("plots/seeds_networks.csv").write_text(
        "series,n,val_accuracy,val_deviation,test_accuracy,test_deviation\nstudent,3,0.68,0.01,,\n"
    )
    monkeypatch.setattr(evidence, "own_identity", lambda: "abc" if same else "def")
    claims, networks = evidence.seeds()
    if same:
        assert (claims[0]["needed"], claims[0]["deviation"]) == ("4", "1.0")
        assert networks[1] == ["student", "3", "68.0 ± 1.0 %", "—"]
    else:
        assert claims == networks == []


def content(**changed) -> dict:
    """The least that the page needs."""
    rows, row = [["network", "value"], ["a", "1"]], {"claim": "It helps", "verdict": "holds", "needed": "—"}
    row |= {"difference": 0.02, "low": 0.01, "high": 0.03}
    chart = {"title": "T", "note": "", "alt": "in words", "rows": rows, "text": {"network"}}
    drawing = {
        "data": {"values": [{"a": 1, "b": 2}, {"a": 2, "b": 3}]},
        "mark": "line",
        "encoding": {
            "x": {"field": "a", "type": "quantitative"},
            "y": {"field": "b", "type": "quantitative"},
        },
        "width": "container",
    }
    lists = ("systems", "equal_size", "speed", "trust", "flips", "facts", "rejected")
    return {
        "title": "A page", "lead": "", "tiles": [], "sections": [], "text": {"network"}, "claims": [row],
        "claims_tested": False, "claims_note": "", "limit": 0.1, "seeds": [], "seed_networks": [],
        "seeds_note": "", "systems_note": "", "machine": "", "flipped": [], "answers": [], "wrong": [],
        "wrong_note": "", "interval": tables.points, "counts": "", "shown_classes": "",
        "contact": [], "pictures": {}, "no_pictures": "", "parameters": "",
        "charts": dict.fromkeys(evidence.CHARTS, chart),
        "specifications": script_data(dict.fromkeys(evidence.CHARTS, drawing)),
        **dict.fromkeys(lists, rows),
    } | changed  # fmt: skip


def test_a_name_with_markup_stays_text(tmp_path):
    name = "<img src=x onerror=alert(1)>"
    write_page(tmp_path / "a.html", **content(wrong=[{"file": name, "caption": name}]))
    seen = opened(tmp_path / "a.html", tmp_path)
    assert name in seen["text"]
    assert seen["problems"] == []
    assert seen["images"] == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [({"specifications": '{"pruning": {"mark": "no such mark"}}'}, True), ({}, False)],
)
def test_a_chart_that_cannot_be_drawn_is_a_problem_that_the_test_sees(tmp_path, changed, problem):
    write_page(tmp_path / "a.html", **content(**changed))
    seen = opened(tmp_path / "a.html", tmp_path)
    assert bool(seen["problems"]) == problem


def test_a_chart_without_data_has_no_marks(tmp_path):
    place = {"x": {"field": "a", "type": "quantitative"}}
    empty = {"data": {"values": []}, "mark": "point", "encoding": place}
    charts = script_data(dict.fromkeys(evidence.CHARTS, empty))
    write_page(tmp_path / "a.html", **content(specifications=charts))
    assert set(opened(tmp_path / "a.html", tmp_path)["charts"].values()) == {0}


@pytest.mark.parametrize("width", [1400, 400])
def test_seeds_are_shown_and_nothing_sticks_out(tmp_path, width):
    row = content()["claims"][0] | {"n": 3, "deviation": "1.0"}
    networks = [["network", "seeds", "validation", "test"], ["student", "3", "68.0 ± 1.0 %", "—"]]
    write_page(tmp_path / "a.html", **content(seeds=[row], seed_networks=networks, seeds_note="Over seeds."))
    seen = opened(tmp_path / "a.html", tmp_path, width)
    assert seen["problems"] == []
    assert "Over 3 seeds" in seen["text"]
    assert seen["window"] == width
    assert seen["wide"] <= width


def test_a_request_is_a_problem_that_the_test_sees(tmp_path):
    write_page(tmp_path / "a.html", **content())
    page = tmp_path / "a.html"
    asks = '<img alt="" src="https://example.org/a.png"></body>'
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", asks), encoding="utf-8")
    seen = opened(page, tmp_path)
    assert seen["requests"] == ["https://example.org/a.png"]
    assert not all(seen["images"])
