"""Solutions of the lesson on gradients."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def loss_and_penalty_gradients(
    x: tf.Tensor, y: tf.Tensor, w: tf.Tensor, b: tf.Tensor
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Return the gradients of the loss and of the penalty of a linear model.

    x: floating, shape (n, d). y: shape (n,). w: shape (d,). b: shape (). All of one dtype, and
    plain tensors, not variables. The loss is the mean of (x·w + b - y)², the penalty the sum of w².
    Result: two lists, [gradient for w, gradient for b] of the loss, then of the penalty.
    """
    with tf.GradientTape(persistent=True) as tape:
        # Plain tensors are followed only if they are watched before they are used.
        tape.watch([w, b])
        loss = tf.reduce_mean((tf.linalg.matvec(x, w) + b - y) ** 2)
        penalty = tf.reduce_sum(w**2)
    of_loss = tape.gradient(loss, [w, b])
    # The penalty does not depend on b: None by default, and zero is meant.
    of_penalty = tape.gradient(penalty, [w, b], unconnected_gradients="zero")
    return of_loss, of_penalty


def gradient_check(
    function: "Callable[[tf.Tensor], tf.Tensor]", x: tf.Tensor, gradient: tf.Tensor, step: float
) -> tf.Tensor:
    """Return how far a claimed gradient is from central differences, relative to the largest entry.

    function: takes a tensor like x, returns a float64 tensor of shape (). x: float64, any shape.
    gradient: the claimed gradient at x, same shape and dtype. step: float, above 0.
    Result: float64, shape (): the largest |claimed - measured|, divided by the largest size of an
    entry of the two gradients; 0 if all entries are 0.
    """
    differences = []
    for place in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        # One entry moves, to both sides: its way is 2 · step.
        differences.append((function(x + nudge) - function(x - nudge)) / (2 * step))
    measured = tf.reshape(differences, x.shape)
    error = tf.reduce_max(tf.abs(gradient - measured))
    largest = tf.maximum(tf.reduce_max(tf.abs(gradient)), tf.reduce_max(tf.abs(measured)))
    return tf.math.divide_no_nan(error, largest)


def per_example_gradients(weights: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return the gradient of every example's squared error with respect to the weights.

    weights: floating, shape (d,), a plain tensor. x: shape (n, d). y: shape (n,).
    The loss of example i is (x[i]·weights - y[i])². Result: shape (n, d), one gradient a row.
    """
    with tf.GradientTape() as tape:
        tape.watch(weights)
        losses = (tf.linalg.matvec(x, weights) - y) ** 2
    # gradient would sum the losses; jacobian keeps their axis in front.
    return tape.jacobian(losses, weights)


def hessian_vector_product(
    function: "Callable[[tf.Tensor], tf.Tensor]", x: tf.Tensor, v: tf.Tensor
) -> tf.Tensor:
    """Return the Hessian of function at x, times v, without making the Hessian.

    function: takes a tensor of shape (n,), returns one of shape (). x: floating, shape (n,), a
    plain tensor. v: same shape and dtype. Result: same shape and dtype, zeros for a function
    without curvature.
    """
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        # Inside the outer tape, so that it records how the gradient came about.
        along_v = tf.reduce_sum(inner.gradient(y, x) * v)
    return outer.gradient(along_v, x, unconnected_gradients="zero")


def mended_gradient(weights: tf.Tensor, x: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Return the gradient of the mean of exp(x·weights) - counts · (x·weights).

    weights: float32 or an integer dtype, shape (d,), a plain tensor. x: float32, shape (n, d).
    counts: int32, shape (n,). Result: float32, shape (d,).
    """
    weights = tf.cast(weights, tf.float32)
    with tf.GradientTape() as tape:
        # Watch the cast tensor: what was cast before stays outside the tape.
        tape.watch(weights)
        scores = tf.linalg.matvec(x, weights)
        rates = tf.exp(scores)
        loss = tf.reduce_mean(rates - tf.cast(counts, tf.float32) * scores)
    return tape.gradient(loss, weights)


@tf.custom_gradient
def row_lengths(x: tf.Tensor) -> "tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]":
    """Return the Euclidean length of every row, with gradient 0 for a row of zeros.

    x: floating, shape (n, d); n may be 0. Result: same dtype, shape (n,).
    """
    lengths = tf.norm(x, axis=1)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # Times upstream: the chain rule. 0 / 0 becomes 0 here, and not NaN.
        return upstream[:, tf.newaxis] * tf.math.divide_no_nan(x, lengths[:, tf.newaxis])

    return lengths, gradient
