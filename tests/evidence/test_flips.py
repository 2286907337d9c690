"""Agreement, and the photos that a compression changed, by hand."""

from stages.common.evidence.flips import agreement, always_wrong, flips
from tests.evidence.answers import saying


def test_agreement_counts_equal_answers_right_or_wrong():
    first, second = saying([0, 0, 0, 0], [0, 1, 1, 2]), saying([0, 0, 0, 0], [0, 1, 2, 2])
    assert agreement(first, second) == 0.75


def test_photos_that_nobody_gets_and_photos_that_a_step_flips():
    before, after = saying([0, 0, 0, 0], [0, 0, 1, 1]), saying([0, 0, 0, 0], [0, 1, 0, 2])
    assert list(always_wrong({"before": before, "after": after})) == [3]
    lost, won = flips(before, after)
    assert list(lost) == [1]
    assert list(won) == [2]
