"""Solutions of the lesson on losses and weights."""

import keras
import numpy as np
from keras import ops


def focal_loss(
    y_true: keras.KerasTensor, logits: keras.KerasTensor, alpha: float, gamma: float
) -> keras.KerasTensor:
    """Return the binary focal loss of each example (Lin and others, 2017).

    y_true: float32, shape (n,), 0 or 1. logits: float32, shape (n,), any size.
    alpha: float, weight of the examples with y_true 1; the others have 1 - alpha.
    gamma: float, at least 0. Result: float32, shape (n,).
    """
    positive = y_true == 1
    # Turned so that larger means better: p_t = sigmoid(margin), and 1 - p_t = sigmoid(-margin).
    margin = ops.where(positive, logits, -logits)
    alpha_t = ops.where(positive, alpha, 1 - alpha)
    # log_sigmoid never rounds a probability to 0 before it takes the logarithm.
    return -alpha_t * ops.sigmoid(-margin) ** gamma * ops.log_sigmoid(margin)


def masked_squared_error(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor, mask: keras.KerasTensor
) -> keras.KerasTensor:
    """Return the mean squared error over the real steps of a batch.

    y_true, y_pred: float32, shape (batch, steps); where the step is padding, y_true may hold
    anything, also NaN. mask: bool, shape (batch, steps), True where the step is real.
    Result: float32 scalar: each real step counts alike; 0 if no step is real.
    """
    # Chosen before squaring, not multiplied by 0 afterwards: 0 times NaN is NaN.
    error = ops.where(mask, y_true - y_pred, 0.0)
    real_steps = ops.sum(ops.cast(mask, "float32"))
    return ops.sum(ops.square(error)) / ops.maximum(real_steps, 1.0)


def balanced_class_weights(labels: np.ndarray) -> dict[int, float]:
    """Return a weight for each class, in inverse proportion to how often it occurs.

    labels: int array, shape (n,), n at least 1; the classes need not be 0, 1, 2, ...
    Result: dict from each class that occurs (int) to its weight (float), such that every class
    has the same sum of weights over its examples, and all n examples together the sum n.
    """
    classes, counts = np.unique(labels, return_counts=True)
    # Each of the k classes gets n / k in all, shared among its examples.
    share = len(labels) / len(classes)
    return {int(label): share / int(count) for label, count in zip(classes, counts, strict=True)}


class QuantileLoss(keras.losses.Loss):
    """Loss whose best prediction is a quantile: max(q * e, (q - 1) * e) with e = y_true - y_pred.

    y_true: shape (n, d), or (n,) where y_pred has shape (n, 1). y_pred: shape (n, d).
    """

    def __init__(self, quantile: float = 0.5, **kwargs: object) -> None:
        """quantile: float between 0 and 1. kwargs: name, reduction and dtype of the base class."""
        super().__init__(**kwargs)
        self.quantile = quantile

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each sample, shape (n,): the mean over the last axis."""
        # (n,) minus (n, 1) would be (n, n): give both the same shape first.
        error = ops.reshape(y_true, ops.shape(y_pred)) - y_pred
        # No mean over the batch: the base class weights each sample, then reduces.
        return ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that make an equal loss."""
        return {**super().get_config(), "quantile": self.quantile}


def weighted_total(
    y_true: dict[str, keras.KerasTensor],
    y_pred: dict[str, keras.KerasTensor],
    losses: dict[str, str | None],
    loss_weights: dict[str, float] | None,
    penalties: list[float],
) -> keras.KerasTensor:
    """Return the total that a model with several outputs minimises.

    y_true, y_pred: dicts from names of outputs to tensors of shape (batch, k), k differing.
    losses: dict from names to a name of a loss for keras.losses.get, or to None for an output
    without a loss, which may be missing in y_true. loss_weights: dict from names to floats, or
    None if every loss counts as it is. penalties: list of float, possibly empty.
    Result: scalar: the weighted sum of the outputs' losses (each the mean over the batch), plus
    the penalties.
    """
    total = 0.0
    for name, identifier in losses.items():
        if identifier is None:
            continue
        per_sample = keras.losses.get(identifier)(y_true[name], y_pred[name])
        weight = 1.0 if loss_weights is None else loss_weights[name]
        total += weight * ops.mean(per_sample)
    # The penalties belong to the weights of the model, not to an output: no loss weight on them.
    return total + sum(penalties)
