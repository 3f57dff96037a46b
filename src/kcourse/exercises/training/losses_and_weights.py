"""Exercises of the lesson on losses and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kcourse.comparing import difference
from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain, to_plain

_FLOAT32 = np.float32


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x.astype(np.float64))


def _focal(
    y_true: np.ndarray, logits: np.ndarray, alpha_t: Any, gamma: float, *, hard: bool = True
) -> np.ndarray:
    """Return the focal loss in double precision; ``hard=False`` fades the hard examples out."""
    margin = np.where(y_true == 1, logits, -logits)
    fading = np.exp(-_softplus(margin if hard else -margin))  # 1 - p_t, or p_t
    result: np.ndarray = alpha_t * fading**gamma * _softplus(-margin)
    return result


def _alpha_t(y_true: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(y_true == 1, alpha, 1 - alpha)


def _focal_of_clipped(
    y_true: np.ndarray, probabilities: np.ndarray, alpha: float, gamma: float
) -> np.ndarray:
    """Return the focal loss by probabilities that were clipped to [1e-7, 1 - 1e-7] first."""
    p = np.clip(probabilities.astype(_FLOAT32), _FLOAT32(1e-7), _FLOAT32(1 - 1e-7))
    p_t = np.where(y_true == 1, p, 1 - p)
    result: np.ndarray = -_alpha_t(y_true, alpha) * (1 - p_t) ** gamma * np.log(p_t)
    return result


@register
class FocalLoss(Exercise):
    """The binary focal loss of each example, from logits."""

    name = "focal_loss"
    title = "Focal loss from logits"
    points = 3
    see = "Focal loss"
    hints = (
        "Write `margin` for the logit where `y_true` is 1 and for minus the logit where it is 0: "
        "`ops.where(y_true == 1, logits, -logits)`. Then p_t is the sigmoid of the margin, in both "
        "classes.",
        "1 − p_t is `ops.sigmoid(-margin)`, and log p_t is `ops.log_sigmoid(margin)`. Neither is "
        "rounded to 0 or 1 on the way.",
        "The result is `-alpha_t * ops.sigmoid(-margin) ** gamma * ops.log_sigmoid(margin)`, where "
        "`alpha_t` is `alpha` for the examples with `y_true` 1 and `1 - alpha` for the others.",
    )
    why = (
        "The sigmoid of 40 is 1 in float32, and its logarithm's partner log(1 − 1) is −inf. Who "
        "clips the probability gets a number, but a wrong one: beyond a logit of about 16 every "
        "mistake costs the same, so its gradient is 0 and it is never corrected. `log_sigmoid` "
        "works on the logit itself. One value for each example is returned, so that weights and "
        "the reduction can follow."
    )
    near_misses = (
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    margin = ops.where(y_true == 1, logits, -logits)
    alpha_t = ops.where(y_true == 1, alpha, 1 - alpha)
    return ops.mean(-alpha_t * ops.sigmoid(-margin) ** gamma * ops.log_sigmoid(margin))
""",
            because=(
                "This is the mean over the batch. Return one value for each example: weights come "
                "in before the mean is taken."
            ),
            like=lambda y_true, logits, alpha, gamma: np.mean(
                _focal(y_true, logits, _alpha_t(y_true, alpha), gamma)
            ),
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    margin = ops.where(y_true == 1, logits, -logits)
    return -alpha * ops.sigmoid(-margin) ** gamma * ops.log_sigmoid(margin)
""",
            because=(
                "`alpha` was given to all examples. It belongs to those with `y_true` 1; the others "
                "get `1 - alpha`."
            ),
            like=lambda y_true, logits, alpha, gamma: _focal(y_true, logits, alpha, gamma),
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    margin = ops.where(y_true == 1, logits, -logits)
    alpha_t = ops.where(y_true == 1, 1 - alpha, alpha)
    return -alpha_t * ops.sigmoid(-margin) ** gamma * ops.log_sigmoid(margin)
""",
            because="`alpha` and `1 - alpha` are swapped: `alpha` is for the examples with `y_true` 1.",
            like=lambda y_true, logits, alpha, gamma: _focal(
                y_true, logits, _alpha_t(1 - y_true, alpha), gamma
            ),
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    margin = ops.where(y_true == 1, logits, -logits)
    alpha_t = ops.where(y_true == 1, alpha, 1 - alpha)
    return -alpha_t * ops.sigmoid(margin) ** gamma * ops.log_sigmoid(margin)
