"""The checks for fitting and for losses report what is certain and keep silent near it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcourse.migration import auditing, table

IMPORTS = """\
import math
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops
from helpers import load, options
"""
MODEL = """\
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
"""
COMPILED = (
    MODEL
    + """\
model.compile("sgd", "mse")
"""
)
DATASET = (
    COMPILED
    + """\
dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
"""
)
LOGITS = """\
model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3)])
logit = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
inputs = keras.Input((4,))
functional = keras.Model(inputs, layers.Dense(3)(layers.Dense(8, "relu")(inputs)))
"""
ENDS = """\
def ending_in(*last):
    pass
softmax = keras.Sequential([layers.Dense(3, activation="softmax")])
sigmoid = keras.Sequential([layers.Dense(3, activation="sigmoid")])
relu = keras.Sequential([layers.Dense(3, activation="relu")])
unknown = keras.Sequential([layers.Dense(3, activation=options.activation)])
added = keras.Sequential()
added.add(layers.Dense(3))
added.add(layers.Activation("softmax"))
"""
HISTORY = (
    MODEL
    + """\
model.compile("sgd", "mse", metrics=["accuracy", "mae"])
history = model.fit(x, y)
"""
)
TWO = """\
inputs = keras.Input((4,), name="numbers")
price = layers.Dense(1, name="price")(inputs)
kind = layers.Dense(1, activation="sigmoid", name="kind")(inputs)
model = keras.Model(inputs, [price, kind])
one = keras.Model(inputs, price)
dicts = keras.Model(inputs, {"price": price, "kind": kind})
nameless = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
"""
LABELS = """\
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
one_hot = keras.utils.to_categorical(y)
"""

#: Rule, what comes before, what is reported (in its last line, or where it says so), what is not.
CASES = [
    (
        "compile-metrics-third",
        MODEL,
        [
            "model.compile('adam', 'mse', ['mae'])",
            "model.compile('adam', 'mse', [keras.metrics.AUC()])",
            "model.compile('adam', 'mse', 'accuracy')",
            "def r2(y_true, y_pred): ...\nmodel.compile('adam', 'mse', [r2])",
        ],
        [
            "model.compile('adam', 'mse', [0.5, 1.0])",
            "model.compile('adam', 'mse', None, ['mae'])",
            "model.compile('adam', 'mse', options.third)",
            "class Own(keras.Model):\n    def compile(self, a, b, c): ...\n"
            "Own().compile('adam', 'mse', ['mae'])",
        ],
    ),
    (
        "list-of-numbers-as-data",
        COMPILED,
        [
            "model.predict([10.0])",
            "model.predict([[1.0, 2.0], [3.0, 4.0]])",
            "texts = ['a', 'b']\nmodel.predict(texts)",
            "model.fit(x, y.tolist())",
            "model.fit(x, y, sample_weight=[1, 2, 3])",
            "model.evaluate(np.array([[1.0]]), [1.0])",
            "model.fit(x, y, validation_data=(load(), [1.0, 0.0]))",
        ],
        [
            "model.predict(np.array([[10.0]]))",
            "model.fit([x, load()], y)",
            "model.fit({'a': x}, y)",
            "rows = []\nfor one in x: rows.append(one)\nmodel.predict(rows)",
            "model.fit(x, y, validation_data=(x, y))",
            "numbers = [1.0]\nnumbers = np.array(numbers)\nmodel.predict(numbers)",
        ],
    ),
    (
        "zip-as-data",
        DATASET,
        [
            "model.fit(zip(load(), load()), steps_per_epoch=3)",
            "pairs = zip(x, y)\nmodel.fit(pairs)",
            "model.fit(dataset, validation_data=zip(x, y))",
            "model.predict(map(load, x))",
            "model.fit(iter(dataset))",
            "model.fit(dataset.as_numpy_iterator())",
        ],
        [
            "model.fit((pair for pair in zip(x, y)))",
            "model.fit(tf.data.Dataset.zip(dataset, dataset))",
            "model.fit(list(zip(x, y)))",
            "model.fit(iter(load()))",
        ],
    ),
    (
        "batch-size-with-dataset",
        DATASET,
        [
            "model.fit(dataset, batch_size=32)",
            "SIZE = 16\nmodel.evaluate(dataset, batch_size=SIZE)",
            "class Batches(keras.utils.PyDataset): ...\nmodel.fit(Batches(), batch_size=8)",
        ],
        [
            "model.fit(dataset, batch_size=None)",
            "model.fit(dataset, batch_size=options.size)",
            "model.fit(x, y, batch_size=32)",
            "model.fit(dataset.map(load))",
        ],
    ),
    (
        "validation-split-needs-arrays",
        DATASET
        + """\
