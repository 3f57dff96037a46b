"""The checks for gradients, traced functions and modules report what never works as it looks."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from check_snippets import assert_marked_lines, entries_of

ENTRIES = entries_of("autograph")

#: What stands before each snippet.
PRELUDE = """\
import random
import keras
import numpy as np
import tensorflow as tf
"""

GRADIENTS_OUTSIDE_FUNCTIONS = [
    "x = tf.Variable(3.0)\nslope = tf.gradients(x * x, x)[0]  # <-",
    "for y in losses:\n    print(tf.gradients(y, x))  # <-",
    "curvature = tf.hessians(y, x)  # <-",
    "@tf.function\ndef slope(x):\n    return tf.gradients(x * x, x)[0]",
    "slope = tf.function(lambda x: tf.gradients(x * x, x)[0])",
    "with tf.Graph().as_default():\n    slope = tf.gradients(y, x)",
    "tf.compat.v1.disable_eager_execution()\nslope = tf.gradients(y, x)",
    "slope = tf.compat.v1.gradients(y, x)",
]
GRADIENT_OF_INTEGER = [
    """
    x = tf.Variable(3)
    with tf.GradientTape() as tape:
        y = x * x
    slope = tape.gradient(y, x)  # <-
    """,
    """
    x, y = tf.Variable(1.0), tf.Variable([1, 2])
    with tf.GradientTape() as tape:
        z = x * tf.reduce_sum(tf.cast(y, tf.float32))
    slopes = tape.gradient(z, [x, y])  # <-
    """,
    "x = tf.constant(3)\nwith tf.GradientTape() as tape:\n    tape.watch(x)  # <-",
    """
    x = tf.Variable(3)
    with tf.GradientTape() as tape:
        y = x * x
    slopes = tape.gradient(y, {"x": x})  # <-
    """,
    "x = tf.constant(3.0)\nwith tf.GradientTape() as tape:\n    tape.watch(x)",
    "x = tf.constant(3, tf.float32)\nwith tf.GradientTape() as tape:\n    tape.watch(x)",
    "x = tf.cast(tf.constant(3), 'float32')\nwith tf.GradientTape() as tape:\n    tape.watch(x)",
    "x = tf.Variable(3)\nslope = other.gradient(y, x)",
]
TAPE_ASKED_TWICE = [
    """
    with tf.GradientTape() as tape:
        y, z = x * x, 5 * x
    slope_y = tape.gradient(y, x)
    slope_z = tape.gradient(z, x)  # <-
    """,
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = x * x
        slope = tape.gradient(y, x)
    table = tape.jacobian(y, x)  # <-
    """,
    """
    def train(model, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        grads = [tape.gradient(loss, model.a), tape.gradient(loss, model.b)]  # <-
        return grads
    """,
    """
    with tf.GradientTape(persistent=True) as tape:
        y, z = x * x, 5 * x
    slopes = tape.gradient(y, x), tape.gradient(z, x)
    """,
    """
    with tf.GradientTape() as tape:
        y = x * x
    if several:
        slope = tape.jacobian(y, x)
    else:
        slope = tape.gradient(y, x)
    """,
    """
    with tf.GradientTape() as tape:
        y = x * x
    first = tape.gradient(y, x)
    with tf.GradientTape() as tape:
        z = 5 * x
    second = tape.gradient(z, x)
    """,
    """
    with tf.GradientTape() as tape:
        y = x * x
    slope = tape.gradient(y, x) if first else tape.jacobian(y, x)
    """,
    """
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x ** 3
        slope = inner.gradient(y, x)
    curvature = outer.gradient(slope, x)
    """,
]
NUMPY_IN_TF_FUNCTION = [
    "@tf.function\ndef largest(x):\n    return x.numpy().max()  # <-",
    "@tf.function(jit_compile=True)\ndef total(x):\n    print(tf.reduce_sum(x).numpy())  # <-",
    """
    @tf.function
    def train_step(x, step):
        loss = tf.reduce_mean(x ** 2)
        if step % 100 == 0:
            print(loss.numpy())  # <-
        return loss
    """,
    "def peek(x):\n    return x.numpy()  # <-\n\npeek = tf.function(peek)",
    "peek = tf.function(lambda x: x.numpy())  # <-",
    "def largest(x):\n    return x.numpy().max()",
    "@tf.function\ndef largest(x):\n    return x\n\nlargest(tf.constant(1)).numpy()",
    """
    @tf.function
    def counted(x):
        def count(part):
            return len(part.numpy())
        return tf.py_function(count, [x], tf.int32)
    """,
    """
    @tf.function
    def show(x):
        if tf.executing_eagerly():
            print(x.numpy())
        return x
    """,
    "tf.config.run_functions_eagerly(True)\n\n@tf.function\ndef peek(x):\n    return x.numpy()",
    "@tf.function\ndef scaled(x):\n    return x * factor.numpy()",
]
VARIABLE_IN_TF_FUNCTION = [
    "@tf.function\ndef add(x):\n    total = tf.Variable(0.0)  # <-\n    return total + x",
    """
    class Sum(tf.Module):
        @tf.function
        def __call__(self, x):
            self.total = tf.Variable(0.0)  # <-
            return self.total.assign_add(x)
    """,
    "start = tf.function(lambda x: tf.Variable(x))  # <-",
    "@tf.function\ndef add(x):\n    return keras.Variable(0.0) + x  # <-",
    "def add(x):\n    return tf.Variable(0.0) + x",
    """
    class Sum(tf.Module):
        def __init__(self):
            self.total = None
        @tf.function
        def __call__(self, x):
            if self.total is None:
                self.total = tf.Variable(0.0)
            return self.total.assign_add(x)
    """,
    """
    @tf.function
    def run(x):
        class Scale(tf.Module):
            def __init__(self):
                self.factor = tf.Variable(2.0)
        return x
    """,
    "total = tf.Variable(0.0)\n\n@tf.function\ndef add(x):\n    return total.assign_add(x)",
]
APPEND_IN_TF_FUNCTION = [
    """
    losses = []

    @tf.function
    def step(x):
        loss = x * x
        losses.append(loss)  # <-
        return loss
    """,
    """
    class Trainer:
        @tf.function
        def step(self, x):
            self.losses.append(tf.reduce_mean(x))  # <-
    """,
    """
    loss_of = keras.losses.MeanSquaredError()
    kept = []

    @tf.function(reduce_retracing=True)
    def step(x, y):
        loss = loss_of(y, x)
        kept.append(loss)  # <-
        return loss
    """,
    """
    @tf.function
    def steps(x):
        outputs = []
        for i in range(3):
            outputs.append(x * i)
        return tf.stack(outputs)
    """,
    "traces = []\n\n@tf.function\ndef f(x):\n    traces.append(x.shape)\n    return x",
    "traces = []\n\n@tf.function\ndef f(x):\n    traces.append('traced')\n    return x",
    "losses = []\n\ndef step(x):\n    losses.append(x * x)",
    "@tf.function\ndef collect(x, rows):\n    rows.append(x + 1)\n    return rows",
]
PYTHON_RANDOM_IN_TF_FUNCTION = [
    "@tf.function\ndef noisy(x):\n    return x + np.random.normal()  # <-",
    """
    @tf.function
    def flipped(x):
        if random.random() < 0.5:  # <-
            x = -x
        return x
    """,
    "noisy = tf.function(lambda x: x + np.random.rand(3))  # <-",
    "def noisy(x):\n    return x + np.random.normal()",
    "@tf.function\ndef noisy(x):\n    return x + tf.random.normal([])",
    "@tf.function\ndef noisy(x, random):\n    return x + random.normal([])",
    "@tf.function\ndef noisy(x):\n    np.random.seed(1)\n    return x",
    """
    @tf.function
    def noisy(x):
        return x + tf.numpy_function(lambda: np.random.normal(), [], tf.float64)
    """,
]
TYPE_COMPARED_WITH_TENSOR = [
    "if type(x) == tf.Tensor:  # <-\n    x = x.numpy()",
    "traced = type(x) is not tf.Tensor  # <-",
    "from tensorflow import Tensor\nprint(Tensor == type(x))  # <-",
    "isinstance(x, tf.Tensor)",
    "type(x) == np.ndarray",
    "kind == tf.Tensor",
    "type(x).__name__ == 'EagerTensor'",
]

