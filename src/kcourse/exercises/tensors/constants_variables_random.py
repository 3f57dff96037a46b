"""Exercises of the lesson on constants, variables, dtypes and random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


@register
class JoinPath(Exercise):
    """Text from string tensors."""

    name = "join_path"
    title = "Join a path"
    points = 1
    see = "Text in tensors"
    hints = (
        "One function of `tf.strings` joins a list of string tensors. Where does the `/` go?",
        "The joined tensor's `.numpy()` is of type `bytes`. Which method of `bytes` gives `str`?",
        "`tf.strings.join(parts, …)`, then `.numpy()`, then `.decode()`, then `+ suffix`.",
    )
    why = (
        "A string tensor holds bytes, not characters. `.numpy()` gives these bytes, and only "
        "`.decode()` reads them as UTF-8 text. `str(...)` shows how Python would write the bytes "
        "down: it adds `b'...'`, and Chinese characters become `\\xe5...`."
    )
    near_misses = (
        NearMiss(
            code="""
def join_path(parts, suffix):
    return str(tf.strings.join(parts, "/").numpy()) + suffix
""",
            because="str() of bytes shows them with b'…' around: decode the bytes instead.",
            like=lambda parts, suffix: str("/".join(parts).encode()) + suffix,
        ),
        NearMiss(
            code="""
def join_path(parts, suffix):
    return tf.strings.join(parts, "/").numpy() + suffix.encode()
""",
            because="This is of type bytes; Python text (str) is asked for: decode it.",
            like=lambda parts, suffix: {"type": "bytes", "value": "/".join(parts) + suffix},
        ),
        NearMiss(
            code="""
def join_path(parts, suffix):
    return tf.strings.join(parts, "/") + suffix
""",
            because="This is still a tensor; Python text (str) is asked for.",
            like=lambda parts, suffix: {"type": "EagerTensor", "value": "/".join(parts) + suffix},
        ),
        NearMiss(
            code="""
def join_path(parts, suffix):
    return tf.strings.join(parts).numpy().decode() + suffix
""",
            because='The "/" between the parts is missing: tf.strings.join takes a separator.',
            like=lambda parts, suffix: "".join(parts) + suffix,
        ),
        NearMiss(
            code="""
def join_path(parts, suffix):
    return tf.strings.join([*parts, suffix], "/").numpy().decode()
""",
            because='The suffix belongs to the last part: no "/" stands before it.',
            like=lambda parts, suffix: "/".join([*parts, suffix]),
        ),
    )
    alternatives = (
        """
def join_path(parts, suffix):
    return "/".join(part.numpy().decode("utf-8") for part in parts) + suffix
""",
        """
def join_path(parts, suffix):
    path = tf.strings.join([tf.strings.reduce_join(parts, separator="/"), suffix])
    return path.numpy().decode()
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def words(*choices: str) -> list[str]:
            return [f"{word}{rng.integers(100)}" for word in choices]

        yield Case({"parts": words("data", "digits", "train"), "suffix": ".csv"})
        yield Case({"parts": words("数据", "图像", "naïve"), "suffix": ".png"}, "not only ASCII")
        yield Case({"parts": words("alone"), "suffix": ".tar.gz"}, "a single part")
        yield Case({"parts": words("a", "b", "c", "d"), "suffix": ""}, "an empty suffix")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        parts = [tf.constant(part) for part in inputs["parts"]]
        result = submission(parts, inputs["suffix"])
        # As plain data bytes and string tensors would look like text, so they are named.
        if isinstance(result, str):
            return result
        return {"type": type(result).__name__, "value": result}

    def expected(self, parts: list[str], suffix: str) -> Any:
        text = parts[0]
        for part in parts[1:]:
            text = text + "/" + part
        return text + suffix


def _reshaped(x: np.ndarray, target: list[int]) -> list[int] | None:
    try:
        return list(x.reshape(target).shape)
    except ValueError:
        return None


