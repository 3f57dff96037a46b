"""The checks for tensors report what cannot be meant, and are silent where they are not certain."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from check_snippets import assert_marked_lines, entries_of

from kcourse.migration.auditing import audit

ENTRIES = entries_of("tensors")

#: What stands before each snippet.
PRELUDE = "import numpy as np\nimport tensorflow as tf\n"

SHAPE_IN_TWO_ARGUMENTS = [
    "tf.zeros(3, 5)  # <-",
    "tf.ones(28, 28, name='image')  # <-",
    """
    from tensorflow import ones
    weight = tf.Variable(ones(2, 1))  # <-
    """,
    "tf.zeros([3, 5])",
    "tf.zeros(3, tf.int32)",
    "np.zeros(3, 5)",
    "tf.ones(*sizes)",
    "tf.zeros_like(x, 5)",
]
TENSOR_EVAL = [
    "tf.constant(1.0).eval()  # <-",
    "loss = tf.reduce_mean(tf.square(y))\nprint(loss.eval())  # <-",
    "v = tf.Variable(1.0)\nwith session.as_default():\n    v.eval()  # <-",
    "with tf.compat.v1.Session():\n    tf.constant(1.0).eval()",
    "frame.eval('a + b')",
    "model.eval()",
]
SHAPE_DIMENSION_VALUE = [
    "width = x.get_shape()[1].value  # <-",
    "width = x.shape[-1].value  # <-",
    """
    def dense(x, units):
        return tf.Variable(tf.zeros([x.shape[axis].value, units]))  # <-
    """,
    "cells[0].value",
    "frame.shape.value",
    "x.shape[1:].value",
    "tf.compat.v1.disable_v2_behavior()\nwidth = x.shape[-1].value",
]
TENSOR_SHAPE_ASSIGNED = [
    "t = tf.range(25)\nt.shape = (5, 5)  # <-",
    "v = tf.Variable([1.0, 2.0])\nv.shape = (2, 1)  # <-",
    """
    def grid(n: int) -> tf.Tensor:
        t = tf.zeros([n * n]) + 1
        t.shape = (n, n)  # <-
        return t
    """,
    "a = np.arange(25)\na.shape = (5, 5)",
    "t = tf.range(25).numpy()\nt.shape = (5, 5)",
    "def flat(x):\n    x.shape = (-1,)",
    "class Grid:\n    def __init__(self):\n        self.shape = (5, 5)",
]
TENSOR_ITEM_ASSIGNMENT = [
    "x = tf.constant([5, 6, 7])\nx[0] = 1  # <-",
    "x = tf.zeros([3])\nx[1:] += 2  # <-",
    "v = tf.Variable([1.0, 2.0])\nv[0] = 3.0  # <-",
    """
    def mask(x: tf.Tensor):
        x[0, 0], rest = 0.0, 1.0  # <-
        return x
    """,
    "x = tf.constant([5, 6, 7])\na = x.numpy()\na[0] = 1",
    "v = tf.Variable([1.0, 2.0])\nv[0].assign(3.0)",
    "rows = {}\nrows[0] = tf.zeros([3])",
    "rows = [tf.zeros([3])]\nrows[0] = 1",
    "x = tf.zeros([3]) if fast else np.zeros(3)\nx[0] = 1",
    """
    x = tf.zeros([3])
    try:
        x[0] = 1
    except TypeError as error:
        print(error)
    """,
]
NUMPY_METHOD_OF_TENSOR = [
    "x = tf.constant([1, 2, 3, 4])\ny = x.reshape(2, 2)  # <-",
    "(tf.zeros([3]) + 1).mean()  # <-",
    "def turned(x: tf.Tensor):\n    return x.T  # <-",
    "v = tf.Variable([1.0])\nprint(v.sum())  # <-",
    "x = tf.constant([1, 2]).numpy()\ny = x.reshape(2, 1)",
    "def flat(x):\n    return x.reshape(-1)",
    "x = tf.constant([1, 2])\ny = tf.reshape(x, [2, 1])",
    """
    tf.experimental.numpy.experimental_enable_numpy_behavior()
    y = tf.constant([1, 2]).reshape(2, 1)
    """,
]
MEAN_OF_INTEGERS = [
    "tf.reduce_mean(tf.cast(tf.equal(y, p), tf.int32))  # <-",
    "tf.math.reduce_mean(tf.cast(right, dtype='int64'))  # <-",
    "x = tf.constant([1, 0, 1])\naccuracy = tf.reduce_mean(x)  # <-",
    "tf.reduce_mean(tf.cast(tf.equal(y, p), tf.float32))",
    "tf.reduce_mean(tf.constant([1, 2.0]))",
    "tf.reduce_mean(tf.constant([1, 2], dtype=tf.float32))",
    "tf.reduce_mean(x)",
    "tf.reduce_mean(tf.eye(3))",
    "tf.reduce_mean(*arguments)",
    "tf.reduce_sum(tf.cast(right, tf.int32))",
    "np.mean(tf.cast(right, tf.int32))",
]
SVD_FACTOR_NOT_TRANSPOSED = [
    "s, u, v = tf.linalg.svd(m)\nback = u @ tf.linalg.diag(s) @ v  # <-",
    "s, u, v = tf.linalg.svd(m)\nprint(s)\nback = tf.matmul(u * s, v)  # <-",
    """
    def low_rank(m, k):
        s, u, v = tf.linalg.svd(m)
        part = s[:k]
        return tf.matmul(u[:, :k], tf.matmul(tf.linalg.diag(s), v))  # <-
    """,
    "s, u, v = tf.linalg.svd(m)\nback = u @ tf.linalg.diag(s) @ tf.transpose(v)",
    "s, u, v = tf.linalg.svd(m)\nback = tf.matmul(u * s, v, adjoint_b=True)",
    "s, u, v = tf.linalg.svd(m)\nv = tf.transpose(v)\nback = u @ tf.linalg.diag(s) @ v",
    "s, u, v = tf.linalg.svd(m)\nscores = m @ v",
    "u, s, v = np.linalg.svd(m)\nback = u @ np.diag(s) @ v",
]

SNIPPETS = {
    "shape-in-two-arguments": SHAPE_IN_TWO_ARGUMENTS,
    "tensor-eval": TENSOR_EVAL,
    "shape-dimension-value": SHAPE_DIMENSION_VALUE,
    "tensor-shape-assigned": TENSOR_SHAPE_ASSIGNED,
    "tensor-item-assignment": TENSOR_ITEM_ASSIGNMENT,
    "tensor-numpy-methods": NUMPY_METHOD_OF_TENSOR,
    "mean-of-integers": MEAN_OF_INTEGERS,
    "svd-factor-not-transposed": SVD_FACTOR_NOT_TRANSPOSED,
}


@pytest.mark.parametrize(
    ("rule", "snippet"), [(rule, one) for rule, some in SNIPPETS.items() for one in some]
)
def test_the_marked_lines_are_reported_and_no_others(
    rule: str, snippet: str, tmp_path: Path
) -> None:
    assert_marked_lines(rule, PRELUDE + textwrap.dedent(snippet), ENTRIES, tmp_path)


@pytest.mark.parametrize(
    ("imported", "count"),
    [("import onnx_ir", 0), ("from tensorflow.keras.layers import Dense", 1), ("import keras", 1)],
)
def test_shapes_of_other_libraries_may_have_values(
    imported: str, count: int, tmp_path: Path
) -> None:
    file = tmp_path / "graph.py"
    file.write_text(f"{imported}\n\nsize = x.shape[0].value\n", encoding="utf-8")
    assert len(audit(file, entries=ENTRIES).findings) == count
