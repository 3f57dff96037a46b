"""Solutions of the lesson on shapes, arithmetic, reductions and broadcasting."""

import tensorflow as tf


def pairwise_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return the Euclidean distance of every row of x to every row of y.

    x: floating, shape (n, d). y: same dtype, shape (m, d). Result: shape (n, m).
    """
    # A new axis on each side makes every pair meet: (n, 1, d) - (1, m, d) -> (n, m, d).
    differences = x[:, tf.newaxis, :] - y[tf.newaxis, :, :]
    return tf.sqrt(tf.reduce_sum(differences**2, axis=-1))
