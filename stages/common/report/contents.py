"""What the page says, gathered from the results on disk."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from stages.common.evidence.calibration import calibration_error
from stages.common.evidence.catalogue import Catalogue, words
from stages.common.evidence.flips import agreement
from stages.common.evidence.flips import always_wrong as never_right
from stages.common.evidence.flips import flips as lost_and_won
from stages.common.evidence.intervals import shown
from stages.common.evidence.predictions import class_names, read_names
from stages.common.files import read_csv, read_json
from stages.common.params import Params, parsed
from stages.common.report import tables
from stages.common.report.page import script_data, specification, thumbnails
from stages.common.report.plots import PLOTS, Answers, Plot

STUDIES = Path("studies")
REFERENCE = {
    "teacher scratch": "resnet18",
    "teacher pretrained": "resnet18",
    "cnn": "cnn",
    "student": "student",
}
SAMPLE = "data/sample"  # drawn photos, which any page may hold
FACES = 8  # photos of each kind that the page shows
MOST_CLASSES = 20  # that the page shows photos of
FLIPPED = ["before", "after", "change", "file", "label", "said_before", "said_after"]
WRONG = ["file", "label", "said", "by"]


def charts() -> dict[str, dict]:
    """Each chart's title, note, text alternative and figures as a table."""
    made = {}
    for name, plot in PLOTS.items():
        rows = shown_rows = read_names(f"plots/{name}.csv")
        if name == "confusion":
            shown_rows = pd.crosstab(rows["actual"], rows["predicted"]).reset_index()
            shown_rows = shown_rows.rename(columns={"actual": "actual, predicted →"})
        made[name] = {
            "title": plot.title,
            "note": plot.note,
            "alt": f"{plot.title}. {_in_words(plot, rows)}",
            "rows": tables.listed(shown_rows),
            "text": set(shown_rows.columns[:1]) | set(shown_rows.select_dtypes(exclude="number")),
        }
    return made


def _in_words(plot: Plot, rows: pd.DataFrame) -> str:
    """A chart in words."""
    if plot.template == "confusion":
        right = (rows["actual"] == rows["predicted"]).mean()
        wrong = rows[rows["actual"] != rows["predicted"]].value_counts(["actual", "predicted"])
        text = f"{right:.1%} of {len(rows)} photos lie on the diagonal."
        if len(wrong):
            (actual, predicted), count = next(wrong.items())
            text += f" Most often confused: {actual} taken for {predicted}, {count} times."
        return text
    across = plot.template in ("points", "latency")  # the value lies along x, else along y
    value, place = (plot.x, plot.y) if across else (plot.y, plot.x)
    unit = {"ms": "{:.2f} ms", "difference": "{:+.1%}"}.get(value, "{:.1%}").format
    lines = []
    for series, group in rows.groupby("series", sort=False):
        low, high = group.loc[group[value].idxmin()], group.loc[group[value].idxmax()]
        text = unit(low[value])
        if len(group) > 1:
            text = (
                f"lowest {text} ({place} {low[place]}), highest {unit(high[value])} ({place} {high[place]})"
            )
        lines.append(f"{words(str(series))}: {text}")
    return "; ".join(lines) + "."


def matching_study(parameters: dict) -> Path | None:
    """The study of these parameters, whatever its seeds and `report`.

    Of several the one on the kind of device and at the precision of this run, then the one with most seeds.
    """

    def decides(values: dict) -> dict:
        return {key: value for key, value in values.items() if key not in ("seed", "report")}

    found = [
        path.parent
        for path in sorted(STUDIES.glob("*/params.yaml"))
        if decides(parsed(path.read_bytes())) == decides(parameters)
    ]
    run = read_json("metrics/run.json")

    def rank(folder: Path) -> tuple[bool, int]:
        of = described(folder)
        return all(of[key] == run[key] for key in ("device", "precision")), len(of["seeds"])

    return max(found, key=rank, default=None)


def described(study: Path) -> dict:
    """A study's study.json."""
    return read_json(study / "study.json")


def claims(path: Path, unit: str) -> dict:
    """A table of claims, a bar for each, half the width of a bar, and what so many of a unit can show."""
    rows = tables.ordered(read_csv(path))
    of, split = ("test_", "test") if tables.tested(rows) else ("", "validation")
    bars = rows[[f"{of}low", f"{of}difference", f"{of}high"]].to_numpy()
    n = rows[f"{of}n" if f"{of}n" in rows else "n"].iloc[0]  # seeds are as many for both splits
    return {
        "table": tables.claims(rows),
        "bars": bars.tolist(),
        "limit": math.ceil(np.nanmax(np.abs(bars), initial=0.05) / 0.05) * 0.05,
        "shown": f"{n:,.0f} {unit.format(split=split)} can show a difference of about "
        f"{100 * shown((bars[:, 2] - bars[:, 0]) / 2):.1f} points: of that size, a claim's own interval "
        "leaves out zero about every other time.",
    }


