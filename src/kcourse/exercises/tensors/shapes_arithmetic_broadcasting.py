"""Exercises of the lesson on shapes, arithmetic, reductions and broadcasting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


@register
class NhwcToNchw(Exercise):
    """A transpose where a reshape would give the right shape and wrong pictures."""

    name = "nhwc_to_nchw"
    title = "Channels first"
    points = 1
    see = "Reshape keeps the order, transpose changes it"
    hints = (
        "Must the values keep their order in memory, or must the axes change places?",
        "`tf.transpose` takes `perm`: entry i says which old axis becomes new axis i.",
        "The new order of the axes is batch, channels, height, width: the old axes 0, 3, 1, 2.",
    )
    why = (
        "The axes change places and keep their meaning, and that is a transpose. A reshape to the "
        "same shape leaves the values in their order, so that one “channel” would be a strip of "
        "pixels of all colours."
    )
    near_misses = (
        NearMiss(
            code="""
def nhwc_to_nchw(images):
    batch, height, width, channels = images.shape
    return tf.reshape(images, (batch, channels, height, width))
""",
            because=(
                "The shape is right and the values are in the wrong places: reshape keeps their "
                "order and cuts it anew. Move the axes with tf.transpose."
            ),
            like=lambda images: images.reshape([images.shape[i] for i in (0, 3, 1, 2)]),
        ),
        NearMiss(
            code="""
def nhwc_to_nchw(images):
    return tf.transpose(images, perm=[0, 3, 2, 1])
""",
            because="Height and width changed places: every picture lies on its side.",
            like=lambda images: images.transpose(0, 3, 2, 1),
        ),
        NearMiss(
            code="""
def nhwc_to_nchw(images):
    return tf.transpose(images)
""",
            because="Without perm all axes are reversed, the batch axis too. Give perm.",
            like=lambda images: images.transpose(),
        ),
        NearMiss(
            code="""
def nhwc_to_nchw(images):
    return tf.transpose(images, perm=[0, 2, 3, 1])
""",
            because=(
                "This is the permutation of the way back. Entry i of perm says which OLD axis "
                "becomes new axis i."
            ),
            like=lambda images: images.transpose(0, 2, 3, 1),
        ),
    )
    alternatives = (
        """
def nhwc_to_nchw(images):
    return tf.einsum("nhwc->nchw", images)
""",
        """
