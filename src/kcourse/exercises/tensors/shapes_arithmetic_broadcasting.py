"""Exercises of the lesson on shapes, arithmetic, reductions and broadcasting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register


@register
class PairwiseDistances(Exercise):
    """Distances of all pairs of rows, without a loop."""

    name = "pairwise_distances"
    title = "All distances at once"
    points = 3
    see = "Broadcasting"
    hints = (
        "Every row of `x` has to meet every row of `y`. Which shapes broadcast to `(n, m, d)`?",
        "`x[:, tf.newaxis, :]` has shape `(n, 1, d)`. Give `y` a new axis as well, and subtract.",
        "Square the differences, sum over the last axis, take the square root.",
    )
    why = (
        "A new axis of length 1 lets each row of `x` be repeated along the rows of `y` and the "
        "other way round, so one subtraction makes all n·m differences; the sum over the last "
        "axis then leaves one number a pair."
    )
    near_misses = (
        NearMiss(
            code="""
def pairwise_distances(x, y):
    differences = x[:, tf.newaxis, :] - y[tf.newaxis, :, :]
    return tf.reduce_sum(differences**2, axis=-1)
""",
            because="These are the squared distances: the square root is missing.",
            like=lambda x, y: ((x[:, None] - y[None]) ** 2).sum(-1),
        ),
        NearMiss(
            code="""
def pairwise_distances(x, y):
    differences = y[:, tf.newaxis, :] - x[tf.newaxis, :, :]
    return tf.norm(differences, axis=-1)
""",
            because="This is the transpose: row i must belong to row i of x, column j to row j of y.",
            like=lambda x, y: np.sqrt(((y[:, None] - x[None]) ** 2).sum(-1)),
        ),
        NearMiss(
            code="""
def pairwise_distances(x, y):
    return tf.norm(x - y[:1], axis=-1)
""",
            because="One distance a row of x is not enough: every row of y needs a column.",
            says="has shape",
        ),
    )
    alternatives = (
        """
def pairwise_distances(x, y):
    return tf.map_fn(lambda row: tf.norm(y - row, axis=-1), x)
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def rows(count: int, width: int, dtype: type = np.float32) -> np.ndarray:
            return rng.normal(size=(count, width)).astype(dtype)

        yield Case({"x": rows(3, 2), "y": rows(4, 2)})
        yield Case({"x": rows(3, 5), "y": rows(3, 5)}, "as many rows in x as in y")
        yield Case({"x": rows(1, 3), "y": rows(1, 3)}, "a single row in each")
        yield Case(
            {"x": rows(4, 1, np.float64), "y": rows(2, 1, np.float64)}, "float64, one column"
        )
        same = rows(3, 3)
        yield Case({"x": same, "y": same}, "x and y are the same rows, so the diagonal is 0")

    def expected(self, x: np.ndarray, y: np.ndarray) -> Any:
        result = np.zeros((len(x), len(y)), x.dtype)
        for i, row in enumerate(x):
            for j, other in enumerate(y):
                result[i, j] = np.sqrt(sum((a - b) ** 2 for a, b in zip(row, other, strict=True)))
        return result
