"""Solutions of the lesson on shapes, arithmetic, reductions and broadcasting."""

import tensorflow as tf


def nhwc_to_nchw(images: tf.Tensor) -> tf.Tensor:
    """Return the images with the channel axis moved to the place after the batch axis.

    images: any dtype, shape (batch, height, width, channels).
    Result: same dtype, shape (batch, channels, height, width).
    """
    # perm lists the old axes in their new order; reshape would keep the values in their places.
    return tf.transpose(images, perm=[0, 3, 1, 2])


def drop_channel_axis(images: tf.Tensor) -> tf.Tensor:
    """Return grey images without their channel axis; a batch of one stays a batch.

    images: any dtype, shape (batch, 1, height, width). Result: shape (batch, height, width).
    """
    # The axis is named, so no other axis of length 1 is lost, and three channels are an error.
    return tf.squeeze(images, axis=1)


def broadcast_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which two shapes broadcast; raise ValueError if they do not.

    first, second: shapes as tuples of int. Result: a tuple of int. Use plain Python only.
    """
    rank = max(len(first), len(second))
    # The shorter shape gets axes of length 1 on the left.
    left = (1,) * (rank - len(first)) + first
    right = (1,) * (rank - len(second)) + second
    result = []
    for a, b in zip(left, right, strict=True):
        if a != b and 1 not in (a, b):
            raise ValueError(f"{first} and {second} do not broadcast: {a} meets {b}.")
        # Not max(a, b): where 1 meets 0 (an empty batch), the result has length 0.
        result.append(b if a == 1 else a)
    return tuple(result)


def standardise(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Return x with mean 0 and standard deviation 1 along an axis.

    x: int32, uint8 or float32, shape (n, d). axis: the axis to average over, 0, 1, -1 or -2.
    Result: float32, shape (n, d); 0 wherever the standard deviation is 0.
    """
    # Cast first: the mean of integers is cut to an integer, and differences of uint8 wrap.
    x = tf.cast(x, tf.float32)
    # keepdims leaves (1, d) or (n, 1), which broadcasts back against (n, d).
    mean = tf.reduce_mean(x, axis=axis, keepdims=True)
    std = tf.math.reduce_std(x, axis=axis, keepdims=True)
    return tf.math.divide_no_nan(x - mean, std)


def masked_softmax(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Return the softmax over the last axis, of the positions where the mask is true.

    logits: floating, shape (..., k). mask: bool, a shape that broadcasts to that of logits.
    Result: same dtype and shape as logits. Masked positions are exactly 0, the others of a
    row sum to 1; a row without any is all 0. Large logits give no nan.
    """
    # The lowest finite number, not -inf: in a row that is all masked, -inf - -inf is nan.
    kept = tf.where(mask, logits, logits.dtype.min)
    # The largest exponent of a row becomes 0, so exp cannot overflow.
    shifted = kept - tf.reduce_max(kept, axis=-1, keepdims=True)
    weights = tf.where(mask, tf.exp(shifted), 0.0)
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=-1, keepdims=True))


def pairwise_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return the Euclidean distance of every row of x to every row of y, without a loop.

    x: floating, shape (n, d). y: same dtype, shape (m, d). Result: shape (n, m).
    """
    # A new axis on each side makes every pair meet: (n, 1, d) - (1, m, d) -> (n, m, d).
    differences = x[:, tf.newaxis, :] - y[tf.newaxis, :, :]
    return tf.sqrt(tf.reduce_sum(differences**2, axis=-1))
