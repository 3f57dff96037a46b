"""Exercises of the lesson on export and serving."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


@register
class CompareOutputs(Exercise):
    """Largest difference and share of the same class."""

    name = "compare_outputs"
    title = "Compare an exported model with the original"
    points = 1
    see = "Three formats, one table"
    hints = (
        "Two questions: how far is the farthest number, and how often is the class another one? "
        "The first needs absolute values.",
        "Cast both to tf.float64 first. `tf.argmax(..., axis=1)` gives the class of each row.",
        "`tf.reduce_max(tf.abs(reference - other))`, and the mean of "
        "`tf.cast(classes_of_one == classes_of_other, tf.float64)`; `float(...)` around each.",
    )
    why = (
        "One number does not tell: a difference of 0.01 changes no class when the classes are far "
        "apart, and many when they are close. So both are reported, and both in a type that is "
        "wide enough for what is compared."
    )
    near_misses = (
        NearMiss(
            code="""
def compare_outputs(reference, other):
    reference, other = tf.cast(reference, tf.float64), tf.cast(other, tf.float64)
    same = tf.argmax(reference, axis=1) == tf.argmax(other, axis=1)
    return {
        "largest": float(tf.reduce_max(reference - other)),
        "same_class": float(tf.reduce_mean(tf.cast(same, tf.float64))),
    }
""",
            because=(
                "You took the largest difference with its sign. An output that is far too large "
                "counts as much as one that is far too small: take absolute values first."
            ),
            like=lambda reference, other: _compared(reference, other, signed=True),
        ),
        NearMiss(
            code="""
def compare_outputs(reference, other):
    reference, other = tf.cast(reference, tf.float64), tf.cast(other, tf.float64)
    same = tf.argmax(reference, axis=1) == tf.argmax(other, axis=1)
    return {
        "largest": float(tf.reduce_mean(tf.abs(reference - other))),
        "same_class": float(tf.reduce_mean(tf.cast(same, tf.float64))),
    }
""",
            because=(
                "You averaged the differences. One output that is badly wrong disappears among "
                "many that are right: report the largest."
            ),
            like=lambda reference, other: _compared(reference, other, mean=True),
        ),
        NearMiss(
            code="""
def compare_outputs(reference, other):
    reference, other = tf.cast(reference, tf.float64), tf.cast(other, tf.float64)
    same = tf.argmax(reference, axis=0) == tf.argmax(other, axis=0)
    return {
        "largest": float(tf.reduce_max(tf.abs(reference - other))),
        "same_class": float(tf.reduce_mean(tf.cast(same, tf.float64))),
    }
""",
            because=(
                "You looked for the largest output of each class over the rows (axis 0). The class "
                "of a row is where the largest output of that row stands: axis 1."
            ),
            like=lambda reference, other: _compared(reference, other, axis=0),
        ),
        NearMiss(
            code="""
def compare_outputs(reference, other):
    reference = tf.cast(reference, other.dtype)
    same = tf.argmax(reference, axis=1) == tf.argmax(other, axis=1)
    return {
        "largest": float(tf.reduce_max(tf.abs(reference - other))),
        "same_class": float(tf.reduce_mean(tf.cast(same, tf.float64))),
    }
""",
            because=(
                "You cast the reference to the other's type. If that is float16, the reference "
                "is rounded in the same way as what it is to check, and the difference vanishes."
            ),
            like=lambda reference, other: _compared(reference.astype(other.dtype), other),
        ),
    )
    alternatives = (
        """
def compare_outputs(reference, other):
    reference, other = np.float64(reference), np.float64(other)
    return {
        "largest": float(np.abs(reference - other).max()),
        "same_class": float((reference.argmax(1) == other.argmax(1)).mean()),
    }
