"""Losses against hand arithmetic."""

import math

import pytest
import torch

from stages.common.training.losses import cross_entropy, distillation


def softmax(logits: list[float], temperature: float = 1.0) -> list[float]:
    exponentials = [math.exp(x / temperature) for x in logits]
    return [e / sum(exponentials) for e in exponentials]


STUDENT, TEACHER, LABELS = [[2.0, -1.0, 0.5], [0.0, 0.3, -2.0]], [[1.0, 0.0, 3.0], [-1.0, 2.0, 0.5]], [0, 2]


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_distillation(temperature, alpha):
    expected = 0.0
    for s, t, label in zip(STUDENT, TEACHER, LABELS, strict=True):
        p, q = softmax(t, temperature), softmax(s, temperature)
        divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        expected += alpha * temperature**2 * divergence - (1 - alpha) * math.log(softmax(s)[label])
    got = distillation(torch.tensor(STUDENT), torch.tensor(TEACHER), torch.tensor(LABELS), temperature, alpha)
    assert got.item() == pytest.approx(expected / len(LABELS), rel=1e-5)


def test_a_student_that_agrees_with_its_teacher_loses_nothing():
    logits = torch.tensor(STUDENT)
    assert distillation(logits, logits, torch.tensor(LABELS), 4.0, 1.0).item() == pytest.approx(0, abs=1e-6)


def test_alpha_0_is_cross_entropy():
    logits, labels = torch.tensor(STUDENT), torch.tensor(LABELS)
    got = distillation(logits, torch.tensor(TEACHER), labels, 4.0, 0.0)
    assert got.item() == pytest.approx(cross_entropy(logits, labels).item())
