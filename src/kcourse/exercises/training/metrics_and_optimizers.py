"""Exercises of the lesson on metrics and optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


@register
class MeanOverBatches(Exercise):
    """Combine the means of batches of unequal sizes."""

    name = "mean_over_batches"
    title = "One mean out of many"
    points = 1
    see = "Follow the state of a metric"
    hints = (
        "A mean times the number of its examples is the sum over the batch. Add the sums of all "
        "batches, and divide by the number of all examples.",
        "`np.sum(means * sizes) / np.sum(sizes)`, or `np.average` with `weights`.",
    )
    why = (
        "The state of `keras.metrics.Mean` is a total and a count, and not a mean, for this "
        "reason: totals and counts of batches can be added, means cannot."
    )
    near_misses = (
        NearMiss(
            code="""
def mean_over_batches(means, sizes):
    return np.mean(means)
""",
            because=(
                "All batches were counted alike, so an example in a small batch weighs more than "
                "one in a large batch. Weigh each mean by the size of its batch."
            ),
            like=lambda means, sizes: means.mean(),
        ),
        NearMiss(
            code="""
def mean_over_batches(means, sizes):
    return np.sum(means * sizes) / len(sizes)
""",
            because=(
                "The total is right, but it was divided by the number of batches. Divide by the "
                "number of examples, the sum of the sizes."
            ),
            like=lambda means, sizes: (means * sizes).sum() / len(sizes),
        ),
    )
    alternatives = (
        """
def mean_over_batches(means, sizes):
    return np.average(means, weights=sizes)
""",
        """
def mean_over_batches(means, sizes):
    metric = keras.metrics.Mean()
    for mean, size in zip(means, sizes):
        metric.update_state(mean, sample_weight=size)
    return float(metric.result())
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with NumPy arrays."""
        return submission(*inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        last = int(rng.integers(1, 8))
        yield Case(
            {
                "means": np.append(rng.uniform(0, 0.5, 3), 1.0),
                "sizes": np.array([32, 32, 32, last]),
            },
            "the last batch is smaller",
        )
        sizes = 2 + rng.permutation(6)
        yield Case({"means": rng.normal(2, 1, size=6), "sizes": sizes}, "all sizes differ")
        yield Case({"means": rng.uniform(size=1), "sizes": rng.integers(2, 9, 1)}, "one batch")

    def expected(self, means: np.ndarray, sizes: np.ndarray) -> Any:
        examples = [mean for mean, size in zip(means, sizes, strict=True) for _ in range(size)]
        return sum(examples) / len(examples)


class _StreamingMetric(Exercise):
    """A metric class: fed batch by batch, read after each batch and after a reset."""

    rtol = 1e-4
    atol = 1e-5

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Feed the batches to a metric; if several, reset it; call it once compiled, if asked."""
        size = inputs["classes"] if "classes" in inputs else inputs["bins"]
        batches, compiled = inputs["batches"], inputs["compiled"]
        import keras

        def number(value: Any) -> Any:
            if not keras.ops.is_tensor(value) and not isinstance(value, keras.Variable):
                return value
            return keras.ops.convert_to_numpy(value)

        def tensors(batch: Any) -> list[Any]:
            return [None if a is None else keras.ops.convert_to_tensor(a) for a in batch]

        def read(metric: Any) -> dict[str, Any]:
            values = {"result": number(metric.result())}
            if hasattr(metric, "error_bound"):
                values["bound"] = number(metric.error_bound())
            return values

        metric = submission(size)
        if not isinstance(metric, keras.metrics.Metric):
            return {"type": type(metric).__name__}
        seen: dict[str, Any] = {"new": read(metric), "after": []}
        for batch in batches:
            y_true, y_pred, weight = tensors(batch)
            metric.update_state(y_true, y_pred, sample_weight=weight)
            seen["after"].append(read(metric))
        if len(batches) > 1:
            metric.reset_state()
            seen["reset"] = number(metric.result())
        if compiled:
            # As fit and evaluate do: tensors without values, in a function that is compiled.
            try:
                if keras.config.backend() == "tensorflow":
                    import tensorflow as tf

                    tf.function(metric.update_state, autograph=False)(y_true, y_pred, weight)
                elif keras.config.backend() == "jax":
                    import jax

                    state = [variable.value for variable in metric.variables]
                    jax.jit(metric.stateless_update_state)(state, y_true, y_pred, weight)
            except Exception as error:
                seen["compiled"] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return seen

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge what the metric gave after each batch, then the reset, then the compiled call."""
        seen = observation.value
        if "type" in seen:
            raise Wrong(f"{self.name} gives an object of type {seen['type']}, not a Keras metric.")
        size, batches = self._size(case), case.inputs["batches"]
        self._must_be(case, seen["new"], [], "Before the first batch")
        for n, got in enumerate(seen["after"], start=1):
            self._must_be(case, got, batches[:n], f"After batch {n} of {len(batches)}")
        beginning = self.state(size, [])
        if "reset" in seen and self.differs(seen["reset"], beginning["result"]):
            raise Wrong(
                f"After `reset_state()`, the result is {seen['reset']}. The inherited "
                "`reset_state` sets all variables made with `self.add_variable` to 0; state kept "
                "in any other way stays.",
                expected=beginning,
            )
        if "compiled" in seen:
            raise Wrong(
                "The numbers are right, but `fit` and `evaluate` call `update_state` in a compiled "
                "function, where tensors have no values yet, and there it fails: "
                f"{seen['compiled']}. Compute with keras.ops alone."
            )

    def _must_be(self, case: Case, got: Plain, fed: list[Plain], when: str) -> None:
        expected = self.state(self._size(case), fed)
        if type(got) is dict and list(got) == ["result"] and "bound" in expected:
            raise Wrong("The metric has no method `error_bound`.")
        reason = self.differs(got, expected)
        if reason is None:
            return
        for miss in self.near_misses:
            if miss.like is not None and fed:
                wrong = miss.like(self._size(case), fed)
                if type(wrong) is not dict:
                    wrong = {**expected, "result": wrong}
                if self.differs(got, wrong) is None:
                    raise Wrong(miss.because, expected=expected)
        raise Wrong(f"{when}: {reason}", expected=expected)

    @staticmethod
    def _size(case: Case) -> int:
        """Return the number of classes or bins, with which the metric is made."""
        size: int = case.inputs["classes"] if "classes" in case.inputs else case.inputs["bins"]
        return size

    def state(self, size: int, batches: list[Plain]) -> dict[str, Any]:
        """Return what the metric should give after these batches."""
        raise NotImplementedError


def _f1_by_class(
    classes: int, batches: list[Plain], *, weighted: bool = True, pairs: bool = False
) -> tuple[list[float], list[float], list[float]]:
    """Return the F1 of each class, its weight in the labels and that in the predictions.

    With ``pairs``, hits are counted over all pairs of a label and a prediction.
    """
    hits, labelled, predicted = ([0.0] * classes for _ in range(3))
    for y_true, y_pred, weight in batches:
        truth = [int(label) for label in np.ravel(y_true)]
        guesses = [int(np.argmax(row)) for row in y_pred]
        w = [1.0] * len(truth) if weight is None or not weighted else np.ravel(weight).tolist()
        for one, label in enumerate(truth):
            labelled[label] += w[one]
            predicted[guesses[one]] += w[one]
            hits[label] += (
                guesses.count(label) if pairs and y_true.ndim == 2 else guesses[one] == label
            ) * w[one]
    f1 = [
        2 * h / (n + p) if n + p else 0.0 for h, n, p in zip(hits, labelled, predicted, strict=True)
    ]
    return f1, labelled, predicted


def _macro_f1(classes: int, batches: list[Plain], **options: bool) -> float:
    f1, labelled, predicted = _f1_by_class(classes, batches, **options)
    seen = sum(n + p > 0 for n, p in zip(labelled, predicted, strict=True))
    return sum(f1) / max(seen, 1)


def _micro_f1(classes: int, batches: list[Plain]) -> float:
    right = [np.average(p.argmax(1) == np.ravel(y), weights=w) for y, p, w in batches]
    return float(
        np.average(right, weights=[len(y) if w is None else w.sum() for y, _, w in batches])
    )


def _f1_over_labelled(classes: int, batches: list[Plain]) -> float:
    f1, labelled, _ = _f1_by_class(classes, batches)
    return float(np.mean([one for one, n in zip(f1, labelled, strict=True) if n]))


_MACRO_F1_START = """
class MacroF1(keras.metrics.Metric):
    def __init__(self, classes, name="macro_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.hits = self.add_variable((classes,), "zeros", name="hits")
        self.labelled = self.add_variable((classes,), "zeros", name="labelled")
        self.predicted = self.add_variable((classes,), "zeros", name="predicted")
"""
_MACRO_F1_UPDATE = """
    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        actual = ops.one_hot(labels, self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1, 1)), self.dtype)
        self.hits.assign_add(ops.sum(weight * actual * guess, axis=0))
        self.labelled.assign_add(ops.sum(weight * actual, axis=0))
        self.predicted.assign_add(ops.sum(weight * guess, axis=0))
