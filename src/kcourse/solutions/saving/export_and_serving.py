"""Solutions of the lesson on export and serving."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import tensorflow as tf


def compare_outputs(reference: tf.Tensor, other: tf.Tensor) -> dict[str, float]:
    """Say how far an exported model's outputs are from the original's.

    reference, other: floating tensors of shape (N, classes), N at least 1, perhaps of two dtypes.
    Result: a dictionary of Python floats: "largest", the largest absolute difference of two
    outputs; "same_class", the share of rows that have their largest output at the same place.
    """
    # In the wider type: a difference taken in float16 has itself only three digits.
    reference, other = tf.cast(reference, tf.float64), tf.cast(other, tf.float64)
    same = tf.argmax(reference, axis=1) == tf.argmax(other, axis=1)
    return {
        "largest": float(tf.reduce_max(tf.abs(reference - other))),
        "same_class": float(tf.reduce_mean(tf.cast(same, tf.float64))),
    }


class ServedClassifier(tf.Module):
    """A linear classifier that can be exported: weights inside, one signature.

    kernel: float32 of shape (features, classes). bias: float32 of shape (classes,). Both are kept
    as variables.
    """

    def __init__(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Keep the weights as variables, so that they are saved with the module."""
        super().__init__()
        self.kernel = tf.Variable(kernel)
        self.bias = tf.Variable(bias)

    # None leaves the size of the batch open: one graph serves every size.
    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32, name="pixels")])
    def serve(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify a batch: pixels float32 (N, features), any N.

        Result: {"label": int64 (N,), "probability": float32 (N,)}: for each row the most probable
        class, and its probability (softmax).
        """
        probabilities = tf.nn.softmax(pixels @ self.kernel + self.bias)
        return {
            "label": tf.argmax(probabilities, axis=1),
            "probability": tf.reduce_max(probabilities, axis=1),
        }


def quantise_per_channel(kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Store a kernel in 8 bits, with one scale for each output channel.

    kernel: float32 of shape (..., channels), two or more axes; the last one is the channel.
    The scale of a channel is its largest absolute value divided by 127, or 1 if all of the channel
    is zero; the stored values are kernel / scale, rounded to the nearest whole number.
    Result: (values int8 of the kernel's shape, scales float32 of shape (channels,)).
    """
    others = list(range(len(kernel.shape) - 1))
    largest = tf.reduce_max(tf.abs(kernel), axis=others)
    scales = tf.where(largest > 0, largest / 127, tf.ones_like(largest))
    # Rounded first: a cast alone cuts off, and every value would come out too small.
    return tf.cast(tf.round(kernel / scales), tf.int8), scales


def predict_in_batches(
    predict: "Callable[[np.ndarray], np.ndarray]", examples: np.ndarray, batch_size: int
) -> np.ndarray:
    """Predict with a model that takes batches of one size only.

    predict: takes an array of exactly (batch_size, ...) rows and gives one output a row.
    examples: array of shape (N, ...), N may be 0. batch_size: int, at least 1.
    The last batch is filled up with zeros, and what is predicted for them is thrown away. Without
    examples one batch of zeros is predicted, to learn the shape of an output.
    Result: the outputs, (N, ...), in the order of the examples.
    """
    # At least one batch: an empty result, too, needs the shape and dtype of an output.
    batches = max(1, -(-len(examples) // batch_size))
    padded = np.zeros((batches * batch_size, *examples.shape[1:]), examples.dtype)
    padded[: len(examples)] = examples
    parts = [predict(padded[i : i + batch_size]) for i in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[: len(examples)]


def predict_partition(
    frames: "Iterator[pd.DataFrame]",
    load_model: "Callable[[], Callable[[np.ndarray], np.ndarray]]",
) -> "Iterator[pd.DataFrame]":
    """Predict one partition of a table, as Spark's `mapInPandas` has it done.

    frames: an iterator of data frames with the columns "id" (int) and "pixels" (in each row a list
    of numbers, all of one length). A frame may have no rows.
    load_model: gives the model's predict function, which takes a float32 array of shape
    (rows, pixels), at least one row, and gives probabilities of shape (rows, classes).
    Load the model once. For each frame with rows, yield one frame with the columns "id" and "label"
    (int, the place of the largest probability), before the next frame is taken.
    """
    # Outside of the loop: loading takes seconds, and a partition has many frames.
    predict = load_model()
    for frame in frames:
        if len(frame):
            pixels = np.stack(frame["pixels"]).astype(np.float32)
            yield pd.DataFrame({"id": frame["id"], "label": predict(pixels).argmax(axis=1)})


def batch_requests(
    arrivals: list[float], max_size: int, max_wait: float
) -> list[tuple[float, list[int]]]:
    """Say which requests a server answers together.

    arrivals: the seconds at which requests come, ascending; request i comes at arrivals[i].
    max_size: int, at least 1. max_wait: float of seconds, 0 or more.
    A batch opens when a request comes and none is open. It is sent when it has max_size requests,
    or max_wait seconds after it was opened, whichever is first; a request that comes at this very
    moment still joins.
    Result: a list of (seconds at which it is sent, list of its requests), in order.
    """
    batches: list[tuple[float, list[int]]] = []
    for i, now in enumerate(arrivals):
        # The wait counts from the batch's first request: nobody waits longer than max_wait.
        if batches and len(batches[-1][1]) < max_size and now <= batches[-1][0]:
            end, members = batches[-1]
            members.append(i)
        else:
            end, members = now + max_wait, [i]
            batches.append((end, members))
        if len(members) == max_size:
            batches[-1] = (now, members)
    return batches
