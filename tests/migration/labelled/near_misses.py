# %% predict_classes of one's own
import keras
import numpy as np


def predict_classes(model, x):
    return np.argmax(model.predict(x), axis=-1)


net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
print(predict_classes(net, np.zeros((1, 4))))

# %% fit_generator of another class
class Pipeline:
    def fit_generator(self, generator, steps_per_epoch=None):
        return [next(generator) for _ in range(steps_per_epoch or 1)]

    def predict_generator(self, generator):
        return list(generator)


pipeline = Pipeline()
pipeline.fit_generator(iter(range(9)), steps_per_epoch=3)
pipeline.predict_generator(iter(range(9)))

# %% lr of a user's function
import keras


def make_optimizer(lr=1e-3, decay=0.0):
    return keras.optimizers.Adam(learning_rate=lr * (1 - decay))


opt = make_optimizer(lr=3e-4, decay=1e-6)

# %% torch with the same names
import torch
from torch import nn
from torch.optim import Adam, SGD

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = Adam(model.parameters(), lr=1e-3)
slow = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
for p in optimizer.param_groups:
    p["lr"] *= 0.5
model.eval()
torch.save(model.state_dict(), "model.h5")
x = torch.zeros(2, 10).reshape(4, 5)

# %% scikit-learn with the same names
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

clf = LogisticRegression(max_iter=500).fit(X, y)
probs = clf.predict_proba(X)
forest = RandomForestClassifier()
scores = cross_val_score(forest, X, y, cv=StratifiedKFold(n_splits=5))
print(forest.fit(X, y).predict_proba(X)[:, 1])

# %% lightning with the same names
import lightning as L
import torch


class LitModel(L.LightningModule):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.layer = torch.nn.Linear(28 * 28, 10)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


trainer = L.Trainer(max_epochs=3, callbacks=[L.pytorch.callbacks.EarlyStopping(monitor="val_acc", mode="max")])
trainer.fit(LitModel(lr=0.02))

# %% jax and optax with the same names
import jax
import jax.numpy as jnp
import optax

x = jnp.zeros((4, 4)).reshape(2, 8)
key = jax.random.PRNGKey(0)
noise = jax.random.normal(key, (3,))
loss = jnp.mean(jnp.log(jnp.abs(noise) + 1e-8))
opt = optax.sgd(learning_rate=1, momentum=0.9)
step = jax.jit(lambda v: v.sum(keepdims=True))

# %% TensorFlow 1 through compat
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [None, 3])
w = tf.get_variable("w", [3, 1])
y = tf.log(tf.to_float(tf.matmul(x, w)))
opt = tf.train.GradientDescentOptimizer(0.1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(w))

# %% compat.v1 by its full name
import tensorflow as tf

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
graph = tf.Graph()
with graph.as_default(), tf.compat.v1.Session(graph=graph) as sess:
    x = tf.compat.v1.placeholder(tf.float32, [None])
    y = tf.math.log(x)
    sess.run(tf.compat.v1.global_variables_initializer())
    print(sess.run(y, {x: [1.0]}), y.eval({x: [1.0]}, session=sess))

# %% tf.gradients in a compiled function
import tensorflow as tf


@tf.function
def slope(x):
    y = x ** 3
    return tf.gradients(y, x)[0]


print(slope(tf.constant(2.0)))

# %% only strings, comments and docstrings
"""Notes: model.fit_generator(...), tf.Session() and K.set_value went away long ago."""
import tensorflow as tf

# model.predict_classes(x) was removed; use argmax
# opt = tf.keras.optimizers.Adam(lr=0.1)


def explain():
    """In TensorFlow 1 one wrote tf.placeholder(tf.float32) and sess.run(tf.global_variables_initializer())."""
    return "tf.contrib is gone, model.save('my_model') too"


print(explain(), tf.__version__)

# %% names in a table of replacements
RENAMED = {
    "tf.log": "tf.math.log",
    "tf.Session": "tf.compat.v1.Session",
    "history.history['acc']": "history.history['accuracy']",
    "keras.layers.CuDNNLSTM": "keras.layers.LSTM",
}
for old, new in RENAMED.items():
    print(f"{old} -> {new}")

# %% files that end as they should
from pathlib import Path
import os
import keras

name, folder, fold = "net", Path("models"), 3
folder.mkdir(exist_ok=True)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.save(f"{name}.keras")
model.save(os.path.join("models", f"{name}_{fold}.keras"))
model.save(folder / "net.keras")
model.save_weights(folder / f"{name}.weights.h5")
model.load_weights(os.path.join("models", name + ".weights.h5"))
again = keras.models.load_model(str(folder / "net.keras"))

# %% a path that nobody can know
import keras


def keep(model: keras.Model, path):
    model.save(path)
    return keras.models.load_model(path)

# %% save of other objects
import joblib
import numpy as np
import matplotlib.pyplot as plt
from PIL import Image

