"""report: every result as CSV for `dvc plots`, the charts, the tables, and all of it on one page."""

import functools
import json
from pathlib import Path

import pandas as pd

from stages.common import errors
from stages.common.evidence.behaviour import class_accuracy, reliability
from stages.common.evidence.catalogue import MODELS, REFERENCE_RATES
from stages.common.evidence.frontier import on_frontier
from stages.common.evidence.intervals import paired_difference
from stages.common.evidence.predictions import NAMES, Predictions, class_names, read_predictions
from stages.common.files import write_csv
from stages.common.params import read
from stages.common.report import charts, tables
from stages.common.report import contents as evidence
from stages.common.report.page import script_data, thumbnails, write_page

STEP_BY_STEP = "pruned_step_by_step"  # the last step of the first reference rate: the controls have its shape
EQUAL_SIZE = {
    # One network a method, each of about 256 k parameters, or of the bytes that so many take.
    "size of the student": ("student_scratch", "student", "cnn_pruned", "factorized", "cnn_quantized"),
    "size of the pruned student": (STEP_BY_STEP, "pruned_one_shot", "pruned_from_scratch"),
}
CONTROLS = {"pruned_one_shot": "one shot", "pruned_from_scratch": "from scratch"}
PLOTS = Path("plots")
SECTIONS = [
    ("claims", "Claims"),
    ("networks", "Every network"),
    ("equal", "At equal size"),
    ("pruning", "Pruning"),
    ("quantization", "Fewer bits"),
    ("speed", "Speed"),
    ("training", "Training"),
    ("classes", "Classes"),
    ("trust", "Confidence and agreement"),
    ("photos", "Photos"),
    ("run", "What was run"),
]
INTERVAL = ["val_accuracy", "val_low", "val_high"]
STEPS = ["series", "rate", "step", "width", "params", "macs", *INTERVAL, "val_accuracy_before_finetune"]


def pruning_rows() -> pd.DataFrame:
    """Every step at the two reference rates, at prune.rate where that is another one, and the controls."""
    steps = [pd.read_csv(f"models/pruned/{rate}/steps.csv") for rate in REFERENCE_RATES]
    last = steps[0].iloc[-1]
    chosen = pd.read_csv("models/pruned.csv")
    if chosen["rate"].iloc[0] not in map(float, REFERENCE_RATES):
        steps.append(chosen)
    rows = pd.concat(steps)
    rows.insert(0, "series", [f"rate {rate:g}" for rate in rows["rate"]])
    controls = [
        {
            "series": series,
            **last[["rate", "step", "width"]],
            "val_accuracy_before_finetune": None,
            **json.loads(Path(f"metrics/{name}.json").read_text()),
        }
        for name, series in CONTROLS.items()
    ]
    rows = pd.concat([rows, pd.DataFrame(controls)])
    return rows[STEPS].astype({"step": int})


def training_rows() -> pd.DataFrame:
    """The curve of every network that was trained from its beginning or cut once."""
    curves = []
    for name, model in MODELS.items():
        curve = model.path.parent / "training.csv"
        if name != "student" and curve.exists():
            curves.append(pd.read_csv(curve))
            curves[-1].insert(0, "series", name)
    return pd.concat(curves)


def quantization_rows() -> pd.DataFrame:
    """Bits against accuracy and bytes, of the student and of the plain CNN."""
    rows = pd.concat([pd.read_csv(f"models/quantized/{n}/levels.csv") for n in ("student", "cnn")])
    return rows[["series", "bits", "size_kib", *INTERVAL]]


def tradeoff_rows(results: list[dict]) -> pd.DataFrame:
    """Every network's costs and accuracy; `frontier` says that none is both smaller and better."""
    rows = pd.DataFrame(results)[["series", "method", "params", "macs", "size_kib", *INTERVAL]]
    return rows.assign(frontier=on_frontier(rows["size_kib"], rows["val_accuracy"]))


def equal_size_rows(tradeoff: pd.DataFrame, answers: evidence.Answers) -> pd.DataFrame:
    """The methods at equal size, best first, each against the best on the same validation photos."""
    last = pd.read_csv(f"models/pruned/{REFERENCE_RATES[0]}/steps.csv").iloc[[-1]]
    method = MODELS["pruned"].method
    networks = pd.concat([tradeoff, last.assign(series=STEP_BY_STEP, method=method)])
    file = {STEP_BY_STEP: f"steps/{REFERENCE_RATES[0]}/step_{int(last['step'].iloc[0]):02}"}
    right = lambda name: answers(file.get(name, name)).right  # noqa: E731
    tables = []
    for size, names in EQUAL_SIZE.items():
        rows = networks[networks["series"].isin(names)].sort_values("val_accuracy", ascending=False)
        rows = rows[["series", "method", "params", "macs", "size_kib", "val_accuracy"]]
        rows.insert(0, "size", size)
        best = right(rows["series"].iloc[0])
        against = [paired_difference(right(name), best) for name in rows["series"]]
        rows[["difference", "low", "high"]] = against
        tables.append(rows)
    return pd.concat(tables)


