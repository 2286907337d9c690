"""One HTML file that opens without internet: text, tables, charts and photos.

Charts are the Vega-Lite specifications that `dvc plots` draws, filled from the same CSV files; the JavaScript
that draws them comes out of the vl-convert-python package. Layout, style and script are page.html, page.css
and page.js beside this module.
"""

import base64
import functools
import io
import json
from pathlib import Path

import jinja2
import vl_convert
from dvc_render import VegaRenderer
from PIL import Image

from stages.common.data.decoding import decode
from stages.common.data.sources import Source
from stages.common.files import read_csv, write
from stages.common.report.plots import PLOTS

HERE = Path(__file__).parent
TEMPLATES = Path(".dvc/plots")
THUMBNAIL = 80  # pixels, sharp enough at 64 on a fine screen


def write_page(path: Path | str, **content) -> None:
    """Fill page.html with `content`, style and script, and write it to `path` as UTF-8."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["position"] = _position
    text = environment.get_template("page.html").render(
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        vega=bundle(),
        **content,
    )
    write(path, text.encode("utf-8", "replace"))  # a photo's name need not be Unicode


@functools.cache
def bundle() -> str:
    """The JavaScript that draws charts, to stand inside a <script>: nothing in it looks like its end."""
    return vl_convert.javascript_bundle().replace("</script", "<\\/script")


def specification(name: str) -> dict:
    """The chart of PLOTS as `dvc plots` draws it, for one revision and as wide as the page."""
    rows = read_csv(f"plots/{name}.csv", keep_default_na=False, dtype=str)
    points = [{**row, "rev": ""} for row in rows.to_dict("records")]
    properties = PLOTS[name].properties | {"title": ""}
    filled = VegaRenderer(points, name, template_dir=str(TEMPLATES), **properties).get_filled_template()
    chart = _single(filled)
    for key in ("title", "$schema"):
        chart.pop(key, None)
    if set(chart.get("facet", ["more"])) <= {"column", "row"}:  # a panel a revision: there is one
        panel = chart.pop("spec")
        layers = [{key: value for key, value in layer.items() if key != "width"} for layer in panel["layer"]]
        chart = {**chart, **panel, "layer": layers}
        del chart["facet"]
    for parameter in chart.get("params", []):
        if parameter["name"] == "showValues":
            parameter["bind"]["name"] = "Show counts "
    if "facet" not in chart:
        chart["width"] = "container"
    return chart


def _single(part):
    """A specification without what tells revisions apart."""
    if isinstance(part, dict):
        part = {key: _single(value) for key, value in part.items() if not _of_revisions(value)}
        return {key: value for key, value in part.items() if key != "params" or value}
    if isinstance(part, list):
        return [_single(item) for item in part if not _of_revisions(item)]
    return part


def _of_revisions(part) -> bool:
    return isinstance(part, dict) and (
        part.get("field") == "rev" or part.get("name") == "pick_rev" or part.get("param") == "pick_rev"
    )


def thumbnails(source: Path, names: list[str]) -> dict[str, str]:
    """The named photos of a source as small JPEG pictures: data URIs by name."""
    pictures = {}
    with Source(source) as photos:
        for name in dict.fromkeys(names):
            file = io.BytesIO()
            Image.fromarray(decode(photos.read(name), THUMBNAIL)).save(file, "JPEG", quality=80)
            data = base64.b64encode(file.getvalue()).decode("ascii")
            pictures[name] = f"data:image/jpeg;base64,{data}"
    return pictures


def script_data(values) -> str:
    """JSON to stand inside a <script>: no text in it can end the element."""
    return json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")


def _position(value: float, limit: float) -> float:
    """Where a value lies between -limit and +limit, in percent, held inside."""
    return round(100 * min(max((value + limit) / (2 * limit), 0.0), 1.0), 2)
