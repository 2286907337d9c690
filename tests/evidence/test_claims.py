"""Claims: each is about the networks it names, and follows from its interval."""

import numpy as np
import pytest

from stages.common.evidence.catalogue import MODELS
from stages.common.evidence.claims import (
    COLUMNS,
    LARGE,
    SMALL,
    STEPS_TEXT,
    claims,
    comparable,
    judged,
    small_steps_gain,
)
from stages.common.evidence.predictions import Predictions

SHAPE = "steps/0.95/step_01"
PAIRS = claims(SHAPE, "pretrained", "scratch", 8)
N = 400


def network(right: np.ndarray) -> Predictions:
    """A network of two classes that gets the given photos right; every label is 0."""
    p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    return Predictions(np.arange(len(right)).astype(str), np.zeros(len(right), dtype=int), p)


def judge(networks: dict[str, np.ndarray]):
    half = np.arange(N) < N // 2
    curves = {
        SMALL: (np.array([100, 80]), ["steps/0.95/step_00", SHAPE]),
        LARGE: (np.array([100, 90]), ["steps/0.9/step_00", "steps/0.9/step_01"]),
    }
    return judged(PAIRS, lambda name: network(networks.get(name, half)), curves)


def test_every_claim_is_about_networks_there_are():
    for claim in PAIRS:
        for name in (claim.better, claim.worse):
            assert name in MODELS or name == SHAPE


def test_low_rank_and_quantization_meet_the_student_of_their_own_teacher():
    better = {claim.worse: claim.better for claim in PAIRS}
    assert better["factorized"] == "student_distilled_pretrained"
    assert better["cnn_quantized"] == "student_distilled_scratch"


def test_equals_decide_nothing_but_what_allows_a_loss():
    table = judge({})
    assert list(table)[:6] == COLUMNS
    allowed = table["claim"].str.contains("cost")
    assert (table[allowed]["verdict"] == "holds").all()
    assert (table[~allowed]["verdict"] == "not decided").all()
    assert list(table[allowed]["difference"]) == [0.01] * 3
    assert table[allowed]["p_value"].isna().all()


@pytest.mark.parametrize("claim", PAIRS, ids=lambda claim: claim.text)
def test_a_better_network_makes_its_claims_hold_and_a_worse_one_not(claim):
    worse, better = np.arange(N) < N // 2, np.arange(N) < 3 * N // 4
    up = judge({claim.better: better, claim.worse: worse}).set_index("claim").loc[claim.text]
    down = judge({claim.better: worse, claim.worse: better}).set_index("claim").loc[claim.text]
    assert up["verdict"] == "holds"
    assert up["difference"] == pytest.approx(0.25 + claim.allowance)
    assert up["n"] == N
    assert down["verdict"] == "does not"
    assert down["difference"] == pytest.approx(-0.25 + claim.allowance)


@pytest.mark.parametrize(
    ("size", "said"), [(256_000, True), (280_000, True), (290_000, False), (200_000, False)]
)
def test_a_claim_about_equal_size_needs_equal_sizes(size, said):
    sizes = {"student_scratch": {"params": 256_779}, "cnn_pruned": {"params": size}}
    by_text = {claim.text: claim for claim in PAIRS}
    assert comparable(by_text["Design beats pruning at equal size"], sizes.get) == said
    assert comparable(by_text["Pretraining helps the teacher"], {}.get)


def test_small_steps_are_compared_at_the_sizes_of_the_large_ones():
    """At 90 parameters small steps lie halfway between 100 and 80: 0.75 of the photos against 0.5."""
    table = judge({"steps/0.95/step_00": np.ones(N, bool)}).set_index("claim").loc[STEPS_TEXT]
    assert table["difference"] == pytest.approx(0.25)


def test_the_unpruned_network_and_sizes_out_of_range_do_not_count():
    small = np.ones((3, N), bool)
    large = np.zeros((4, N), bool)
    large[1] = True
    gain = small_steps_gain(np.array([100, 70, 40]), small, np.array([100, 81, 60, 30]), large)
    assert gain == pytest.approx(np.full(N, 0.5))


def test_the_claim_on_steps_is_left_out_where_no_size_is_shared():
    half = network(np.arange(N) < N // 2)
    curves = {SMALL: (np.array([100, 95]), ["a", "b"]), LARGE: (np.array([100, 80]), ["c", "d"])}
    assert STEPS_TEXT not in set(judged(PAIRS, lambda name: half, curves)["claim"])


def test_without_a_difference_claims_hold_as_seldom_as_they_should():
    """400 photos, networks of equal accuracy that err on their own: at most 2.5 % hold, and 2.5 % do not."""
    random, held, failed, runs = np.random.default_rng(1), 0, 0, 60
    for _ in range(runs):
        table = judge(
            {
                name: random.random(N) < 0.7
                for name in [*MODELS, SHAPE, "steps/0.95/step_00", "steps/0.9/step_01"]
            }
        )
        table = table[~table["claim"].str.contains("cost")]
        held += (table["verdict"] == "holds").mean() / runs
        failed += (table["verdict"] == "does not").mean() / runs
    assert held < 0.05
    assert failed < 0.05
