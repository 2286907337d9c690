"""What the project claims, and what the photos of one run say of each claim.

A claim is that one network is more accurate than another, if need be by more than an allowance: "costs less
than a point" is "is more accurate, given a point". Every figure counts in the claim's favour. Only networks
that were trained for as many epochs are compared.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from stages.common.evidence.catalogue import LARGE_STEPS, SMALL_STEPS, Catalogue, words
from stages.common.evidence.intervals import mcnemar, paired_difference
from stages.common.evidence.predictions import Predictions

COLUMNS = ["claim", "better", "worse", "difference", "low", "high", "n", "verdict", "epochs", "p_value"]
TESTED = ["difference", "low", "high", "n", "verdict"]  # the columns that test photos have too
LOSS = 0.01  # that "costs less than a point" allows
SIZE = 1.1  # equal sizes are at most so many times apart


class Claim(NamedTuple):
    """That `better` is more accurate than `worse`, or would be with `allowance` (a fraction) on top."""

    text: str
    better: str
    worse: str
    allowance: float = 0.0
    equal: str = ""  # the metric of size that must be about the same for both


def claims(catalogue: Catalogue, bits: int) -> list[Claim]:
    """Every claim; the first five are the original report's. bits: `quantize.bits`.

    The low-rank and the quantized CNN learn from the soft labels of `prune.teacher`, so each meets the
    student of that teacher, and the pruned CNN, which learns from the labels alone, the student that does
    the same. The final network is in no claim: it was chosen on the validation photos.
    """
    scratch, pretrained = "student_distilled_scratch", "student_distilled_pretrained"
    student, pruned = catalogue.student, SMALL_STEPS
    size, file = "params", "size_kib"
    return [
        Claim("Distillation from the teacher trained from scratch helps", scratch, "student_scratch"),
        Claim("Distillation from the pretrained teacher helps", pretrained, "student_scratch"),
        Claim("The pretrained teacher teaches better", pretrained, scratch),
        Claim("Design beats pruning at equal size", "student_scratch", "cnn_pruned", equal=size),
        Claim("Small pruning steps beat large ones at equal size", pruned, LARGE_STEPS, equal=size),
        Claim("Pretraining helps the teacher", "teacher_pretrained", "teacher_scratch"),
        Claim("Design beats low rank at equal size", student, "factorized", equal=size),
        Claim("Design beats quantization at equal bytes", student, "cnn_quantized", equal=file),
        Claim("Pruning step by step beats one cut", pruned, "pruned_one_shot", equal=size),
        Claim("Pruning beats training its shape from scratch", pruned, "pruned_from_scratch", equal=size),
        Claim("Pruning costs less than a point", pruned, "student_finetuned", LOSS),
        Claim(f"Weights of {bits} bits cost less than a point", "quantized", student, LOSS),
        Claim("int8 weights and activations cost less than a point", "onnx_int8", student, LOSS),
    ]


def unequal(claim: Claim, metrics: Callable[[str], dict]) -> str:
    """Why a claim says nothing here: "30 epochs against 12", or sizes over a tenth apart. Empty if it does.

    metrics: those of a network by its name.
    """
    better, worse = metrics(claim.better), metrics(claim.worse)
    for name, of in ((claim.better, better), (claim.worse, worse)):
        if of["val_accuracy"] is None:
            return f"{words(name)} could not be made"
    if better["epochs"] != worse["epochs"]:
        return f"{better['epochs']:.0f} epochs against {worse['epochs']:.0f}"
    if claim.equal:
        sizes = better[claim.equal], worse[claim.equal]
        if max(sizes) > SIZE * min(sizes):
            unit = {"params": "parameters", "size_kib": "KiB"}[claim.equal]
            return f"{sizes[0]:,.0f} {unit} against {sizes[1]:,.0f}"
    return ""


def judged(
    chosen: list[Claim], answers: Callable[[str], Predictions], metrics: Callable[[str], dict]
) -> pd.DataFrame:
    """What the labelled photos of a split say of each claim: `COLUMNS`, fractions, n photos.

    answers: a network's answers to these photos; metrics: its metrics. The verdict is one run's: it is about
    these two networks and not about how they were made. p_value is McNemar's, empty under an allowance.
    """
    rows = []
    for claim in chosen:
        better, worse = answers(claim.better).right, answers(claim.worse).right
        measured = paired_difference(better, worse).plus(claim.allowance)
        rows.append(
            {
                "claim": claim.text,
                "better": claim.better,
                "worse": claim.worse,
                **measured._asdict(),
                "n": len(better),
                "verdict": measured.verdict,
                "epochs": int(metrics(claim.better)["epochs"]),
                "p_value": None if claim.allowance else mcnemar(better, worse),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
