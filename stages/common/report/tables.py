"""The tables of results, as rows of text: the page and the README show the same ones."""

from collections.abc import Mapping

import pandas as pd

from stages.common.evidence.catalogue import NETWORKS, words

TEXT = {  # columns of words; the others are figures
    *("network", "network, runtime", "method", "form", "verdict", "becomes"),
    *("claim", "test photos (95 %)", "validation photos (95 %)"),
    *("fact", "value", "file", "reason"),
}
ORDER = ("holds", "not decided", "does not")  # of verdicts

Rows = list[list[str]]  # headings, then a row a line


def networks(rows: pd.DataFrame, missing: Mapping[str, str], reproduced: bool) -> Rows:
    """Every network; rows: plots/tradeoff.csv. Without labelled test photos the column for them goes.

    missing: those that could not be made, and why. reproduced: whether the networks are the original report's.
    """
    table = [["network", "test (95 %)", "validation (95 %)", "balanced", *COSTS, "method", "original"]]
    for row in rows.itertuples():
        original = NETWORKS[row.series].original
        table.append(
            [
                words(row.series),
                accuracy(row.test_accuracy, row.test_low, row.test_high),
                accuracy(row.val_accuracy, row.val_low, row.val_high),
                accuracy(row.val_balanced_accuracy),
                *costs(row),
                row.method,
                f"{100 * original:.2f} %" if original and reproduced else "—",
            ]
        )
    table += [[words(name), *["—"] * 7, reason, "—"] for name, reason in missing.items() if name in NETWORKS]
    if rows["test_accuracy"].isna().all():
        table = [[*row[:1], *row[2:]] for row in table]
    return table


COSTS = ("parameters", "KiB", "epochs", "MACs")


def costs(row) -> list[str]:
    """The cells of COSTS; row has params, size_kib, epochs, macs."""
    return [f"{row.params:,.0f}", f"{row.size_kib:,.0f}", f"{row.epochs:,.0f}", f"{row.macs / 1e6:,.1f} M"]


def equal_size(rows: pd.DataFrame) -> Rows:
    """The methods at equal size against the best of the others; rows: plots/equal_size.csv."""
    table = [["network", "validation", "against the best other (95 %)", "verdict", *COSTS, "method"]]
    for row in rows.itertuples():
        against = points(row.difference, row.low, row.high)
        table.append(
            [words(row.series), accuracy(row.val_accuracy), against, row.verdict, *costs(row), row.method]
        )
    return table


def candidates(rows: pd.DataFrame) -> Rows:
    """The files that were looked at for models/final; rows: models/final/candidates.csv."""
    table = [["network", "form", "validation", "KiB", "parameters", "epochs", "chosen"]]
    for row in rows.itertuples():
        size = [f"{row.size_kib:,.1f}", f"{row.params:,}", f"{row.epochs:,.0f}"]
        chosen = "yes" if row.chosen else "no"
        table.append([words(row.candidate), row.form, accuracy(row.val_accuracy), *size, chosen])
    return table


def speed(latency: pd.DataFrame) -> Rows:
    """How long a network takes on one thread, against the teacher in the same runtime; plots/latency.csv."""
    table = [["network, runtime", "ms (10-90 %)", "× teacher", "photos at once", "photos/s", "KiB"]]
    for row in latency.assign(times=times_faster(latency)).query("threads == 1").itertuples():
        time = [f"{row.ms:.2f} ({row.ms_p10:.2f}-{row.ms_p90:.2f})", f"{row.times:.1f}", str(row.batch)]
        per_second = f"{row.images_per_second:,.0f}"
        table.append([f"{words(row.series)}, {row.runtime}", *time, per_second, f"{row.size_kib:,.0f}"])
    return table


def times_faster(latency: pd.DataFrame) -> pd.Series:
    """How many times faster each row is than the teacher in the same runtime, on the same threads and batch.

    The teacher is the network of the first row; of its rows in a runtime the float one counts.
    """
    same = [latency["threads"], latency["batch"], latency["runtime"].str.split().str[0]]
    of_teacher = latency["ms"].where(latency["series"] == latency["series"].iloc[0])
    return of_teacher.groupby(same).transform("first") / latency["ms"]


def claims(rows: pd.DataFrame) -> Rows:
    """Verdict and difference of each claim, by verdict; rows: claims.csv of plots/ or of a study."""
    splits = {"test photos (95 %)": "test_", "validation photos (95 %)": ""}
    splits = {heading: of for heading, of in splits.items() if not of or tested(rows)}
    table = [["claim", *splits, "epochs"]]
    for row in ordered(rows).to_dict("records"):
        found = [
            [row[of + part] for part in ("verdict", "difference", "low", "high")] for of in splits.values()
        ]
        said = [f"{verdict(word)}, {points(*interval)}" for word, *interval in found]
        table.append([row["claim"], *said, f"{row['epochs']:,.0f}"])
    return table


