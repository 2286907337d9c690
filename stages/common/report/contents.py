"""What the report's page says, gathered from the results on disk."""

import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from stages.common import params
from stages.common.errors import UserError
from stages.common.evidence import behaviour
from stages.common.evidence.identity import identity, require_current, workspace
from stages.common.evidence.intervals import paired_difference
from stages.common.evidence.predictions import Predictions, class_names, read_names
from stages.common.evidence.studies import stored
from stages.common.report import tables
from stages.common.report.page import specification

SAMPLE = "data/sample"  # drawn photos, which any page may hold
FACES = 8  # photos of each kind that the page shows
MOST_CLASSES = 20  # that the page shows photos of
WATCHED = (
    "teacher_pretrained",
    "student",
    "pruned",
    "final",
)  # networks whose classes and confidence are drawn
CHARTS = {  # title and note of each chart, by its CSV below plots/
    "tradeoff": ("Accuracy against the size of the file", "validation photos"),
    "equal_size": ("The methods at equal size", "difference to the best of them, with 95 % intervals"),
    "pruning": ("Pruning step by step", "validation accuracy with 95 % intervals"),
    "sensitivity": ("How much each layer can lose", "without fine-tuning"),
    "quantization": ("Bits a weight", "validation accuracy with 95 % intervals"),
    "latency": ("Latency", "milliseconds, on a logarithmic scale"),
    "training": ("Validation accuracy while training", ""),
    "classes": ("Accuracy on each class", "validation photos, with 95 % intervals"),
    "confusion": ("Confusion of the student", "validation photos"),
    "reliability": ("Confidence against accuracy", "the dashed line is perfect calibration"),
}
Answers = Callable[[str], Predictions]


def charts() -> dict[str, dict]:
    """Each chart's title, text alternative and figures as a table."""
    made = {}
    for name, (title, note) in CHARTS.items():
        rows = read_names(f"plots/{name}.csv")
        if name == "confusion":
            shown = pd.crosstab(rows["actual"], rows["predicted"]).reset_index()
            shown = shown.rename(columns={"actual": "actual, predicted →"})
        else:
            shown = rows
        made[name] = {
            "title": title,
            "note": note,
            "alt": f"{title}. {_summary(name, rows)}",
            "rows": [
                list(shown),
                *([_cell(value) for value in row] for row in shown.itertuples(index=False)),
            ],
            "text": set(shown.columns[:1]) | {"series", "method", "size", "runtime", "class"},
        }
    return made


def specifications() -> dict[str, dict]:
    """The Vega-Lite specification of each chart."""
    return {name: specification(f"plots/{name}.csv") for name in CHARTS}


def _summary(name: str, rows: pd.DataFrame) -> str:
    """A chart in words."""
    if name == "confusion":
        right = (rows["actual"] == rows["predicted"]).mean()
        wrong = rows[rows["actual"] != rows["predicted"]]
        text = f"{right:.1%} of {len(rows)} photos lie on the diagonal."
        if len(wrong):
            (actual, predicted), count = next(wrong.value_counts(["actual", "predicted"]).items())
            text += f" Most often confused: {actual} taken for {predicted}, {count} times."
        return text
    value = next(c for c in ("difference", "ms", "accuracy", "val_accuracy") if c in rows)
    unit = {"ms": "{:.2f} ms", "difference": "{:+.1%}"}.get(value, "{:.1%}").format
    what = {"classes": "class", "latency": "runtime", "reliability": "confidence"}.get(name)
    lines = []
    for series, group in rows.groupby("series", sort=False):
        values = group[value]
        if what is None:
            ends = [values.iloc[0], values.iloc[-1]]
            told = " to ".join(unit(end) for end in (ends if len(group) > 1 else ends[:1]))
        else:
            low, high = group.loc[values.idxmin()], group.loc[values.idxmax()]
            told = (
                f"lowest {unit(low[value])} ({what} {low[what]}), highest {unit(high[value])} ({high[what]})"
            )
        lines.append(f"{str(series).replace('_', ' ')}: {told}")
    return "; ".join(lines) + "."