SCALED = """
class Scaled(tf.Module):
    def __init__(self):
        super().__init__()
        self.dense = {held}
        self.scale = tf.Variable(2.0)

    def weights_of_dense(self):
        return {weights}

block = Scaled()
"""
DENSE = "keras.layers.Dense(3)"


def scaled(last: str, *, held: str = DENSE, weights: str = "[]") -> str:
    """Return a ``tf.Module`` with a layer, and what is done with it."""
    return SCALED.format(held=held, weights=weights) + last


LAYER = """
class Line({base}):
    def __init__(self):
        super().__init__()
        {line}

    def call(self, x):
        {call}
"""


def layer(line: str, *, base: str = "keras.layers.Layer", call: str = "return x") -> str:
    """Return a class with one line in its ``__init__``."""
    return LAYER.format(base=base, line=line, call=call)


KERAS_LAYER_IN_TF_MODULE = [
    scaled("grads = tape.gradient(loss, block.trainable_variables)  # <-"),
    scaled("len(block.variables)  # <-", held="keras.Sequential([keras.layers.Dense(3)])"),
    scaled("print(block.trainable_variables)  # <-", held="[keras.layers.Dense(3)]"),
    scaled("block(tf.ones([4, 2]))"),
    scaled("print(block.trainable_variables)", held="tf.Variable(1.0)"),
    scaled("print(block.variables)", weights="self.dense.trainable_weights"),
    layer("self.dense = keras.layers.Dense(3)") + "print(Line().trainable_variables)",
    scaled("print(model.trainable_variables)"),
    """
    class Block(tf.Module):
        def __init__(self):
            self.dense = keras.layers.Dense(3)

        @property
        def trainable_variables(self):
            return super().trainable_variables + gathered(self.dense)

    print(Block().trainable_variables)
    """,
]
TF_VARIABLE_IN_KERAS_LAYER = [
    layer("self.slope = tf.Variable(2.0)  # <-"),
    layer("self.slope = tf.Variable(2.0)  # <-", base="tf.keras.Model"),
    layer("self.slopes = [tf.Variable(0.0) for _ in range(3)]  # <-"),
    layer("pass", call="self.slope = tf.Variable(x)  # <-"),
    layer("self.slope = tf.Variable(2.0)", base="tf.Module"),
    layer("self.slope = self.add_weight(shape=())"),
    layer("self.slope = keras.Variable(2.0)"),
    layer("self.count = tf.Variable(0, trainable=False)"),
    layer("slope = tf.Variable(2.0)"),
    layer("self.rate = 0.1"),
    layer("self.weights_of[0] = tf.Variable(2.0)"),
    """
    class Line(keras.layers.Layer):
        def __init__(self):
            self.slope = tf.Variable(2.0)

        @property
        def trainable_weights(self):
            return list(vars(self).values())
    """,
    layer("self.slope = tf.Variable(2.0)", call="return tape.gradient(x, [self.slope])"),
]
SUMMARY_WITHOUT_STEP = [
    """
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("loss", 0.5)  # <-
    """,
    "tf.summary.histogram('w', w)  # <-\nmerged = tf.compat.v1.summary.merge_all()",
    """
    writer = tf.summary.create_file_writer("logs")

    def log(sound):
        with writer.as_default():
            tf.summary.audio("sound", sound, 16000)  # <-
    """,
    """
    with tf.summary.create_file_writer("logs").as_default():
        tf.summary.scalar("loss", 0.5, step=3)
        tf.summary.image("digits", images, 3)
        tf.summary.audio("sound", sound, 16000, 3)
    """,
    """
    with tf.summary.create_file_writer("logs").as_default(step=3):
        tf.summary.scalar("loss", 0.5)
    """,
    """
    tf.summary.experimental.set_step(3)
    with tf.summary.create_file_writer("logs").as_default():
        tf.summary.scalar("loss", 0.5)
    """,
    "def log(loss):\n    tf.summary.scalar('loss', loss)",
    "writer = tf.summary.create_file_writer('logs')\nplot.scalar('loss', 0.5)",
]
MODEL = "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
FLOAT_OF_ONE_ROW = [
    MODEL + "price = float(model.predict(x)[0])  # <-",
    MODEL + "prices = model.predict(x, verbose=0)\nprint(int(prices[-1]))  # <-",
    MODEL + "price = float(model.predict(x))  # <-",
    """
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1)(inputs)
    model = keras.Model(inputs, outputs)
    price = float(model.predict(x)[0])  # <-
    """,
    """
    inputs = keras.Input((2,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs)])
    price = float(model.predict(x)[0])  # <-
    """,
    MODEL + "price = float(model.predict(x)[0, 0])",
    MODEL + "price = float(model.predict(x)[0][0])",
    MODEL + "price = model.predict(x)[0].item()",
    MODEL + "price = float(model.predict(x)[chosen])",
    "for model in models:\n    price = float(keras.Sequential(model).predict(x)[0])",
    MODEL + "loss = float(model.fit(x, y).history['loss'][0])",
    MODEL + "count = int('101', 2), np.float64(0.5).item()",
    "price = float(tf.zeros([1])[0])",
    MODEL + "model.add(keras.layers.Reshape(()))\nprice = float(model.predict(x)[0])",
    "forest = RandomForestRegressor()\nprice = float(forest.predict(x)[0])",
    "model = keras.models.load_model('m.keras')\nprice = float(model.predict(x)[0])",
]

