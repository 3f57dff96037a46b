"""Solutions of the lesson on indexing, gathering and scattering."""

import tensorflow as tf


def mirror_odd_rows(images: tf.Tensor) -> tf.Tensor:
    """Return rows 1, 3, 5, … of every image, mirrored left to right.

    images: any dtype, shape (..., height, width), with any number of axes before height.
    Result: same dtype, shape (..., height // 2, width).
    """
    # The ellipsis stands for all axes before the last two, however many there are.
    return images[..., 1::2, ::-1]


def pick_scores(scores: tf.Tensor, students: tf.Tensor, subjects: tf.Tensor) -> tf.Tensor:
    """Return, for every class, the scores of the given students in the given subjects.

    scores: any dtype, shape (classes, students, subjects).
    students: integers, shape (n,). subjects: integers, shape (m,).
    Result: same dtype as scores, shape (classes, n, m).
    """
    of_students = tf.gather(scores, students, axis=1)
    # The first gather keeps the number of axes, so the subjects are still on axis 2.
    return tf.gather(of_students, subjects, axis=2)


def impute_column_means(table: tf.Tensor) -> tf.Tensor:
    """Return the table with every NaN replaced by the mean of the numbers in its column.

    table: floating, shape (rows, columns); every column holds at least one number.
    Result: same dtype and shape, without NaN.
    """
    missing = tf.math.is_nan(table)
    # Zeros add nothing to the sums; the division counts only the numbers that are there.
    sums = tf.reduce_sum(tf.where(missing, 0.0, table), axis=0)
    counts = tf.reduce_sum(tf.cast(~missing, table.dtype), axis=0)
    return tf.where(missing, sums / counts, table)


def square_at(tensor: tf.Tensor, coordinates: tf.Tensor) -> tf.Tensor:
    """Return a copy of the tensor in which the elements at the coordinates are squared.

    tensor: integer or floating, any shape of rank r >= 1.
    coordinates: int32 or int64, shape (k, r), one row for each element; rows may repeat.
    Result: same dtype and shape as tensor.
    """
    # Reading and writing go by the same table, so row i of the updates belongs to row i of it.
    squares = tf.gather_nd(tensor, coordinates) ** 2
    return tf.tensor_scatter_nd_update(tensor, coordinates, squares)


def one_hot_by_scatter(labels: tf.Tensor, classes: int) -> tf.Tensor:
    """Return the one-hot code of every label: 1.0 in the label's column, 0.0 elsewhere.

    labels: int32 or int64, shape (n,), each from 0 to classes - 1. classes: a Python int.
    Result: float32, shape (n, classes).
    """
    labels = tf.cast(labels, tf.int32)  # tf.range and tf.size give int32; one table, one dtype
    rows = tf.range(tf.size(labels))
    table = tf.stack([rows, labels], axis=1)
    return tf.scatter_nd(table, tf.ones_like(labels, tf.float32), [tf.size(labels), classes])


def confusion_counts(truth: tf.Tensor, predicted: tf.Tensor, classes: int) -> tf.Tensor:
    """Return how often each pair of true and predicted label occurs.

    truth: int32 or int64, shape (n,). predicted: int32 or int64, shape (n,), not necessarily
    the dtype of truth. Labels go from 0 to classes - 1. classes: a Python int.
    Result: integers, shape (classes, classes); row = true label, column = predicted label.
    """
    pairs = tf.stack([tf.cast(truth, tf.int32), tf.cast(predicted, tf.int32)], axis=1)
    # scatter_nd adds where coordinates repeat, so every pair counts once in its cell.
    return tf.scatter_nd(pairs, tf.ones_like(truth, tf.int32), [classes, classes])
