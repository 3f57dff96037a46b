"""Solutions of the lesson on linear algebra."""

import numpy as np
import tensorflow as tf


def transpose_times_vector(matrices: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Multiply the transpose of each matrix by the vector at the same place in the batch.

    matrices: floating, shape (batch, m, n). vectors: same dtype, shape (batch, m).
    Result: shape (batch, n).
    """
    # transpose_a transposes the last two axes and leaves the batch axis where it is.
    return tf.linalg.matvec(matrices, vectors, transpose_a=True)


def spectral_norms(matrices: tf.Tensor) -> tf.Tensor:
    """Return the spectral norm of each matrix of a batch.

    matrices: floating, shape (batch, m, n). Result: same dtype, shape (batch,).
    """
    # Without axis, ord=2 would flatten the whole batch into one long vector.
    return tf.linalg.norm(matrices, ord=2, axis=(-2, -1))


def eigenvalues_by_symmetry(m: tf.Tensor) -> tf.Tensor:
    """Return the eigenvalues of m, real if m is symmetric up to rounding, else complex.

    m: float32 or float64, shape (n, n), n at least 1.
    m counts as symmetric if no entry of m - transpose(m) is larger in size than
    100 · eps · max|m|, where eps is the machine epsilon of m's dtype.
    Result, shape (n,): for a symmetric m in m's dtype, ascending; otherwise complex, any order.
    """
    asymmetry = tf.reduce_max(tf.abs(m - tf.transpose(m)))
    # The tolerance follows the dtype and the size of the entries; a fixed 1e-5 follows neither.
    tolerance = 100 * np.finfo(m.dtype.as_numpy_dtype).eps * tf.reduce_max(tf.abs(m))
    if asymmetry <= tolerance:
        return tf.linalg.eigvalsh(m)
    return tf.linalg.eigvals(m)


def least_squares_qr(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the x that makes the Euclidean length of a·x - b as small as it can be.

    a: floating, shape (m, n), m >= n, independent columns. b: same dtype, shape (m,).
    Result: same dtype, shape (n,).
    """
    q, r = tf.linalg.qr(a)
    right_side = tf.linalg.matvec(q, b, transpose_a=True)
    # R is upper triangular; the default, lower=True, would use nothing but its diagonal.
    x = tf.linalg.triangular_solve(r, right_side[:, tf.newaxis], lower=False)
    return x[:, 0]


def rebuild_from_svd(s: tf.Tensor, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Put a matrix, or a batch of matrices, together again from what tf.linalg.svd returned.

    s: floating, shape (..., k). u: shape (..., m, k). v: shape (..., n, k).
    Result: shape (..., m, n).
    """
    # TensorFlow returns V, not its transpose: the columns of v are the right singular vectors.
    return tf.matmul(u @ tf.linalg.diag(s), v, adjoint_b=True)


def compress_image(image: tf.Tensor, rank: int) -> tf.Tensor:
    """Replace each channel of an image by its best approximation of the given rank.

    image: floating, shape (height, width, channels). rank: int, at least 1.
    Result: same shape and dtype, values not clipped.
    """
    # svd reads the last two axes as a matrix, so the channels have to come first.
    s, u, v = tf.linalg.svd(tf.transpose(image, [2, 0, 1]))
    # Scaling the columns of u does the work of a product with diag(s).
    scaled = u[..., :rank] * s[..., tf.newaxis, :rank]
    channels = tf.matmul(scaled, v[..., :rank], adjoint_b=True)
    return tf.transpose(channels, [1, 2, 0])