def batches():
    while True:
        yield x, y
""",
        [
            "model.fit(dataset, validation_split=0.2)",
            "model.fit(batches(), validation_split=0.1)",
            "model.fit(((a, b) for a, b in load()), validation_split=0.1)",
            "class Rows(keras.utils.Sequence): ...\nmodel.fit(Rows(), validation_split=0.2)",
        ],
        [
            "model.fit(x, y, validation_split=0.2)",
            "model.fit(dataset, validation_split=0.0)",
            "model.fit(dataset, validation_split=options.split)",
            "import contextlib\n@contextlib.contextmanager\ndef data():\n    yield x\n"
            "model.fit(data(), validation_split=0.2)",
        ],
    ),
    (
        "float-steps",
        COMPILED,
        [
            "model.fit(x, y, steps_per_epoch=len(x) / 32)",
            "model.fit(x, y, validation_data=(x, y), validation_steps=10.0)",
            "model.fit(x, y, steps_per_epoch=np.ceil(len(x) / 32))",
            "STEPS = 1e3\nmodel.predict(x, steps=STEPS)",
        ],
        [
            "model.fit(x, y, steps_per_epoch=len(x) // 32)",
            "model.fit(x, y, steps_per_epoch=int(len(x) / 32))",
            "model.fit(x, y, steps_per_epoch=math.ceil(len(x) / 32))",
            "model.fit(x, y, steps_per_epoch=options.steps)",
        ],
    ),
    (
        "class-weight-not-a-dict",
        COMPILED,
        [
            "model.fit(x, y, class_weight=np.array([1.0, 9.0]))",
            "model.fit(x, y, class_weight='balanced')",
            "weights = [1.0, 9.0]\nmodel.fit(x, y, class_weight=weights)",
            "from sklearn.utils import class_weight\n"
            "weights = class_weight.compute_class_weight('balanced', classes=[0, 1], y=y)\n"
            "model.fit(x, y, class_weight=weights)",
        ],
        [
            "model.fit(x, y, class_weight={0: 1.0, 1: 9.0})",
            "model.fit(x, y, class_weight=dict(enumerate(np.array([1.0, 9.0]))))",
            "model.fit(x, y, class_weight=None)",
            "model.fit(x, y, class_weight=load())",
        ],
    ),
    (
        "class-and-sample-weight",
        COMPILED,
        [
            "model.fit(x, y, class_weight={0: 1, 1: 3}, sample_weight=np.array([1.0, 2.0]))",
            "w = np.ones(4)\nmodel.fit(x, y, class_weight=dict(enumerate(w)), sample_weight=w)",
            "model.train_on_batch(x, y, np.ones(8), {0: 1, 1: 2})",
        ],
        [
            "model.fit(x, y, class_weight=None, sample_weight=np.ones(4))",
            "def train(class_weight=None, sample_weight=None):\n"
            "    model.fit(x, y, class_weight=class_weight, sample_weight=sample_weight)",
            "model.fit(x, y, class_weight={0: 1, 1: 3})",
            "model.fit(x, y, class_weight={0: 1}, sample_weight=options.weights)",
        ],
    ),
    (
        "clipnorm-and-clipvalue",
        "",
        [
            "keras.optimizers.SGD(0.1, clipnorm=1.0, clipvalue=0.5)",
            "tf.keras.optimizers.Adam(clipvalue=0.5, global_clipnorm=1.0)",
            "LIMIT = 1.0\nkeras.optimizers.RMSprop(clipnorm=LIMIT, global_clipnorm=LIMIT)",
        ],
        [
            "keras.optimizers.SGD(0.1, clipnorm=1.0)",
            "keras.optimizers.SGD(0.1, clipnorm=None, clipvalue=0.5)",
            "keras.optimizers.SGD(clipnorm=options.norm, clipvalue=options.value)",
        ],
    ),
    (
        "dataset-without-super-init",
        "",
        [
            "class A(keras.utils.PyDataset):\n    def __init__(self, x): self.x = x  # here",
            "class A(tf.keras.utils.Sequence):\n    def __init__(self, x):  # here\n"
            "        self.shuffle()\n    def shuffle(self): ...",
            "class A(keras.utils.Sequence):\n    def __init__(self, **kw): super().__init__(**kw)\n"
            "class B(A):\n    def __init__(self): self.x = 1  # here",
        ],
        [
            "class A(keras.utils.PyDataset):\n    def __init__(self, **kw): super().__init__(**kw)",
            "class A(keras.utils.Sequence):\n"
            "    def __init__(self): super(A, self).__init__(workers=2)",
            "class A(keras.utils.PyDataset):\n    def __len__(self): return 3",
            "class A(load):\n    def __init__(self): self.x = 1",
        ],
    ),
    (
        "history-is-no-dict",
        HISTORY,
        [
            "history['loss']",
            "model.fit(x, y)['val_loss']",
            "print(history.keys())",
            "for name, values in model.fit(x, y).items(): pass",
        ],
        [
            "history.history['loss']",
            "history.history.keys()",
            "values = history.history\nvalues['loss']",
            "class Own(keras.callbacks.History):\n    def __getitem__(self, key): ...\n"
            "Own()['loss']",
            "class Own(keras.Model):\n    def fit(self, x): return {}\nOwn().fit(x)['loss']",
        ],
    ),
    (
        "history-acc-key",
        HISTORY,
        [
            "history.history['acc']",
            "logs = history.history\nlogs['val_acc']",
            "model.compile('sgd', 'mse', metrics=['acc'])\nmodel.fit(x, y).history['accuracy']",
        ],
        [
            "history.history['accuracy']",
            "history.history['mae']",
            "def show(history): return history.history['acc']",
            "model.compile('sgd', 'mse', metrics=['acc', 'accuracy'])\nmodel.fit(x).history['acc']",
            "model.compile('sgd', 'mse', metrics=['accuracy', load()])\n"
            "model.fit(x).history['acc']",
            "keras.Sequential().fit(x, y).history['acc']",
        ],
    ),
    (
        "accuracy-of-numbers",
        MODEL,
        [
            "model.compile('sgd', 'mse', metrics=['accuracy'])\nmodel.fit(x, y)",
            "model.compile(loss=keras.losses.Huber(), metrics=['mae', 'acc'])\nmodel.fit(x, y)",
            "model.add(layers.ReLU())\nmodel.compile('sgd', 'mae', metrics=['acc'])\n"
            "model.fit(x, y)",
        ],
        [
            "model.compile('sgd', 'mse', metrics=['mae'])\nmodel.fit(x, y)",
            "model.compile('sgd', 'binary_crossentropy', metrics=['accuracy'])\nmodel.fit(x, y)",
            "model.compile('sgd', 'mse', metrics=['accuracy'])\nmodel.train_on_batch(x, y)",
            "model.add(layers.Dense(10, activation='softmax'))\n"
            "model.compile('sgd', 'mse', metrics=['accuracy'])\nmodel.fit(x, y)",
            "load(model)\nmodel.compile('sgd', 'mse', metrics=['accuracy'])\nmodel.fit(x, y)",
        ],
    ),
    (
        "one-hot-labels-with-sparse-loss",
        LABELS,
        [
            "model.fit(x, one_hot)",
            "model.evaluate(x, y=keras.utils.to_categorical(y, 3))",
            "model.fit(x, tf.one_hot(y, 3))",
        ],
        [
            "model.fit(x, y)",
            "model.fit(one_hot, y)",
            "model.fit(x, np.argmax(one_hot, axis=1))",
            "model.compile('sgd', 'categorical_crossentropy')\nmodel.fit(x, one_hot)",
        ],
    ),
    (
        "from-logits-missing",
        LOGITS,
        [
            "model.compile('sgd', 'sparse_categorical_crossentropy')",
            "model.compile('sgd', keras.losses.CategoricalCrossentropy())",
            "functional.compile(loss=[tf.keras.losses.SparseCategoricalCrossentropy()])",
            "logit.compile('sgd', keras.losses.binary_crossentropy)",
            "logit.compile('sgd', keras.losses.BinaryCrossentropy(from_logits=True),\n"
            "    metrics=[keras.metrics.BinaryCrossentropy()])",
            "model.add(layers.Activation('linear'))\n"
            "model.compile(loss='categorical_crossentropy')",
        ],
        [
            "model.compile('sgd', keras.losses.CategoricalCrossentropy(from_logits=True))",
            "model.compile('sgd', keras.losses.CategoricalCrossentropy(True))",
            "model.compile('sgd', keras.losses.CategoricalCrossentropy(from_logits=options.raw))",
            "model.compile('sgd', keras.losses.CategoricalCrossentropy(**options))",
            "model.add(layers.Softmax())\nmodel.compile('sgd', 'categorical_crossentropy')",
            "model.add(load())\nmodel.compile('sgd', 'categorical_crossentropy')",
            "load(model)\nmodel.compile('sgd', 'categorical_crossentropy')",
            "if options.soft: model.add(layers.Softmax())\nmodel.compile(loss='bce')",
            "if options.binary: outputs = layers.Dense(1)(inputs)\n"
            "else: outputs = layers.Dense(3, activation='softmax')(inputs)\n"
            "keras.Model(inputs, outputs).compile('sgd', 'sparse_categorical_crossentropy')",
            "model.compile('sgd', 'mse')",
        ],
    ),
    (
        "from-logits-after-softmax",
        ENDS,
        [
            "softmax.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))",
            "sigmoid.compile(loss=keras.losses.BinaryCrossentropy(True))",
            "added.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))",
        ],
        [
            "softmax.compile(loss=keras.losses.CategoricalCrossentropy())",
            "softmax.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=False))",
            "relu.compile(loss=keras.losses.MeanSquaredError())",
            "unknown.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))",
        ],
    ),
    (
        "relu-before-crossentropy",
        ENDS,
        [
            "relu.compile(loss='categorical_crossentropy')",
            "relu.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))",
            "added.add(layers.TimeDistributed(layers.Dense(2, tf.nn.relu)))\n"
            "added.compile(loss='bce')",
        ],
        [
            "relu.compile(loss='mse')",
            "softmax.compile(loss='categorical_crossentropy')",
            "added.add(layers.Dense(2, options.relu))\nadded.compile(loss='bce')",
        ],
    ),
    (
        "sigmoid-before-categorical-crossentropy",
        ENDS,
        [
            "sigmoid.compile(loss='categorical_crossentropy')",
            "sigmoid.compile(loss=keras.losses.SparseCategoricalCrossentropy())",
            "added.pop()\nadded.add(layers.Activation('sigmoid'))\n"
            "added.compile(loss='categorical_crossentropy')",
        ],
        [
            "sigmoid.compile(loss='binary_crossentropy')",
            "softmax.compile(loss='categorical_crossentropy')",
            "added.add(layers.Dense(1, 'sigmoid'))\nadded.compile(loss='categorical_crossentropy')",
            "added.add(layers.Dense(load(), 'sigmoid'))\n"
            "added.compile(loss='categorical_crossentropy')",
        ],
    ),
    (
        "softmax-on-one-unit",
        "",
        [
            "layers.Dense(1, activation='softmax')",
            "tf.keras.layers.Dense(units=1, activation=tf.nn.softmax)",
            "N = 1\nmodel = keras.Sequential([layers.Dense(N, 'softmax')])",
        ],
        [
            "layers.Dense(2, activation='softmax')",
            "layers.Dense(1, activation='sigmoid')",
            "layers.Dense(load(), activation='softmax')",
            "class Dense(layers.Layer): ...\nDense(1, activation='softmax')",
        ],
    ),
    (
        "metric-threshold-on-logits",
        LOGITS + "loss = keras.losses.BinaryCrossentropy(from_logits=True)\n",
        [
            "logit.compile('sgd', loss, metrics=['accuracy'])",
            "model.compile('sgd', loss, metrics=['binary_accuracy'])",
            "model.compile('sgd', loss, metrics=[keras.metrics.BinaryAccuracy(name='acc')])",
            "logit.compile('sgd', loss, metrics=['mae', keras.metrics.AUC()])",
        ],
        [
            "logit.compile('sgd', loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0)])",
            "logit.compile('sgd', loss, metrics=[keras.metrics.AUC(from_logits=True)])",
            "logit.compile('sgd', loss, metrics=[keras.metrics.Precision(thresholds=0.0)])",
            "logit.add(layers.Activation('sigmoid'))\n"
            "logit.compile('sgd', 'binary_crossentropy', metrics=['accuracy'])",
            "model.compile('sgd', loss, metrics=['accuracy'])",
        ],
    ),
    (
        "binary-metric-with-sparse-labels",
        ENDS,
        [
            "softmax.compile('sgd', 'sparse_categorical_crossentropy', metrics=['AUC'])",
            "softmax.compile('sgd', 'sparse_categorical_crossentropy', metrics=['precision'])",
            "softmax.compile(loss=keras.losses.SparseCategoricalCrossentropy(),\n"
            "    metrics=[keras.metrics.Recall()])",
        ],
        [
            "softmax.compile('sgd', 'categorical_crossentropy', metrics=['AUC'])",
            "softmax.compile('sgd', 'sparse_categorical_crossentropy', metrics=['accuracy'])",
            "softmax.compile('sgd', 'sparse_categorical_crossentropy',\n"
            "    metrics=[keras.metrics.Precision(class_id=1)])",
            "class Recall(keras.metrics.Recall): ...\n"
            "softmax.compile('sgd', 'sparse_categorical_crossentropy', metrics=[Recall()])",
        ],
    ),
    (
        "loss-value-in-compile",
        MODEL,
        [
            "model.compile('sgd', keras.losses.mean_squared_error(y, load()))",
            "model.compile(loss=tf.keras.losses.binary_crossentropy(from_logits=True))",
            "from keras.losses import kl_divergence\nmodel.compile(loss=kl_divergence(y, x))",
        ],
        [
            "model.compile('sgd', keras.losses.mean_squared_error)",
            "model.compile('sgd', keras.losses.get('mse'))",
            "model.compile('sgd', keras.losses.MeanSquaredError())",
            "model.compile('sgd', load('loss'))",
        ],
    ),
    (
        "signed-loss",
        MODEL,
        [
            "def loss(a, b):\n    return tf.reduce_mean(a - b)\nmodel.compile('sgd', loss)",
            "def loss(a, b):\n    'Text.'\n    return b - a\nmodel.compile('sgd', loss=loss)",
            "model.compile('sgd', lambda a, b: ops.mean(a - b, axis=-1))",
        ],
        [
            "def loss(a, b):\n    return tf.reduce_mean(tf.abs(a - b))\nmodel.compile('sgd', loss)",
            "def loss(a, b):\n    return tf.square(a - b)\nmodel.compile('sgd', loss)",
            "def bias(a, b):\n    return tf.reduce_mean(a - b)\n"
            "model.compile('sgd', 'mse', metrics=[bias])",
            "def loss(a, b):\n    return tf.reduce_mean(b - 0 * a)\nmodel.compile('sgd', loss)",
            "def loss(a, b):\n    a = tf.abs(a - b) + b\n    return a - b\n"
            "model.compile('sgd', loss)",
        ],
    ),
    (
        "loss-without-super-init",
        "",
        [
            "class Focal(keras.losses.Loss):\n    def __init__(self, g):  # here\n"
            "        self.g = g",
            "from keras.losses import Loss\nclass A(Loss):\n    def __init__(self): pass  # here",
            "class A(keras.losses.MeanSquaredError):\n    def __init__(self): self.a = 1  # here",
        ],
        [
            "class A(keras.losses.Loss):\n    def __init__(self): super().__init__()",
            "class A(keras.losses.Loss):\n    def __init__(self): keras.losses.Loss.__init__(self)",
            "class A(keras.losses.Loss):\n    def call(self, y_true, y_pred): ...",
            "class A(keras.losses.Loss):\n    def __init__(self): ...\n"
            "    def __call__(self, a, b): ...",
        ],
    ),
    (
        "add-loss-outside-call",
        TWO,
        [
            "model.add_loss(ops.mean(price))",
            "class Own(layers.Layer):\n    def build(self, shape):\n"
            "        self.add_loss(lambda: 1.0)  # here",
            "layers.Dense(1).add_loss(lambda: 0.1)",
        ],
        [
            "class Own(layers.Layer):\n    def call(self, x): self.add_loss(ops.mean(x))",
            "class Own(layers.Layer):\n    def call(self, x): self.inner.add_loss(ops.mean(x))",
            "load().add_loss(price)",
            "keras.Sequential([layers.Dense(1)]).add_loss(tf.constant(1.0))",
        ],
    ),
    (
        "class-weight-by-output",
        TWO,
        [
            "model.fit(x, [y, y], class_weight={0: 1.0, 1: 5.0})",
            "one.fit(x, y, class_weight={'price': {0: 1.0}, 'kind': {0: 1.0, 1: 5.0}})",
            "weights = {'price': load()}\nmodel.fit(x, [y, y], class_weight=weights)",
        ],
        [
            "one.fit(x, y, class_weight={0: 1.0, 1: 5.0})",
            "model.fit(x, [y, y], class_weight=None)",
            "load().fit(x, y, class_weight={'a': {0: 1.0}})",
        ],
    ),
    (
        "one-loss-with-several-weights",
        TWO,
        [
            "model.compile('sgd', 'mse', loss_weights=[1.0, 0.2])",
            "model.compile('sgd', keras.losses.Huber(), {'price': 1.0, 'kind': 0.2})",
            "def loss(a, b): ...\nw = [1.0, 0.2]\nmodel.compile('sgd', loss, loss_weights=w)",
        ],
        [
            "model.compile('sgd', ['mse', 'mse'], loss_weights=[1.0, 0.2])",
            "one.compile('sgd', 'mse', loss_weights=[0.5])",
            "model.compile('sgd', load(), loss_weights=[1.0, 0.2])",
            "model.compile('sgd', 'mse', loss_weights=options.weights)",
        ],
    ),
    (
        "loss-list-with-weights-dict",
        TWO,
        [
            "model.compile('sgd', ['mse', 'mse'], loss_weights={'price': 10.0, 'kind': 1.0})",
            "model.compile(loss=['mse', 'bce'], loss_weights={'kind': 1.0, 'price': 2})",
            "w = {'price': 10, 'kind': 1}\nmodel.compile('sgd', ['mse', 'mse'], w)",
        ],
        [
            "model.compile('sgd', ['mse', 'mse'], loss_weights=[10.0, 1.0])",
            "model.compile('sgd', ['mse', 'mse'], loss_weights={'price': 1.0, 'kind': 1.0})",
            "model.compile(loss={'price': 'mse', 'kind': 'mse'},\n"
            "    loss_weights={'price': 10.0, 'kind': 1.0})",
            "keras.Model(inputs, [kind, price]).compile(loss=['mse', 'mse'],\n"
            "    loss_weights={'kind': 10.0, 'price': 1.0})",
        ],
    ),
    (
        "partial-loss-dict",
        TWO,
        [
            "model.compile('sgd', loss={'kind': 'mse'})",
            "losses = {'kind': 'mse', 'cost': 'mse'}\nmodel.compile('sgd', losses)",
            "model.compile('sgd', {'price': 'mse', 'kind': 'mse', 'other': 'mse'})",
        ],
        [
            "model.compile('sgd', {'kind': 'bce', 'price': None})",
            "losses = {'kind': 'mse'}\nlosses['price'] = 'mse'\nmodel.compile('sgd', losses)",
            "one.compile('sgd', {'price': 'mse'})",
            "dicts.compile('sgd', {'kind': 'mse'})",
            "nameless.compile('sgd', {'kind': 'mse'})",
        ],
    ),
    (
        "metrics-list-for-several-outputs",
        TWO,
        [
            "model.compile('sgd', 'mse', metrics=['mae'])",
            "model.compile('sgd', 'mse', metrics=['mae', 'mse', 'mape'])",
            "nameless.compile('sgd', ['mse', 'mse'], metrics=[keras.metrics.AUC()])",
        ],
        [
            "model.compile('sgd', 'mse', metrics=[['mae'], ['mae']])",
            "model.compile('sgd', 'mse', metrics={'kind': ['mae']})",
            "one.compile('sgd', 'mse', metrics=['mae', 'mse', 'mape'])",
            "names = ['mae']\nnames.append('mse')\nmodel.compile('sgd', 'mse', metrics=names)",
            "model.compile('sgd', 'mse', metrics=[])",
        ],
    ),
    (
        "metrics-list-dealt-out",
        TWO,
        [
            "model.compile('sgd', 'mse', metrics=['mae', 'mse'])",
            "nameless.compile('sgd', ['mse', 'mse'], metrics=('mae', 'mape'))",
            "names = ['mae', 'acc']\nmodel.compile('sgd', 'mse', metrics=names)",
        ],
        [
            "model.compile('sgd', 'mse', metrics=[['mae'], ['mse']])",
            "model.compile('sgd', 'mse', metrics=['mae', None])",
            "one.compile('sgd', 'mse', metrics=['mae', 'mse'])",
        ],
    ),
    (
        "wrong-input-names",
        TWO
        + """\
