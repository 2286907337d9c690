"""Outlines and paths: arrays (n, 2) of points x, y (y downwards) in the local units of a pen."""

import functools

import numpy as np


def polar(angle, radius=1.0) -> np.ndarray:
    """Points (..., 2) at an angle (radians) and a distance from the origin, numbers or (n,)."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


@functools.cache
def circle(n: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """n angles and the (n, 2) points there of a round (power 2) to square (power 4 and more) outline."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    unit = polar(angles)
    return angles, unit * (np.abs(unit) ** power).sum(1, keepdims=True) ** (-1 / power)


@functools.cache
def ramp(n: int) -> np.ndarray:
    """n numbers (n, 1) from 0 to 1."""
    return np.linspace(0, 1, n)[:, None]


@functools.cache
def bulge(n: int, power: float = 0.5) -> np.ndarray:
    """Half-widths (n,) of a rounded bar: 0 at both ends, 1 in the middle; a higher power is more pointed."""
    return np.sin(np.linspace(0.03, np.pi - 0.03, n)) ** power


def around(n: int) -> np.ndarray:
    """n angles (n,) in radians, evenly round the circle."""
    return np.arange(n) * 2 * np.pi / n


def centred(n: int, gap: float) -> np.ndarray:
    """n positions (n,), `gap` apart, with 0 in their middle."""
    return (np.arange(n) - (n - 1) / 2) * gap


def line(x0, y0, x1, y1, n: int = 8) -> np.ndarray:
    """Points (n, 2) on a straight line."""
    return np.array([x0, y0]) + ramp(n) * (x1 - x0, y1 - y0)


def arc(radius: float, start: float, end: float, n: int = 14, squash: float = 1.0) -> np.ndarray:
    """Points (n, 2) on a circle round the origin, angles in radians; `squash` flattens it in y."""
    t = np.linspace(start, end, n)
    return np.stack([radius * np.cos(t), radius * squash * np.sin(t)], 1)


def corners(*xy: float) -> np.ndarray:
    """Points (n, 2) from x, y, x, y, ..."""
    return np.array(xy, float).reshape(-1, 2)


def rect(x0, y0, x1, y1) -> np.ndarray:
    """The corners (4, 2) of an upright rectangle."""
    return corners(x0, y0, x1, y0, x1, y1, x0, y1)


def moved(points: np.ndarray, x: float, y: float) -> np.ndarray:
    """Points (n, 2), moved by (x, y)."""
    return points + np.array([x, y])


def closed(outline: np.ndarray) -> np.ndarray:
    """An outline (n, 2) as a path (n + 1, 2) that ends where it starts."""
    return np.vstack([outline, outline[:1]])


def ribbon(path: np.ndarray, half) -> np.ndarray:
    """The outline (2n, 2) of a band along `path` (n, 2) whose half-width is `half`, a number or (n,)."""
    padded = np.concatenate([path[:1], path, path[-1:]])
    along = padded[2:] - padded[:-2]
    # 1e-9: where a path turns back on itself there is no direction, and no width
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9)
    side = normal * np.broadcast_to(np.asarray(half, float), len(path))[:, None]
    return np.concatenate([path + side, (path - side)[::-1]])


def bar(x0, y0, x1, y1, half) -> np.ndarray:
    """The outline of a straight band from (x0, y0) to (x1, y1); its half-width is a number or (n,)."""
    return ribbon(line(x0, y0, x1, y1, len(half) if np.ndim(half) else 8), half)
