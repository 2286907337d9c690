"""Losses: small pure functions of logits."""

import torch
import torch.nn.functional as F


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of logits (N, C) against class numbers (N,): a scalar."""
    return F.cross_entropy(logits, labels)


def distillation(
    student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, temperature: float, alpha: float
) -> torch.Tensor:
    """alpha * T^2 * KL(teacher || student at temperature T) + (1 - alpha) * cross entropy: a scalar.

    student, teacher: logits (N, C); labels: (N,) class numbers. T^2 keeps the gradient's size
    independent of T. Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network".
    """
    divergence = F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    return alpha * temperature**2 * divergence + (1 - alpha) * cross_entropy(student, labels)