"""
_MACRO_F1_RESULT = """
    def result(self):
        total = self.labelled + self.predicted
        f1 = ops.divide_no_nan(2 * self.hits, total)
        seen = ops.sum(ops.cast(total > 0, self.dtype))
        return ops.divide_no_nan(ops.sum(f1), seen)
"""


@register
class MacroF1Metric(_StreamingMetric):
    """The mean F1 of the classes as a streaming metric."""

    name = "MacroF1"
    title = "Macro F1, batch by batch"
    points = 3
    see = "Write a metric class"
    hints = (
        "Keep three vectors with one entry for each class: how many examples of the class were "
        "recognised, how many have it as their label, how many were predicted as it. All three can "
        "be added over batches.",
        "Bring both sides to shape (n, classes): `ops.one_hot` of the labels, reshaped to (-1,) and "
        "cast to int32, and `ops.one_hot` of `ops.argmax(y_pred, axis=-1)`. Their product marks "
        "the recognised examples. A weight of shape (n, 1) multiplies each row.",
        "F1 of a class is 2·recognised / (labelled + predicted); `ops.divide_no_nan` gives 0 for "
        "0 / 0. Divide the sum of these by the number of classes where labelled + predicted > 0.",
    )
    why = (
        "F1 is a ratio, and a mean of ratios is not the ratio of the sums, so the state holds "
        "counts and the ratio is taken in `result`. Reshaping the labels makes (n,) and (n, 1) "
        "alike, which Keras does not do for you. A class that was neither labelled nor predicted "
        "has no F1; one that was only predicted has the F1 0, because those predictions are wrong."
    )
    near_misses = (
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE
            + """
    def result(self):
        return ops.mean(ops.divide_no_nan(2 * self.hits, self.labelled + self.predicted))
""",
            because=(
                "The mean was taken over all classes. One that was neither labelled nor predicted "
                "so far has no F1: leave it out of the mean instead of counting it as 0."
            ),
            like=lambda classes, batches: float(np.mean(_f1_by_class(classes, batches)[0])),
        ),
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE
            + """
    def result(self):
        f1 = ops.divide_no_nan(2 * self.hits, self.labelled + self.predicted)
        seen = ops.sum(ops.cast(self.labelled > 0, self.dtype))
        return ops.divide_no_nan(ops.sum(f1), seen)
""",
            because=(
                "A class that was predicted, although no example has it as its label, was left "
                "out. Its predictions are all wrong, so its F1 is 0 and counts."
            ),
            like=_f1_over_labelled,
        ),
        NearMiss(
            code="""
class MacroF1(keras.metrics.Metric):
    def __init__(self, classes, name="macro_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.total = self.add_variable((), "zeros", name="total")
        self.batches = self.add_variable((), "zeros", name="batches")

    def update_state(self, y_true, y_pred, sample_weight=None):
        actual = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        if sample_weight is not None:
            actual = actual * ops.reshape(sample_weight, (-1, 1))
            guess = guess * ops.reshape(sample_weight, (-1, 1))
        hits = ops.sum(ops.minimum(actual, guess), axis=0)
        both = ops.sum(actual, axis=0) + ops.sum(guess, axis=0)
        f1 = ops.divide_no_nan(2 * hits, both)
        self.total.assign_add(ops.sum(f1) / ops.sum(ops.cast(both > 0, "float32")))
        self.batches.assign_add(1.0)

    def result(self):
        return ops.divide_no_nan(self.total, self.batches)
""",
            because=(
                "This is the mean of the batches' F1. A mean of ratios is not the F1 of all "
                "examples: add counts over the batches, and take the ratio in `result`."
            ),
            like=lambda classes, batches: float(
                np.mean([_macro_f1(classes, [batch]) for batch in batches])
            ),
        ),
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE
            + """
    def result(self):
        return ops.divide_no_nan(ops.sum(self.hits), ops.sum(self.labelled))
""",
            because=(
                "This is the share of right predictions, the accuracy (called micro F1 when written "
                "as an F1). Macro F1 is the mean of the classes' F1, each class counting alike."
            ),
            like=_micro_f1,
        ),
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE.replace("if sample_weight is not None", "if False")
            + _MACRO_F1_RESULT,
            because="The sample weights were not used: an example of weight 2 counts twice.",
            like=lambda classes, batches: _macro_f1(classes, batches, weighted=False),
        ),
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE.replace("assign_add", "assign")
            + _MACRO_F1_RESULT,
            because="Only the last batch counts. `assign` replaces the state; add to it.",
            like=lambda classes, batches: _macro_f1(classes, batches[-1:]),
        ),
        NearMiss(
            code=_MACRO_F1_START
            + """
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        weight = ops.ones_like(y_true) if sample_weight is None else sample_weight
        weight = ops.cast(weight, self.dtype)
        flat = ops.reshape(weight, (-1,))
        for k in range(self.classes):
            actual = ops.cast(y_true == k, self.dtype)
            mine = ops.cast(guess == k, self.dtype)
            chosen = ops.one_hot(k, self.classes)
            self.hits.assign_add(chosen * ops.sum(weight * actual * mine))
            self.labelled.assign_add(chosen * ops.sum(weight * actual))
            self.predicted.assign_add(chosen * ops.sum(flat * mine))
"""
            + _MACRO_F1_RESULT,
            because=(
                "With labels of shape (n, 1) and predictions of shape (n,), the comparison gives "
                "n × n pairs. Reshape the labels to (-1,) first."
            ),
            like=lambda classes, batches: _macro_f1(classes, batches, pairs=True),
        ),
        NearMiss(
            code="""
class MacroF1(keras.metrics.Metric):
    def __init__(self, classes, name="macro_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = np.zeros((3, classes), "float32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        classes = self.counts.shape[1]
        actual = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), classes)
        weight = 1.0 if sample_weight is None else ops.reshape(sample_weight, (-1, 1))
        for row, marked in enumerate((actual * guess, actual, guess)):
            self.counts[row] += ops.convert_to_numpy(ops.sum(weight * marked, axis=0))

    def result(self):
        hits, labelled, predicted = self.counts
        total = np.maximum(labelled + predicted, 1e-9)
        return np.sum(2 * hits / total) / max(np.sum(total > 1e-9), 1)