""",
            because=(
                "The factor is p_t to the power of gamma, which fades the hard examples out. It is "
                "1 − p_t: small for examples that are right already."
            ),
            like=lambda y_true, logits, alpha, gamma: _focal(
                y_true, logits, _alpha_t(y_true, alpha), gamma, hard=False
            ),
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    alpha_t = ops.where(y_true == 1, alpha, 1 - alpha)
    p_t = ops.where(y_true == 1, logits, 1 - logits)
    return -alpha_t * (1 - p_t) ** gamma * ops.log(p_t)
""",
            because="The logarithm of a logit is NaN where it is negative.",
            says="treated as a probability",
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    p = ops.sigmoid(logits)
    p_t = ops.where(y_true == 1, p, 1 - p)
    alpha_t = ops.where(y_true == 1, alpha, 1 - alpha)
    return -alpha_t * (1 - p_t) ** gamma * ops.log(p_t)
""",
            because="A probability that was rounded to 0 has no logarithm.",
            says="rounded to exactly 0 or 1",
        ),
        NearMiss(
            code="""
def focal_loss(y_true, logits, alpha, gamma):
    p = ops.clip(ops.sigmoid(logits), 1e-7, 1 - 1e-7)
    p_t = ops.where(y_true == 1, p, 1 - p)
    alpha_t = ops.where(y_true == 1, alpha, 1 - alpha)
    return -alpha_t * (1 - p_t) ** gamma * ops.log(p_t)
""",
            because=(
                "Clipping the probabilities keeps the result finite, but beyond a logit of about 16 "
                "every mistake costs the same, and its gradient is 0. Work on the logits: "
                "`ops.log_sigmoid`."
            ),
            like=lambda y_true, logits, alpha, gamma: _focal_of_clipped(
                y_true, np.exp(-_softplus(-logits)), alpha, gamma
            ),
        ),
    )
    alternatives = (
        """
def focal_loss(y_true, logits, alpha, gamma):
    p = ops.sigmoid(logits)
    p_t = y_true * p + (1 - y_true) * (1 - p)
    alpha_t = y_true * alpha + (1 - y_true) * (1 - alpha)
    cross_entropy = ops.binary_crossentropy(y_true, logits, from_logits=True)
    return alpha_t * (1 - p_t) ** gamma * cross_entropy
""",
        """
def focal_loss(y_true, logits, alpha, gamma):
    sign = 2 * y_true - 1
    alpha_t = (1 - alpha) + y_true * (2 * alpha - 1)
    log_of_rest = -ops.softplus(sign * logits)
    return alpha_t * ops.exp(gamma * log_of_rest) * ops.softplus(-sign * logits)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with tensors of the backend."""
        import keras

        y_true, logits = (keras.ops.convert_to_tensor(inputs[k]) for k in ("y_true", "logits"))
        result = submission(y_true, logits, inputs["alpha"], inputs["gamma"])
        return keras.ops.convert_to_numpy(result) if keras.ops.is_tensor(result) else result

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(logits: Any, y_true: Any, alpha: float, gamma: float, note: str = "") -> Case:
            arrays = {"y_true": np.asarray(y_true, _FLOAT32), "logits": np.asarray(logits)}
            arrays["logits"] = arrays["logits"].astype(_FLOAT32)
            return Case({**arrays, "alpha": alpha, "gamma": gamma}, note)

        four = rng.uniform(1, 2, size=4) * [1, -1, 1, -1]
        yield case(four, [1, 1, 0, 0], 0.25, 2.0)
        large = rng.uniform(40, 120, size=4) * [1, -1, 1, -1]
        yield case(large, [1, 1, 0, 0], 0.75, 2.0, "large logits, two of them quite wrong")
        many = rng.normal(size=8) * 3
        yield case(many, rng.integers(0, 2, size=8), 0.5, 0.0, "with gamma 0: half a cross-entropy")
        yield case([rng.normal()], [1], float(rng.uniform(0.1, 0.4)), 3.5, "one example")

    def expected(self, y_true: np.ndarray, logits: np.ndarray, alpha: float, gamma: float) -> Any:
        losses = []
        for y, z in zip(y_true.tolist(), logits.astype(np.float64).tolist(), strict=True):
            margin = z if y == 1 else -z
            not_right = 1 / (1 + np.exp(min(margin, 700)))
            cross_entropy = np.log1p(np.exp(-abs(margin))) + max(-margin, 0)
            losses.append((alpha if y == 1 else 1 - alpha) * not_right**gamma * cross_entropy)
        return np.array(losses)

    def judge(self, case: Case, observation: Observation) -> None:
        """Say first where values that are not finite come from."""
        got, logits = observation.value, case.inputs["logits"]
        floats = isinstance(got, np.ndarray) and got.dtype.kind == "f" and got.shape == logits.shape
        if floats and not np.isfinite(got).all():
            if np.abs(logits).max() < 10:
                raise Wrong(
                    "A value is not finite. Was a logit treated as a probability? The logarithm of "
                    "a negative number is NaN.",
                    expected=to_plain(self.expected(**case.inputs)),
                )
            raise Wrong(
                "A value is not finite: in float32 the sigmoid of such a logit is rounded to "
                "exactly 0 or 1, and then the logarithm is taken. Work on the logits: "
                "`ops.log_sigmoid`.",
                expected=to_plain(self.expected(**case.inputs)),
            )
        super().judge(case, observation)


@register
class MaskedSquaredError(Exercise):
    """The mean squared error over the real steps of padded sequences."""

    name = "masked_squared_error"
    title = "Squared error without the padding"
    points = 2
    see = "Padded steps"
    hints = (
        "Divide the sum of the squared errors of the real steps by the number of real steps, not "
        "by the number of all steps.",
        "Padding may hold NaN, and 0 · NaN is NaN. Replace the error there instead of multiplying: "
        "`ops.where(mask, y_true - y_pred, 0.0)`.",
        'The number of real steps is `ops.sum(ops.cast(mask, "float32"))`. If it may be 0, divide '
        "by `ops.maximum(…, 1.0)`.",
    )
    why = (
        "`where` chooses, so what stands in the padding has no part in the result, not even NaN. "
        "The mean is over the real steps of the whole batch: each step counts alike, and a batch "
        "with more padding does not look better. Without a real step the sum is 0, and 0 / 1 is 0."
    )
    near_misses = (
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    error = ops.where(mask, y_true - y_pred, 0.0)
    return ops.mean(ops.square(error))
""",
            because=(
                "The sum was divided by the number of all steps, padding included: the more "
                "padding, the smaller the number."
            ),
            like=lambda y_true, y_pred, mask: np.sum((y_true - y_pred)[mask] ** 2) / mask.size,
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    return ops.mean(ops.square(y_true - y_pred))
""",
            because="The mask was not used: padding counts like a real step.",
            like=lambda y_true, y_pred, mask: np.mean((y_true - y_pred) ** 2),
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    error = ops.where(mask, 0.0, y_true - y_pred)
    return ops.sum(ops.square(error)) / ops.sum(ops.cast(~mask, "float32"))
""",
            because="This is the error of the padding: in the mask, True means real.",
            like=lambda y_true, y_pred, mask: np.mean((y_true - y_pred)[~mask] ** 2),
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    error = ops.where(mask, y_true - y_pred, 0.0)
    real = ops.sum(ops.cast(mask, "float32"), axis=1)
    return ops.mean(ops.sum(ops.square(error), axis=1) / ops.maximum(real, 1.0))
