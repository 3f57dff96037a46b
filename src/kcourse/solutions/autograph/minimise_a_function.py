"""Solutions of the lesson on minimising a function."""

from collections.abc import Callable

import keras
import tensorflow as tf


def descend(
    f: "Callable[[tf.Tensor], tf.Tensor]", start: tf.Tensor, learning_rate: float, steps: int
) -> tf.Tensor:
    """Walk downhill from start by gradient descent and return every place on the way.

    f: takes a tensor of the shape of start and returns a scalar. start: a floating tensor, shape
    (n,). steps: int, may be 0.
    Result: shape (steps + 1, n); the first row is start, the last the place after all steps.
    """
    x = tf.Variable(start)
    path = [start]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            y = f(x)
        # Downhill is against the gradient.
        x.assign_sub(learning_rate * tape.gradient(y, x))
        # A variable changes; what is kept must be its value at this moment.
        path.append(tf.identity(x))
    return tf.stack(path)


def minimize(
    optimizer: keras.optimizers.Optimizer,
    loss: "Callable[[], tf.Tensor]",
    variables: list[tf.Variable],
    steps: int,
) -> tf.Tensor:
    """Take steps of an optimizer towards a smaller loss, and return the loss before each step.

    loss: takes nothing and returns a scalar. variables: list of tf.Variable; loss depends on them.
    Result: shape (steps,).
    """
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss()
        # All gradients in one call: the optimizer counts calls as steps.
        optimizer.apply(tape.gradient(value, variables), variables)
        losses.append(value)
    return tf.stack(losses)


def descend_until_flat(
    f: "Callable[[tf.Variable], tf.Tensor]",
    x: tf.Variable,
    learning_rate: float,
    tolerance: float,
    max_steps: int,
) -> tf.Tensor:
    """Take steps of gradient descent until the slope is small, and return how many were taken.

    f: takes x and returns a scalar. x: tf.Variable, floating, shape (n,); updated in place.
    learning_rate, tolerance: float. max_steps: int.
    Before each step: stop if the Euclidean norm of the gradient is at most tolerance, or if
    max_steps steps were taken.
    Must work inside tf.function, as one loop in the graph however many steps it takes.
    Result: int32 scalar tensor.
    """
    steps = tf.constant(0)
    # The condition is a tensor, so AutoGraph makes one loop of the graph of this.
    while steps < max_steps:
        with tf.GradientTape() as tape:
            y = f(x)
        gradient = tape.gradient(y, x)
        if tf.norm(gradient) <= tolerance:
            break
        x.assign_sub(learning_rate * gradient)
        steps += 1
    return steps


def clip_gradients(gradients: list[tf.Tensor | None], limit: float) -> list[tf.Tensor | None]:
    """Scale gradients so that their norm, taken over all of them together, is at most limit.

    gradients: list of floating tensors of any shapes; None for a variable that had no part in
    the loss. limit: float above 0. Gradients whose common norm is at most limit stay as they are.
    Result: a list of the same length with the same shapes, and None at the same places.
    """
    norm = tf.linalg.global_norm([g for g in gradients if g is not None])
    # One factor for all keeps the direction; it is never above 1, and 0 / 0 cannot happen.
    factor = limit / tf.maximum(norm, limit)
    return [None if g is None else g * factor for g in gradients]


def accumulate_gradients(
    loss: "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]",
    variables: list[tf.Variable],
    x: tf.Tensor,
    y: tf.Tensor,
    size: int,
) -> list[tf.Tensor]:
    """Return the gradients of the mean loss over a batch that is too big to compute at once.

    loss: takes examples and their targets and returns the mean loss over them, a scalar.
    x: shape (n, …). y: shape (n, …). size: most examples that loss may be given at a time; the
    last part may be smaller. Result: one gradient for each variable.
    """
    total = [tf.zeros_like(v) for v in variables]
    for start in range(0, len(x), size):
        part, targets = x[start : start + size], y[start : start + size]
        with tf.GradientTape() as tape:
            # Means of parts of unlike sizes must not count alike: weight each by its size.
            value = loss(part, targets) * (len(part) / len(x))
        gradients = tape.gradient(value, variables)
        total = [t + g for t, g in zip(total, gradients, strict=True)]
    return total


class Parabola(keras.Model):
    """The value of a·x² + b·x + c, whatever the inputs are; x is a trainable weight."""

    def __init__(self, a: float, b: float, c: float) -> None:
        """Keep the coefficients, and start at x = 0."""
        super().__init__()
        self.a, self.b, self.c = a, b, c
        # add_weight, not tf.Variable: what Keras does not track, it does not train.
        self.x = self.add_weight(shape=(), initializer="zeros", name="x")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the value at x, a scalar."""
        return self.a * self.x**2 + self.b * self.x + self.c