""",
            because="A NumPy array is no state of the metric: nothing resets it.",
            says="state kept in any other way stays",
        ),
        NearMiss(
            code=_MACRO_F1_START
            + _MACRO_F1_UPDATE.replace(
                'ops.cast(ops.reshape(y_true, (-1,)), "int32")',
                "np.asarray(y_true).astype(int).reshape(-1)",
            )
            + _MACRO_F1_RESULT,
            because="NumPy needs values, and inside `fit` tensors have none yet.",
            says="Compute with keras.ops alone",
        ),
    )
    alternatives = (
        """
class MacroF1(keras.metrics.Metric):
    def __init__(self, classes, name="macro_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.table = self.add_weight((classes, classes), "zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        rows = ops.reshape(ops.cast(y_true, "int32"), [-1])
        places = rows * self.classes + ops.cast(ops.argmax(y_pred, axis=1), "int32")
        weight = ops.ones_like(rows) if sample_weight is None else ops.reshape(sample_weight, [-1])
        cells = ops.segment_sum(ops.cast(weight, "float32"), places, self.classes**2)
        self.table.assign(self.table + ops.reshape(cells, (self.classes, self.classes)))

    def result(self):
        both = ops.sum(self.table, axis=0) + ops.sum(self.table, axis=1)
        f1 = ops.divide_no_nan(2 * ops.diagonal(self.table), both)
        return ops.sum(f1) / ops.maximum(ops.sum(ops.cast(both > 0, "float32")), 1)

    def reset_state(self):
        self.table.assign(ops.zeros((self.classes, self.classes)))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def batch(
            n: int, classes: int, *, column: bool = False, weighted: bool = False
        ) -> list[Plain]:
            """Labels without the last two classes; the last but one is predicted at times."""
            labels = rng.integers(0, classes - 2, n)
            labels[:2] = 0, 1
            guesses = np.where(rng.random(n) < 0.5, labels, rng.integers(0, classes - 1, n))
            guesses[:3] = 0, classes - 2, 1 - labels[2] if labels[2] < 2 else 0
            y_pred = rng.normal(size=(n, classes)).astype(np.float32)
            y_pred[np.arange(n), guesses] = y_pred.max(1) + rng.uniform(0.5, 1, n)
            weight = rng.uniform(0.2, 3, n).astype(np.float32) if weighted else None
            return [labels.reshape(-1, 1) if column else labels, y_pred, weight]

        classes = int(rng.integers(4, 7))
        yield Case(
            {
                "classes": classes,
                "batches": [batch(9, classes), batch(5, classes)],
                "compiled": False,
            },
            "the last class is never seen, the last but one is predicted but never a label",
        )
        yield Case(
            {
                "classes": 4,
                "batches": [batch(8, 4, column=True), batch(6, 4, column=True)],
                "compiled": False,
            },
            "labels of shape (n, 1)",
        )
        yield Case(
            {
                "classes": 5,
                "batches": [batch(8, 5, weighted=True), batch(6, 5, column=True, weighted=True)],
                "compiled": True,
            },
            "with sample weights",
        )

    def state(self, size: int, batches: list[Plain]) -> dict[str, Any]:
        """Return the macro F1 by a loop over the examples."""
        return {"result": _macro_f1(size, batches)}


def _ks(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the largest gap by a loop over all thresholds."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    if not len(positive) or not len(negative):
        return 0.0
    return max(abs(np.mean(positive <= t) - np.mean(negative <= t)) for t in scores)


def _two_classes(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the positives and those of the negatives; there must be both."""
    if len(np.unique(labels)) < 2:
        raise ValueError("one class is missing")
    return scores[labels == 1], scores[labels == 0]


def _ks_by_order(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the largest gap after each example, as if equal scores had an order."""
    _two_classes(labels, scores)
    positive = labels[np.argsort(scores)] == 1
    gaps = np.cumsum(positive) / positive.sum() - np.cumsum(~positive) / (~positive).sum()
    return float(np.abs(gaps).max())


def _ks_signed(labels: np.ndarray, scores: np.ndarray) -> float:
    positive, negative = _two_classes(labels, scores)
    return max(float(np.mean(positive >= t) - np.mean(negative >= t)) for t in scores)


def _ks_at_hundredths(labels: np.ndarray, scores: np.ndarray) -> float:
    positive, negative = _two_classes(labels, scores)
    thresholds = np.linspace(0, 1, 101)
    return max(abs(float(np.mean(positive <= t) - np.mean(negative <= t))) for t in thresholds)


def _area(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve: the share of pairs in which the positive wins."""
    positive, negative = _two_classes(labels, scores)
    wins = positive[:, None] > negative
    return float(np.mean(wins + 0.5 * (positive[:, None] == negative)))


@register
class KSStatistic(Exercise):
    """The exact Kolmogorov-Smirnov statistic of the scores of two classes."""

    name = "ks_statistic"
    title = "The exact KS, ties included"
    points = 3
    see = "From counts to ROC to KS"
    hints = (
        "Sort the labels by score, with `np.argsort`. The cumulative sum of the positives, divided "
        "by their number, is the share of positives at or below each score; the negatives in the "
        "same way.",
        "Between two equal scores no threshold can lie. Of each run of equal scores keep the last "
        "place alone: where the next score is another one, and the very last place.",
        "With `ordered = scores[order]`: `last = np.append(ordered[1:] != ordered[:-1], True)`, "
        "then `np.abs(gap)[last].max()`. If a class is missing, return 0.0 before you divide.",
    )
    why = (
        "One sort and two cumulative sums give both distributions at every threshold. A gap in the "
        "middle of a run of equal scores belongs to no threshold: it depends on the order in which "
        "the rows came. The last place of each run has all of them at or below it."
    )
    near_misses = (
        NearMiss(
            code="""
def ks_statistic(labels, scores):
    positive = labels[np.argsort(scores)] == 1
    if positive.all() or not positive.any():
        return 0.0
    gaps = np.cumsum(positive) / positive.sum() - np.cumsum(~positive) / (~positive).sum()
    return np.abs(gaps).max()
""",
            because=(
                "Gaps were also read between equal scores, where no threshold can lie: the result "
                "depends on the order of the rows. Read them after the last of equal scores."
            ),
            like=_ks_by_order,
        ),
        NearMiss(
            code="""
def ks_statistic(labels, scores):
    positive, negative = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    if not len(positive) or not len(negative):
        return 0.0
    tpr = 1 - np.searchsorted(positive, scores) / len(positive)
    fpr = 1 - np.searchsorted(negative, scores) / len(negative)
    return np.max(tpr - fpr)
""",
            because=(
                "Only gaps in one direction were read. Where the positives have the lower scores, "
                "the gap is negative: take its absolute value."
            ),
            like=_ks_signed,
        ),
        NearMiss(
            code="""
def ks_statistic(labels, scores):
    positive, negative = scores[labels == 1], scores[labels == 0]
    if not len(positive) or not len(negative):
        return 0.0
    return max(abs(np.mean(positive <= t) - np.mean(negative <= t)) for t in np.linspace(0, 1, 101))
""",
            because=(
                "A fixed grid of thresholds misses the largest gap, and scores need not lie between "
                "0 and 1. The scores themselves are the thresholds where something changes."
            ),
            like=_ks_at_hundredths,
        ),
        NearMiss(
            code="""
def ks_statistic(labels, scores):
    return roc_auc_score(labels, scores) if len(np.unique(labels)) == 2 else 0.0
""",
            because=(
                "This is the area under the ROC curve. KS is the largest vertical gap between that "
                "curve and the diagonal."
            ),
            like=_area,
        ),
        NearMiss(
            code="""
def ks_statistic(labels, scores):
    order = np.argsort(scores)
    positive, ordered = labels[order] == 1, scores[order]
    with np.errstate(all="ignore"):
        gaps = np.cumsum(positive) / positive.sum() - np.cumsum(~positive) / (~positive).sum()
    return np.abs(gaps)[np.append(ordered[1:] != ordered[:-1], True)].max()
""",
            because="With one class alone, 0 is divided by 0.",
            says="nan",
        ),
    )
    alternatives = (
        """
def ks_statistic(labels, scores):
    if len(np.unique(labels)) < 2:
        return 0.0
    return ks_2samp(scores[labels == 1], scores[labels == 0]).statistic
""",
        """
def ks_statistic(labels, scores):
    if len(np.unique(labels)) < 2:
        return 0.0
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    return np.max(np.abs(tpr - fpr))
""",
        """
def ks_statistic(labels, scores):
    values, place = np.unique(scores, return_inverse=True)
    counts = np.zeros((2, len(values)))
    np.add.at(counts, (labels, place), 1)
    shares = np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return 0.0 if len(np.unique(labels)) < 2 else float(np.ptp(shares, axis=0).max())
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with NumPy arrays."""
        return submission(*inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def labels(n: int) -> np.ndarray:
            return rng.permutation(np.append(rng.integers(0, 2, n - 4), [0, 0, 1, 1]))

        y = labels(40)
        yield Case({"labels": y, "scores": rng.normal(size=40) + y}, "all scores differ")
        y = labels(25)
        yield Case({"labels": y, "scores": rng.normal(size=25) - 2 * y}, "positives score lower")
        y = labels(30)
        few = (rng.integers(0, 4, 30) + y) / 8
        yield Case({"labels": y, "scores": few}, "many equal scores")
        y = labels(12)
        yield Case({"labels": y, "scores": np.full(12, rng.random())}, "all scores are equal")
        one = int(rng.integers(0, 2))
        yield Case({"labels": np.full(6, one), "scores": rng.random(6)}, f"all labels are {one}")
        yield Case(
            {"labels": np.full(5, 1 - one), "scores": rng.random(5)}, "the other class alone"
        )

    def expected(self, labels: np.ndarray, scores: np.ndarray) -> Any:
        return _ks(labels, scores)


def _histograms(
    bins: int, batches: list[Plain], *, weighted: bool = True, top: bool = True
) -> tuple[list[float], list[float]]:
    """Return the weight of the positives and of the negatives in each bin.

    Without ``top``, scores of exactly 1 are lost.
    """
    positives, negatives = [0.0] * bins, [0.0] * bins
    for y_true, y_pred, weight in batches:
        weights = np.ones(len(y_true)) if weight is None or not weighted else np.ravel(weight)
        for label, score, w in zip(np.ravel(y_true), np.ravel(y_pred), weights, strict=True):
            place = int(float(score) * bins)
            if place >= bins and not top:
                continue
            (positives if label else negatives)[min(place, bins - 1)] += float(w)
    return positives, negatives


def _binned(bins: int, batches: list[Plain], **options: bool) -> dict[str, float]:
    """Return the largest gap at an edge of a bin, and the largest share of a class in a bin."""
    both = _histograms(bins, batches, **options)
    if not sum(both[0]) or not sum(both[1]):
        return {"result": 0.0, "bound": 1.0}
    positives, negatives = (np.array(one) / sum(one) for one in both)
    gap = np.abs(np.cumsum(positives) - np.cumsum(negatives)).max()
    return {"result": float(gap), "bound": float(max(positives.max(), negatives.max()))}


def _binned_signed(bins: int, batches: list[Plain]) -> float:
    both = _histograms(bins, batches)
    if not sum(both[0]) or not sum(both[1]):
        return 0.0
    positives, negatives = (np.array(one) / sum(one) for one in both)
    return float((np.cumsum(negatives) - np.cumsum(positives)).max())


def _bound_of_all(bins: int, batches: list[Plain]) -> dict[str, float]:
    both = np.array(_histograms(bins, batches)).sum(0)
    return {**_binned(bins, batches), "bound": float(both.max() / both.sum())}


_KS_START = """
class StreamingKS(keras.metrics.Metric):
    def __init__(self, bins=100, name="ks", **kwargs):
        super().__init__(name=name, **kwargs)
        self.bins = bins
        self.positives = self.add_variable((bins,), "zeros", name="positives")
        self.negatives = self.add_variable((bins,), "zeros", name="negatives")
"""
_KS_UPDATE = """
    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(ops.reshape(y_true, (-1,)), self.dtype)
        scores = ops.cast(ops.reshape(y_pred, (-1,)), self.dtype)
        weight = ops.ones_like(labels)
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1,)), self.dtype)
        place = ops.clip(ops.cast(scores * self.bins, "int32"), 0, self.bins - 1)
        self.positives.assign_add(ops.segment_sum(weight * labels, place, self.bins))
        self.negatives.assign_add(ops.segment_sum(weight * (1 - labels), place, self.bins))
"""
_KS_RESULT = """
    def result(self):
        p, n = self.shares()
        return ops.max(ops.abs(ops.cumsum(p) - ops.cumsum(n)))
"""
_KS_BOUND = """
    def error_bound(self):
        p, n = self.shares()
        return ops.maximum(ops.max(p), ops.max(n))
"""
_KS_SHARES = """
    def shares(self):
        p, n = ops.sum(self.positives), ops.sum(self.negatives)
        one_class = (p == 0) | (n == 0)
        even = ops.one_hot(0, self.bins)
        p = ops.where(one_class, even, ops.divide_no_nan(self.positives, p))
        return p, ops.where(one_class, even, ops.divide_no_nan(self.negatives, n))
"""


@register
class StreamingKSMetric(_StreamingMetric):
    """KS from two histograms that can be added over batches, and how wrong it may be."""

    name = "StreamingKS"
    title = "A streaming KS that knows its error"
    points = 4
    see = "A KS that streams, with a bound on its error"
    hints = (
        "The state is two vectors of length `bins`: how much weight the positives have in each "
        "bin, and the negatives. The bin of a score is `scores * bins` cast to int32; "
        "`ops.clip` puts the score 1.0, which would be in bin `bins`, into the last one.",
        "`ops.segment_sum(values, place, bins)` adds up the values of each bin, without a loop: "
        "once with `weight * labels`, once with `weight * (1 - labels)`. Flatten all three inputs "
        "by `ops.reshape(…, (-1,))` first.",
        "In `result`: `ops.cumsum` of each histogram divided by its sum (`ops.divide_no_nan`), then "
        "the largest absolute difference. Multiply by whether both sums are above 0: "
        "`ops.cast((p > 0) & (n > 0), self.dtype)`. `error_bound` is the largest share in one bin; "
        "`ops.where` makes it 1.0 while a class is missing.",
    )
    why = (
        "Histograms can be added, over batches and over machines; a sorted list cannot be kept. "
        "`segment_sum` does for all examples at once what the notes' loop does one by one. At the "
        "edges of the bins the gap is exact. Inside a bin it can grow by at most what one class "
        "has in that bin, so the true KS lies between `result` and `result + error_bound`."
    )
    near_misses = (
        NearMiss(
            code=_KS_START
            + _KS_UPDATE
            + _KS_SHARES.replace("divide_no_nan", "divide").replace("one_class,", "p < 0,")
            + _KS_RESULT
            + _KS_BOUND,
            because="Before both classes were seen, 0 is divided by 0.",
            says="nan",
        ),
        NearMiss(
            code=_KS_START
            + _KS_UPDATE.replace("if sample_weight is not None", "if False")
            + _KS_SHARES
            + _KS_RESULT
            + _KS_BOUND,
            because="The sample weights were not used: an example of weight 2 counts twice.",
            like=lambda bins, batches: _binned(bins, batches, weighted=False),
        ),
        NearMiss(
            code=_KS_START
            + """
    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(ops.reshape(y_true, (-1, 1)), self.dtype)
        place = ops.cast(ops.reshape(y_pred, (-1,)) * self.bins, "int32")
        chosen = ops.one_hot(place, self.bins)
        if sample_weight is not None:
            chosen = chosen * ops.reshape(sample_weight, (-1, 1))
        self.positives.assign_add(ops.sum(labels * chosen, axis=0))
        self.negatives.assign_add(ops.sum((1 - labels) * chosen, axis=0))
"""
            + _KS_SHARES
            + _KS_RESULT
            + _KS_BOUND,
            because=(
                "The score 1.0 was lost: times `bins` it is `bins`, one beyond the last bin. "
                "Put it into the last bin."
            ),
            like=lambda bins, batches: _binned(bins, batches, top=False),
        ),
        NearMiss(
            code=_KS_START
            + _KS_UPDATE.replace("assign_add", "assign")
            + _KS_SHARES
            + _KS_RESULT
            + _KS_BOUND,
            because="Only the last batch counts. `assign` replaces the state; add to it.",
            like=lambda bins, batches: _binned(bins, batches[-1:]),
        ),
        NearMiss(
            code=_KS_START
            + _KS_UPDATE
            + _KS_SHARES
            + """
    def result(self):
        p, n = self.shares()
        return ops.max(ops.cumsum(n) - ops.cumsum(p))
"""
            + _KS_BOUND,
            because=(
                "Only gaps in one direction were read. Where the positives have the lower scores, "
                "the gap is negative: take its absolute value."
            ),
            like=_binned_signed,
        ),
        NearMiss(
            code=_KS_START
            + _KS_UPDATE
            + _KS_SHARES
            + _KS_RESULT
            + """
    def error_bound(self):
        both = self.positives + self.negatives
        total = ops.sum(both)
        missing = (ops.sum(self.positives) == 0) | (ops.sum(self.negatives) == 0)
        return ops.where(missing, 1.0, ops.divide_no_nan(ops.max(both), total))
""",
            because=(
                "The bound is the share of all examples in one bin. Take the shares of each class "
                "by itself: the rare class can lie in one bin alone."
            ),
            like=_bound_of_all,
        ),
        NearMiss(
            code=_KS_START
            + _KS_UPDATE.replace(
                "ops.cast(ops.reshape(y_pred, (-1,)), self.dtype)",
                'np.asarray(y_pred, "float32").reshape(-1)',
            )
            + _KS_SHARES
            + _KS_RESULT
            + _KS_BOUND,
            because="NumPy needs values, and inside `fit` tensors have none yet.",
            says="Compute with keras.ops alone",
        ),
    )
    alternatives = (
        _KS_START
        + """
    def update_state(self, y_true, y_pred, sample_weight=None):
        positive = ops.cast(ops.reshape(y_true, [-1]), "bool")
        place = ops.minimum(ops.floor(ops.reshape(y_pred, [-1]) * self.bins), self.bins - 1)
        chosen = ops.one_hot(ops.cast(place, "int32"), self.bins)
        if sample_weight is not None:
            chosen *= ops.reshape(sample_weight, [-1, 1])
        self.positives.assign_add(ops.sum(ops.where(positive[:, None], chosen, 0), axis=0))
        self.negatives.assign_add(ops.sum(ops.where(positive[:, None], 0, chosen), axis=0))

    def result(self):
        p, n = self.shares()
        return ops.max(ops.abs(ops.cumsum(p - n)))
"""
        + _KS_BOUND
        + _KS_SHARES,
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def batch(
            n: int,
            bins: int,
            *,
            shape: tuple[int, ...] = (-1,),
            lower: bool = False,
            weighted: bool = False,
        ) -> list[Plain]:
            """Scores well inside their bins, but for two of exactly 1.0 in the lower class."""
            labels = rng.permutation(np.append(rng.integers(0, 2, n - 4), [0, 0, 1, 1]))
            lift = (1 - labels if lower else labels) * (bins // 2)
            place = rng.integers(0, bins - bins // 2, n) + lift
            scores = (place + rng.uniform(0.1, 0.9, n)) / bins
            scores[rng.choice(np.flatnonzero(labels == int(lower)), 2, replace=False)] = 1.0
            weight = rng.uniform(0.2, 3, n).astype(np.float32) if weighted else None
            return [labels.reshape(shape), scores.astype(np.float32).reshape(shape), weight]

        bins = int(rng.integers(5, 10))
        yield Case({"bins": bins, "batches": [batch(30, bins)], "compiled": False}, "one batch")
        yield Case(
            {
                "bins": 10,
                "batches": [
                    batch(32, 10, lower=True),
                    batch(25, 10, shape=(-1, 1), lower=True, weighted=True),
                ],
                "compiled": True,
            },
            "the positives score lower; then shapes (n, 1) and sample weights",
        )
        label = int(rng.integers(0, 2))
        alone: list[Plain] = [np.full(5, label), rng.uniform(0.1, 0.9, 5).astype(np.float32), None]
        order = rng.permutation(6)
        at_edges = np.array([0.25, 0.5, 0.5, 0.75, 0.75, 0.75], np.float32)
        edges: list[Plain] = [np.array([0, 0, 0, 1, 1, 1])[order], at_edges[order], None]
        yield Case(
            {"bins": 4, "batches": [alone, edges], "compiled": False},
            "the first batch has one class alone; then scores on the edges of the bins",
        )

    def state(self, size: int, batches: list[Plain]) -> dict[str, Any]:
        """Return result and bound by a loop over the examples."""
        return _binned(size, batches)


class _OptimizerClass(Exercise):
    """An optimizer over NumPy arrays, compared after each of its steps."""

    # Wide enough for float32, in which Keras's own Adam computes 1 - 0.999.
    rtol = 1e-4
    atol = 3e-5

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Take one step for each learning rate; see whether the old arrays stay as they are."""
        settings, start, gradients = inputs["settings"], inputs["start"], inputs["gradients"]
        rates = inputs["learning_rates"]
        import numpy as np

        optimizer = submission(rates[0], **settings)
        if not hasattr(optimizer, "step"):
            return {"type": type(optimizer).__name__}
        variables, path, intact = list(start), [], True
        for rate, slopes in zip(rates, gradients, strict=True):
            optimizer.learning_rate = rate
            before = [one.copy() for one in (*variables, *slopes)]
            with np.errstate(all="ignore"):  # the judge tells of NaN
                moved = optimizer.step(variables, slopes)
            if not isinstance(moved, (list, tuple)):
                return {"returned": type(moved).__name__}
            given = (*variables, *slopes)
            intact = intact and all((a == b).all() for a, b in zip(before, given, strict=True))
            variables = [np.array(one) for one in moved]
            path.append([one.copy() for one in variables])
        return {"path": path, "intact": intact}

    def path(self, step: Callable[..., Any], **inputs: Any) -> list[list[np.ndarray]]:
        """Return all places, by a rule for one number at a time that keeps a list of state."""
        settings, rates = inputs["settings"], inputs["learning_rates"]
        variables = [one.astype(np.float64) for one in inputs["start"]]
        memory: dict[Any, Any] = {}
        path = []
        for t, (rate, slopes) in enumerate(zip(rates, inputs["gradients"], strict=True), start=1):
            moved = [one.copy() for one in variables]
            for k, slope in enumerate(slopes):
                for at in np.ndindex(slope.shape):
                    state = memory.setdefault((k, at), [0.0, 0.0])
                    moved[k][at] += step(
                        float(slope[at]), state, rate, t, index=k, count=len(slopes), **settings
                    )
            variables = moved
            path.append(variables)
        return path

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the places step by step; a path that follows a near miss gets its reason."""
        seen = observation.value
        if "type" in seen:
            raise Wrong(f"{self.name} gives an object of type {seen['type']} without `step`.")
        if "returned" in seen:
            raise Wrong(
                f"`step` returned an object of type {seen['returned']}. Return a list of arrays, "
                "one for each variable."
            )
        expected = self.expected(**case.inputs)
        for t, (got, want) in enumerate(zip(seen["path"], expected, strict=True), start=1):
            for k, place in enumerate(want):
                if len(got) != len(want):
                    raise Wrong(f"`step` returned {len(got)} arrays for {len(want)} variables.")
                if reason := self.differs(got[k], place):
                    raise Wrong(
                        self._recognise_path(case, seen["path"])
                        or f"After step {t}, variable {k}: {reason}",
                        expected=expected,
                    )
        if not seen["intact"]:
            raise Wrong(
                "The numbers are right, but `step` changed the arrays that it was given. Make new "
                "ones: `variable + change` instead of `variable += change`."
            )

    def _recognise_path(self, case: Case, path: Plain) -> str | None:
        for miss in self.near_misses:
            if miss.like is not None and not self.differs(path, miss.like(self, **case.inputs)):
                return miss.because
        return None


def _momentum(
    g: float, state: list[float], rate: float, t: int, *, momentum: float, nesterov: bool, **_: Any
) -> float:
    state[0] = momentum * state[0] - rate * g
    return momentum * state[0] - rate * g if nesterov else state[0]


def _plain(g: float, state: list[float], rate: float, t: int, **_: Any) -> float:
    return -rate * g


def _rate_outside(
    g: float, state: list[float], rate: float, t: int, *, momentum: float, nesterov: bool, **_: Any
) -> float:
    state[0] = momentum * state[0] + g
    return -rate * (momentum * state[0] + g if nesterov else state[0])


def _averaged(
    g: float, state: list[float], rate: float, t: int, *, momentum: float, nesterov: bool, **_: Any
) -> float:
    state[0] = momentum * state[0] - (1 - momentum) * rate * g
    return momentum * state[0] - (1 - momentum) * rate * g if nesterov else state[0]


def _never_nesterov(
    g: float, state: list[float], rate: float, t: int, *, momentum: float, nesterov: bool, **_: Any
) -> float:
    return _momentum(g, state, rate, t, momentum=momentum, nesterov=False)


_MOMENTUM_START = """
class MomentumSGD:
    def __init__(self, learning_rate, momentum=0.0, nesterov=False):
        self.learning_rate, self.momentum, self.nesterov = learning_rate, momentum, nesterov
        self.velocities = None

    def step(self, variables, gradients):
        if self.velocities is None:
            self.velocities = [np.zeros_like(v) for v in variables]
        moved = []
        for k, (variable, gradient) in enumerate(zip(variables, gradients)):
"""


@register
class MomentumSGDClass(_OptimizerClass):
    """Gradient descent with momentum, plain or Nesterov's, as Keras does it."""

    name = "MomentumSGD"
    title = "SGD with momentum"
    points = 2
    see = "Optimizers that remember the way"
    hints = (
        "Keep one velocity for each variable, an array of zeros at first. When `step` is called for "
        "the first time, you know the shapes.",
        "velocity = momentum·velocity − learning_rate·gradient. Without Nesterov, the variable "
        "moves by this velocity.",
        "With Nesterov it moves by momentum·velocity − learning_rate·gradient, with the *new* "
        "velocity. Return new arrays, and keep the new velocities in `self`.",
    )
    why = (
        "The velocity is the only state, one number for each number that moves. Keras puts the "
        "learning rate into the velocity: after a change of the learning rate, old pushes keep "
        "their old size. PyTorch multiplies by it at the end. While the rate is constant the two "
        "walk the same path; with a schedule they differ."
    )
    near_misses = (
        NearMiss(
            code=_MOMENTUM_START
            + """
            self.velocities[k] = self.momentum * self.velocities[k] + gradient
            push = self.velocities[k]
            if self.nesterov:
                push = self.momentum * push + gradient
            moved.append(variable - self.learning_rate * push)
        return moved
""",
            because=(
                "The path is right until the learning rate changes. In Keras the velocity already "
                "holds the learning rate of its time: velocity = momentum·velocity − "
                "learning_rate·gradient."
            ),
            like=lambda self, **inputs: self.path(_rate_outside, **inputs),
        ),
        NearMiss(
            code=_MOMENTUM_START
            + """
            push = self.learning_rate * gradient
            self.velocities[k] = (
                self.momentum * self.velocities[k] - (1 - self.momentum) * push
            )
            if self.nesterov:
                moved.append(
                    variable + self.momentum * self.velocities[k] - (1 - self.momentum) * push
                )
            else:
                moved.append(variable + self.velocities[k])
        return moved
""",
            because=(
                "The gradient was multiplied by 1 − momentum, as in a running mean. Momentum adds "
                "the whole step: velocity = momentum·velocity − learning_rate·gradient."
            ),
            like=lambda self, **inputs: self.path(_averaged, **inputs),
        ),
        NearMiss(
            code=_MOMENTUM_START
            + """
            velocity = self.momentum * self.velocities[k] - self.learning_rate * gradient
            if self.nesterov:
                velocity = self.momentum * velocity - self.learning_rate * gradient
            moved.append(variable + velocity)
        return moved
""",
            because="The new velocity was not kept: assign it to `self`, for the next step.",
            like=lambda self, **inputs: self.path(
                lambda g, state, rate, t, *, momentum, nesterov, **_: (
                    -rate * g * (1 + momentum * nesterov)
                ),
                **inputs,
            ),
        ),
        NearMiss(
            code="""
class MomentumSGD:
    def __init__(self, learning_rate, momentum=0.0, nesterov=False):
        self.learning_rate = learning_rate

    def step(self, variables, gradients):
        return [v - self.learning_rate * g for v, g in zip(variables, gradients)]
""",
            because="This is gradient descent without momentum: no velocity is carried along.",
            like=lambda self, **inputs: self.path(_plain, **inputs),
        ),
        NearMiss(
            code=_MOMENTUM_START
            + """
            self.velocities[k] = self.momentum * self.velocities[k] - self.learning_rate * gradient
            moved.append(variable + self.velocities[k])
        return moved
""",
            because=(
                "`nesterov=True` makes no difference. With it, a variable moves by "
                "momentum·(new velocity) − learning_rate·gradient."
            ),
            like=lambda self, **inputs: self.path(_never_nesterov, **inputs),
        ),
        NearMiss(
            code=_MOMENTUM_START
            + """
            self.velocities[k] = self.momentum * self.velocities[k] - self.learning_rate * gradient
            if self.nesterov:
                variable += self.momentum * self.velocities[k] - self.learning_rate * gradient
            else:
                variable += self.velocities[k]
            moved.append(variable)
        return moved
""",
            because="`+=` on an array changes the caller's array.",
            says="changed the arrays that it was given",
        ),
    )
    alternatives = (
        """
class MomentumSGD:
    def __init__(self, learning_rate, momentum=0.0, nesterov=False):
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.state = {}

    def step(self, variables, gradients):
        return [self._one(k, v, g) for k, (v, g) in enumerate(zip(variables, gradients))]

    def _one(self, k, variable, gradient):
        push = -self.learning_rate * gradient
        self.state[k] = push + self.momentum * self.state.get(k, 0.0)
        return variable + (push + self.momentum * self.state[k] if self.nesterov else self.state[k])
""",
        """
class MomentumSGD:
    def __init__(self, learning_rate, momentum=0.0, nesterov=False):
        self.learning_rate = learning_rate
        self.optimizer = keras.optimizers.SGD(learning_rate, momentum, nesterov)
        self.variables = None

    def step(self, variables, gradients):
        if self.variables is None:
            self.variables = [keras.Variable(v, dtype="float32") for v in variables]
        self.optimizer.learning_rate = self.learning_rate
        self.optimizer.apply([ops.cast(g, "float32") for g in gradients], self.variables)
        return [np.array(ops.convert_to_numpy(v)) for v in self.variables]
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(rates: list[float], note: str = "", **settings: Any) -> Case:
            shapes = ((2,), (2, 3))
            return Case(
                {
                    "settings": settings,
                    "start": [rng.normal(size=shape) for shape in shapes],
                    "gradients": [[rng.normal(size=shape) for shape in shapes] for _ in rates],
                    "learning_rates": rates,
                },
                note,
            )

        rate, momentum = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.6, 0.95))
        yield case([rate] * 4, "Nesterov", momentum=momentum, nesterov=True)
        yield case([rate] * 4, momentum=momentum, nesterov=False)
        yield case(
            [0.2, 0.2, 0.02, 0.02], "the learning rate changes", momentum=momentum, nesterov=False
        )
        yield case([rate] * 2, "no momentum", momentum=0.0, nesterov=False)

    def expected(
        self,
        settings: dict[str, Any],
        start: list[np.ndarray],
        gradients: list[list[np.ndarray]],
        learning_rates: list[float],
    ) -> Any:
        return self.path(
            _momentum,
            settings=settings,
            start=start,
            gradients=gradients,
            learning_rates=learning_rates,
        )


def _adam(
    g: float,
    state: list[float],
    rate: float,
    t: int,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    variant: str = "",
    index: int = 0,
    count: int = 1,
) -> float:
    """Return Adam's change of one number; ``variant`` names a common mistake."""
    state[0] = beta_1 * state[0] + (1 - beta_1) * g
    state[1] = beta_2 * state[1] + (1 - beta_2) * g * g
    if variant == "counts variables":
        t = (t - 1) * count + index + 1
    first = 1.0 if variant == "uncorrected" else 1 - beta_1**t
    second = 1.0 if variant in ("uncorrected", "first alone") else 1 - beta_2**t
    m, v = state[0] / first, state[1] / second
    if variant == "paper":
        return -rate * m / (v**0.5 + epsilon)
    if variant == "no root":
        return -rate * m / (v + epsilon)
    # Keras adds epsilon to the root of the uncorrected average.
    return -rate * m * second**0.5 / (state[1] ** 0.5 + epsilon)


def _adam_like(variant: str) -> Callable[..., Any]:
    return lambda self, **inputs: self.path(
        lambda *args, **more: _adam(*args, **more, variant=variant), **inputs
    )


_ADAM_START = """
class PlainAdam:
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.t = 0
        self.m = self.v = None

    def step(self, variables, gradients):
        if self.m is None:
            self.m = [np.zeros_like(x) for x in variables]
            self.v = [np.zeros_like(x) for x in variables]
        self.t += 1
        moved = []
        for k, (x, g) in enumerate(zip(variables, gradients)):
            self.m[k] = self.beta_1 * self.m[k] + (1 - self.beta_1) * g
            self.v[k] = self.beta_2 * self.v[k] + (1 - self.beta_2) * g**2
"""


@register
class PlainAdamClass(_OptimizerClass):
    """Adam, as Keras computes it."""

    name = "PlainAdam"
    title = "Adam from scratch"
    points = 3
    see = "Optimizers that measure each coordinate"
    hints = (
        "State: a step count t, and for each variable two arrays of zeros. At each step t grows by "
        "1, m becomes β₁·m + (1 − β₁)·g, and v becomes β₂·v + (1 − β₂)·g².",
        "After t steps the weights in m add up to 1 − β₁ᵗ only, those in v to 1 − β₂ᵗ. Dividing m "
        "and v by these corrects them; together that is one factor for the learning rate: "
        "√(1 − β₂ᵗ) / (1 − β₁ᵗ).",
        "Keras: x − learning_rate·factor·m / (√v + ε), with v *not* corrected under the root next "
        "to ε. Raise t once in `step`, before the loop over the variables.",
    )
    why = (
        "Both averages begin at 0, so at first they are too small; the correction makes the first "
        "step as long as the learning rate, whatever the size of the gradient. Keras follows the "
        "efficient form in section 2 of the paper (Kingma and Ba, 2014): one scalar factor for all "
        "numbers, and ε next to the uncorrected √v. The paper's main listing adds ε to the "
        "corrected one, which differs where gradients are about as small as ε."
    )
    near_misses = (
        NearMiss(
            code=_ADAM_START
            + """
            moved.append(x - self.learning_rate * self.m[k] / (np.sqrt(self.v[k]) + self.epsilon))
        return moved
""",
            because=(
                "The averages were not corrected for having begun at 0: the first step is more than "
                "3 times as long as the learning rate with the usual betas."
            ),
            like=_adam_like("uncorrected"),
        ),
        NearMiss(
            code=_ADAM_START
            + """
            m = self.m[k] / (1 - self.beta_1**self.t)
            v = self.v[k] / (1 - self.beta_2**self.t)
            moved.append(x - self.learning_rate * m / (np.sqrt(v) + self.epsilon))
        return moved
""",
            because=(
                "This is the paper's first listing, with epsilon beside the corrected average. "
                "Keras adds epsilon to the root of the uncorrected v, which matters where gradients "
                "are tiny: multiply the learning rate by √(1 − β₂ᵗ) / (1 − β₁ᵗ) instead."
            ),
            like=_adam_like("paper"),
        ),
        NearMiss(
            code=_ADAM_START
            + """
            m = self.m[k] / (1 - self.beta_1**self.t)
            moved.append(x - self.learning_rate * m / (np.sqrt(self.v[k]) + self.epsilon))
        return moved
""",
            because=(
                "Only m was corrected. The average of the squares begins at 0 as well: multiply by "
                "√(1 − β₂ᵗ)."
            ),
            like=_adam_like("first alone"),
        ),
        NearMiss(
            code=_ADAM_START
            + """
            m = self.m[k] / (1 - self.beta_1**self.t)
            v = self.v[k] / (1 - self.beta_2**self.t)
            moved.append(x - self.learning_rate * m / (v + self.epsilon))
        return moved
""",
            because="The gradient was divided by its mean square. Divide by the square root of that.",
            like=_adam_like("no root"),
        ),
        NearMiss(
            code=_ADAM_START.replace("        self.t += 1\n", "")
            + """
            self.t += 1
            factor = np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
            push = self.learning_rate * factor * self.m[k]
            moved.append(x - push / (np.sqrt(self.v[k]) + self.epsilon))
        return moved
""",
            because=(
                "The step count grew once for each variable. It counts steps: raise it before the "
                "loop over the variables."
            ),
            like=_adam_like("counts variables"),
        ),
    )
    alternatives = (
        """
class PlainAdam:
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.betas = beta_1, beta_2
        self.epsilon = epsilon
        self.steps = 0
        self.state = {}

    def step(self, variables, gradients):
        self.steps += 1
        (b1, b2), t = self.betas, self.steps
        result = []
        for k, (x, g) in enumerate(zip(variables, gradients)):
            m, v = self.state.get(k, (np.zeros(x.shape), np.zeros(x.shape)))
            m, v = m + (g - m) * (1 - b1), v + (g * g - v) * (1 - b2)
            self.state[k] = m, v
            root = np.sqrt(1 - b2**t)
            # epsilon / root beside the corrected average is epsilon beside the other one
            scaled = (m / (1 - b1**t)) / (np.sqrt(v) / root + self.epsilon / root)
            result.append(x - self.learning_rate * scaled)
        return result
""",
        """
class PlainAdam:
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.optimizer = keras.optimizers.Adam(learning_rate, beta_1, beta_2, epsilon)
        self.variables = None

    def step(self, variables, gradients):
        if self.variables is None:
            self.variables = [keras.Variable(v, dtype="float32") for v in variables]
        self.optimizer.learning_rate = self.learning_rate
        self.optimizer.apply([ops.cast(g, "float32") for g in gradients], self.variables)
        return [np.array(ops.convert_to_numpy(v)) for v in self.variables]
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            rate: float, steps: int, note: str = "", size: float = 1.0, **settings: Any
        ) -> Case:
            shapes = ((2,), (2, 3))
            return Case(
                {
                    "settings": settings,
                    "start": [rng.normal(size=shape) for shape in shapes],
                    "gradients": [
                        [size * rng.normal(size=shape) for shape in shapes] for _ in range(steps)
                    ],
                    "learning_rates": [rate] * steps,
                },
                note,
            )

        yield case(float(rng.uniform(0.05, 0.3)), 5)
        yield case(0.1, 4, "gradients about as small as epsilon", size=1e-6)
        betas = {"beta_1": float(rng.uniform(0.5, 0.8)), "beta_2": float(rng.uniform(0.8, 0.95))}
        yield case(0.05, 4, "other betas and epsilon", **betas, epsilon=0.01)
        zeros = case(0.1, 3, "the first gradients are 0")
        for slopes in zeros.inputs["gradients"][:2]:
            slopes[0][:] = 0.0
        yield zeros

    def expected(
        self,
        settings: dict[str, Any],
        start: list[np.ndarray],
        gradients: list[list[np.ndarray]],
        learning_rates: list[float],
    ) -> Any:
        return self.path(
            _adam,
            settings=settings,
            start=start,
            gradients=gradients,
            learning_rates=learning_rates,
        )