def nhwc_to_nchw(images):
    return tf.stack(tf.unstack(images, axis=-1), axis=1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def images(*shape: int) -> np.ndarray:
            return rng.integers(0, 100, shape).astype(np.float32)

        yield Case({"images": images(2, 4, 5, 3)})
        yield Case({"images": images(3, 3, 3, 3)}, "all axes have the same length")
        yield Case({"images": rng.integers(0, 256, (1, 3, 2, 4))}, "a batch of one, int64")
        yield Case({"images": images(2, 3, 4, 1)}, "one channel")
        yield Case({"images": images(0, 3, 4, 2)}, "an empty batch")

    def expected(self, images: np.ndarray) -> Any:
        result = np.zeros([images.shape[i] for i in (0, 3, 1, 2)], images.dtype)
        for n, h, w, c in np.ndindex(*images.shape):
            result[n, c, h, w] = images[n, h, w, c]
        return result


@register
class DropChannelAxis(Exercise):
    """A squeeze that names its axis."""

    name = "drop_channel_axis"
    title = "Drop one axis and no other"
    points = 1
    see = "Add and drop axes of length 1"
    hints = (
        "Which axes does `tf.squeeze(images)` remove when the batch holds a single image?",
        "Tell `tf.squeeze` which axis you mean: the channels are axis 1 here.",
    )
    why = (
        "With `axis=1`, squeeze touches no other axis, so a batch of one stays a batch; and it "
        "refuses colour images with an error, where `images[:, 0]` would drop two channels in "
        "silence."
    )
    near_misses = (
        NearMiss(
            code="""
def drop_channel_axis(images):
    return tf.squeeze(images)
""",
            because=(
                "A bare squeeze removes every axis of length 1, here more than the channel axis. "
                "Name the axis."
            ),
            like=lambda images: images.squeeze(),
        ),
        NearMiss(
            code="""
def drop_channel_axis(images):
    return tf.squeeze(images)[tf.newaxis]
""",
            because="This adds a batch axis to every batch, also to one that still has its own.",
            like=lambda images: images.squeeze()[np.newaxis],
        ),
        NearMiss(
            code="""
def drop_channel_axis(images):
    return images[0]
""",
            because="This is the first image of the batch: the batch axis is gone, not the channel axis.",
            like=lambda images: images[0],
        ),
    )
    alternatives = (
        """
def drop_channel_axis(images):
    return images[:, 0]
""",
        """
def drop_channel_axis(images):
    batch, _, height, width = images.shape
    return tf.reshape(images, (batch, height, width))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def images(*shape: int) -> np.ndarray:
            return rng.integers(0, 100, shape).astype(np.float32)

        yield Case({"images": images(1, 1, 4, 3)}, "a batch of one")
        yield Case({"images": images(5, 1, 4, 3)})
        yield Case({"images": images(3, 1, 1, 4)}, "images of one row")
        yield Case({"images": images(2, 1, 3, 1)}, "images of one column")
        yield Case({"images": images(1, 1, 1, 1)}, "one image of one pixel")
        yield Case({"images": images(0, 1, 3, 2)}, "an empty batch")

    def expected(self, images: np.ndarray) -> Any:
        batch, _, height, width = images.shape
        return images.reshape(batch, height, width)


# What is observed of an answer: that it raises, as it should, or the shape it returns. The two
# have different keys, so that nothing an answer returns can pass for an error.
_RAISED: dict[str, Plain] = {"raised": "ValueError"}


def _shape(lengths: Iterable[int]) -> dict[str, Plain]:
    return {"shape": list(lengths)}


def _rule(first: list[int], second: list[int]) -> Plain:
    try:
        return _shape(np.broadcast_shapes(tuple(first), tuple(second)))
    except ValueError:
        return _RAISED


def _take_the_larger(first: list[int], second: list[int]) -> Plain:
    if _rule(first, second) == _RAISED:
        return _RAISED
    rank = max(len(first), len(second))
    filled = ([1] * (rank - len(shape)) + shape for shape in (first, second))
    return _shape(max(pair) for pair in zip(*filled, strict=True))


def _fill_on_the_right(first: list[int], second: list[int]) -> Plain:
    rank = max(len(first), len(second))
    # Where this raises, so does the wrong answer, but so do others: it is not recognised there.
    return _shape(
        np.broadcast_shapes(*(shape + [1] * (rank - len(shape)) for shape in (first, second)))
    )


@register
class BroadcastShape(Exercise):
    """The rules of broadcasting, on shapes alone."""

    name = "broadcast_shape"
    title = "The rules, by hand"
    points = 2
    see = "Broadcasting"
    hints = (
        "Make both tuples equally long first. On which side do the missing axes belong?",
        "Fill with `(1,) * k` on the left, then go through both tuples with `zip`.",
        "For lengths a and b: equal or one of them 1, else `raise ValueError(...)`. "
        "If a is 1 the result has length b, otherwise a. (What is the result for 1 and 0?)",
    )
    why = (
        "Shapes are aligned at their right ends, so the shorter one is filled with 1 on the left. "
        "Where one length is 1, the other one counts. “Take the larger” is nearly the same and "
        "fails for an empty batch: 1 against 0 gives 0."
    )
    near_misses = (
        NearMiss(
            code="""
def broadcast_shape(first, second):
    rank = max(len(first), len(second))
    left = (1,) * (rank - len(first)) + first
    right = (1,) * (rank - len(second)) + second
    for a, b in zip(left, right):
        if a != b and 1 not in (a, b):
            raise ValueError("incompatible")
    return tuple(max(a, b) for a, b in zip(left, right))
""",
            because=(
                "“Take the larger” fails for an axis of length 0: where 1 meets 0, nothing is "
                "repeated 0 times, and the result has length 0."
            ),
            like=_take_the_larger,
        ),
        NearMiss(
            code="""
def broadcast_shape(first, second):
    rank = max(len(first), len(second))
    left = first + (1,) * (rank - len(first))
    right = second + (1,) * (rank - len(second))
    result = []
    for a, b in zip(left, right):
        if a != b and 1 not in (a, b):
            raise ValueError("incompatible")
        result.append(b if a == 1 else a)
    return tuple(result)
""",
            because="The missing axes belong on the left: shapes are aligned at their right ends.",
            like=_fill_on_the_right,
        ),
        NearMiss(
            code="""
def broadcast_shape(first, second):
    return tf.broadcast_static_shape(tf.TensorShape(first), tf.TensorShape(second))
""",
            because="The answer is to come from the rules, in plain Python.",
            says="in plain Python, without tf",
        ),
        NearMiss(
            code="""
def broadcast_shape(first, second):
    rank = max(len(first), len(second))
    left = (1,) * (rank - len(first)) + first
    right = (1,) * (rank - len(second)) + second
    return tuple(b if a == 1 else a for a, b in zip(left, right))
""",
            because="Shapes that do not broadcast must raise ValueError.",
            says="do not broadcast, so ValueError was expected",
        ),
    )
    alternatives = (
        """
def broadcast_shape(first, second):
    if not first or not second:
        return first or second
    a, b = first[-1], second[-1]
    if a != b and a != 1 and b != 1:
        raise ValueError(f"{a} meets {b}")
    return (*broadcast_shape(first[:-1], second[:-1]), a if b == 1 else b)
""",
        """
def broadcast_shape(first, second):
    from itertools import zip_longest

    result = []
    for pair in zip_longest(reversed(first), reversed(second), fillvalue=1):
        lengths = set(pair) - {1}
        if len(lengths) > 1:
            raise ValueError("the shapes do not broadcast")
        result.append(lengths.pop() if lengths else 1)
    return tuple(reversed(result))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        a, b, c = (int(n) for n in rng.choice(np.arange(2, 10), size=3, replace=False))

        def case(first: list[int], second: list[int], note: str = "") -> Case:
            return Case({"first": first, "second": second}, note)

        yield case([a, 1], [a])
        yield case([a, b], [b])
        yield case([a, b, c], [a, a, c], "the middle lengths differ")
        yield case([a, b], [a], "aligned at the right, they do not fit")
        yield case([a, 1], [b])
        yield case([b], [a, b], "the second is the longer one")
        yield case([a, 1, c], [b, 1])
        yield case([c, 1], [a, b, 1])
        yield case([a, b, c], [a, b, a], "the last lengths differ")
        yield case([a, b, c], [b, b, c], "the first lengths differ")
        yield case([1, a], [0, 1], "an axis of length 0")
        yield case([0, a], [1, a], "an empty batch")
        yield case([0, a], [b, a], "an empty batch against a full one")
        yield case([], [a, b], "a scalar has no axes")
        yield case([a, b, c], [], "a scalar has no axes")
        yield case([], [], "two scalars")
        yield case([1, 1], [1])

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return the shape for the shapes as tuples, or that it raised or names a library."""
        code = getattr(submission, "__code__", None)
        libraries = {"tf", "np", "keras", "tensorflow", "numpy"}
        if code and libraries & set(code.co_names):
            return {"names": sorted(libraries & set(code.co_names))}
        try:
            return {"shape": submission(*(tuple(shape) for shape in inputs.values()))}
        except ValueError:
            return {"raised": "ValueError"}

    def expected(self, first: list[int], second: list[int]) -> Any:
        return _rule(first, second)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say in words when an error is missing, when there is one too many, or a library."""
        if not isinstance(got, dict):
            return super().differs(got, expected)
        if "names" in got:
            return f"Work it out from the rules in plain Python, without {got['names'][0]}."
        if "raised" in got and "shape" in expected:
            return "These shapes broadcast, but ValueError was raised."
        if "shape" in got and "raised" in expected:
            return "These shapes do not broadcast, so ValueError was expected."
        if isinstance(got.get("shape"), list) and len(got["shape"]) != len(expected["shape"]):
            return (
                f"The result has rank {len(got['shape'])}, expected rank {len(expected['shape'])}."
            )
        return super().differs(got, expected)


def _standardised(x: np.ndarray, mean: Any, std: Any, undefined: float = np.nan) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(std == 0, undefined, (x - mean) / std)


@register
class Standardise(Exercise):
    """Means and deviations that keep their axis, in floating point."""

    name = "standardise"
    title = "Mean 0, standard deviation 1"
    points = 2
    see = "Reductions"
    hints = (
        "What is `tf.reduce_mean` of the integers 1 and 2? What must happen to `x` first?",
        "With `keepdims=True` mean and standard deviation have shape (1, d) or (n, 1): they "
        "broadcast back against `x`, whichever the axis.",
        "`tf.math.reduce_std` gives the deviation; `tf.math.divide_no_nan(a, b)` is 0 where b is 0.",
    )
    why = (
        "The cast comes first, because an integer mean is cut to an integer. keepdims leaves an "
        "axis of length 1 where the mean was taken, so the same line is right for rows and for "
        "columns; without it, a square x would be standardised by the wrong means in silence."
    )
    near_misses = (
        NearMiss(
            code="""
def standardise(x, axis):
    mean = tf.cast(tf.reduce_mean(x, axis=axis, keepdims=True), tf.float32)
    x = tf.cast(x, tf.float32)
    std = tf.math.reduce_std(x, axis=axis, keepdims=True)
    return tf.math.divide_no_nan(x - mean, std)
""",
            because="The mean of integers is cut to an integer. Cast x to float32 before the mean.",
            like=lambda x, axis: _standardised(
                x,
                np.trunc(x.mean(axis, keepdims=True)),
                x.std(axis, keepdims=True),
                undefined=0,
            ),
        ),
        NearMiss(
            code="""
def standardise(x, axis):
    x = tf.cast(x, tf.float32)
    mean, std = tf.reduce_mean(x, axis=axis), tf.math.reduce_std(x, axis=axis)
    return tf.math.divide_no_nan(x - mean, std)
""",
            because=(
                "Without keepdims the means of the rows meet the columns: (n, n) - (n,) runs and "
                "is wrong. Keep the axis, so that (n, 1) broadcasts along the rows."
            ),
            like=lambda x, axis: _standardised(x, x.mean(axis), x.std(axis), undefined=0),
        ),
        NearMiss(
            code="""
def standardise(x, axis):
    x = tf.cast(x, tf.float32)
    return tf.math.divide_no_nan(x - tf.reduce_mean(x), tf.math.reduce_std(x))
""",
            because="This uses one mean and one deviation of all of x; each row or column has its own.",
            like=lambda x, axis: _standardised(x, x.mean(), x.std(), undefined=0),
        ),
        NearMiss(
            code="""
def standardise(x, axis):
    x = tf.cast(x, tf.float32)
    mean = tf.reduce_mean(x, axis=axis, keepdims=True)
    return (x - mean) / tf.math.reduce_std(x, axis=axis, keepdims=True)
""",
            because="Where the standard deviation is 0 this divides 0 by 0, which is nan; 0 was asked for.",
            like=lambda x, axis: _standardised(
                x, x.mean(axis, keepdims=True), x.std(axis, keepdims=True)
            ),
        ),
    )
    alternatives = (
        """
def standardise(x, axis):
    x = tf.cast(x, tf.float32)
    mean, variance = tf.nn.moments(x, axes=[axis], keepdims=True)
    return (x - mean) / tf.where(variance > 0, tf.sqrt(variance), 1.0)
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        square = rng.choice(np.arange(2, 90), (4, 4), replace=False).astype(np.int32)
        square[0, 0] += square[0].sum() % 4 == 0  # so that at least one mean is no integer
        yield Case({"x": square, "axis": 1}, "a square of integers, row by row")
        table = rng.normal(3, 2, (5, 3)).astype(np.float32)
        yield Case({"x": table, "axis": 0}, "column by column")
        yield Case({"x": table, "axis": 1}, "row by row")
        constant = rng.integers(1, 20, (4, 3)).astype(np.float32)
        constant[:, 1] = constant[0, 1]
        constant[0, 0] += 1 if constant[1, 0] == constant[0, 0] else 0
        yield Case({"x": constant, "axis": 0}, "one column is constant")
        yield Case({"x": constant.T.astype(np.int32).copy(), "axis": -1}, "one row is constant")
        bytes_ = rng.integers(100, 256, (6, 4)).astype(np.uint8)
        yield Case({"x": bytes_, "axis": -2}, "uint8")
        yield Case({"x": table[:1], "axis": 0}, "a single row")

    def expected(self, x: np.ndarray, axis: int) -> Any:
        lines = (x.T if axis in (0, -2) else x).astype(np.float64)
        result = np.zeros(lines.shape)
        for i, line in enumerate(lines):
            deviation = np.sqrt(sum((v - sum(line) / len(line)) ** 2 for v in line) / len(line))
            if deviation > 0:
                result[i] = (line - sum(line) / len(line)) / deviation
        return (result.T if axis in (0, -2) else result).astype(np.float32)


def _softmax(logits: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(weights / weights.sum(-1, keepdims=True))


def _lowest_instead(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    lowest = np.full_like(logits, np.finfo(logits.dtype).min)
    return _softmax(np.where(mask, logits, lowest))


def _unshifted(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        weights = np.where(mask, np.exp(logits), 0)
        total = weights.sum(-1, keepdims=True)
        return np.asarray(np.where(total == 0, 0, weights / total))


@register
class MaskedSoftmax(Exercise):
    """Probabilities of the positions that count, for every size of logits."""

    name = "masked_softmax"
    title = "A softmax that leaves positions out"
    points = 3
    see = "A softmax that stays finite"
    hints = (
        "Masked positions must not be in the sum either. So mask before you divide, not after.",
        "Let the masked logits be so low that they are never the largest of their row "
        "(`logits.dtype.min`), then subtract the row's maximum with `keepdims=True`.",
        "After `tf.exp`, set masked weights to 0 with `tf.where(mask, weights, 0.0)`, and divide by "
        "their sum with `tf.math.divide_no_nan`, which gives 0 for a row without weights.",
    )
    why = (
        "Masking happens before the sum, or the rest would not add up to 1. The maximum is taken "
        "over the unmasked positions, so no exponent is above 0. The lowest finite number stands "
        "in for minus infinity, whose difference with itself is nan; divide_no_nan then turns a "
        "row without weights into zeros."
    )
    near_misses = (
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    return tf.nn.softmax(logits) * tf.cast(mask, logits.dtype)
""",
            because=(
                "The masked positions are 0, but they are still in the sum that you divide by: "
                "the others no longer add up to 1. Mask before you divide."
            ),
            like=lambda logits, mask: _softmax(logits) * mask,
        ),
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    return tf.nn.softmax(tf.where(mask, logits, float("-inf")))
""",
            because="In a row that is all masked, this computes -inf - -inf, which is nan; zeros were asked for.",
            like=lambda logits, mask: _softmax(np.where(mask, logits, -np.inf)),
        ),
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    return tf.nn.softmax(tf.where(mask, logits, logits.dtype.min))
""",
            because=(
                "In a row that is all masked, all logits are equal, and every position gets the "
                "same probability; zeros were asked for."
            ),
            like=lambda logits, mask: _lowest_instead(logits, mask),
        ),
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    weights = tf.where(mask, tf.exp(logits), 0.0)
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=-1, keepdims=True))
""",
            because=(
                "exp of a large logit is infinite, and of a very low one 0. Subtract the largest "
                "unmasked logit of each row first."
            ),
            like=_unshifted,
        ),
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    return tf.nn.softmax(tf.where(mask, logits, 0.0))
""",
            because="A logit of 0 is not “left out”: exp(0) is 1. Masked positions must weigh nothing.",
            like=lambda logits, mask: _softmax(logits * mask),
        ),
        NearMiss(
            code="""
def masked_softmax(logits, mask):
    return tf.nn.softmax(logits + tf.where(mask, 0.0, -40.0))
""",
            because="Subtracting 40 makes a probability tiny, but not 0, and 41 may be the next logit.",
            says="Masked positions must be exactly 0",
        ),
    )
    alternatives = (
        """
def masked_softmax(logits, mask):
    probabilities = tf.nn.softmax(tf.where(mask, logits, logits.dtype.min))
    return tf.where(mask, probabilities, 0.0)
""",
        """
def masked_softmax(logits, mask):
    probabilities = tf.nn.softmax(tf.where(mask, logits, float("-inf")))
    return tf.where(mask, probabilities, 0.0)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def logits(*shape: int) -> np.ndarray:
            return rng.normal(0, 2, shape).astype(np.float32)

        mask = rng.random((3, 5)) < 0.6
        mask[:, :2] = True, False  # every row has both kinds
        yield Case({"logits": logits(3, 5), "mask": mask})
        empty = mask.copy()
        empty[1] = False
        yield Case({"logits": logits(3, 5), "mask": empty}, "row 1 is all masked")
        huge = logits(3, 5) + np.float32(1000)
        yield Case({"logits": huge, "mask": mask}, "large logits")
        masked_huge = logits(3, 5)
        masked_huge[:, 1] = 1000
        yield Case({"logits": masked_huge, "mask": mask}, "a masked logit is large")
        yield Case({"logits": huge - 2000, "mask": mask}, "very low logits")
        yield Case(
            {"logits": logits(2, 3, 4), "mask": np.array([True, False, True, True])},
            "three axes, and one mask for all rows",
        )
        yield Case({"logits": logits(4), "mask": np.ones(4, bool)}, "a vector, nothing masked")
        yield Case(
            {"logits": rng.normal(size=(2, 3)), "mask": np.array([[True], [False]])},
            "float64, one mask value a row",
        )
        yield Case({"logits": logits(0, 3), "mask": np.ones((0, 3), bool)}, "an empty batch")

    def expected(self, logits: np.ndarray, mask: np.ndarray) -> Any:
        mask = np.broadcast_to(mask, logits.shape)
        result = np.zeros_like(logits)
        for row in np.ndindex(*logits.shape[:-1]):
            chosen = [k for k in range(logits.shape[-1]) if mask[row][k]]
            if chosen:
                kept = logits[row][chosen].astype(np.float64)
                weights = np.exp(kept - max(kept))
                result[row][chosen] = weights / sum(weights)
        return result

    def judge(self, case: Case, observation: Observation) -> None:
        """Compare with the loop, then insist on zeros that are exactly zero."""
        super().judge(case, observation)
        mask = np.broadcast_to(case.inputs["mask"], case.inputs["logits"].shape)
        if np.any(np.asarray(observation.value)[~mask] != 0):
            raise Wrong("Masked positions must be exactly 0; here one is not, though it is small.")


@register
class PairwiseDistances(Exercise):
    """Distances of all pairs of rows, without a loop."""

    name = "pairwise_distances"
    title = "All distances at once"
    points = 3
    see = "Every pair at once"
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
    differences = x[:, tf.newaxis, :] - y[tf.newaxis, :, :]
    return tf.reduce_sum(tf.abs(differences), axis=-1)
""",
            because=(
                "These are sums of absolute differences (the city-block distance). The Euclidean "
                "distance squares the differences and takes the root of their sum."
            ),
            like=lambda x, y: np.abs(x[:, None] - y[None]).sum(-1),
        ),
        NearMiss(
            code="""
def pairwise_distances(x, y):
    return tf.norm(x - y[:1], axis=-1)
""",
            because="One distance a row of x is not enough: every row of y needs a column.",
            like=lambda x, y: np.sqrt(((x - y[:1]) ** 2).sum(-1)),
        ),
    )
    alternatives = (
        """
def pairwise_distances(x, y):
    return tf.map_fn(lambda row: tf.norm(y - row, axis=-1), x)
""",
        """
def pairwise_distances(x, y):
    squares = tf.reduce_sum(x**2, -1)[:, tf.newaxis] + tf.reduce_sum(y**2, -1)
    return tf.sqrt(tf.maximum(squares - 2 * tf.matmul(x, y, transpose_b=True), 0.0))
""",
    )
    # Wide enough for |x|² + |y|² - 2x·y, which loses digits where rows are nearly equal.
    rtol = 1e-3
    atol = 5e-3

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
        yield Case({"x": rows(3, 2), "y": rows(0, 2)}, "no row in y")

    def expected(self, x: np.ndarray, y: np.ndarray) -> Any:
        result = np.zeros((len(x), len(y)), x.dtype)
        for i, row in enumerate(x):
            for j, other in enumerate(y):
                result[i, j] = np.sqrt(sum((a - b) ** 2 for a, b in zip(row, other, strict=True)))
        return result