""",
    )
    rtol = 1e-4
    atol = 1e-7

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def pair(rows: int, classes: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
            reference = rng.normal(size=(rows, classes)).astype(np.float32)
            return reference, reference + np.float32(noise) * rng.normal(size=(rows, classes))

        reference, other = pair(7, 4, 0.2)
        # The farthest is far too large, and some classes are others.
        other[0, 1] = reference[0, 1] + 9
        other[1] = -reference[1]
        yield Case({"reference": reference, "other": other.astype(np.float32)})
        reference, _ = pair(5, 3, 0)
        yield Case({"reference": reference, "other": reference.astype(np.float16)}, "float16")
        reference, other = pair(1, 2, 1.0)
        yield Case({"reference": reference, "other": other.astype(np.float32)}, "one row")

    def expected(self, reference: np.ndarray, other: np.ndarray) -> Any:
        return _compared(reference, other)


def _compared(
    reference: np.ndarray,
    other: np.ndarray,
    *,
    signed: bool = False,
    mean: bool = False,
    axis: int = 1,
) -> dict[str, float]:
    gap = reference.astype(np.float64) - other.astype(np.float64)
    gap = gap if signed else np.abs(gap)
    same = reference.argmax(axis) == other.argmax(axis)
    return {"largest": float(gap.mean() if mean else gap.max()), "same_class": float(same.mean())}


@register
class AServedClassifier(Exercise):
    """A module with variables and one signature."""

    name = "ServedClassifier"
    title = "Write a module that can be exported"
    points = 2
    see = "Signatures of your own"
    hints = (
        "What is exported of a tf.Module: its variables and its tf.functions. Plain arrays are "
        "neither.",
        "`input_signature` of `tf.function` takes a list with one `tf.TensorSpec` for each "
        "argument besides self. None in its shape leaves an axis open.",
        '`@tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32, name="pixels")])` '
        "above `serve`, `tf.Variable(kernel)` in `__init__`, and a dictionary as result.",
    )
    why = (
        "The signature is a promise to programs in other languages, which see no Python: names, "
        "dtypes and shapes are fixed, the batch axis is open, and one graph serves all sizes. "
        "Variables are saved beside the graph; arrays would be written into it as constants."
    )
    near_misses = (
        NearMiss(
            code='''
class ServedClassifier(tf.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        self.kernel = tf.Variable(kernel)
        self.bias = tf.Variable(bias)

    def serve(self, pixels):
        """Classify a batch."""
        probabilities = tf.nn.softmax(pixels @ self.kernel + self.bias)
        return {
            "label": tf.argmax(probabilities, axis=1),
            "probability": tf.reduce_max(probabilities, axis=1),
        }
''',
            because=(
                "`serve` is a plain method. Only a tf.function is exported: decorate it, with an "
                "input_signature."
            ),
            says="is a plain method",
        ),
        NearMiss(
            code='''
class ServedClassifier(tf.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        self.kernel = tf.Variable(kernel)
        self.bias = tf.Variable(bias)

    @tf.function
    def serve(self, pixels):
        """Classify a batch."""
        probabilities = tf.nn.softmax(pixels @ self.kernel + self.bias)
        return {
            "label": tf.argmax(probabilities, axis=1),
            "probability": tf.reduce_max(probabilities, axis=1),
        }
''',
            because=(
                "`serve` has no input_signature. It is traced anew for each size of a batch, and "
                "an export would have only the sizes it was called with."
            ),
            says="has no input_signature",
        ),
        NearMiss(
            code='''
class ServedClassifier(tf.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        self.kernel = tf.constant(kernel)
        self.bias = tf.constant(bias)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def serve(self, pixels):
        """Classify a batch."""
        probabilities = tf.nn.softmax(pixels @ self.kernel + self.bias)
        return {
            "label": tf.argmax(probabilities, axis=1),
            "probability": tf.reduce_max(probabilities, axis=1),
        }
''',
            because=(
                "The module has 0 variables, not 2: a constant is written into the graph, and "
                "cannot be trained on or replaced. Keep the weights in tf.Variable."
            ),
            says="0 variables, not 2",
        ),
        NearMiss(
            code='''
class ServedClassifier(tf.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        self.kernel = tf.Variable(kernel)
        self.bias = tf.Variable(bias)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def serve(self, pixels):
        """Classify a batch."""
        logits = pixels @ self.kernel + self.bias
        return {
            "label": tf.argmax(logits, axis=1),
            "probability": tf.reduce_max(logits, axis=1),
        }
''',
            because="Your probability is the largest logit; softmax makes probabilities of logits.",
            says="is the largest logit",
        ),
    )
    alternatives = (
        '''
class ServedClassifier(tf.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        self.weights = [tf.Variable(kernel), tf.Variable(bias)]
        signature = [tf.TensorSpec((None, kernel.shape[0]), tf.float32)]
        self.serve = tf.function(self.serve, input_signature=signature)

    def serve(self, pixels):
        """Classify a batch."""
        kernel, bias = self.weights
        probabilities = tf.nn.softmax(tf.matmul(pixels, kernel) + bias, axis=-1)
        label = tf.argmax(probabilities, axis=-1)
        return {"label": label, "probability": tf.gather(probabilities, label, batch_dims=1)}
''',
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for rows, note in (([1, 4], "batches of 1 and 4 rows"), ([0, 3], "no rows, and 3")):
            features, classes = (int(n) for n in rng.integers(2, 6, size=2))
            inputs = {
                "kernel": rng.normal(size=(features, classes)).astype(np.float32),
                "bias": rng.normal(size=classes).astype(np.float32),
                "batches": [rng.normal(size=(n, features)).astype(np.float32) for n in rows],
            }
            yield Case(inputs, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        module = submission(inputs["kernel"], inputs["bias"])
        seen = {"variables": len(module.variables), "signature": "none", "outputs": None}
        if not hasattr(module.serve, "get_concrete_function"):
            seen["signature"] = "plain"
            return seen
        if getattr(module.serve, "input_signature", None) is None:
            return seen
        seen["signature"] = "given"
        found = [module.serve(tf.constant(batch)) for batch in inputs["batches"]]
        seen["outputs"] = [
            {name: value.numpy() for name, value in one.items()} if isinstance(one, dict) else one
            for one in found
        ]
        seen["dtypes"] = [
            {name: value.dtype.name for name, value in one.items()} if isinstance(one, dict) else {}
            for one in found
        ]
        return seen

    def expected(self, kernel: np.ndarray, bias: np.ndarray, batches: list[np.ndarray]) -> Any:
        found = []
        for batch in batches:
            logits = batch.astype(np.float64) @ kernel + bias
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares = powers / powers.sum(axis=1, keepdims=True)
            found.append({"label": logits.argmax(1), "probability": shares.max(axis=1)})
        return found

    def judge(self, case: Case, observation: Observation) -> None:
        """Look at the form first, then at the outputs."""
        seen = observation.value
        if not isinstance(seen, dict) or "signature" not in seen:
            raise Wrong("The module was not a tf.Module with a method `serve`.")
        if seen["signature"] == "plain":
            raise Wrong(self.near_misses[0].because)
        if seen["signature"] == "none":
            raise Wrong(self.near_misses[1].because)
        if seen.get("variables") != 2:
            raise Wrong(
                f"The module has {seen.get('variables')} variables, not 2: a constant is written "
                "into the graph, and cannot be trained on or replaced. Keep the weights in "
                "tf.Variable."
            )
        right = self.expected(**case.inputs)
        reason = self.differs(seen.get("outputs"), right)
        if reason:
            logits = [
                b @ case.inputs["kernel"] + case.inputs["bias"] for b in case.inputs["batches"]
            ]
            wrong = [{"label": one.argmax(1), "probability": one.max(axis=1)} for one in logits]
            if self.differs(seen.get("outputs"), wrong) is None:
                reason = self.near_misses[3].because
            raise Wrong(reason, expected=right)
        if seen.get("dtypes") != [{"label": "int64", "probability": "float32"}] * len(right):
            raise Wrong('"label" must be int64 and "probability" float32.', expected=right)


def _quantised(
    kernel: np.ndarray, *, axes: str = "others", steps: int = 127, cut: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    channels = kernel.shape[-1]
    flat = np.abs(kernel.astype(np.float64)).reshape(-1, channels)
    largest = np.full(channels, flat.max()) if axes == "all" else flat.max(axis=0)
    scales = np.where(largest > 0, largest / steps, 1.0)
    values = kernel / scales
    if cut:
        # The largest value itself is 127, or a hair less.
        values = np.trunc(values * (1 + 1e-6))
    values = np.round(values)
    return values.astype(np.int64), scales


@register
class QuantisePerChannel(Exercise):
    """8-bit values and one scale a channel."""

    name = "quantise_per_channel"
    title = "Store a kernel in 8 bits"
    points = 2
    see = "Fewer bits"
    hints = (
        "For each channel: what is the largest absolute value? It becomes 127.",
        "Reduce over all axes but the last: `axis=list(range(len(kernel.shape) - 1))`. A channel "
        "of zeros has no largest value to divide by.",
        "`scales = tf.where(largest > 0, largest / 127, 1.0)`, then "
        "`tf.cast(tf.round(kernel / scales), tf.int8)`.",
    )
    why = (
        "127 steps on either side have to cover a channel's largest weight. With one scale for the "
        "whole kernel, a channel of small weights would get only a few of the steps. The error of "
        "a weight is at most half a step, if values are rounded and not cut off."
    )
    near_misses = (
        NearMiss(
            code="""