SNIPPETS = {
    "tf-gradients": GRADIENTS_OUTSIDE_FUNCTIONS,
    "gradient-of-integer": GRADIENT_OF_INTEGER,
    "tape-asked-twice": TAPE_ASKED_TWICE,
    "numpy-in-tf-function": NUMPY_IN_TF_FUNCTION,
    "variable-in-tf-function": VARIABLE_IN_TF_FUNCTION,
    "append-in-tf-function": APPEND_IN_TF_FUNCTION,
    "numpy-random-in-tf-function": PYTHON_RANDOM_IN_TF_FUNCTION,
    "type-is-tensor": TYPE_COMPARED_WITH_TENSOR,
    "keras-layer-in-tf-module": KERAS_LAYER_IN_TF_MODULE,
    "tf-variable-in-keras-layer": TF_VARIABLE_IN_KERAS_LAYER,
    "summary-without-step": SUMMARY_WITHOUT_STEP,
    "float-of-one-row": FLOAT_OF_ONE_ROW,
}


@pytest.mark.parametrize(
    ("rule", "snippet"), [(rule, one) for rule, some in SNIPPETS.items() for one in some]
)
def test_the_marked_lines_are_reported_and_no_others(
    rule: str, snippet: str, tmp_path: Path
) -> None:
    assert_marked_lines(rule, PRELUDE + textwrap.dedent(snippet), ENTRIES, tmp_path)
