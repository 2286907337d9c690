"""Tables as rows of text."""

import pandas as pd
import pytest

from stages.common.report import tables
from tests.report.made_up import claims


def test_every_table_of_networks_says_its_epochs(reported):
    given = reported.content
    found = [given["networks"], given["candidates"], given["study"]["networks"]]
    for rows in found + [rows for _, rows in given["equal_size"]]:
        assert "epochs" in rows[0]
        assert all(row[rows[0].index("epochs")].isdigit() for row in rows[1:])


def test_accuracies_come_first_and_a_column_without_figures_goes(there):
    rows = pd.read_csv("plots/tradeoff.csv")
    assert tables.networks(rows, {}, True)[0][:4] == [
        "network",
        "test (95 %)",
        "validation (95 %)",
        "balanced",
    ]
    unlabelled = tables.networks(rows.assign(test_accuracy=None), {"factorized": "no such ranks"}, False)
    assert unlabelled[0][:2] == ["network", "validation (95 %)"]
    assert {len(row) for row in unlabelled} == {len(unlabelled[0])}
    assert unlabelled[-1][0] == "factorized"
    assert "no such ranks" in unlabelled[-1]
    assert {row[-1] for row in unlabelled[1:]} == {"—"}  # the original report had other networks


@pytest.mark.parametrize("tested", [True, False])
def test_claims_are_sorted_by_verdict_then_difference(tested):
    rows = claims(tested, 100)
    ordered = tables.ordered(rows)
    assert list(ordered["verdict"]) == ["holds"] * 3 + ["not decided"] * 2 + ["does not"]
    assert list(ordered["difference"]) == sorted(rows["difference"], reverse=True)
    assert set(ordered) == set(rows)
    table = tables.claims(rows)
    assert len(table[0]) == (4 if tested else 3)
    assert {len(row) for row in table} == {len(table[0])}
    assert table[-1][-2] == "does not hold, −4.0 (−5.5 to −2.5)"


def test_the_test_photos_order_the_claims_where_there_are_any():
    rows = claims(True, 100)
    rows.loc[0, ["test_difference", "test_verdict"]] = 0.5, "holds"
    assert tables.ordered(rows)["claim"].iloc[0] == rows["claim"].iloc[0]


def test_speed_is_compared_within_one_runtime():
    columns = ["series", "runtime", "threads", "batch", "ms"]
    rows = [
        ("teacher", "PyTorch fp32", 1, 1, 8.0),
        ("teacher", "onnxruntime fp32", 1, 1, 4.0),
        ("final", "onnxruntime int8", 1, 1, 1.0),
        ("small", "PyTorch fp32", 1, 1, 2.0),
        ("teacher", "onnxruntime fp32", 2, 1, 3.0),
        ("final", "onnxruntime int8", 2, 1, 1.0),
    ]
    latency = pd.DataFrame(rows, columns=columns)
    assert list(tables.times_faster(latency)) == [1, 1, 4, 4, 1, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tables.points(0.012, -0.003, 0.027), "+1.2 (−0.3 to +2.7)"),
        (tables.points(0.0, float("nan"), float("nan")), "—"),
        (tables.accuracy(0.705, 0.68, 0.729), "70.5 % (68.0-72.9)"),
        (tables.accuracy(None), "—"),
        (tables.mean(0.68, 0.012), "68.0 ± 1.2 %"),
        (tables.mean(float("nan"), float("nan")), "—"),
    ],
)
def test_figures_are_told_with_their_spread(text, expected):
    assert text == expected


def test_markdown_puts_words_left_and_figures_right():
    text = tables.markdown([["network", "KiB"], ["a", "1"]])
    assert text == "| network | KiB |\n| --- | ---: |\n| a | 1 |\n"