""",
            because=(
                "This is the mean over sequences of their means, in which a step of a short "
                "sequence counts more. Divide the sum of all by the number of all real steps."
            ),
            like=lambda y_true, y_pred, mask: np.mean(
                [
                    np.mean((y - p)[m] ** 2) if m.any() else 0.0
                    for y, p, m in zip(y_true, y_pred, mask, strict=True)
                ]
            ),
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    mask = ops.cast(mask, "float32")
    squared = ops.square(y_true - y_pred) * mask
    return ops.sum(squared) / ops.maximum(ops.sum(mask), 1.0)
""",
            because="Multiplying by 0 does not remove NaN.",
            says="0 · NaN is NaN",
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    error = ops.where(mask, y_true - y_pred, 0.0)
    return ops.sum(ops.square(error)) / ops.sum(ops.cast(mask, "float32"))
""",
            because="Without a real step 0 is divided by 0.",
            says="0 was divided by 0",
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    error = ops.where(mask, y_true - y_pred, 0.0)
    real = ops.sum(ops.cast(mask, "float32"))
    return ops.sqrt(ops.sum(ops.square(error)) / ops.maximum(real, 1.0))
""",
            because="This is the root of the mean squared error. No root was asked for.",
            like=lambda y_true, y_pred, mask: np.sqrt(
                np.sum((y_true - y_pred)[mask] ** 2) / max(mask.sum(), 1)
            ),
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    return ops.sum(ops.square(ops.where(mask, y_true - y_pred, 0.0)))
""",
            because="This is the sum. Divide it by the number of real steps.",
            like=lambda y_true, y_pred, mask: np.sum((y_true - y_pred)[mask] ** 2),
        ),
        NearMiss(
            code="""
def masked_squared_error(y_true, y_pred, mask):
    return ops.sum(ops.square(y_true - y_pred) * mask) / ops.sum(mask)
""",
            because=(
                "On TensorFlow `*` with a boolean tensor is a logical “and”: the errors became True "
                "and were counted. Cast the mask to float32 first, or choose with `ops.where`."
            ),
            like=lambda y_true, y_pred, mask: 1.0,
        ),
    )
    alternatives = (
        """
def masked_squared_error(y_true, y_pred, mask):
    weights = ops.cast(mask, "float32")
    clean = ops.where(mask, y_true, y_pred)
    return ops.divide_no_nan(ops.sum((clean - y_pred) ** 2), ops.sum(weights))
""",
        """