def quantise_per_channel(kernel):
    scale = tf.reduce_max(tf.abs(kernel)) / 127
    scales = tf.fill([kernel.shape[-1]], tf.where(scale > 0, scale, 1.0))
    return tf.cast(tf.round(kernel / scales), tf.int8), scales
""",
            because=(
                "You used one scale for the whole kernel. A channel of small weights then gets "
                "few of the 255 values; take the largest weight of each channel."
            ),
            like=lambda kernel: _quantised(kernel, axes="all"),
        ),
        NearMiss(
            code="""
def quantise_per_channel(kernel):
    largest = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1)))
    scales = tf.where(largest > 0, largest / 127, tf.ones_like(largest))
    return tf.cast(kernel / scales, tf.int8), scales
""",
            because=(
                "A cast to int8 cuts off what is behind the point, so weights come out too small "
                "in size. Round first."
            ),
            like=lambda kernel: _quantised(kernel, cut=True),
        ),
        NearMiss(
            code="""
def quantise_per_channel(kernel):
    largest = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1)))
    scales = tf.where(largest > 0, largest / 255, tf.ones_like(largest))
    return tf.cast(tf.round(kernel / scales), tf.int8), scales
""",
            because=(
                "You divided by 255. Values have a sign here: int8 goes from −128 to 127, and the "
                "largest value must become 127."
            ),
            says="divided by 255",
        ),
        NearMiss(
            code="""
