"""Solutions of the lesson on tf.function."""

from collections.abc import Callable

import tensorflow as tf


@tf.function(reduce_retracing=True)
def unit_length(x: tf.Tensor) -> tf.Tensor:
    """Return x divided by its Euclidean length; a zero vector comes back as it is.

    x: float32, shape (n,), any n. Result: same dtype and shape.
    All lengths together cause two tracings at most.
    """
    # From the second length on, the graph is traced for shape (None,), which fits every length.
    return tf.math.divide_no_nan(x, tf.norm(x))


@tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
def distances_from_origin(points: tf.Tensor) -> tf.Tensor:
    """Return the Euclidean distance of every point from the origin.

    points: float32, shape (n, 3), any n; any other dtype or shape is refused.
    Result: float32, shape (n,). All calls share one graph.
    """
    # None is the axis that may vary. [None, None] would let points of the plane pass, too.
    return tf.norm(points, axis=1)


class RunningMean:
    """The mean of all values seen so far by this object."""

    def __init__(self) -> None:
        """Begin with no values."""
        # Made in Python, once for each object; the graph below only changes them.
        self.total = tf.Variable(0.0)
        self.count = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def update(self, values: tf.Tensor) -> tf.Tensor:
        """Take in values, float32 of shape (n,), n at least 1; return the mean of all so far."""
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.size(values), tf.float32))
        return self.total / self.count


def random_walk(steps: tf.Tensor) -> tf.Tensor:
    """Return the positions of a random walk from 0, each step -1 or 1 with equal chance.

    steps: int32 scalar, at least 0. Result: int32, shape (steps + 1,), beginning with 0; another
    walk at every call, also in a graph.
    """
    position = 0
    positions = tf.TensorArray(tf.int32, size=steps + 1)
    positions = positions.write(0, position)
    for i in tf.range(steps):
        position += 2 * tf.random.uniform([], 0, 2, tf.int32) - 1
        # write returns the array to go on with; without the assignment the value is lost.
        positions = positions.write(i + 1, position)
    return positions.stack()


def newton_square_roots(a: tf.Tensor, max_steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the square roots of a by Newton's iteration, and the number of steps it took.

    a: float64, shape (n,), positive. max_steps: int32 scalar.
    Begin with x = a. While some element has |x² - a| > 1e-10·a, and fewer than max_steps steps
    were taken, replace x by (x + a/x) / 2.
    Result: x, float64 of shape (n,), and the number of steps, an int32 scalar.
    """
    x, steps = a, 0
    # The condition is a tensor, so AutoGraph makes a loop of the graph of this line.
    while steps < max_steps and not tf.reduce_all(tf.abs(x * x - a) <= 1e-10 * a):
        x = (x + a / x) / 2
        steps += 1
    return x, steps


def make_descent(gradient: "Callable[[tf.Tensor], tf.Tensor]") -> "Callable[..., tf.Tensor]":
    """Return a function descend(x, rate, steps) that takes steps against a gradient.

    gradient: a Python function from a float32 tensor of shape (n,) to one of the same shape.
    descend takes x, float32 of shape (n,), and two Python numbers, rate (float) and steps (int);
    it replaces x by x - rate·gradient(x), steps times, and returns x. All calls of one descend
    share one graph, which holds one loop.
    """

    # Python numbers are converted to the tensors that the signature names: no new graphs.
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def descend(x: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(steps):
            x -= rate * gradient(x)
        return x

    return descend
