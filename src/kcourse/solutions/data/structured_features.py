"""Solutions of the lesson on tables: numbers, categories and gaps made into features."""

import hashlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def normalise_without_leak(train: tf.Tensor, test: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Normalise both splits by the means and spreads of the training rows.

    train: shape (n, k), float32. test: shape (m, k), float32. No value is missing.
    Result: (train, test), float tensors of the same shapes. From a column that is constant in
    train only the mean is subtracted.
    """
    # Both numbers come from the training rows; the test rows are only treated with them.
    mean = tf.reduce_mean(train, axis=0)
    spread = tf.math.reduce_std(train, axis=0)
    spread = tf.where(spread > 0, spread, 1.0)
    return (train - mean) / spread, (test - mean) / spread


def fill_and_flag(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill missing numbers with the median of the training rows, and flag them.

    train: shape (n, k), test: shape (m, k), float32; NaN where a value is missing.
    Result: (train, test), arrays of shapes (n, 2k) and (m, 2k): the k filled columns, then k
    flags, 1.0 where the value was missing and 0.0 elsewhere.
    """
    medians = np.nanmedian(train, axis=0)
    results = []
    for rows in (train, test):
        missing = np.isnan(rows)  # before they are filled
        filled = np.where(missing, medians, rows)
        results.append(np.hstack([filled, missing.astype("float32")]))
    return results[0], results[1]


def bucket_ages(ages: tf.Tensor, boundaries: list[float]) -> tf.Tensor:
    """One-hot code of the bucket that each age is in, with a first column for missing ages.

    ages: shape (n,), float32, NaN where missing. boundaries: b floats in rising order; an age
    that equals a boundary belongs to the bucket above it.
    Result: shape (n, b + 2), float: column 0 missing, column 1 below the first boundary, …
    """
    bucket = layers.Discretization(bin_boundaries=boundaries)(ages)
    # The layer puts NaN among the oldest, so this must not be left to it.
    column = tf.where(tf.math.is_nan(ages), 0, bucket + 1)
    return tf.one_hot(column, len(boundaries) + 2)


def one_hot_with_unknown(train: list[str], values: list[str]) -> tf.Tensor:
    """One-hot codes of values, by the vocabulary of the training values.

    train, values: lists of str; an empty string is a missing value.
    Result: shape (len(values), 1 + words), numbers: column 0 for words not in train, then the
    words of train in sorted order. A missing value gives a row of zeros.
    """
    words = sorted(set(train) - {""})
    # The mask token is what stands for "missing"; in one-hot codes it has no column.
    lookup = layers.StringLookup(vocabulary=words, mask_token="", output_mode="one_hot")
    return lookup(tf.constant(values))


def cross_features(left: list[str], right: list[str], bins: int) -> np.ndarray:
    """Give each pair of texts a bin, by SHA-256 of the texts joined by the character "\\x1f".

    left, right: lists of n str. The joined text is encoded in UTF-8, and the first eight bytes
    of its hash are read as one number, the first byte being the largest ("big").
    Result: n integers from 0 to bins - 1, the remainders of those numbers.
    """
    numbers = []
    for a, b in zip(left, right, strict=True):
        # The separator keeps ("ab", "c") and ("a", "bc") apart.
        digest = hashlib.sha256(f"{a}\x1f{b}".encode()).digest()
        numbers.append(int.from_bytes(digest[:8], "big") % bins)
    return np.array(numbers)


def model_on_raw_rows(
    core: keras.layers.Layer, mean: float, spread: float, words: list[str]
) -> keras.Model:
    """Build a model that takes raw rows and gives what the core says of them.

    core: layer or model for features of shape (n, 2 + len(words)): the age, normalised by mean
    and spread, then the one-hot code of the sex (first unknown, then the words in their order).
    Result: a keras.Model on a dict of "age", shape (n, 1), float32, NaN where missing, and
    "sex", shape (n, 1), string. A missing age counts as the mean.
    """
    inputs = {
        "age": keras.Input((1,), name="age"),
        "sex": keras.Input((1,), dtype="string", name="sex"),
    }
    age = (inputs["age"] - mean) / spread
    # After the normalisation 0 is the mean.
    age = keras.ops.where(keras.ops.isnan(age), 0.0, age)
    sex = layers.StringLookup(vocabulary=words, output_mode="one_hot")(inputs["sex"])
    return keras.Model(inputs, core(layers.Concatenate()([age, sex])))