def masked_squared_error(y_true, y_pred, mask):
    y_true, y_pred, mask = (ops.convert_to_numpy(one) for one in (y_true, y_pred, mask))
    total, count = 0.0, 0
    for row in range(len(mask)):
        for step in range(mask.shape[1]):
            if mask[row, step]:
                total += float(y_true[row, step] - y_pred[row, step]) ** 2
                count += 1
    return total / count if count else 0.0
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with tensors of the backend."""
        import keras

        result = submission(
            *(keras.ops.convert_to_tensor(inputs[name]) for name in ("y_true", "y_pred", "mask"))
        )
        return keras.ops.convert_to_numpy(result) if keras.ops.is_tensor(result) else result

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(lengths: Any, steps: int, padding: float, note: str = "") -> Case:
            mask = np.arange(steps) < np.asarray(lengths)[:, np.newaxis]
            y_pred = rng.normal(size=mask.shape).astype(_FLOAT32)
            # Never nearly right: each step must be seen in the result.
            y_true = y_pred + rng.choice([-1, 1], mask.shape) * rng.uniform(1, 3, mask.shape)
            y_true = np.where(mask, y_true, padding).astype(_FLOAT32)
            return Case({"y_true": y_true, "y_pred": y_pred, "mask": mask}, note)

        yield case([1, 3, 4], 5, 9.0)
        yield case([2, 0, 3], 4, np.nan, "the padding of y_true is NaN, one sequence is empty")
        yield case([0, 1], 2, 0.0, "one real step")
        yield case([0, 0], 3, 0.0, "no real step")

    def expected(self, y_true: np.ndarray, y_pred: np.ndarray, mask: np.ndarray) -> Any:
        squared = (y_true[mask].astype(np.float64) - y_pred[mask]) ** 2
        return squared.mean() if mask.any() else 0.0

    def judge(self, case: Case, observation: Observation) -> None:
        """Say first where NaN comes from."""
        got, mask = observation.value, case.inputs["mask"]
        value = got.item() if isinstance(got, np.ndarray) and got.ndim == 0 else got
        if isinstance(value, float) and np.isnan(value):
            if not mask.any():
                raise Wrong("No step is real, and 0 was divided by 0.", expected=0.0)
            if np.isnan(case.inputs["y_true"]).any():
                raise Wrong(
                    "The NaN of the padding got into the result: 0 · NaN is NaN. Replace the error "
                    "there by `ops.where`, before it is squared.",
                    expected=to_plain(self.expected(**case.inputs)),
                )
        super().judge(case, observation)


@register
class BalancedClassWeights(Exercise):
    """Class weights in inverse proportion to the counts."""

    name = "balanced_class_weights"
    title = "Balanced class weights"
    points = 1
    see = "Class weights"
    hints = (
        "`np.unique(labels, return_counts=True)` gives the classes that occur and their counts.",
        "n examples and k classes: every class gets n / k in all. How much is that for one of its "
        "examples?",
        "The weight of a class is `n / (k * count)`. Make a dict: `{int(c): … for c, count in "
        "zip(classes, counts)}`.",
    )
    why = (
        "Every class gets the same total, n / k, shared among its examples, so the weight is "
        "n / (k · count). All weights together make n: the loss stays about as large as without "
        "weights, and the learning rate need not change. scikit-learn calls the same formula "
        '`class_weight="balanced"`.'
    )
    near_misses = (
        NearMiss(
            code="""
def balanced_class_weights(labels):
    classes, counts = np.unique(labels, return_counts=True)
    return {int(c): n / len(labels) for c, n in zip(classes, counts)}
""",
            because="These are the shares of the classes, so the frequent one gets the large weight.",
            like=lambda labels: {c: np.mean(labels == c) for c in np.unique(labels)},
        ),
        NearMiss(
            code="""
def balanced_class_weights(labels):
    classes, counts = np.unique(labels, return_counts=True)
    return {int(c): 1 / n for c, n in zip(classes, counts)}
""",
            because=(
                "The proportions are right, but the weights of all examples together make k and not "
                "n: the loss, and with it each step of training, shrinks with the number of examples."
            ),
            like=lambda labels: {c: 1 / np.sum(labels == c) for c in np.unique(labels)},
        ),
        NearMiss(
            code="""
def balanced_class_weights(labels):
    classes, counts = np.unique(labels, return_counts=True)
    return {int(c): len(labels) / n for c, n in zip(classes, counts)}
""",
            because=(
                "The proportions are right, but all weights are k times too large, k being the "
                "number of classes."
            ),
            like=lambda labels: {c: labels.size / np.sum(labels == c) for c in np.unique(labels)},
        ),
        NearMiss(
            code="""
def balanced_class_weights(labels):
    classes, counts = np.unique(labels, return_counts=True)
    return {int(c): counts.max() / n for c, n in zip(classes, counts)}
""",
            because=(
                "The proportions are right, with weight 1 for the most frequent class. But the "
                "weights of all examples should make n."
            ),
            like=lambda labels: {
                c: max(np.sum(labels == k) for k in labels) / np.sum(labels == c)
                for c in np.unique(labels)
            },
        ),
        NearMiss(
            code="""