def quantise_per_channel(kernel):
    scales = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1))) / 127
    return tf.cast(tf.round(kernel / scales), tf.int8), scales
""",
            because="A channel of zeros got the scale 0, and 0 / 0 is not a number: use 1 there.",
            says="A channel of zeros",
        ),
    )
    alternatives = (
        """
def quantise_per_channel(kernel):
    flat = tf.reshape(kernel, (-1, kernel.shape[-1]))
    largest = tf.norm(flat, ord=np.inf, axis=0)
    scales = tf.where(largest == 0, 1.0, largest / 127.0)
    return tf.cast(tf.math.rint(kernel / scales), tf.int8), scales
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def kernel(*shape: int, empty: bool = False) -> np.ndarray:
            # Values that are not near the middle of two steps: rounding is beyond dispute.
            steps = rng.integers(-126, 127, size=shape) + rng.uniform(-0.4, 0.4, size=shape)
            first = steps.reshape(-1, shape[-1])[0]
            first[:] = np.where(rng.random(shape[-1]) < 0.5, -127, 127)
            steps *= 10.0 ** -rng.permutation(shape[-1])
            if empty:
                steps[..., 0] = 0
            return (steps * rng.uniform(0.001, 0.1)).astype(np.float32)

        yield Case({"kernel": kernel(6, 3)}, "a dense kernel")
        yield Case({"kernel": kernel(4, 3, empty=True)}, "a channel of zeros")
        yield Case({"kernel": kernel(2, 3, 4, 2)}, "a convolution's kernel")
        yield Case({"kernel": kernel(1, 1)}, "one weight")

    def expected(self, kernel: np.ndarray) -> Any:
        return _quantised(kernel)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import tensorflow as tf

        values, scales = submission(tf.constant(inputs["kernel"]))
        dtypes = [tf.as_dtype(values.dtype).name, tf.as_dtype(scales.dtype).name]
        return {"values": tf.cast(values, tf.int64), "scales": scales, "dtypes": dtypes}

    def judge(self, case: Case, observation: Observation) -> None:
        """Compare scales and values; know a sign forgotten and a channel of zeros."""
        seen = observation.value
        if not isinstance(seen, dict) or "scales" not in seen:
            raise Wrong("The result must be a pair: values and scales.")
        right = dict(zip(("values", "scales"), self.expected(**case.inputs), strict=True))
        got = {name: seen.get(name) for name in right}
        reason = self.differs(got, right)
        if reason is None:
            if seen.get("dtypes") != ["int8", "float32"]:
                raise Wrong("The values must be int8 and the scales float32.", expected=right)
            return
        for miss in self.near_misses[:2]:
            assert miss.like is not None
            wrong = dict(zip(right, miss.like(**case.inputs), strict=True))
            if self.differs(_largest_aside(got), _largest_aside(wrong)) is None:
                reason = miss.because
        scales = got["scales"]
        if isinstance(scales, np.ndarray) and scales.shape == right["scales"].shape:
            kernel = case.inputs["kernel"]
            empty = ~kernel.reshape(-1, kernel.shape[-1]).any(axis=0)
            if empty.any() and (scales[empty] == 0).all():
                reason = self.near_misses[3].because
            elif self.differs(scales[~empty], right["scales"][~empty] * 127 / 255) is None:
                reason = self.near_misses[2].because
        raise Wrong(reason, expected=right)


def _largest_aside(stored: dict[str, Any]) -> dict[str, Any]:
    """Return values and scales with 126 for 127: cut off, the largest may be either."""
    values = stored["values"]
    if isinstance(values, np.ndarray) and values.dtype.kind == "i":
        values = np.clip(values, -126, 126)
    return stored | {"values": values}


