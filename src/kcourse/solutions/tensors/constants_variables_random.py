"""Solutions of the lesson on constants, variables, dtypes and random numbers."""

import tensorflow as tf


def join_path(parts: list[tf.Tensor], suffix: str) -> str:
    """Return the parts joined by "/", and the suffix behind them, as Python text.

    parts: list of string tensors, each of shape (). suffix: str. Result: str.
    """
    # numpy() gives bytes; decode() reads them as UTF-8, and text can be added to text.
    return tf.strings.join(parts, "/").numpy().decode() + suffix


def shape_facts(x: tf.Tensor, target: list[int]) -> dict[str, object]:
    """Return how many axes and elements x has, and what tf.reshape(x, target) gives.

    x: a tensor of any shape. target: list of int, one of them may be -1.
    Result: {"axes": int, "elements": int, "reshaped": list of int}, where "reshaped" is the
    shape of tf.reshape(x, target), or None if that is refused.
    """
    try:
        reshaped = tf.reshape(x, target).shape.as_list()
    except tf.errors.InvalidArgumentError:  # the one error that means "does not fit"
        reshaped = None
    return {"axes": x.ndim, "elements": int(tf.size(x)), "reshaped": reshaped}


def brighten_image(image: tf.Tensor, factor: float) -> tf.Tensor:
    """Return the image with every value multiplied by factor.

    image: uint8, any shape. factor: Python number, not negative.
    Result: uint8, same shape, rounded as tf.round does, and 255 where it would be more.
    """
    scaled = tf.cast(image, tf.float32) * factor
    # Round first: saturate_cast keeps to 0 ... 255, then cuts the decimals off.
    return tf.saturate_cast(tf.round(scaled), tf.uint8)


def update_running_mean(mean: tf.Variable, count: tf.Variable, batch: tf.Tensor) -> None:
    """Take the rows of batch into a running mean, in place.

    mean: floating variable, shape (d,). count: int64 variable, shape (); rows seen so far.
    batch: same dtype as mean, shape (n, d). Afterwards mean is the mean of all rows ever
    given, and count their number. n may be 0, but not in the first call. Returns nothing.
    """
    count.assign_add(tf.shape(batch, out_type=tf.int64)[0])
    # Every new row pulls the mean towards itself by 1 / (all rows).
    pull = tf.reduce_sum(batch - mean, axis=0)
    mean.assign_add(pull / tf.cast(count, mean.dtype))


def inclusive_grid(start: float, stop: float, step: float) -> tf.Tensor:
    """Return start, start + step, and so on to stop, both ends included.

    start, stop, step: Python numbers, int or float; step may be negative; stop lies a whole
    number of steps from start, up to rounding. Result: float32, shape (steps + 1,).
    """
    # round, not int: 0.3 / 0.1 is 2.9999999999999996. One more value than steps: a fence.
    count = round((stop - start) / step) + 1
    return tf.linspace(tf.constant(start, tf.float32), tf.constant(stop, tf.float32), count)


def estimate_pi(points: int, seed: tf.Tensor) -> tf.Tensor:
    """Return an estimate of pi from random points in the unit square.

    points: int, how many points. seed: int32, shape (2,); the result depends on points and
    seed alone. Result: float32, shape ().
    """
    # One draw for both coordinates: a second draw with the same seed would repeat the first.
    xy = tf.random.stateless_uniform([points, 2], seed)
    inside = tf.reduce_sum(xy**2, axis=1) <= 1.0
    return 4.0 * tf.reduce_mean(tf.cast(inside, tf.float32))