def balanced_class_weights(labels):
    counts = np.maximum(np.bincount(labels), 1)
    return {c: len(labels) / (len(counts) * int(n)) for c, n in enumerate(counts)}
""",
            because="The classes need not be 0, 1, 2 and so on; some numbers do not occur.",
            says="a key that was not asked for",
        ),
        NearMiss(
            code="""
def balanced_class_weights(labels):
    classes, counts = np.unique(labels, return_counts=True)
    return len(labels) / (len(classes) * counts)
""",
            because="`class_weight` is a dict from class to weight.",
            says="expected a dictionary",
        ),
    )
    alternatives = (
        """
def balanced_class_weights(labels):
    labels = list(labels)
    classes = set(labels)
    return {c: len(labels) / (len(classes) * labels.count(c)) for c in classes}
""",
        """
def balanced_class_weights(labels):
    counts = np.bincount(labels)
    present = np.flatnonzero(counts)
    weights = counts[present].mean() / counts[present]
    return dict(zip(present.tolist(), weights.tolist()))
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with the array of labels."""
        return submission(inputs["labels"])

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(classes: Any, counts: Any, note: str = "") -> Case:
            labels = np.repeat(np.asarray(classes, np.int64), counts)
            return Case({"labels": rng.permutation(labels)}, note)

        rare, common = int(rng.integers(2, 4)), int(rng.integers(6, 10))
        yield case([0, 1, 2], [rare, common, 5])
        yield case([3, int(rng.integers(5, 9))], [1, int(rng.integers(2, 7))], "not 0 and 1")
        yield case([1], [4], "only one class occurs")

    def expected(self, labels: np.ndarray) -> Any:
        weights = {}
        for label in sorted(set(labels.tolist())):
            in_class = sum(1 for one in labels.tolist() if one == label)
            weights[label] = len(labels) / len(set(labels.tolist())) / in_class
        return weights


def _pinball(quantile: float, error: np.ndarray) -> np.ndarray:
    return np.where(error > 0, quantile * error, (quantile - 1) * error)


def _same_shape(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    return y_true.reshape(y_pred.shape)


@register
class QuantileLossClass(Exercise):
    """A loss for quantiles as a class that weights, reduces and comes back from its config."""

    name = "QuantileLoss"
    title = "A loss class for quantiles"
    points = 3
    see = "A loss as a class"
    hints = (
        "Three methods. `__init__` hands `**kwargs` to `super().__init__` and keeps the quantile; "
        '`get_config` returns `{**super().get_config(), "quantile": self.quantile}`.',
        "In `call`, `error = ops.reshape(y_true, ops.shape(y_pred)) - y_pred` has the shape of "
        "`y_pred`, also when `y_true` has shape `(n,)`.",
        "The last line of `call`: `return ops.mean(ops.maximum(self.quantile * error, "
        "(self.quantile - 1) * error), axis=-1)`.",
    )
    why = (
        "`call` returns one value per sample; the base class multiplies by the sample weights and "
        "reduces. A scalar from `call` would make weights meaningless. A function gets its labels in "
        "the shape of the predictions, a subclass of `Loss` does not: it has to care itself. And "
        "what `get_config` leaves out is lost when the loss is saved with a model."
    )
    _INIT = """
class QuantileLoss(keras.losses.Loss):
    def __init__(self, quantile=0.5, **kwargs):
        super().__init__(**kwargs)
        self.quantile = quantile
"""
    _CALL = """
    def call(self, y_true, y_pred):
        error = ops.reshape(y_true, ops.shape(y_pred)) - y_pred
        return ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)
"""
    _CONFIG = """
    def get_config(self):
        return {**super().get_config(), "quantile": self.quantile}