np.save("features", np.zeros(3))
Image.new("RGB", (8, 8)).save("picture.png")
plt.figure().savefig("curve")
joblib.dump({"lr": 0.1}, "params")


class Store:
    def save(self, path, save_format="tf"):
        self.path = path


Store().save("my_model", save_format="tf")

# %% dict keys
config = {"lr": 0.001, "decay": 1e-6, "nb_epoch": 10, "input_shape": (28, 28)}
history = {"acc": [0.1, 0.2], "val_acc": [0.1, 0.15]}
print(config["lr"], history["acc"][-1], history["val_acc"][-1])

# %% acc, because the metric is called acc
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
history = model.fit(x, y, epochs=1, validation_split=0.2, verbose=0, callbacks=[
    keras.callbacks.EarlyStopping(monitor="val_acc", mode="max"),
])
print(history.history["acc"], history.history["val_acc"])

# %% a variable that is called tf
import pandas as pd


class Frame:
    def log(self, x):
        return x

    def placeholder(self, dtype):
        return dtype


tf = Frame()
print(tf.log(3), tf.placeholder("float32"), pd.DataFrame({"a": [1]}).product())

# %% term frequencies called tf
from collections import Counter
import math

tf = Counter("the cat and the dog".split())
idf = {word: math.log(2 / 1) for word in tf}
scores = {word: tf[word] * idf[word] for word in tf}
tf.update(["cat"])
print(tf.most_common(2))

# %% keras bound to something else
import types

keras = types.SimpleNamespace(layers=types.SimpleNamespace(CuDNNLSTM=lambda units: units))
print(keras.layers.CuDNNLSTM(8))

# %% failures shown on purpose
import keras
import tensorflow as tf

try:
    tf.Session()
except AttributeError as error:
    print("gone:", error)
try:
    keras.optimizers.Adam(lr=0.1)
except ValueError as error:
    print(error)
try:
    from keras.layers import LocallyConnected1D
except ImportError:
    LocallyConnected1D = None

# %% hasattr before use
import tensorflow as tf

if hasattr(tf, "set_random_seed"):
    tf.set_random_seed(1)
else:
    tf.random.set_seed(1)
log = tf.log if hasattr(tf, "log") else tf.math.log

# %% a version guard
import tensorflow as tf

if tf.__version__.startswith("1."):
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
else:
    print(tf.executing_eagerly())

# %% a version guard by packaging
import keras
from packaging.version import Version

if Version(keras.__version__) >= Version("3.0"):
    opt = keras.optimizers.Adam(learning_rate=1e-3)
else:
    opt = keras.optimizers.Adam(lr=1e-3)

# %% either import
try:
    from tensorflow.keras.utils import to_categorical
except ImportError:
    from keras.utils.np_utils import to_categorical

labels = to_categorical([0, 1, 2])

# %% a model of unknown type
def evaluate(model, x, y):
    classes = model.predict_classes(x)
    model.reset_states()
    return (classes == y).mean()

# %% metrics of one's own with reset_states
class Average:
    def __init__(self):
        self.reset_states()

    def reset_states(self):
        self.total, self.n = 0.0, 0

    def update_state(self, value):
        self.total += value
        self.n += 1


avg = Average()
avg.update_state(2.0)
avg.reset_states()

# %% LSTM states that are reset one by one
import keras

rnn = keras.layers.LSTM(4, stateful=True)
model = keras.Sequential([keras.Input(batch_shape=(2, 5, 1)), rnn, keras.layers.Dense(1)])
model.compile("adam", "mse")
for layer in model.layers:
    if hasattr(layer, "reset_state"):
        layer.reset_state()
rnn.reset_states()

# %% logging, flags and gfile of other packages
import logging
from absl import app, flags, logging as absl_logging
import tensorflow as tf

FLAGS = flags.FLAGS
flags.DEFINE_integer("batch_size", 32, "examples a step")
logging.getLogger("x").setLevel(logging.ERROR)
absl_logging.set_verbosity(absl_logging.ERROR)
with tf.io.gfile.GFile("labels.txt", "w") as f:
    f.write("a\n")

# %% the math that stayed
import tensorflow as tf

x = tf.constant([1.0, 2.0, 3.0])
y = tf.math.log(x) + tf.exp(x) + tf.square(x) - tf.abs(x)
z = tf.reduce_sum(y, axis=0, keepdims=True)
i = tf.argmax(x) + tf.argmin(x)
u = tf.random.uniform([3], minval=0, maxval=1)
n = tf.concat([x, u], 0)
m = tf.reshape(tf.stack([x, u]), [3, 2])

# %% numpy beside TensorFlow
import numpy as np
import tensorflow as tf

a = np.zeros((3, 5))
a[0] = 1
b = a.reshape(5, 3).astype(np.float32)
t = tf.constant(b).numpy().reshape(15)
s = np.random.normal(size=(2, 2)), np.log(2.0), np.max(a), np.bool_(True), np.nan

# %% a dataset of parts: lists that are not batches
import tensorflow as tf

