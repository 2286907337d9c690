"""What the project claims, and what its photos say of each claim.

A claim is that one network is more accurate than another, if need be by more than an allowance: "loses less
than a point" is "is more accurate, given a point". Every figure counts in the claim's favour.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common.evidence.catalogue import REFERENCE_RATES
from stages.common.evidence.intervals import (
    Difference,
    at_sizes,
    mcnemar,
    mean_difference,
    paired_difference,
    photos_to_decide,
)
from stages.common.evidence.predictions import Predictions

COLUMNS = ["claim", "difference", "low", "high", "n", "verdict"]
LOSS = 0.01  # that "costs less than a point" allows
SMALL, LARGE = REFERENCE_RATES  # of the claim on small steps


class Claim(NamedTuple):
    """That `better` is more accurate than `worse`, or would be with `allowance` (a fraction) on top."""

    text: str
    better: str
    worse: str
    allowance: float = 0.0
    equal: str = ""  # the metric that must be about the same for both, or the claim says nothing


def claims(shape: str, factorize_teacher: str, quantize_teacher: str, bits: int) -> list[Claim]:
    """The claims that compare two networks; the first four are the original report's.

    shape: the last network of the reference pruning, whose shape the two controls share. The teachers are
    those that the low-rank and the quantized CNN were fine-tuned with, so each meets the student of the same.
    The final network is not among them: it was chosen on the validation photos.
    """
    scratch, pretrained = "student_distilled_scratch", "student_distilled_pretrained"
    ranked, rounded = (f"student_distilled_{teacher}" for teacher in (factorize_teacher, quantize_teacher))
    return [
        Claim("Distillation from the teacher trained from scratch helps", scratch, "student_scratch"),
        Claim("Distillation from the pretrained teacher helps", pretrained, "student_scratch"),
        Claim("The pretrained teacher teaches better", pretrained, scratch),
        Claim("Design beats pruning at equal size", "student_scratch", "cnn_pruned", equal="params"),
        Claim("Pretraining helps the teacher", "teacher_pretrained", "teacher_scratch"),
        Claim("Design beats low rank at equal size", ranked, "factorized", equal="params"),
        Claim("Design beats quantization at equal bytes", rounded, "cnn_quantized", equal="size_kib"),
        Claim("Pruning step by step beats one cut", shape, "pruned_one_shot"),
        Claim("Pruning beats training its shape from scratch", shape, "pruned_from_scratch"),
        Claim("Pruning to the last step costs less than a point", shape, "student", LOSS),
        Claim(f"Weights of {bits} bits cost less than a point", "quantized", "student", LOSS),
        Claim("int8 weights and activations cost less than a point", "onnx_int8", "student", LOSS),
    ]


def comparable(claim: Claim, metrics: Callable[[str], dict]) -> bool:
    """Whether both networks are as equal as the claim says, within a tenth; metrics: those of a name."""
    if not claim.equal:
        return True
    better, worse = metrics(claim.better)[claim.equal], metrics(claim.worse)[claim.equal]
    return max(better, worse) <= 1.1 * min(better, worse)


STEPS_TEXT = "Small pruning steps beat large ones at equal size"
STEPS_PLACE = 4  # after the original's other claims


def judged(
    pairs: list[Claim],
    answers: Callable[[str], Predictions],
    curves: dict[str, tuple[np.ndarray, list[str]]],
) -> pd.DataFrame:
    """Every claim on the photos of one split: `COLUMNS`, then p_value and decides_at; fractions.

    answers: a network's answers to the labelled photos of the split. curves: for each of the two pruning
    rates the sizes of its networks and their names. p_value is McNemar's, empty where that is not about the
    claim: for curves, and under an allowance. decides_at is how many photos would decide, empty where too
    many.
    """
    rows = []
    for claim in pairs:
        better, worse = answers(claim.better).right, answers(claim.worse).right
        measured = paired_difference(better, worse).plus(claim.allowance)
        p_value = None if claim.allowance else mcnemar(better, worse)
        rows.append(_row(claim.text, measured, len(better), p_value))
    right = {
        rate: (sizes, np.stack([answers(name).right for name in names]))
        for rate, (sizes, names) in curves.items()
    }
    each = small_steps_gain(*right[SMALL], *right[LARGE])
    if not np.isnan(each).any():
        rows.insert(STEPS_PLACE, _row(STEPS_TEXT, mean_difference(each), len(each), None))
    table = pd.DataFrame(rows)
    return table.astype({"decides_at": "Int64"})


def small_steps_gain(
    small_sizes: np.ndarray, small: np.ndarray, large_sizes: np.ndarray, large: np.ndarray
) -> np.ndarray:
    """What each photo gains by small steps, the mean over the sizes that large steps reach: (N,) float.

    small: (S, N) bool at (S,) parameters, large: (L, N) bool at (L,). The unpruned network, both's first,
    does not count; sizes outside the small steps' range are left out. NaN where none is left.
    """
    inside = (large_sizes < small_sizes.max()) & (large_sizes >= small_sizes.min())
    gains = at_sizes(small_sizes, small, large_sizes[inside]) - large[inside]
    return gains.mean(0) if len(gains) else np.full(small.shape[1], np.nan)


def _row(text: str, measured: Difference, n: int, p_value: float | None) -> dict:
    row = {"claim": text, **measured._asdict(), "n": n, "verdict": measured.verdict}
    return row | {"p_value": p_value, "decides_at": photos_to_decide(measured, n)}
