"""plots_page: the page that `dvc plots show` fills, with its JavaScript inside: it opens without internet.

Not a stage of the graph: `make` runs it once at set-up. The bundle comes out of the vl-convert-python
package, so no third-party code is kept in git.
"""

from pathlib import Path

from stages.common import errors
from stages.common.files import write
from stages.common.report.page import bundle

PAGE = Path(".dvc/plots/page.html")

HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Plots</title>
{refresh_tag}
<style>body { font: 15px system-ui, sans-serif; margin: 2rem; } img { max-width: 100%; }</style>
<script>BUNDLE</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    write(PAGE, HTML.replace("BUNDLE", bundle()))


if __name__ == "__main__":
    errors.run(main)