@register
class PredictInBatches(Exercise):
    """Batches of one size for any number of examples."""

    name = "predict_in_batches"
    title = "Write a batched predictor"
    points = 2
    see = "Batches of one size"
    hints = (
        "How many batches hold N examples? Round up, and make an array of so many whole batches.",
        "Copy the examples into an array of zeros of `batches * batch_size` rows. Predict it piece "
        "by piece, join the outputs, and keep the first N.",
        "`batches = max(1, -(-len(examples) // batch_size))` rounds up and is 1 for no examples; "
        "at the end `np.concatenate(parts)[: len(examples)]`.",
    )
    why = (
        "A graph compiled for one shape is the fastest there is, and on some chips the only one. "
        "Filling up costs less than a second graph for the rest. What was predicted for the zeros "
        "has to go, or the results no longer belong to the examples."
    )
    near_misses = (
        NearMiss(
            code="""
def predict_in_batches(predict, examples, batch_size):
    starts = range(0, max(1, len(examples)), batch_size)
    return np.concatenate([predict(examples[i : i + batch_size]) for i in starts])
""",
            because=(
                "The last batch was smaller than batch_size, which this model does not take. Fill "
                "it up with zeros, and throw away what is predicted for them."
            ),
            says="this model does not take",
        ),
        NearMiss(
            code="""
def predict_in_batches(predict, examples, batch_size):
    whole = len(examples) // batch_size * batch_size
    starts = range(0, max(whole, 1), batch_size)
    zeros = np.zeros((batch_size, *examples.shape[1:]), examples.dtype)
    parts = [predict(examples[i : i + batch_size] if whole else zeros) for i in starts]
    return np.concatenate(parts)[:whole]
""",
            because=(
                "The examples that do not fill a batch are lost. Fill up the last batch instead of "
                "leaving it out."
            ),
            says="that do not fill a batch are lost",
        ),
        NearMiss(
            code="""
def predict_in_batches(predict, examples, batch_size):
    batches = max(1, -(-len(examples) // batch_size))
    padded = np.zeros((batches * batch_size, *examples.shape[1:]), examples.dtype)
    padded[: len(examples)] = examples
    parts = [predict(padded[i : i + batch_size]) for i in range(0, len(padded), batch_size)]
    return np.concatenate(parts)
""",
            because=(
                "There are outputs for the zeros that filled up the last batch. Keep as many "
                "outputs as there are examples."
            ),
            says="outputs for the zeros",
        ),
        NearMiss(
            code="""
def predict_in_batches(predict, examples, batch_size):
    batches = len(examples) // batch_size + 1
    padded = np.zeros((batches * batch_size, *examples.shape[1:]), examples.dtype)
    padded[: len(examples)] = examples
    parts = [predict(padded[i : i + batch_size]) for i in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[: len(examples)]
""",
            because=(
                "A batch too many was predicted: when the examples fill the last batch, none is "
                "left over. Round up with -(-n // batch_size)."
            ),
            says="batch too many",
        ),
    )
    alternatives = (
        """
def predict_in_batches(predict, examples, batch_size):
    outputs = []
    for start in range(0, max(len(examples), 1), batch_size):
        part = examples[start : start + batch_size]
        missing = batch_size - len(part)
        filled = np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
        outputs.append(predict(filled)[: len(part)])
    return np.concatenate(outputs)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        sizes = (
            (int(rng.integers(5, 8)), 4, "the last batch is not full"),
            (2 * (size := int(rng.integers(2, 5))), size, "the last batch is full"),
            (2, 5, "fewer examples than a batch"),
            (0, 3, "no examples"),
            (3, 1, "batches of one"),
        )
        for rows, batch_size, note in sizes:
            examples = rng.normal(size=(rows, 3, 2)).astype(np.float32)
            kernel = rng.normal(size=(6, 2)).astype(np.float32)
            yield Case({"examples": examples, "batch_size": batch_size, "kernel": kernel}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import numpy as np

        sizes = []

        def predict(batch: Any) -> Any:
            batch = np.asarray(batch)
            sizes.append(len(batch))
            return batch.reshape(len(batch), -1) @ inputs["kernel"] + np.float32(1)

        outputs = submission(predict, inputs["examples"].copy(), inputs["batch_size"])
        return {"outputs": np.asarray(outputs), "sizes": sizes}

    def expected(self, examples: np.ndarray, batch_size: int, kernel: np.ndarray) -> np.ndarray:
        return np.array([one.ravel() @ kernel.astype(np.float64) + 1 for one in examples]).reshape(
            len(examples), 2
        )

    def judge(self, case: Case, observation: Observation) -> None:
        """Look at the sizes that were predicted, then at what came back."""
        seen, size = observation.value, case.inputs["batch_size"]
        if not isinstance(seen, dict) or not isinstance(seen.get("sizes"), list):
            raise Wrong("The result must be an array of outputs.")
        rows, sizes = len(case.inputs["examples"]), seen["sizes"]
        right = self.expected(**case.inputs)
        odd = [one for one in sizes if one != size]
        if odd:
            raise Wrong(
                f"`predict` got {odd[0]} rows, which this model does not take: each batch must "
                f"have {size}. Fill it up with zeros, and throw away what is predicted for them."
            )
        needed, outputs = max(1, -(-rows // size)), seen.get("outputs")
        if len(sizes) > needed:
            raise Wrong(
                f"{len(sizes)} batches were predicted for {rows} examples, {len(sizes) - needed} "
                "batch too many: round up with -(-n // batch_size), and predict each batch once."
            )
        if isinstance(outputs, np.ndarray) and outputs.shape[:1] == (needed * size,) != (rows,):
            raise Wrong(self.near_misses[2].because, expected=right)
        if isinstance(outputs, np.ndarray) and outputs.shape[:1] == (rows // size * size,):
            self_made = outputs.shape[:1] != (rows,)
            if self_made:
                raise Wrong(self.near_misses[1].because, expected=right)
        reason = self.differs(outputs, right)
        if reason:
            raise Wrong(reason, expected=right)


@register
class PredictPartition(Exercise):
    """The function that Spark runs in each partition."""

    name = "predict_partition"
    title = "Predict a partition"
    points = 2
    see = "A table on a cluster: Spark"
    hints = (
        "A function with `yield` is a generator: it goes on when the next result is asked for. "
        "What belongs before its loop, and what inside?",
        'The column "pixels" holds a list in each row. `np.stack(frame["pixels"])` makes one '
        "array of them. Leave out frames without rows: there is nothing to stack.",
        "`predict = load_model()` before the loop; inside, "
        '`yield pd.DataFrame({"id": frame["id"], "label": predict(pixels).argmax(axis=1)})`.',
    )
    why = (
        "Spark cuts a partition into frames so that only one of them is in memory; a function that "
        "collects them all first takes that away. And it calls the function once a partition, so "
        "what stands before the loop is done once, however many frames come."
    )
    near_misses = (
        NearMiss(
            code="""
def predict_partition(frames, load_model):
    for frame in frames:
        if len(frame):
            pixels = np.stack(frame["pixels"]).astype(np.float32)
            labels = load_model()(pixels).argmax(axis=1)
            yield pd.DataFrame({"id": frame["id"], "label": labels})
""",
            because=(
                "The model was loaded once for each frame. Loading takes seconds: do it once, "
                "before the loop."
            ),
            says="once for each frame",
        ),
        NearMiss(
            code="""
def predict_partition(frames, load_model):
    predict = load_model()
    everything = pd.concat([frame for frame in frames if len(frame)])
    pixels = np.stack(everything["pixels"]).astype(np.float32)
    yield pd.DataFrame({"id": everything["id"], "label": predict(pixels).argmax(axis=1)})
""",
            because=(
                "You took a second frame before you gave the result of the first. A partition may "
                "be larger than the memory: take one frame, predict it, yield, then the next."
            ),
            says="before you gave the result of the first",
        ),
        NearMiss(
            code="""
def predict_partition(frames, load_model):
    predict = load_model()
    for frame in frames:
        if len(frame):
            pixels = np.stack(frame["pixels"]).astype(np.float32)
            labels = predict(pixels).argmax(axis=1)
            yield pd.DataFrame({"id": range(len(frame)), "label": labels})
""",
            because=(
                "You numbered the rows anew. Rows of a cluster come in any order and in pieces: "
                "only the id of the input says which row a label belongs to."
            ),
            says="numbered the rows anew",
        ),
        NearMiss(
            code="""
def predict_partition(frames, load_model):
    predict = load_model()
    for frame in frames:
        if len(frame):
            pixels = np.stack(frame["pixels"]).astype(np.float32)
            yield pd.DataFrame({"id": frame["id"], "label": predict(pixels).max(axis=1)})
""",
            because="Your label is the largest probability itself; the class is its place, argmax.",
            says="is the largest probability itself",
        ),
    )
    alternatives = (
        """
def predict_partition(frames, load_model):
    predict = load_model()
    for frame in frames:
        if frame.empty:
            continue
        pixels = np.array(frame["pixels"].tolist(), np.float32)
        yield frame[["id"]].assign(label=np.argmax(predict(pixels), axis=1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, *rows: int) -> Case:
            features, classes = (int(n) for n in rng.integers(2, 6, size=2))
            ids = rng.permutation(1000)[: sum(rows)]
            inputs = {
                "ids": [part.tolist() for part in np.split(ids, np.cumsum(rows)[:-1])],
                "pixels": [rng.normal(size=(n, features)) for n in rows],
                "kernel": rng.normal(size=(features, classes)),
            }
            return Case(inputs, note)

        yield case("three frames", 3, 1, 2)
        yield case("a frame without rows between two others", 2, 0, 3)
        yield case("one frame", 4)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import numpy as np
        import pandas as pd

        events, refused, results = [], [], []

        def load_model() -> Any:
            events.append("load")

            def predict(pixels: Any) -> Any:
                if getattr(pixels, "dtype", None) != np.float32:
                    refused.append(str(getattr(pixels, "dtype", type(pixels).__name__)))
                scores = np.asarray(pixels, np.float64) @ inputs["kernel"]
                powers = np.exp(scores - scores.max(axis=1, keepdims=True))
                return powers / powers.sum(axis=1, keepdims=True)

            return predict

        def frames() -> Any:
            for ids, pixels in zip(inputs["ids"], inputs["pixels"], strict=True):
                if ids:
                    events.append("take")
                yield pd.DataFrame({"id": ids, "pixels": list(pixels)})

        for frame in submission(frames(), load_model):
            events.append("give")
            results.append({name: np.asarray(frame[name]) for name in frame.columns})
        return {"events": events, "refused": refused, "results": results}

    def expected(self, **inputs: Any) -> Any:
        return [
            {
                "id": np.array(ids),
                "label": np.array([int(np.argmax(row)) for row in pixels @ kernel]),
            }
            for kernel in [inputs["kernel"]]
            for ids, pixels in zip(inputs["ids"], inputs["pixels"], strict=True)
            if ids
        ]

    def judge(self, case: Case, observation: Observation) -> None:
        """Look at the order of events first, then at the frames."""
        seen = observation.value
        if not isinstance(seen, dict) or not isinstance(seen.get("events"), list):
            raise Wrong("The function must yield data frames.")
        events, right = seen["events"], self.expected(**case.inputs)
        if events.count("load") > 1:
            raise Wrong(self.near_misses[0].because)
        if any(pair == ("take", "take") for pair in pairwise(events)):
            raise Wrong(self.near_misses[1].because)
        if seen.get("refused"):
            raise Wrong(f"The model takes float32 and got {seen['refused'][0]}: cast the pixels.")
        got = seen.get("results")
        reason = self.differs(got, right)
        if reason is None:
            return
        if isinstance(got, list) and len(got) == len(right):
            pairs = [(one, two) for one, two in zip(got, right, strict=True)]
            if all(isinstance(one, dict) and set(one) == set(two) for one, two in pairs):
                same = {
                    name: all(self.differs(one[name], two[name]) is None for one, two in pairs)
                    for name in ("id", "label")
                }
                if same["label"] and not same["id"]:
                    reason = self.near_misses[2].because
                elif same["id"] and any(_is_between_0_and_1(one["label"]) for one, _ in pairs):
                    reason = self.near_misses[3].because
        raise Wrong(reason, expected=right)


def _is_between_0_and_1(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "f" and bool((values <= 1).all())


def _batched(
    arrivals: list[float],
    max_size: int,
    max_wait: float,
    *,
    from_last: bool = False,
    strict: bool = False,
    forget_size: bool = False,
    late: bool = False,
) -> list[tuple[float, list[int]]]:
    """Follow the clock from event to event; the options are ways to get it wrong."""
    batches: list[tuple[float, list[int]]] = []
    waiting: list[int] = []
    ends = 0.0
    for i, now in enumerate(arrivals):
        if waiting and (now >= ends if strict else now > ends):
            batches.append((ends, waiting))
            waiting = []
        if not waiting or from_last:
            ends = now + max_wait
        waiting = [*waiting, i]
        if len(waiting) == max_size and not forget_size:
            batches.append((ends if late else now, waiting))
            waiting = []
    if waiting:
        batches.append((ends, waiting))
    return batches


@register
class BatchRequests(Exercise):
    """Which requests share a batch."""

    name = "batch_requests"
    title = "Gather requests into batches"
    points = 2
    see = "Requests over the network"
    hints = (
        "Go through the requests in order. For each: does it join the batch that is open, or does "
        "it open a new one?",
        "It joins if there is an open batch with room, and if it comes no later than this batch's "
        "end. The end was fixed when the batch was opened.",
        "Keep (end, members) of the last batch. When it gets its last member, replace its end by "
        "the time of that request: it is sent at once.",
    )
    why = (
        "max_wait bounds what a lonely request pays for the chance of company, max_size bounds the "
        "memory and the time of a batch. Counting the wait from the first request keeps the "
        "promise for everybody; counting from the last one would let a steady trickle hold the "
        "first request for ever."
    )
    near_misses = (
        NearMiss(
            code="""
def batch_requests(arrivals, max_size, max_wait):
    batches = []
    for i, now in enumerate(arrivals):
        if batches and len(batches[-1][1]) < max_size and now <= batches[-1][0]:
            members = [*batches[-1][1], i]
            batches[-1] = (now if len(members) == max_size else now + max_wait, members)
        else:
            batches.append((now if max_size == 1 else now + max_wait, [i]))
    return batches
""",
            because=(
                "The wait began anew with each request that joined. A steady trickle of requests "
                "would hold the first one for ever: count from the request that opened the batch."
            ),
            like=lambda **inputs: _batched(**inputs, from_last=True),
        ),
        NearMiss(
            code="""
def batch_requests(arrivals, max_size, max_wait):
    batches = []
    for i, now in enumerate(arrivals):
        if batches and len(batches[-1][1]) < max_size and now < batches[-1][0]:
            batches[-1][1].append(i)
        else:
            batches.append((now + max_wait, [i]))
        if len(batches[-1][1]) == max_size:
            batches[-1] = (now, batches[-1][1])
    return batches
""",
            because=(
                "A request that comes at the very moment the wait ends still joins: compare with "
                "<=."
            ),
            like=lambda **inputs: _batched(**inputs, strict=True),
        ),
        NearMiss(
            code="""
def batch_requests(arrivals, max_size, max_wait):
    batches = []
    for i, now in enumerate(arrivals):
        if batches and now <= batches[-1][0]:
            batches[-1][1].append(i)
        else:
            batches.append((now + max_wait, [i]))
    return batches
""",
            because="Your batches grow beyond max_size. A full batch is sent at once.",
            like=lambda **inputs: _batched(**inputs, forget_size=True),
        ),
        NearMiss(
            code="""
def batch_requests(arrivals, max_size, max_wait):
    batches = []
    for i, now in enumerate(arrivals):
        if batches and len(batches[-1][1]) < max_size and now <= batches[-1][0]:
            batches[-1][1].append(i)
        else:
            batches.append((now + max_wait, [i]))
    return batches
""",
            because=(
                "A full batch is sent at once, when its last request comes. You let it wait for "
                "the end of max_wait, though nobody can join it any more."
            ),
            like=lambda **inputs: _batched(**inputs, late=True),
        ),
    )
    alternatives = (
        """
def batch_requests(arrivals, max_size, max_wait):
    batches, start = [], 0
    while start < len(arrivals):
        end = arrivals[start] + max_wait
        stop = start
        while stop < len(arrivals) and stop - start < max_size and arrivals[stop] <= end:
            stop += 1
        full = stop - start == max_size
        batches.append((arrivals[stop - 1] if full else end, list(range(start, stop))))
        start = stop
    return batches
""",
    )
    rtol = 0
    atol = 1e-9

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(note: str, steps: list[int], max_size: int, wait: int) -> Case:
            # Whole 64ths of a second: sums of them are exact.
            arrivals = (np.cumsum(steps) / 64).tolist()
            inputs = {"arrivals": arrivals, "max_size": max_size, "max_wait": wait / 64}
            return Case(inputs, note)

        start = int(rng.integers(0, 20))
        yield case("the second joins, the third is too late", [start, 3, 3, 1], 4, 4)
        yield case("one comes at the very moment the wait ends", [start, 2, 3, 9], 4, 5)
        yield case("more at once than a batch holds", [start, 0, 1, 0, 1, 0, 1], 3, 20)
        yield case("batches of one", [start, 0, 2], 1, 8)
        yield case("no wait", [start, 0, 1, 0], 5, 0)
        yield case("no requests", [], 2, 3)
        many = rng.integers(0, 6, size=int(rng.integers(12, 20))).tolist()
        yield case("many", many, int(rng.integers(2, 6)), int(rng.integers(2, 9)))

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(**inputs)

    def expected(self, arrivals: list[float], max_size: int, max_wait: float) -> Any:
        return _batched(arrivals, max_size, max_wait)