def tested(rows: pd.DataFrame) -> bool:
    """Whether claims were judged on test photos too."""
    return "test_difference" in rows and bool(rows["test_difference"].notna().any())


def ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Claims by verdict, then by difference: of the test photos where they are judged on them."""
    of = "test_" if tested(rows) else ""
    falling = rows.sort_values(f"{of}difference", ascending=False, kind="stable")
    return falling.sort_values(f"{of}verdict", key=lambda said: said.map(ORDER.index), kind="stable")


def over_seeds(rows: pd.DataFrame) -> Rows:
    """Every network over several seeds; rows: networks.csv of a study."""
    table = [["network", "test", "validation", "parameters", "KiB", "epochs"]]
    for row in rows.itertuples():
        size = [f"{row.params:,.0f}", f"{row.size_kib:,.0f}", f"{row.epochs:,.0f}"]
        spread = [mean(row.test_accuracy, row.test_deviation), mean(row.val_accuracy, row.val_deviation)]
        table.append([words(row.series), *spread, *size])
    return table


def accuracy(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A fraction in percent, with its interval; a dash where there is none."""
    if pd.isna(value):
        return "—"
    interval = "" if low is None else f" ({100 * low:.1f}-{100 * high:.1f})"
    return f"{100 * value:.1f} %{interval}"


def mean(value: float, deviation: float) -> str:
    """A mean over seeds and its standard deviation."""
    return "—" if pd.isna(value) else f"{100 * value:.1f} ± {100 * deviation:.1f} %"


def points(difference: float, low: float, high: float) -> str:
    """A difference in points with its interval."""
    return "—" if pd.isna(low) else f"{signed(difference)} ({signed(low)} to {signed(high)})"


def signed(value: float) -> str:
    """A fraction in points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def threads(count: int) -> str:
    """How many there were, behind a device; nothing where they round nothing."""
    return f", {count} thread{'s' if count > 1 else ''}" if count else ""


def verdict(word: str) -> str:
    return "does not hold" if word == "does not" else word


def listed(rows: pd.DataFrame) -> Rows:
    """Any table as it is; empty where it has no rows."""
    cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
    return [list(rows), *cells] if cells else []


def _cell(value) -> str:
    if isinstance(value, float):
        return "—" if pd.isna(value) else f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def markdown(rows: Rows) -> str:
    """A table for a README."""
    lines = [rows[0], ["---" if heading in TEXT else "---:" for heading in rows[0]], *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tiles(networks: pd.DataFrame, latency: pd.DataFrame, data: dict) -> list[tuple[str, str]]:
    """The four figures that come first, (value, what it is): size, speed, accuracy, number of photos.

    networks: plots/tradeoff.csv; latency: plots/latency.csv; data: metrics/data.json.
    """
    by_name = networks.set_index("series")
    final = by_name.loc["final"]
    teacher = by_name.loc[final["teacher"]]
    one = latency.assign(times=times_faster(latency)).query("threads == 1 and batch == 1")
    quick = one[one["series"] == "final"].iloc[0]
    of, photos = ("test", "test_accuracy") if final["photos"] == "test" else ("validation", "val_accuracy")
    unseen = "; nothing was chosen on them" if of == "test" else "; the final network was chosen on them"
    lost = f"{signed(final['teacher_low'])} to {signed(final['teacher_high'])}"
    smaller = teacher["size_kib"] / final["size_kib"]
    runtime, form = quick["runtime"].split()
    return [
        (
            f"{final['size_kib']:,.0f} KiB",
            f"in the final {form} file: {smaller:,.0f} times less than in the teacher's",
        ),
        (
            f"{quick['times']:.1f} × faster",
            f"than the teacher: {quick['ms']:.2f} ms a photo ({quick['ms_p10']:.2f}-{quick['ms_p90']:.2f}), "
            f"{form} against fp32, both in {runtime} on one thread of {quick['machine']}",
        ),
        (
            f"{signed(final['teacher_difference'])} points",
            f"against the teacher ({lost}, 95 %): {accuracy(final[photos])} after {final['epochs']} epochs "
            f"on these photos, {accuracy(teacher[photos])} after {teacher['epochs']}",
        ),
        (f"{final['n']:,} {of} photos", f"of {data['classes']} classes judge that{unseen}"),
    ]


def summary(networks: pd.DataFrame, claims: pd.DataFrame) -> list[str]:
    """The run in a few lines: the networks that matter, and how many claims hold."""
    said = "{}: {:,.0f} KiB, {} on validation, {} on test".format
    lines = [
        said(words(row.series), row.size_kib, accuracy(row.val_accuracy), accuracy(row.test_accuracy))
        for row in networks.itertuples()
        if row.series in (row.teacher, "student_scratch", "final")
    ]
    counts = claims[("test_" if tested(claims) else "") + "verdict"].value_counts()
    return [*lines, "claims: " + ", ".join(f"{counts.get(word, 0)} {verdict(word)}" for word in ORDER)]