"""
    near_misses = (
        NearMiss(
            code=_INIT + _CALL.replace(", axis=-1", "") + _CONFIG,
            because="`call` returned one number for the whole batch.",
            says="one number for the whole batch",
        ),
        NearMiss(
            code=_INIT
            + _CALL.replace("ops.reshape(y_true, ops.shape(y_pred)) - y_pred", "y_true - y_pred")
            + _CONFIG,
            because=(
                "Labels of shape (n,) minus predictions of shape (n, 1) are n × n differences, each "
                "prediction with each label. Give `y_true` the shape of `y_pred` first."
            ),
            like=lambda quantile, y_true, y_pred, sample_weight: _pinball(
                quantile, y_true - y_pred
            ).mean(-1),
        ),
        NearMiss(
            code=_INIT
            + _CALL.replace("(y_pred)) - y_pred", "(y_pred))").replace(
                "error = ", "error = y_pred - "
            )
            + _CONFIG,
            because=(
                "The error has the wrong sign, so this is the loss of the quantile 1 − q. It is "
                "`y_true - y_pred`."
            ),
            like=lambda quantile, y_true, y_pred, sample_weight: _pinball(
                quantile, y_pred - _same_shape(y_true, y_pred)
            ).mean(-1),
        ),
        NearMiss(
            code=_INIT + _CALL.replace("ops.mean", "ops.sum") + _CONFIG,
            because="The values of a sample were summed. Take their mean, as Keras's losses do.",
            like=lambda quantile, y_true, y_pred, sample_weight: _pinball(
                quantile, _same_shape(y_true, y_pred) - y_pred
            ).sum(-1),
        ),
        NearMiss(
            code=_INIT + _CALL.replace("ops.mean(", "").replace(", axis=-1)", "") + _CONFIG,
            because="One value per sample is wanted: the mean over the last axis.",
            says="has shape",
        ),
        NearMiss(
            code=_INIT + _CALL,
            because="Without `get_config` of your own the quantile is forgotten.",
            says="`get_config` does not say the quantile",
        ),
        NearMiss(
            code=_INIT.replace("super().__init__(**kwargs)", "super().__init__()")
            + _CALL
            + _CONFIG,
            because="The arguments `reduction` and `name` were taken and not handed on.",
            says="hand `**kwargs` on",
        ),
        NearMiss(
            code=_INIT + _CALL + _CONFIG.replace("**super().get_config(), ", ""),
            because="The base class's part of the config, name and reduction, is missing.",
            says="lacks what the base class",
        ),
    )
    alternatives = (
        """