other = keras.Input((2,), name="other")
pair = keras.Model([inputs, other], layers.Dense(1)(layers.concatenate([inputs, other])))
""",
        [
            "model.fit({'number': x}, y)",
            "pair.predict({'numbers': x, 'others': x})",
            "rows = {'numbers': x}\npair.evaluate(rows, y)",
        ],
        [
            "pair.fit({'numbers': x, 'other': x}, y)",
            "pair.fit({'numbers': x, 'other': x, 'third': x}, y)",
            "rows = {'numbers': x}\nrows['other'] = x\npair.fit(rows, y)",
            "keras.Model({'a': inputs, 'b': other}, price).fit({'a': x, 'b': x}, y)",
            "nameless_input = keras.Input((4,))\n"
            "keras.Model(nameless_input, layers.Dense(1)(nameless_input)).fit({'a': x}, y)",
        ],
    ),
]


def _lines(rule: str, code: str, folder: Path) -> list[int]:
    """Return the lines that this rule is reported in."""
    pedantic = all(pattern.pedantic for pattern in table.change(rule).find)
    file = folder / "code.py"
    file.write_text(code, encoding="utf-8")
    audit = auditing.audit(file, pedantic=pedantic)
    assert not audit.skipped
    return [one.line for one in audit.findings if one.rule == rule]


@pytest.mark.parametrize(
    ("rule", "before", "code"),
    [(rule, before, code) for rule, before, reported, _ in CASES for code in reported],
)
def test_it_is_reported_where_it_stands(rule: str, before: str, code: str, tmp_path: Path) -> None:
    whole = IMPORTS + before + code + "\n"
    lines = whole.splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("# here")]
    assert _lines(rule, whole, tmp_path) == (marked or [len(lines)])


@pytest.mark.parametrize(
    ("rule", "before", "code"),
    [(rule, before, code) for rule, before, _, silent in CASES for code in silent],
)
def test_what_is_near_it_is_not(rule: str, before: str, code: str, tmp_path: Path) -> None:
    assert _lines(rule, IMPORTS + before + code + "\n", tmp_path) == []