def trust(answers: Answers, catalogue: Catalogue) -> tables.Rows:
    """Calibration of each network, and its agreement with both teachers, on the validation photos."""
    teachers = ("teacher_scratch", "teacher_pretrained")
    agrees = [f"as {words(teacher)}" for teacher in teachers]
    table = [["network", "accuracy", "confidence", "calibration error", *agrees, "epochs"]]
    for name in catalogue.answering:
        said = answers(name, "validation")
        values = [said.right.mean(), said.probabilities.max(1).mean(), calibration_error(said)]
        values += [agreement(said, answers(teacher, "validation")) for teacher in teachers]
        table.append([words(name), *map(tables.accuracy, values), str(catalogue.metrics(name)["epochs"])])
    return table


def flipped(answers: Answers, catalogue: Catalogue, classes: list[str]) -> tuple[tables.Rows, pd.DataFrame]:
    """How many validation photos each compression lost and won, and which: rows of data/flips.csv."""
    table = [["network", "becomes", "photos", "lost", "won", "net", "said otherwise", "epochs"]]
    rows = []
    for before, after in catalogue.compressions:
        first, second = answers(before, "validation"), answers(after, "validation")
        lost, won = lost_and_won(first, second)
        counts = [f"{len(first.files):,}", f"{len(lost):,}", f"{len(won):,}", f"{len(won) - len(lost):+,}"]
        changed = tables.accuracy(1 - agreement(first, second))
        epochs = " → ".join(str(catalogue.metrics(name)["epochs"]) for name in (before, after))
        table.append([words(before), words(after), *counts, changed, epochs])
        for change, which in (("lost", lost), ("won", won)):
            for i in which:
                said = (classes[of[i]] for of in (first.labels, first.said, second.said))
                rows.append((before, after, change, first.files[i], *said))
    return table, pd.DataFrame(rows, columns=FLIPPED)


def always_wrong(answers: Answers, catalogue: Catalogue, classes: list[str]) -> pd.DataFrame:
    """The validation photos that no network gets right: file, label, and what most networks say."""
    said = {name: answers(name, "validation") for name in catalogue.answering}
    some, rows = said[catalogue.student], []
    for i in never_right(said):
        votes = np.bincount([of.said[i] for of in said.values()], minlength=len(classes))
        rows.append((some.files[i], classes[some.labels[i]], classes[int(votes.argmax())], int(votes.max())))
    return pd.DataFrame(rows, columns=WRONG)


def faces(flipped: pd.DataFrame, wrong: pd.DataFrame, networks: int) -> tuple[list[dict], list[dict]]:
    """Some photos of each compression that it lost and won, and some that no network gets right."""
    steps = []
    for (before, after), group in flipped.groupby(["before", "after"], sort=False):
        kinds = []
        for change in ("lost", "won"):
            some = spread(group[group["change"] == change], FACES).itertuples()
            photos = [
                {"file": r.file, "caption": f"{r.label}: {r.said_before} → {r.said_after}"} for r in some
            ]
            kinds.append((change, photos))
        steps.append({"title": f"{words(before)} → {words(after)}", "kinds": kinds})
    some = spread(wrong, 3 * FACES).itertuples()
    return steps, [{"file": r.file, "caption": f"{r.label}: {r.by} of {networks} say {r.said}"} for r in some]


def spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, evenly spread: the first ones would all be of one class."""
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))] if len(rows) else rows


def top_three(answers: Answers, who: dict[str, str], classes: list[str]) -> list[dict]:
    """The first validation photo of each class with the three likeliest classes of each network in `who`."""
    said, shown = {name: answers(name, "validation") for name in who}, []
    some = next(iter(said.values()))
    for number, label in enumerate(classes[:MOST_CLASSES]):
        for i in np.flatnonzero(some.labels == number)[:1]:
            networks = []
            for name, title in who.items():
                p = said[name].probabilities[i]
                top = [(classes[c], float(p[c])) for c in np.argsort(-p, kind="stable")[:3]]
                networks.append({"name": title, "top": top})
            shown.append({"file": some.files[i], "label": label, "said": networks})
    return shown


def contact_sheet(classes: list[str]) -> list[tuple[str, list[str]]]:
    """The first training photos of each class."""
    files = read_names("data/prepared/files.csv").query("split == 'training'").astype({"label": int})
    return [
        (name, list(files[files["label"] == number]["file"].head(FACES)))
        for number, name in enumerate(classes[:MOST_CLASSES])
    ]


def facts(
    source: str, parameters: dict, data: dict, latency: pd.DataFrame, study: Path | None
) -> tables.Rows:
    """What was run, where and with what, as it was recorded then."""
    run = read_json("metrics/run.json")
    size = read_json("data/prepared/manifest.json")["image_size"]
    counts = ", ".join(f"{data[split]:,} {split}" for split in ("training", "validation", "test"))
    threads = tables.threads(run["threads"])
    table = [
        ["fact", "value"],
        ["photos", f"{source}: {counts}; {data['classes']} classes; {size} × {size} pixels"],
        ["files", left_out(data)],
        ["architectures", ", ".join(f"{name}: {of}" for name, of in architectures(parameters).items())],
        ["networks trained with", f"{run['device']}, {run['precision']}{threads}, torch {run['torch']}"],
        ["times measured on", measured_on(latency)],
    ]
    return [*table, ["seeds", about(study)]] if study else table


def architectures(parameters: dict) -> dict[str, str]:
    """The architecture of each network that is trained on the labels, by its key in params.yaml."""
    teachers = {f"teacher {name}": of["architecture"] for name, of in parameters["teacher"].items()}
    return teachers | {name: parameters[name]["architecture"] for name in ("cnn", "student")}


def measured_on(latency: pd.DataFrame) -> str:
    """The machine and versions of plots/latency.csv."""
    return "; ".join(
        " with ".join(row) for row in latency[["machine", "versions"]].drop_duplicates().to_numpy()
    )


def left_out(data: dict) -> str:
    """What was not used, and what was although it came twice; data: metrics/data.json."""

    def files(count: int, one: str, many: str) -> str:
        return f"{count:,} {one if count == 1 else many}"

    rejected = files(data["rejected"], "file was rejected", "files were rejected")
    kept = files(data["duplicated"], "copy within training was kept", "copies within training were kept")
    dropped = files(data["dropped"], "photo was left out", "photos were left out")
    return (
        f"{rejected}{' (listed below)' if data['rejected'] else ''}; {kept}; {dropped} of validation or test "
        "because an earlier photo has the same bytes"
    )


def about(study: Path) -> str:
    """Of which seeds, revision and machine a study is."""
    of = described(study)
    seeds = ", ".join(map(str, of["seeds"]))
    threads = tables.threads(of["threads"])
    return (
        f"Study '{of['name']}': seeds {seeds} of {of['source']}, revision {of['revision']}, "
        f"{of['machine']} ({of['device']}, {of['precision']}{threads})"
    )


def page(params, catalogue: Catalogue, answers: Answers, flips: tuple, wrong: pd.DataFrame) -> dict:
    """Everything that page.html shows; params: all of params.yaml, flips: what `flipped` gives."""
    parameters = Params.model_construct(**vars(params)).model_dump()
    source, study, classes = params.data.source, matching_study(parameters), class_names()
    networks, latency = read_csv("plots/tradeoff.csv"), read_csv("plots/latency.csv")
    equal = read_csv("plots/equal_size.csv").groupby("size", sort=False)
    data = read_json("metrics/data.json")
    first = top_three(answers, {catalogue.watched[0]: "teacher", catalogue.student: "student"}, classes)
    steps, never = faces(flips[1], wrong, len(catalogue.answering))
    sheet, pictures = contact_sheet(classes), {}
    if source == SAMPLE or params.report.embed_photos:
        names = [file for _, files in sheet for file in files] + [photo["file"] for photo in first + never]
        names += [photo["file"] for step in steps for _, photos in step["kinds"] for photo in photos]
        pictures = thumbnails(Path(source), names)
    return {
        "lead": f"{len(classes)} classes, photos of {source}. "
        f"{'They are drawn by a program, not taken. ' if source == SAMPLE else ''}"
        "Accuracies and differences have 95 % intervals.",
        "tiles": tables.tiles(networks, latency, data),
        "study": study
        and {
            "about": about(study),
            "claims": claims(study / "claims.csv", "seeds"),
            "networks": tables.over_seeds(read_csv(study / "networks.csv")),
        },
        "run": claims(Path("plots/claims.csv"), "{split} photos"),
        "seed": params.seed,
        "text": tables.TEXT,
        "networks": tables.networks(
            networks, catalogue.missing(), REFERENCE.items() <= architectures(parameters).items()
        ),
        "equal_size": [(size, tables.equal_size(rows)) for size, rows in equal],
        "candidates": tables.candidates(read_csv("models/final/candidates.csv")),
        "max_drop": params.export.max_drop,
        "speed": tables.speed(latency),
        "machine": measured_on(latency),
        "trust": trust(answers, catalogue),
        "flips": flips[0],
        "steps": steps,
        "first": first,
        "never": never,
        "never_note": f"{len(wrong):,} of {data['validation']:,} validation photos are wrong in all "
        f"{len(catalogue.answering)} networks; {len(never)} of them, with what most say.",
        "sheet": sheet if pictures else [],
        "shown_classes": f", of the first {MOST_CLASSES} classes" if len(classes) > MOST_CLASSES else "",
        "pictures": pictures,
        "facts": facts(source, parameters, data, latency, study),
        "rejected": tables.listed(read_names("data/prepared/rejected.csv")),
        "parameters": yaml.safe_dump(parameters, sort_keys=False),
        "charts": charts(),
        "specifications": script_data({name: specification(name) for name in PLOTS}),
    }