@register
class ShapeFacts(Exercise):
    """Axes, elements and legal reshapes."""

    name = "shape_facts"
    title = "Facts about a shape"
    points = 2
    see = "Axes, shape and rank"
    hints = (
        "Two of the facts are one expression each: the attribute `.ndim`, and `tf.size`.",
        "`tf.reshape` knows best what fits, also with -1. What does it do when it refuses?",
        "Put `tf.reshape(x, target).shape.as_list()` into `try`, and set `None` in "
        "`except tf.errors.InvalidArgumentError`.",
    )
    why = (
        "A reshape is legal when the number of elements stays the same; -1 stands for the one "
        "length that makes it so. `tf.reshape` applies this rule already, so asking it is shorter "
        "and safer than writing the rule again. Catch only the error that means “does not fit”: "
        "any other error is a mistake that you want to see."
    )
    near_misses = (
        NearMiss(
            code="""
def shape_facts(x, target):
    elements = int(tf.size(x))
    fits = int(np.prod(target)) == elements
    return {"axes": x.ndim, "elements": elements, "reshaped": target if fits else None}
""",
            because="-1 in the target stands for “the length that fits”: it is not a number to "
            "multiply with.",
            like=lambda x, target: {
                "axes": x.ndim,
                "elements": x.size,
                "reshaped": target if np.prod(target) == x.size else None,
            },
        ),
        NearMiss(
            code="""
def shape_facts(x, target):
    try:
        tf.reshape(x, target)
    except tf.errors.InvalidArgumentError:
        target = None
    return {"axes": x.ndim, "elements": int(tf.size(x)), "reshaped": target}
""",
            because="“reshaped” is the shape that the result has, with a number in place of -1.",
            like=lambda x, target: {
                "axes": x.ndim,
                "elements": x.size,
                "reshaped": None if _reshaped(x, target) is None else target,
            },
        ),
        NearMiss(
            code="""
def shape_facts(x, target):
    try:
        reshaped = tf.reshape(x, target).shape
    except tf.errors.InvalidArgumentError:
        reshaped = None
    return {"axes": len(x), "elements": int(tf.size(x)), "reshaped": reshaped}
""",
            because="len(x) is the length of axis 0. The number of axes is x.ndim, or len(x.shape).",
            like=lambda x, target: {
                "axes": len(x),
                "elements": x.size,
                "reshaped": _reshaped(x, target),
            },
        ),
    )
    alternatives = (
        """
def shape_facts(x, target):
    elements = int(np.prod(x.shape))
    known = int(np.prod([n for n in target if n != -1]))
    filled = [elements // known if n == -1 else n for n in target]
    fits = int(np.prod(filled)) == elements
    return {"axes": len(x.shape), "elements": elements, "reshaped": filled if fits else None}
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def values(*shape: int) -> np.ndarray:
            return rng.integers(-9, 10, size=shape, dtype=np.int32)

        a, b, c = (int(n) for n in rng.permutation([4, 5, 7]))
        yield Case({"x": values(a, b, c), "target": [-1, c]})
        yield Case({"x": values(a, b), "target": [b, a]})
        yield Case({"x": values(a, b), "target": [a, b + 1]}, "one length too large")
        yield Case({"x": values(a, 3), "target": [2 * a, -1]}, "no whole number fits")
        yield Case({"x": values(1, 1, 1), "target": []}, "one element to a scalar")
        yield Case({"x": values(2), "target": []}, "two elements to a scalar")
        yield Case({"x": values(), "target": [1, 1]}, "x is a scalar")
        yield Case({"x": values(0, b), "target": [-1]}, "x is empty")
        yield Case({"x": values(2, a, 1, b).astype(np.float64), "target": [b, -1, a]})

    def expected(self, x: np.ndarray, target: list[int]) -> Any:
        return {"axes": x.ndim, "elements": x.size, "reshaped": _reshaped(x, target)}


def _image(values: np.ndarray, dtype: str = "uint8") -> dict[str, Any]:
    return {"dtype": dtype, "image": values}


@register
class BrightenImage(Exercise):
    """Integers times a float, and back, without loss."""

    name = "brighten_image"
    title = "Make an image brighter"
    points = 2
    see = "Dtypes do not mix by themselves"
    hints = (
        "`image * factor` cannot hold decimals in uint8. In which dtype should you multiply?",
        "After multiplying in float32, the way back has three parts: round, keep to 0–255, cast.",
        "`tf.saturate_cast(tf.round(scaled), tf.uint8)` does all three.",
    )
    why = (
        "Multiply in a dtype that holds decimals and large values, and go back at the very end. "
        "A cast to an integer cuts the decimals off, so round before it. A plain cast of a value "
        "over 255 to uint8 starts again at 0 or worse; `tf.saturate_cast` stops at the ends of "
        "the range."
    )
    near_misses = (
        NearMiss(
            code="""
def brighten_image(image, factor):
    scaled = tf.round(tf.cast(image, tf.float32) * factor)
    return tf.cast(tf.cast(scaled, tf.int32), tf.uint8)
""",
            because="Values over 255 wrapped around to dark ones: keep to 0–255 before the cast.",
            like=lambda image, factor: _image((np.rint(image * float(factor)) % 256).astype("u1")),
        ),
        NearMiss(
            code="""
def brighten_image(image, factor):
    return tf.saturate_cast(tf.cast(image, tf.float32) * factor, tf.uint8)
""",
            because="A cast to an integer cuts the decimals off: round before it.",
            like=lambda image, factor: _image(np.clip(image * float(factor), 0, 255).astype("u1")),
        ),
        NearMiss(
            code="""
def brighten_image(image, factor):
    return image * np.float32(factor)
""",
            because="The factor lost its decimals: it was converted to uint8, the image's dtype. "
            "Convert the image instead.",
            like=lambda image, factor: _image((image.astype(int) * int(factor) % 256).astype("u1")),
        ),
        NearMiss(
            code="""
def brighten_image(image, factor):
    return tf.clip_by_value(tf.round(tf.cast(image, tf.float32) * factor), 0, 255)
""",
            because="The values are right, but they are float32: an image in uint8 is asked for.",
            like=lambda image, factor: _image(
                np.clip(np.rint(image * float(factor)), 0, 255), "float32"
            ),
        ),
    )
    alternatives = (
        """
def brighten_image(image, factor):
    scaled = tf.math.rint(tf.cast(image, tf.float64) * tf.cast(factor, tf.float64))
    return tf.cast(tf.minimum(scaled, 255), image.dtype)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def image(*shape: int) -> np.ndarray:
            pixels = rng.integers(0, 256, size=shape, dtype=np.uint8)
            pixels.flat[:3] = 255, 5, 0  # with 1.375: over the limit, 6.875, and black
            return pixels

        # Factors are eighths, so that the products are exact and no result hangs on rounding.
        yield Case({"image": image(2, 3, 3), "factor": 1.375})
        yield Case({"image": image(3, 2, 3), "factor": int(rng.integers(1, 8)) / 8}, "darker")
        yield Case({"image": image(4, 5), "factor": 2 + int(rng.integers(1, 8)) / 8}, "grey image")
        yield Case({"image": image(2, 2, 3), "factor": 2}, "the factor is an int")
        yield Case({"image": image(2, 2, 3), "factor": 0.0}, "the factor is 0")
        yield Case({"image": image(1, 1, 3), "factor": 1.0}, "one pixel, unchanged")
        yield Case({"image": np.zeros((0, 4, 3), np.uint8), "factor": 1.5}, "an image without rows")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        result = submission(tf.constant(inputs["image"]), inputs["factor"])
        dtype = getattr(getattr(result, "dtype", None), "name", type(result).__name__)
        return {"dtype": dtype, "image": result}

    def expected(self, image: np.ndarray, factor: float) -> Any:
        result = np.zeros_like(image)
        for index, value in np.ndenumerate(image):
            result[index] = min(round(int(value) * factor), 255)
        return _image(result)


def _running(batches: list[np.ndarray], step: Any) -> list[dict[str, Any]]:
    """Return mean and count after each batch, where ``step`` makes the next mean."""
    mean, count, seen = np.zeros(batches[0].shape[1]), 0, []
    with np.errstate(invalid="ignore", divide="ignore"):
        for batch in batches:
            mean = step(mean, count, batch.astype(np.float64))
            count += len(batch)
            seen.append({"mean": mean.astype(batch.dtype), "count": count})
    return seen


@register
class UpdateRunningMean(Exercise):
    """State in variables, changed in place."""

    name = "update_running_mean"
    title = "A running mean"
    points = 3
    see = "Variables keep their identity"
    hints = (
        "The caller keeps `mean` and `count`, so you must change these two objects. Which methods "
        "of a variable do that?",
        "New mean = (old mean × old count + sum of the batch) / new count. Mind the order: when do "
        "you read the old count? And cast the counts before you multiply or divide.",
        "Shorter: `count.assign_add(rows)`, then add to `mean` the sum over axis 0 of "
        "`batch - mean`, divided by `tf.cast(count, mean.dtype)`.",
    )
    why = (
        "`assign_add` changes the variable that the caller holds; `mean = mean + …` would only "
        "give a new tensor to a local name. The mean has to be weighted by rows, not by batches, "
        "and it moves towards each new row by 1/count. The int64 count must be cast, because "
        "tensors of different dtypes do not mix."
    )
    near_misses = (
        NearMiss(
            code="""
def update_running_mean(mean, count, batch):
    count = count + batch.shape[0]
    mean = mean + tf.reduce_sum(batch - mean, axis=0) / tf.cast(count, mean.dtype)
""",
            because="The caller's variables did not change: `=` gives a new tensor to the name, "
            "only assign, assign_add and assign_sub change the variable.",
            like=lambda batches: [{"mean": np.zeros(b.shape[1]), "count": 0} for b in batches],
        ),
        NearMiss(
            code="""
def update_running_mean(mean, count, batch):
    first = count == 0
    count.assign_add(batch.shape[0])
    new = tf.reduce_mean(batch, axis=0)
    mean.assign(new if first else (mean + new) / 2)
""",
            because="This is a mean of means: a batch with more rows must count for more.",
            like=lambda batches: _running(
                batches, lambda m, n, b: b.mean(0) if n == 0 else (m + b.mean(0)) / 2
            ),
        ),
        NearMiss(
            code="""
def update_running_mean(mean, count, batch):
    count.assign_add(batch.shape[0])
    seen = tf.cast(count, mean.dtype)
    mean.assign((mean * seen + tf.reduce_sum(batch, axis=0)) / seen)
""",
            because="The old mean stands for the rows before this batch: multiply it by the old "
            "count, read before you add to it.",
            like=lambda batches: _running(batches, lambda m, n, b: m + b.sum(0) / (n + len(b))),
        ),
        NearMiss(
            code="""
def update_running_mean(mean, count, batch):
    count.assign(batch.shape[0])
    mean.assign(tf.reduce_mean(batch, axis=0))
""",
            because="This forgets the earlier batches: only the last one is in the mean.",
            like=lambda batches: [{"mean": b.mean(0), "count": len(b)} for b in batches],
        ),
    )
    alternatives = (
        """
def update_running_mean(mean, count, batch):
    old = tf.cast(count.read_value(), mean.dtype)
    count.assign_add(batch.shape[0])
    total = mean * old + tf.reduce_sum(batch, axis=0)
    mean.assign(total / tf.cast(count, mean.dtype))
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def batches(width: int, *rows: int, dtype: type = np.float32) -> list[np.ndarray]:
            return [rng.normal(3, 5, size=(n, width)).astype(dtype) for n in rows]

        yield Case({"batches": batches(3, 2, 5, 1)})
        yield Case({"batches": batches(2, 4, 0, 3)}, "the second batch is empty")
        yield Case({"batches": batches(1, 1)}, "one row of one number")
        yield Case({"batches": batches(4, 3, 2, 6, 1, dtype=np.float64)}, "float64")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        batches = inputs["batches"]
        mean = tf.Variable(tf.zeros([batches[0].shape[1]], batches[0].dtype), name="mean")
        count = tf.Variable(0, dtype=tf.int64, name="count")
        seen = []
        for batch in batches:
            submission(mean, count, tf.constant(batch))
            seen.append({"mean": mean.numpy(), "count": int(count.numpy())})
        return seen

    def expected(self, batches: list[np.ndarray]) -> Any:
        seen = []
        for last in range(len(batches)):
            rows = np.concatenate(batches[: last + 1])
            seen.append({"mean": rows.mean(axis=0, dtype=np.float64), "count": len(rows)})
        return seen


def _grid(values: np.ndarray, dtype: str = "float32") -> dict[str, Any]:
    return {"dtype": dtype, "grid": values}


@register
class InclusiveGrid(Exercise):
    """A grid with both its ends."""

    name = "inclusive_grid"
    title = "A grid with both ends"
    points = 2
    see = "Sequences and filled tensors"
    hints = (
        "`tf.range` leaves the end out, and with float steps it sometimes does not. "
        "Which function takes the number of values instead of the step?",
        "How many steps lie between `start` and `stop`? How many values is that? "
        "What does `int(0.3 / 0.1)` give, and what does `round(0.3 / 0.1)` give?",
        "`count = round((stop - start) / step) + 1`, then `tf.linspace` from float32 ends.",
    )
    why = (
        "Whether a sum of rounded steps reaches `stop` is chance, so count the steps as an "
        "integer, with `round`, and let `tf.linspace` place the values: it hits both ends. A grid "
        "of n steps has n + 1 values. `tf.linspace` of ints gives float64, so make the ends "
        "float32 first."
    )
    near_misses = (
        NearMiss(
            code="""
def inclusive_grid(start, stop, step):
    return tf.range(float(start), stop, step)
""",
            because="The last value is missing: tf.range stops before its limit.",
            like=lambda start, stop, step: _grid(
                np.linspace(start, stop, round((stop - start) / step) + 1)[:-1]
            ),
        ),
        NearMiss(
            code="""
def inclusive_grid(start, stop, step):
    return tf.range(float(start), stop + step, step)
""",
            because="There is one value too many, behind stop. With float steps, rounding decides "
            "whether tf.range still includes its limit: count the steps instead.",
            like=lambda start, stop, step: _grid(
                np.linspace(start, stop + step, round((stop - start) / step) + 2)
            ),
        ),
        NearMiss(
            code="""
def inclusive_grid(start, stop, step):
    count = int((stop - start) / step) + 1
    return tf.linspace(float(start), float(stop), count)
""",
            because="There are too few values: int cuts off, and a quotient such as 0.3 / 0.1 is a "
            "little under the whole number. Use round.",
            like=lambda start, stop, step: _grid(
                np.linspace(start, stop, int((stop - start) / step) + 1)
            ),
        ),
        NearMiss(
            code="""
def inclusive_grid(start, stop, step):
    return tf.linspace(start, stop, round((stop - start) / step) + 1)
""",
            because="The values are right, but they are float64 (tf.linspace makes float64 of "
            "ints): float32 is asked for.",
            like=lambda start, stop, step: _grid(
                np.linspace(start, stop, round((stop - start) / step) + 1), "float64"
            ),
        ),
    )
    alternatives = (
        """
def inclusive_grid(start, stop, step):
    steps = round((stop - start) / step)
    return start + step * tf.range(steps + 1, dtype=tf.float32)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(start: float, stop: float, step: float, note: str = "") -> Case:
            return Case({"start": start, "stop": stop, "step": step}, note)

        first, steps = int(rng.integers(-20, 20)), int(rng.integers(3, 9))
        yield case(first / 4, (first + steps) / 4, 0.25)
        yield case(first, first + 3 * steps, 3, "three ints")
        yield case((first + steps) / 4, first / 4, -0.25, "downwards")
        yield case(0.0, 0.3, 0.1, "0.3 / 0.1 is 2.9999999999999996")
        yield case(0.0, 0.08, 0.01, "eight steps of 0.01")
        yield case(first / 10, (first + 2 * steps) / 10, 0.2, "tenths")
        yield case(first / 4, first / 4, 0.5, "both ends are the same")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        result = submission(inputs["start"], inputs["stop"], inputs["step"])
        dtype = getattr(getattr(result, "dtype", None), "name", type(result).__name__)
        return {"dtype": dtype, "grid": result}

    def expected(self, start: float, stop: float, step: float) -> Any:
        steps = round((stop - start) / step)
        return _grid(np.array([start + i * step for i in range(steps + 1)], np.float32))


@register
class EstimatePi(Exercise):
    """Chance that can be repeated."""

    name = "estimate_pi"
    title = "Estimate π by chance"
    points = 3
    see = "Seeds make chance repeatable"
    hints = (
        "Draw points (x, y) evenly in the square from 0 to 1. The share with x² + y² ≤ 1 is about "
        "π / 4. Which family of random functions depends on nothing but its seed?",
        "`tf.random.stateless_uniform` with one seed twice gives the same numbers twice. "
        "Draw both coordinates at once: which shape?",
        "`xy = tf.random.stateless_uniform([points, 2], seed)`; sum `xy**2` over axis 1, compare "
        "with 1, cast to float32, take the mean, times 4.",
    )
    why = (
        "A stateless draw is a function of its seed alone, so the result does not depend on which "
        "cells ran before, and it disturbs nobody else's random numbers. For the same reason two "
        "draws with one seed are equal: draw both coordinates in one call, or split the seed."
    )
    near_misses = (
        NearMiss(
            code="""
def estimate_pi(points, seed):
    xy = tf.random.uniform([points, 2])
    return 4 * tf.reduce_mean(tf.cast(tf.norm(xy, axis=1) <= 1, tf.float32))
""",
            because="The same seed gave two different answers: tf.random.uniform depends on the "
            "global seed and on every draw before it.",
            says="The same seed gave two different answers",
        ),
        NearMiss(
            code="""
def estimate_pi(points, seed):
    tf.random.set_seed(int(seed[0]))
    xy = tf.random.uniform([points, 2])
    return 4 * tf.reduce_mean(tf.cast(tf.norm(xy, axis=1) <= 1, tf.float32))
""",
            because="Setting the global seed changes the random numbers of all other code.",
            says="changes the random numbers that other code draws",
        ),
        NearMiss(
            code="""
def estimate_pi(points, seed):
    x = tf.random.stateless_uniform([points], seed)
    y = tf.random.stateless_uniform([points], seed)
    return 4 * tf.reduce_mean(tf.cast(x**2 + y**2 <= 1, tf.float32))
""",
            because="x and y were drawn with the same seed, so they are equal.",
            says="x and y are the same numbers",
        ),
        NearMiss(
            code="""
def estimate_pi(points, seed):
    xy = tf.random.stateless_uniform([points, 2], seed)
    return tf.reduce_mean(tf.cast(tf.norm(xy, axis=1) <= 1, tf.float32))
""",
            because="This is the share of points inside, about π / 4: multiply it by 4.",
            says="multiply it by 4",
        ),
        NearMiss(
            code="""
def estimate_pi(points, seed):
    xy = tf.random.stateless_uniform([points, 2], [seed[0], 0])
    return 4 * tf.reduce_mean(tf.cast(tf.norm(xy, axis=1) <= 1, tf.float32))
""",
            because="Both numbers of the seed have to count.",
            says="differ in one number",
        ),
    )
    alternatives = (
        """
def estimate_pi(points, seed):
    seed_x, seed_y = tf.unstack(tf.random.split(seed, 2))
    x = tf.random.stateless_uniform([points], seed_x, minval=-1.0)
    y = tf.random.stateless_uniform([points], seed_y, minval=-1.0)
    return 4 * tf.math.count_nonzero(x * x + y * y < 1) / points
""",
        """
def estimate_pi(points, seed):
    xy = tf.random.Generator.from_seed(seed).uniform([points, 2])
    return 4 * np.mean(np.hypot(*xy.numpy().T) <= 1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def seeds() -> np.ndarray:
            # Rows 0–7 share their first number, rows 8–15 their second, 16–23 share nothing.
            numbers = rng.integers(-(2**31), 2**31, size=(24, 2)).astype(np.int32)
            numbers[:8, 0] = numbers[0, 0]
            numbers[8:16, 1] = numbers[8, 1]
            return numbers

        yield Case({"points": int(rng.integers(5000, 6000)), "seeds": seeds()})
        yield Case({"points": 1, "seeds": seeds()}, "a single point")
        yield Case({"points": int(rng.integers(200, 300)), "seeds": seeds()}, "few points")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import numpy as np
        import tensorflow as tf

        points, seeds = inputs["points"], [tf.constant(seed) for seed in inputs["seeds"]]

        def estimates() -> Any:
            first = np.asarray(submission(points, seeds[0]))
            if first.ndim:  # not one number: this result is enough to say so
                return first
            return np.array([first, *(submission(points, seed) for seed in seeds[1:])])

        tf.random.set_seed(1)
        once = estimates()
        drawn_after = tf.random.uniform([4])
        tf.random.set_seed(1)
        undisturbed = tf.random.uniform([4])
        tf.random.set_seed(2)
        again = estimates()
        disturbs = bool(tf.reduce_any(drawn_after != undisturbed))
        return {"estimates": once, "again": again, "disturbs": disturbs}

    def expected(self, points: int, seeds: np.ndarray) -> Any:
        return np.pi

    def judge(self, case: Case, observation: Observation) -> None:
        points, seeds = case.inputs["points"], case.inputs["seeds"]
        got, again = observation.value["estimates"], observation.value["again"]
        numbers = isinstance(got, np.ndarray) and got.dtype.kind in "iuf"
        if not numbers or got.shape != (len(seeds),):
            raise Wrong("The result must be one real number.")
        if not np.array_equal(got, again, equal_nan=True):
            raise Wrong(
                "The same seed gave two different answers: the result must depend on points and "
                "seed alone, not on the global seed or on earlier draws."
            )
        if observation.value["disturbs"]:
            raise Wrong("Your function changes the random numbers that other code draws after it.")
        # One point is inside with probability π/4, so 4 × inside has this standard deviation.
        deviation = 4 * np.sqrt(np.pi / 4 * (1 - np.pi / 4)) / np.sqrt(points * got.size)
        mean = float(got.mean())
        if not abs(mean - np.pi) <= 6 * deviation:
            if abs(mean - np.pi / 4) <= 6 * deviation:
                reason = "This is the share of points inside, about π / 4: multiply it by 4."
            elif abs(mean - 4 * np.sqrt(0.5)) <= 6 * deviation:
                reason = (
                    "x and y are the same numbers, because they were drawn with the same seed: "
                    "the points lie on the diagonal."
                )
            else:
                reason = "The estimates are too far from π for so many points."
            raise Wrong(f"{reason} The mean of {got.size} estimates is {mean:.4f}.", expected=np.pi)
        if points >= 1000 and any(len(set(group)) == 1 for group in np.split(got, 3)):
            raise Wrong("Seeds that differ in one number must give different answers.")
        inside = got * points / 4
        if np.abs(inside - np.rint(inside)).max() > 0.01:
            raise Wrong(f"No share of {points} points, times 4, gives these estimates.")