def watched_rows(rows_of, answers: evidence.Answers) -> pd.DataFrame:
    """A table of each watched network, one below the other."""
    parts = [rows_of(answers(name)) for name in evidence.WATCHED]
    for name, part in zip(evidence.WATCHED, parts, strict=True):
        part.insert(0, "series", name)
    return pd.concat(parts)


def main() -> None:
    params = read("data.source", "report.embed_photos")
    classes, results, steps = class_names(), tables.results(), pruning_rows()

    @functools.cache
    def answers(name: str) -> Predictions:
        return read_predictions(name, "validation")

    student = answers("student")
    said = {"actual": student.labels, "predicted": student.said}
    tradeoff = tradeoff_rows(results)
    equal = equal_size_rows(tradeoff, answers)
    flip_counts, flip_rows = evidence.flips(answers)
    wrong = evidence.always_wrong(answers, list(MODELS))
    write_csv(PLOTS / "pruning.csv", steps)
    write_csv(PLOTS / "training.csv", training_rows())
    write_csv(PLOTS / "quantization.csv", quantization_rows())
    write_csv(PLOTS / "tradeoff.csv", tradeoff)
    write_csv(PLOTS / "equal_size.csv", equal)
    write_csv(PLOTS / "confusion.csv", pd.DataFrame(said).map(classes.__getitem__))
    write_csv(PLOTS / "classes.csv", watched_rows(lambda a: class_accuracy(a, classes), answers))
    write_csv(PLOTS / "reliability.csv", watched_rows(reliability, answers))
    for path, rows in (("data/flips.csv", flip_rows), ("data/always_wrong.csv", wrong)):
        rows.to_csv(path, index=False, lineterminator="\n", errors=NAMES)
    charts.pruning_chart(PLOTS / "pruning.png", steps)
    charts.tradeoff_chart(PLOTS / "tradeoff.png", tradeoff)
    page(params, results, equal, answers, flip_counts, flip_rows, wrong)
    tables.show(tables.systems(results), "Every network", tables.NOTE)
    tables.show(tables.claims(pd.read_csv(PLOTS / "claims.csv")), "Claims", tables.CLAIMS_NOTE)
    tables.show(tables.equal_size(equal), "At equal size")
    tables.show(tables.speed(pd.read_csv(PLOTS / "latency.csv")), "Speed on this machine")


def page(params, results, equal, answers, flip_counts, flip_rows, wrong) -> None:
    """plots/report.html."""
    latency, source = pd.read_csv(PLOTS / "latency.csv"), params.data.source
    seeds, seed_networks = evidence.seeds()
    claims = evidence.claims()
    top = evidence.top_three(answers, {"teacher_pretrained": "teacher", "student": "student"})
    flipped, contact = evidence.flipped(flip_rows), evidence.contact_sheet()
    faces = [
        {"file": row.file, "caption": f"{row.label}: {row.by} of {len(MODELS)} say {row.said}"}
        for row in evidence.spread(wrong, 3 * evidence.FACES).itertuples()
    ]
    pictures = {}
    if source == evidence.SAMPLE or params.report.embed_photos:
        names = (
            [f for _, files in contact for f in files] + [a["file"] for a in top] + [f["file"] for f in faces]
        )
        names += [p["file"] for step in flipped for _, photos in step["kinds"] for p in photos]
        pictures = thumbnails(Path(source), names)
    n, tested = len(answers("student").files), "test_difference" in claims[0]
    counts = f"{n:,} validation photos" + (f", {claims[0]['test_n']:,} test photos." if tested else ".")
    classes, most = class_names(), evidence.MOST_CLASSES
    write_page(
        PLOTS / "report.html",
        title="Compressing an image classifier",
        lead=f"{len(classes)} classes, {n:,} validation photos of {source}. Accuracies and claims have 95 % "
        "intervals; where the interval of a difference holds zero, these photos do not decide.",
        tiles=evidence.tiles(results, latency, answers),
        sections=SECTIONS,
        text=tables.TEXT,
        claims=claims,
        claims_tested=tested,
        shown_classes=f", of the first {most} of {len(classes)} classes" if len(classes) > most else "",
        claims_note=tables.CLAIMS_NOTE,
        counts=counts,
        interval=tables.points,
        limit=evidence.limit(claims + seeds),
        seeds=seeds,
        seed_networks=seed_networks,
        seeds_note=tables.SEEDS_NOTE,
        systems=tables.systems(results),
        systems_note=tables.NOTE,
        equal_size=tables.equal_size(equal),
        speed=tables.speed(latency.query("threads == 1")),
        machine=evidence.machine(),
        trust=evidence.trust(answers, list(MODELS)),
        flips=flip_counts,
        flipped=flipped,
        answers=top,
        wrong=faces,
        wrong_note=f"{len(wrong)} of {n:,} validation photos are wrong in all {len(MODELS)} networks; "
        f"{len(faces)} of them, with what most say.",
        contact=contact if pictures else [],
        pictures=pictures,
        no_pictures="These are your photos, so the page names them and does not hold them: "
        "report.embed_photos in params.yaml puts small pictures in.",
        facts=evidence.facts(source),
        rejected=evidence.rejected(),
        parameters=evidence.parameters(),
        charts=evidence.charts(),
        specifications=script_data(evidence.specifications()),
    )


if __name__ == "__main__":
    errors.run(main)
