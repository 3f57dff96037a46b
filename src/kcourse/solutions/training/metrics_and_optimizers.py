"""Solutions of the lesson on metrics and optimizers."""

import keras
import numpy as np
from keras import ops


def mean_over_batches(means: np.ndarray, sizes: np.ndarray) -> float:
    """Return the mean over all examples, from the means of the batches.

    means: float array, shape (batches,), the mean of each batch.
    sizes: int array, shape (batches,), the number of its examples, at least 1 each.
    Result: float.
    """
    # A mean times its size is a total, and totals can be added.
    return np.sum(means * sizes) / np.sum(sizes)


class MacroF1(keras.metrics.Metric):
    """The mean of the classes' F1 over all batches since the last reset."""

    def __init__(self, classes: int, name: str = "macro_f1", **kwargs: object) -> None:
        """Make the state for a number of classes."""
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.hits = self.add_variable((classes,), "zeros", name="hits")
        self.labelled = self.add_variable((classes,), "zeros", name="labelled")
        self.predicted = self.add_variable((classes,), "zeros", name="predicted")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> None:
        """Take in a batch.

        y_true: whole numbers of any dtype, shape (n,) or (n, 1). y_pred: float, shape
        (n, classes); the largest entry is the predicted class. sample_weight: None, or float of
        shape (n,) or (n, 1).
        """
        # Flat labels: (n, 1) against (n,) would be compared in n × n pairs.
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        actual = ops.one_hot(labels, self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1, 1)), self.dtype)
        self.hits.assign_add(ops.sum(weight * actual * guess, axis=0))
        self.labelled.assign_add(ops.sum(weight * actual, axis=0))
        self.predicted.assign_add(ops.sum(weight * guess, axis=0))

    def result(self) -> keras.KerasTensor:
        """Return the mean over the classes labelled or predicted so far, 0 if there are none."""
        total = self.labelled + self.predicted
        f1 = ops.divide_no_nan(2 * self.hits, total)
        return ops.divide_no_nan(ops.sum(f1), ops.sum(ops.cast(total > 0, self.dtype)))


def ks_statistic(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the exact Kolmogorov-Smirnov statistic of the scores of two classes.

    labels: int array of 0 and 1, shape (n,), n at least 1. scores: float array, shape (n,), of
    any range.
    Result: float, the largest absolute gap over all thresholds between the share of positives
    and the share of negatives at or below it; 0.0 if one class is missing.
    """
    order = np.argsort(scores)
    positive, ordered = labels[order] == 1, scores[order]
    positives, negatives = np.cumsum(positive), np.cumsum(~positive)
    if positives[-1] == 0 or negatives[-1] == 0:
        return 0.0
    gaps = np.abs(positives / positives[-1] - negatives / negatives[-1])
    # No threshold lies between equal scores: only the last of each run has a gap that counts.
    last_of_equals = np.append(ordered[1:] != ordered[:-1], True)
    return gaps[last_of_equals].max()


class StreamingKS(keras.metrics.Metric):
    """The KS of scores from 0 to 1, from histograms that are added over the batches."""

    def __init__(self, bins: int = 100, name: str = "ks", **kwargs: object) -> None:
        """Make the state: bin k holds scores from k/bins up to (k + 1)/bins, the last also 1."""
        super().__init__(name=name, **kwargs)
        self.bins = bins
        self.positives = self.add_variable((bins,), "zeros", name="positives")
        self.negatives = self.add_variable((bins,), "zeros", name="negatives")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> None:
        """Take in a batch.

        y_true: 0 or 1, y_pred: float from 0 to 1, sample_weight: None or float; each of shape
        (n,) or (n, 1).
        """
        labels = ops.cast(ops.reshape(y_true, (-1,)), self.dtype)
        scores = ops.cast(ops.reshape(y_pred, (-1,)), self.dtype)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1,)), self.dtype)
        # A score of 1 would be in a bin of its own, one too far.
        place = ops.minimum(ops.cast(scores * self.bins, "int32"), self.bins - 1)
        # All examples at once: each adds its weight to the bin where its score is.
        self.positives.assign_add(ops.segment_sum(weight * labels, place, self.bins))
        self.negatives.assign_add(ops.segment_sum(weight * (1 - labels), place, self.bins))

    def result(self) -> keras.KerasTensor:
        """Return the largest gap at an edge of a bin, 0 while a class is missing."""
        positives, negatives = ops.cumsum(self.positives), ops.cumsum(self.negatives)
        gaps = ops.abs(positives / positives[-1] - negatives / negatives[-1])
        # Where a class is missing the gaps are 0 / 0, and not used.
        return ops.where(positives[-1] * negatives[-1] > 0, ops.max(gaps), 0.0)

    def error_bound(self) -> keras.KerasTensor:
        """Return the largest share of a class in one bin, 1 while a class is missing."""
        positives, negatives = ops.sum(self.positives), ops.sum(self.negatives)
        shares = ops.maximum(self.positives / positives, self.negatives / negatives)
        return ops.where(positives * negatives > 0, ops.max(shares), 1.0)


class MomentumSGD:
    """Gradient descent with momentum over NumPy arrays, as keras.optimizers.SGD does it."""

    def __init__(self, learning_rate: float, momentum: float = 0.0, nesterov: bool = False) -> None:
        """Keep the settings; ``learning_rate`` is an attribute that may be changed later."""
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.velocities: list[np.ndarray | float] = []

    def step(self, variables: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Return where the variables are after one step; leave the given arrays as they are.

        variables, gradients: lists of arrays, one gradient for each variable, of its shape; the
        same variables in the same order in every call.
        Result: list of new arrays.
        """
        if not self.velocities:
            self.velocities = [0.0] * len(variables)
        moved = []
        for k, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            # The learning rate goes into the velocity: later changes do not touch old pushes.
            push = -self.learning_rate * gradient
            self.velocities[k] = self.momentum * self.velocities[k] + push
            if self.nesterov:
                moved.append(variable + self.momentum * self.velocities[k] + push)
            else:
                moved.append(variable + self.velocities[k])
        return moved


class PlainAdam:
    """Adam over NumPy arrays, as keras.optimizers.Adam does it."""

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        """Keep the settings; ``learning_rate`` is an attribute that may be changed later."""
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.steps = 0
        self.means: list[np.ndarray | float] = []
        self.squares: list[np.ndarray | float] = []

    def step(self, variables: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Return where the variables are after one step; leave the given arrays as they are.

        variables, gradients: lists of arrays, one gradient for each variable, of its shape; the
        same variables in the same order in every call.
        Result: list of new arrays.
        """
        if not self.means:
            self.means, self.squares = [0.0] * len(variables), [0.0] * len(variables)
        self.steps += 1
        # Both averages began at 0: this makes up for it, in one factor for all numbers.
        correction = (1 - self.beta_2**self.steps) ** 0.5 / (1 - self.beta_1**self.steps)
        moved = []
        for k, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            self.means[k] = self.beta_1 * self.means[k] + (1 - self.beta_1) * gradient
            self.squares[k] = self.beta_2 * self.squares[k] + (1 - self.beta_2) * gradient**2
            scaled = self.means[k] / (self.squares[k] ** 0.5 + self.epsilon)
            moved.append(variable - self.learning_rate * correction * scaled)
        return moved
