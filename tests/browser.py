"""A page as headless Chromium shows it."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PHONE = 400  # pixels; Chromium opens no window so narrow, so the page stands in a frame

WATCH = """<script>
window.problems = [];
addEventListener("error", (e) => problems.push(e.message || e.target.outerHTML.slice(0, 200)), true);
addEventListener("unhandledrejection", (e) => problems.push(String(e.reason)));
const said = console.error;
console.error = (...words) => { problems.push(words.join(" ")); said(...words); };
</script>"""
PROBE = """<script>
(async () => {
  const done = () => document.documentElement.dataset.ready && document.readyState === "complete";
  while (!done()) await new Promise((r) => setTimeout(r, 50));
  const visible = (e) => { const box = e.getBBox(); return box.width + box.height > 0; };
  const marks = (c) => [...c.querySelectorAll(".role-mark path, .role-mark line, .role-mark text")];
  const charts = [...document.querySelectorAll("[data-chart]")];
  parent.postMessage(JSON.stringify({
    problems,
    requests: performance.getEntriesByType("resource")
      .map((e) => e.name).filter((n) => !n.startsWith("data:")),
    charts: Object.fromEntries(charts.map((c) => [c.dataset.chart, marks(c).filter(visible).length])),
    images: [...document.images].map((i) => i.complete && i.naturalWidth > 0),
    unnamed: document.querySelectorAll("img:not([alt]), .drawing:not([aria-label])").length,
    wide: document.documentElement.scrollWidth,
    window: innerWidth,
    text: document.body.innerText,
    columns: Object.fromEntries([...document.querySelectorAll(".wide")].filter((w) => w.checkVisibility())
      .map((w) => [w.ariaLabel, [...w.querySelectorAll("thead th")]
        .filter((h) => h.getBoundingClientRect().right <= innerWidth).map((h) => h.textContent)])),
  }), "*");
})();
</script>"""
FRAME = """<iframe src="{page}" style="width: {width}px; height: 2000px; border: 0"></iframe>
<script>
addEventListener("message", (e) => {{
  const probe = document.createElement("pre");
  probe.id = "probe";
  probe.textContent = e.data;
  document.body.append(probe);
}});
</script>"""


def opened(page: Path, scratch: Path, width: int = PHONE) -> dict:
    """What a page shows at a width in pixels, without a network. Skips the test where Chromium is not.

    problems, requests; charts: marks of each; images: whether loaded; columns: those of each table that are
    wholly visible without scrolling.
    """
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("needs Chromium")
    text = page.read_text(encoding="utf-8")
    copy, frame = scratch / "probed.html", scratch / "frame.html"
    head, rest = text.split("<head>", 1)
    body, end = rest.rsplit("</body>", 1)
    copy.write_text(f"{head}<head>{WATCH}{body}{PROBE}</body>{end}", encoding="utf-8")
    frame.write_text(FRAME.format(page=copy.as_uri(), width=width), encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={scratch / 'browser'}",
            "--window-size=1500,2100",
            "--virtual-time-budget=60000",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page never finished: {done.stderr[-2000:]}"
    return json.loads(html.unescape(found[1]))