def _cell(value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def claims() -> list[dict]:
    """plots/claims.csv, with `needed` in words."""
    rows = pd.read_csv("plots/claims.csv")
    return [
        row | {"needed": tables.needed(row["verdict"], row["decides_at"])} for row in rows.to_dict("records")
    ]


def seeds() -> tuple[list[dict], list[list[str]]]:
    """Claims over seeds and accuracies over seeds; empty where there are none.

    They are shown only where code, parameters and photos are those of the run at hand.
    """
    rows = stored(own_identity())
    if not len(rows):
        return [], []
    shown = []
    for row in rows.to_dict("records"):
        row |= {
            "needed": tables.needed(row["verdict"], row["decides_at"]),
            "deviation": f"{100 * row['deviation']:.1f}",
        }
        shown.append(row)
    return shown, tables.seed_networks(pd.read_csv("plots/seeds_networks.csv"))


def tiles(results: list[dict], latency: pd.DataFrame, answers: Answers) -> list[dict]:
    """The four figures at the top."""
    row = {r["series"]: r for r in results}
    teacher, final = row["teacher_pretrained"], row["final"]
    ms = latency.query("threads == 1 and batch == 1").set_index(["series", "runtime"])["ms"]
    lost = paired_difference(answers("final").right, answers("teacher_pretrained").right)
    smaller = teacher["size_kib"] / final["size_kib"]
    quick = ms["teacher_pretrained", "PyTorch fp32"] / ms["final", "onnxruntime"]
    return [
        {
            "value": f"{final['val_accuracy']:.1%}",
            "label": f"the final network ({final['val_low']:.1%} to {final['val_high']:.1%})",
        },
        {
            "value": f"{final['size_kib']:,.0f} KiB",
            "label": f"{smaller:,.0f} times smaller than its ResNet18 teacher",
        },
        {
            "value": f"{ms['final', 'onnxruntime']:.2f} ms",
            "label": f"a photo on one thread, {quick:,.0f} times faster than the teacher in PyTorch",
        },
        {
            "value": f"{tables.signed(lost.difference)} points",
            "label": f"against the teacher ({tables.signed(lost.low)} to {tables.signed(lost.high)})",
        },
    ]


def limit(rows: list[dict]) -> float:
    """Half the width that the bars of claims need: a fraction, a multiple of 0.05."""
    ends = [abs(row[end]) for row in rows for end in ("low", "high") if not math.isnan(row[end])]
    return math.ceil(max(ends, default=0.05) / 0.05) * 0.05


def trust(answers: Answers, names: list[str]) -> list[list[str]]:
    """Calibration and agreement of each network on the validation photos."""
    teachers = ("teacher_scratch", "teacher_pretrained")
    table = [
        ["network", "accuracy", "confidence", "calibration error", *(f"agrees with {t}" for t in teachers)]
    ]
    table[0] = [heading.replace("_", " ") for heading in table[0]]
    for name in names:
        said = answers(name)
        confidence = said.probabilities.max(1).mean()
        values = [said.right.mean(), confidence, behaviour.calibration_error(said)]
        values += [behaviour.agreement(said, answers(teacher)) for teacher in teachers]
        table.append([name.replace("_", " "), *(f"{100 * value:.1f} %" for value in values)])
    return table


def flips(answers: Answers) -> tuple[list[list[str]], pd.DataFrame]:
    """How many photos each compression lost and won, as a table, and which, as rows of data/flips.csv."""
    classes = class_names()
    table = [["network", "becomes", "photos", "lost", "won", "net", "said otherwise"]]
    rows = []
    for before, after in behaviour.COMPRESSIONS:
        first, second = answers(before), answers(after)
        lost, won = behaviour.flips(first, second)
        changed = int((first.said != second.said).sum())
        counts = [len(first.files), len(lost), len(won)]
        table.append(
            [
                before.replace("_", " "),
                after.replace("_", " "),
                *(f"{count:,}" for count in counts),
                f"{len(won) - len(lost):+,}",
                f"{100 * changed / len(first.files):.1f} %",
            ]
        )
        for change, which in (("lost", lost), ("won", won)):
            rows += [
                {
                    "before": before,
                    "after": after,
                    "change": change,
                    "file": first.files[i],
                    "label": classes[first.labels[i]],
                    "said_before": classes[first.said[i]],
                    "said_after": classes[second.said[i]],
                }
                for i in which
            ]
    columns = ["before", "after", "change", "file", "label", "said_before", "said_after"]
    return table, pd.DataFrame(rows, columns=columns)


def flipped(rows: pd.DataFrame) -> list[dict]:
    """Some photos of each compression that it lost and won."""
    shown = []
    for (before, after), group in rows.groupby(["before", "after"], sort=False):
        kinds = []
        for change, word in (("lost", "Lost"), ("won", "Won")):
            photos = [
                {"file": r.file, "caption": f"{r.label}: {r.said_before} → {r.said_after}"}
                for r in spread(group[group["change"] == change], FACES).itertuples()
            ]
            kinds.append((word, photos))
        title = f"{before} → {after}".replace("_", " ")
        shown.append({"title": title, "kinds": kinds})
    return shown


def spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, evenly spread: the first ones would all be of one class."""
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))] if len(rows) else rows


def always_wrong(answers: Answers, names: list[str]) -> pd.DataFrame:
    """The validation photos that no network gets right: file, label, and what most networks say."""
    classes, said = class_names(), {name: answers(name) for name in names}
    some = said[names[0]]
    rows = []
    for i in behaviour.always_wrong(said):
        votes = np.bincount([of.said[i] for of in said.values()], minlength=len(classes))
        mostly = classes[int(votes.argmax())]
        rows.append(
            {"file": some.files[i], "label": classes[some.labels[i]], "said": mostly, "by": int(votes.max())}
        )
    return pd.DataFrame(rows, columns=["file", "label", "said", "by"])


def top_three(answers: Answers, who: dict[str, str]) -> list[dict]:
    """The first validation photo of each class with the three likeliest classes of each network in `who`."""
    classes, shown = class_names(), []
    said = {name: answers(name) for name in who}
    some = next(iter(said.values()))
    for number, label in enumerate(classes[:MOST_CLASSES]):
        where = np.flatnonzero(some.labels == number)
        if not len(where):
            continue
        i = where[0]
        networks = []
        for name, title in who.items():
            p = said[name].probabilities[i]
            networks.append({"name": title, "top": [(classes[c], float(p[c])) for c in np.argsort(-p)[:3]]})
        shown.append({"file": some.files[i], "label": label, "said": networks})
    return shown


def contact_sheet() -> list[tuple[str, list[str]]]:
    """The first training photos of each class."""
    files = read_names("data/prepared/files.csv").query("split == 'training'").astype({"label": int})
    return [
        (name, list(files[files["label"] == number]["file"].head(FACES)))
        for number, name in enumerate(class_names()[:MOST_CLASSES])
    ]


def facts(source: str) -> list[list[str]]:
    """What was run, where and with what."""
    data = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))
    manifest = json.loads(Path("data/prepared/manifest.json").read_text(encoding="utf-8"))
    packages = ("torch", "torchvision", "onnxruntime", "dvc", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    counts = ", ".join(f"{data[split]:,} {split}" for split in ("training", "validation", "test"))
    size = manifest["image_size"]
    rejected = f"{data['rejected']:,} could not be read, {data['duplicated']:,} were duplicates"
    return [
        ["fact", "value"],
        ["photos", f"{source}: {counts}; {data['classes']} classes; {size} × {size} pixels"],
        ["files left out", rejected],
        ["code", revision()],
        ["identity of code, parameters and photos", own_identity()],
        ["packages", f"Python {platform.python_version()}, {versions}"],
        ["machine of this report", machine()],
    ]


def own_identity() -> str:
    """The identity of this run; "unknown" where its stages were not run by DVC as they are."""
    try:
        require_current(workspace)
        return identity(workspace)
    except UserError:
        return "unknown"


def revision() -> str:
    """The commit, and whether code or parameters differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "not in git"
    changed = git("status", "--porcelain", "--", "stages", "dvc.yaml", "params.yaml", "requirements.txt")
    return f"commit {commit}{', with changes that are not committed' if changed else ''}"


def machine() -> str:
    """Processor, GPU, cores and system."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, check=False)
        name += f", {said.stdout.splitlines()[0]}" if said.returncode == 0 and said.stdout else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, {platform.system()}"


def rejected() -> list[list[str]]:
    """The files that could not be read and why, as a table; empty where all could be."""
    rows = read_names("data/prepared/rejected.csv")
    return [list(rows), *rows.astype(str).to_numpy().tolist()] if len(rows) else []


def parameters() -> str:
    """params.yaml as it ran, without its comments."""
    return yaml.safe_dump(params.load().model_dump(), sort_keys=False)