class QuantileLoss(keras.losses.Loss):
    def __init__(self, quantile=0.5, name="quantile", reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        if len(y_true.shape) < len(y_pred.shape):
            y_true = ops.expand_dims(y_true, -1)
        below = ops.cast(y_true < y_pred, y_pred.dtype)
        return ops.mean((self.quantile - below) * (y_true - y_pred), axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update(quantile=self.quantile)
        return config
""",
        """
class QuantileLoss(keras.losses.Loss):
    def __init__(self, quantile=0.5, **kwargs):
        super().__init__(**kwargs)
        self.q = quantile

    def call(self, y_true, y_pred):
        y_true = ops.reshape(y_true, (-1, y_pred.shape[-1]))
        short, over = ops.relu(y_true - y_pred), ops.relu(y_pred - y_true)
        return ops.mean(self.q * short + (1 - self.q) * over, axis=1)

    def get_config(self):
        return super().get_config() | {"quantile": self.q}
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the loss directly, with weights, without reduction, and made from its config."""
        import keras

        quantile, weight = inputs["quantile"], inputs["sample_weight"]
        loss = submission(quantile=quantile)
        if not isinstance(loss, keras.losses.Loss):
            return {"type": type(loss).__name__}
        pair = [keras.ops.convert_to_tensor(inputs[name]) for name in ("y_true", "y_pred")]

        def numbers(value: Any) -> Any:
            return keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value

        seen = {"call": numbers(loss.call(*pair))}
        bare = submission(quantile=quantile, reduction="none", name="given")
        seen["none"], seen["name"] = numbers(bare(*pair)), bare.name
        seen["mean"] = numbers(loss(*pair))
        try:
            seen["weighted"] = numbers(loss(*pair, sample_weight=weight))
        except Exception as error:
            seen["weighted"] = f"{type(error).__name__}"
        config = bare.get_config()
        seen["config"] = {
            k: config.get(k) for k in ("name", "reduction", "quantile") if k in config
        }
        if len(seen["config"]) == 3:
            seen["again"] = numbers(submission.from_config(config)(*pair))
        return seen

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(shape: tuple[int, ...], width: int, quantile: float, note: str = "") -> Case:
            y_pred = rng.normal(size=(shape[0], width)).astype(_FLOAT32)
            signs = np.resize([1, -1], shape) * rng.uniform(0.5, 3, size=shape)
            inputs = {
                "quantile": quantile,
                "y_true": (y_pred.reshape(shape) + signs).astype(_FLOAT32),
                "y_pred": y_pred,
                "sample_weight": rng.integers(0, 4, size=shape[0]).astype(_FLOAT32) / 2,
            }
            return Case(inputs, note)

        yield case((4, 3), 3, float(rng.choice([0.1, 0.2])))
        yield case((5,), 1, 0.9, "y_true has shape (n,), y_pred has shape (n, 1)")
        yield case((3, 1), 1, float(rng.uniform(0.6, 0.8)))

    def expected(
        self, quantile: float, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray
    ) -> Any:
        values = []
        for targets, predictions in zip(_same_shape(y_true, y_pred), y_pred, strict=True):
            parts = []
            for target, prediction in zip(targets.tolist(), predictions.tolist(), strict=True):
                error = target - prediction
                parts.append(quantile * error if error >= 0 else (1 - quantile) * -error)
            values.append(sum(parts) / len(parts))
        return np.array(values)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge what ``call`` gives, then what the base class makes of it, then the config."""
        seen = observation.value
        if "type" in seen:
            raise Wrong(
                f"The result is of type {seen['type']}, not a loss: subclass `keras.losses.Loss`."
            )
        values, weight = self.expected(**case.inputs), case.inputs["sample_weight"]
        called = seen["call"]
        if isinstance(called, np.ndarray) and called.ndim == 0:
            raise Wrong(
                "`call` returned one number for the whole batch. Return one value per sample (the "
                "mean over the last axis), or sample weights mean nothing.",
                expected=to_plain(values),
            )
        self._must_be(case, called, values, "What `call` returns")
        handed_on = seen["name"] == "given" and not self.differs(seen["none"], to_plain(values))
        if not handed_on:
            raise Wrong(
                'With reduction="none" and name="given" the loss still reduces, or has another '
                "name: hand `**kwargs` on to `super().__init__`."
            )
        self._must_be(case, seen["mean"], values.mean(), "The loss of the batch")
        weighted = (values * weight).sum() / len(values)
        self._must_be(case, seen["weighted"], weighted, "The loss with sample weights")
        self._judge_config(case, seen, values)

    def _judge_config(self, case: Case, seen: Mapping[str, Plain], values: np.ndarray) -> None:
        config = seen["config"]
        if config.get("quantile") != case.inputs["quantile"]:
            raise Wrong(
                "`get_config` does not say the quantile under the key 'quantile': a loss made from "
                "the config would use the default."
            )
        if len(config) < 3 or config["name"] != "given" or config["reduction"] != "none":
            raise Wrong(
                "`get_config` lacks what the base class puts there, name and reduction: begin with "
                "`**super().get_config()`."
            )
        self._must_be(case, seen["again"], values, "The values of a loss made from the config")

    def _must_be(self, case: Case, got: Plain, expected: Any, where: str) -> None:
        expected = to_plain(expected)
        if reason := difference(got, expected, rtol=self.rtol, atol=self.atol, where=where):
            known = self._recognise(case, Observation("returned", got))
            raise Wrong(known or reason, expected=expected)


def _output_losses(
    y_true: Mapping[str, np.ndarray],
    y_pred: Mapping[str, np.ndarray],
    losses: Mapping[str, str | None],
) -> dict[str, float]:
    """Return the mean loss of each output that has one."""
    power = {"mean_squared_error": 2, "mean_absolute_error": 1}
    return {
        name: float(np.mean(np.abs(y_true[name] - y_pred[name]).astype(np.float64) ** power[kind]))
        for name, kind in losses.items()
        if kind is not None
    }


def _weights(
    losses: Mapping[str, Any], loss_weights: Mapping[str, float] | None
) -> dict[str, float]:
    return {name: 1.0 if loss_weights is None else loss_weights[name] for name in losses}


@register
class WeightedTotal(Exercise):
    """The number that a model with several outputs minimises."""

    name = "weighted_total"
    title = "The total loss of several outputs"
    points = 2
    see = "Several outputs"
    hints = (
        "Go through `losses.items()` and skip the outputs whose loss is None. "
        "`keras.losses.get(name)` makes a function of a name.",
        "The function gives one value per sample; `ops.mean` makes the output's loss of them. "
        "Multiply by `loss_weights[name]`, or by 1 if `loss_weights` is None.",
        "At the end add the penalties as they are: `total + sum(penalties)`.",
    )
    why = (
        "The total is a weighted sum, not an average: doubling all loss weights doubles the "
        "gradients. An output without a loss adds nothing and needs no labels. The penalties of "
        "regularisers come in once, with weight 1, however many outputs there are."
    )
    _LOOP = """
def weighted_total(y_true, y_pred, losses, loss_weights, penalties):
    total, seen = 0.0, 0.0
    for name, identifier in losses.items():
        if identifier is not None:
            loss = ops.mean(keras.losses.get(identifier)(y_true[name], y_pred[name]))
            weight = 1.0 if loss_weights is None else loss_weights[name]
            total, seen = total + weight * loss, seen + weight
"""
    near_misses = (
        NearMiss(
            code=_LOOP + "    return total\n",
            because="The penalties are missing: the model minimises loss plus regularisation.",
            like=lambda y_true, y_pred, losses, loss_weights, penalties: sum(
                _weights(losses, loss_weights)[name] * loss
                for name, loss in _output_losses(y_true, y_pred, losses).items()
            ),
        ),
        NearMiss(
            code=_LOOP.replace("weight * loss", "loss") + "    return total + sum(penalties)\n",
            because="The losses were added without their weights.",
            like=lambda y_true, y_pred, losses, loss_weights, penalties: (
                sum(_output_losses(y_true, y_pred, losses).values()) + sum(penalties)
            ),
        ),
        NearMiss(
            code=_LOOP + "    return total / seen + sum(penalties)\n",
            because=(
                "This is a weighted average. Keras does not divide by the sum of the loss weights."
            ),
            like=lambda y_true, y_pred, losses, loss_weights, penalties: (
                sum(
                    _weights(losses, loss_weights)[name] * loss
                    for name, loss in _output_losses(y_true, y_pred, losses).items()
                )
                / sum(
                    _weights(losses, loss_weights)[name]
                    for name, kind in losses.items()
                    if kind is not None
                )
                + sum(penalties)
            ),
        ),
        NearMiss(
            code=_LOOP.replace("ops.mean", "ops.sum") + "    return total + sum(penalties)\n",
            because=(
                "The samples were summed, so the number grows with the batch. The loss of an output "
                "is the mean over the batch."
            ),
            like=lambda y_true, y_pred, losses, loss_weights, penalties: (
                sum(
                    _weights(losses, loss_weights)[name] * loss * len(y_pred[name])
                    for name, loss in _output_losses(y_true, y_pred, losses).items()
                )
                + sum(penalties)
            ),
        ),
        NearMiss(
            code=_LOOP + "    return total + seen * sum(penalties)\n",
            because=(
                "The penalties were multiplied by loss weights. They belong to the model's weights, "
                "not to an output, and count once."
            ),
            like=lambda y_true, y_pred, losses, loss_weights, penalties: (
                sum(
                    _weights(losses, loss_weights)[name] * loss
                    for name, loss in _output_losses(y_true, y_pred, losses).items()
                )
                + sum(
                    _weights(losses, loss_weights)[name]
                    for name, kind in losses.items()
                    if kind is not None
                )
                * sum(penalties)
            ),
        ),
    )
    alternatives = (
        """
def weighted_total(y_true, y_pred, losses, loss_weights, penalties):
    with_loss = [name for name in losses if losses[name]]
    weights = loss_weights or dict.fromkeys(with_loss, 1)
    parts = [
        weights[name] * ops.mean(keras.losses.get(losses[name])(y_true[name], y_pred[name]))
        for name in with_loss
    ]
    return sum(parts + list(penalties))
""",
        """
def weighted_total(y_true, y_pred, losses, loss_weights, penalties):
    total = np.sum(penalties)
    for name in y_true:
        difference = ops.convert_to_numpy(y_true[name]) - ops.convert_to_numpy(y_pred[name])
        if losses[name] is None:
            continue
        squared = losses[name] == "mean_squared_error"
        loss = np.mean(difference**2 if squared else np.abs(difference))
        total = total + (loss_weights[name] if loss_weights is not None else 1) * loss
    return total
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with dicts of tensors."""
        import keras

        tensors = [
            {name: keras.ops.convert_to_tensor(value) for name, value in inputs[one].items()}
            for one in ("y_true", "y_pred")
        ]
        rest = (inputs[one] for one in ("losses", "loss_weights", "penalties"))
        total = submission(*tensors, *rest)
        return keras.ops.convert_to_numpy(total) if keras.ops.is_tensor(total) else total

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            losses: dict[str, str | None],
            weights: dict[str, float] | None,
            penalties: list[float],
            note: str = "",
        ) -> Case:
            y_true, y_pred = {}, {}
            batch = int(rng.integers(3, 6))
            for width, (name, kind) in enumerate(losses.items(), start=1):
                y_pred[name] = rng.normal(size=(batch, width)).astype(_FLOAT32)
                error = rng.choice([-1, 1], size=(batch, width)) * rng.uniform(
                    0.3, 4, (batch, width)
                )
                if kind is not None:
                    y_true[name] = (y_pred[name] + error).astype(_FLOAT32)
            inputs = {"y_true": y_true, "y_pred": y_pred, "losses": losses}
            return Case({**inputs, "loss_weights": weights, "penalties": penalties}, note)

        squared, absolute = "mean_squared_error", "mean_absolute_error"
        first, second, third = (float(x) for x in rng.uniform([0.2, 2, 3], [0.6, 2.9, 4]))
        yield case(
            {"price": squared, "features": None, "age": absolute},
            {"price": first, "features": second, "age": third},
            [float(rng.uniform(0.5, 1)), float(rng.uniform(0.1, 0.4))],
            "'features' has no loss",
        )
        yield case({"price": absolute, "age": squared}, None, [first], "no loss weights")
        yield case({"price": squared}, {"price": second}, [], "one output, no penalties")
        yield case(
            {"price": squared, "age": absolute},
            {"price": 0.0, "age": third},
            [first],
            "the weight of 'price' is 0",
        )

    def expected(
        self,
        y_true: Mapping[str, np.ndarray],
        y_pred: Mapping[str, np.ndarray],
        losses: Mapping[str, str | None],
        loss_weights: Mapping[str, float] | None,
        penalties: list[float],
    ) -> Any:
        total = sum(penalties)
        for name, loss in _output_losses(y_true, y_pred, losses).items():
            total += loss if loss_weights is None else loss * loss_weights[name]
        return total