losses = []
for x in tf.data.Dataset.range(4):
    losses.append(x.numpy())
noise = tf.data.Dataset.from_tensor_slices([1.0, 2.0]).map(lambda v: v + tf.random.normal([]))
print(sum(losses), list(noise.as_numpy_iterator()))

# %% numpy_function and py_function
import numpy as np
import tensorflow as tf


def flip(image):
    return np.flip(image).copy()


def eager(x):
    return x.numpy() + 1.0


ds = tf.data.Dataset.from_tensor_slices(np.zeros((4, 3), "float32"))
ds = ds.map(lambda im: tf.numpy_function(flip, [im], tf.float32))
ds = ds.map(lambda im: tf.py_function(eager, [im], tf.float32))

# %% append in a function that TensorFlow never compiles
import tensorflow as tf

seen = []


def train_step(x):
    loss = tf.reduce_mean(x)
    seen.append(float(loss.numpy()))
    w = tf.Variable(1.0)
    return loss * w


train_step(tf.ones([3]))

# %% a list inside a compiled function
import tensorflow as tf


@tf.function
def powers(x):
    out = []
    for k in range(3):
        out.append(x ** k)
    return tf.stack(out)

# %% loss functions called, not compiled
import keras
import tensorflow as tf

a = keras.losses.mean_squared_error(y_true, y_pred)
b = tf.keras.losses.mse(y_true, y_pred)
c = tf.keras.losses.MeanSquaredError(reduction=tf.keras.losses.Reduction.SUM)(y_true, y_pred)
d = tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=y_pred)
e = keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)

# %% backend functions that tf.keras kept
import tensorflow as tf
from tensorflow.keras import backend as K


def recall(y_true, y_pred):
    hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    return hits / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())


print(recall(tf.ones([4, 1]), tf.ones([4, 1])))

# %% embedding weights that are still allowed
import numpy as np
from keras.layers import Embedding

table = np.zeros((100, 16), "float32")
layer = Embedding(100, 16, weights=[table], trainable=False)

# %% a layer argument of one's own
import keras


class Patches(keras.layers.Layer):
    def __init__(self, input_length, init="uniform", p=0.5, **kwargs):
        super().__init__(**kwargs)
        self.input_length, self.init, self.p = input_length, init, p

    def call(self, x):
        return x


patches = Patches(input_length=4, init="normal", p=0.1)

# %% applications take an input_shape
import tensorflow as tf

base = tf.keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
x = tf.keras.layers.Input(shape=(64, 64, 3))
model = tf.keras.Model(inputs=x, outputs=base(x))

# %% ReLU, ELU and alpha where it still is
import keras
import tensorflow as tf

a = keras.layers.ELU(alpha=0.5)
b = keras.layers.LeakyReLU(negative_slope=0.1)
c = tf.nn.leaky_relu(tf.constant([-1.0]), alpha=0.2)
d = keras.layers.LeakyReLU(0.1)
e = keras.losses.BinaryFocalCrossentropy(alpha=0.25, gamma=2.0)

# %% K that is not Keras
import numpy as np

K = np.eye(3)
K.mean(), K.sum()
K = 5
folds = [i % K for i in range(10)]

# %% softmax on several units, sigmoid on one
import keras

two = keras.layers.Dense(2, activation="softmax")
one = keras.layers.Dense(1, activation="sigmoid")
attention = keras.layers.Softmax(axis=1)

# %% a hidden layer without activation is not the last one
from tensorflow.keras import layers, models

model = models.Sequential([
    layers.Input((16,)),
    layers.Dense(32),
    layers.BatchNormalization(),
    layers.ReLU(),
    layers.Dense(4, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

# %% relu last, but for counts
import keras

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, activation="relu")])
model.compile("adam", "poisson", metrics=["mae"])

# %% hooks that are no callbacks
class Game:
    def on_epoch_beign(self, epoch):
        return epoch

    def on_epoch_ends(self, epoch):
        return -epoch


Game().on_epoch_beign(1)

# %% Session of requests and of SQL
import requests
from sqlalchemy.orm import Session

with requests.Session() as sess:
    sess.get("file.csv")


def load(engine):
    with Session(engine) as session:
        return session.get(int, 1)

# %% pandas has eval and value too
import pandas as pd

df = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
df = df.eval("c = a + b")
shape = df.shape[0]
print(df.values, shape)

# %% an Enum with .value in a shape
import enum


class Axis(enum.Enum):
    rows = 0
    columns = 1


shape = [Axis.rows, Axis.columns]
print(shape[0].value)

# %% Keras tuner and huggingface arguments
from transformers import TrainingArguments, TFAutoModel

args = TrainingArguments(output_dir="out", learning_rate=1, num_train_epochs=3, lr_scheduler_type="linear")
model = TFAutoModel.from_pretrained("bert-base-uncased")
model.save_pretrained("my_model")

# %% argparse options with old names
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--nb_epoch", type=int, default=10)
args = parser.parse_args([])
print(args.lr, args.nb_epoch)
