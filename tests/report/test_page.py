"""The page in a browser, and its parts: charts, text that stays text, small pictures."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.common.report import contents
from stages.common.report.page import script_data, specification, thumbnails, write_page
from stages.common.report.plots import PLOTS
from tests.browser import opened
from tests.report.conftest import MARKUP


@pytest.mark.parametrize("width", [1400, 400])
def test_the_page_opens_without_internet_and_shows_everything(reported, tmp_path, width):
    seen = opened(reported.folder / "plots/report.html", tmp_path, width)
    assert seen["problems"] == []
    assert seen["requests"] == []
    assert set(seen["charts"]) == set(PLOTS)
    assert {name: marks for name, marks in seen["charts"].items() if marks < 5} == {}
    assert len(seen["images"]) > 30
    assert all(seen["images"])
    assert seen["unnamed"] == 0
    assert seen["window"] == width
    assert seen["wide"] <= width  # nothing sticks out
    for words in ("Over seeds", "In one run", "14.93 %", "revision 0123456789ab", MARKUP):
        assert words in seen["text"]
    # What matters is visible without scrolling, on a phone too.
    assert seen["columns"]["Every network"][:2] == ["network", "test (95\u00a0%)"]
    assert seen["columns"]["Claims over seeds"][:2] == ["claim", "test photos (95\u00a0%)"]
    assert "epochs" in {heading for table in seen["columns"].values() for heading in table} or width == 400


def test_what_is_wrong_with_a_page_is_seen(reported, tmp_path):
    """A chart that cannot be drawn, one without data, a request and a picture that does not load."""
    charts = json.loads(reported.content["specifications"])
    charts |= {"pruning": {"mark": "no such mark"}}
    charts["training"]["data"]["values"] = []
    write_page(tmp_path / "a.html", **reported.content | {"specifications": script_data(charts)})
    page = tmp_path / "a.html"
    asks = '<img alt="" src="https://example.org/a.png"></body>'
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", asks), encoding="utf-8")
    seen = opened(page, tmp_path)
    assert len(seen["problems"]) > 0
    assert seen["charts"]["pruning"] == seen["charts"]["training"] == 0
    assert seen["requests"] == ["https://example.org/a.png"]
    assert not all(seen["images"])


@pytest.mark.parametrize("name", PLOTS)
def test_a_chart_holds_every_row_and_speaks_of_no_revision(there, name):
    chart = specification(name)
    text = json.dumps(chart)
    assert len(chart["data"]["values"]) == len(pd.read_csv(f"plots/{name}.csv"))
    assert '"field": "rev"' not in text
    assert "pick_rev" not in text
    assert "<DVC_METRIC" not in text
    assert "facet" in chart or chart["width"] == "container"


def test_every_chart_has_words_for_those_who_do_not_see_it(reported):
    for name, chart in reported.content["charts"].items():
        assert len(chart["alt"]) > 40, name
        assert len(chart["rows"]) > 1
        assert "nan" not in chart["alt"]


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
    assert list(contents.spread(rows, 3)["n"]) == [0, 49, 99]
    assert list(contents.spread(rows.head(2), 8)["n"]) == [0, 1]
    assert len(contents.spread(rows.head(0), 8)) == 0
