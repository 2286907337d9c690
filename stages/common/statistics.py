"""Uncertainty of a measured accuracy."""

import math

Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion, `correct` of `n` >= 1, as fractions (Wilson 1927)."""
    p, z2 = correct / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return 0.0 if correct == 0 else centre - half, 1.0 if correct == n else centre + half
