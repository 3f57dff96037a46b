# %% a module under a letter, then under another
import tensorflow as T

t = T
L = t.keras.layers
x = t.log(t.constant(2.0))  # expect: tf-log
flat = L.Flatten(input_shape=(28, 28))  # expect: layer-input-shape

# %% a function kept in a variable
import tensorflow as tf

log = tf.log  # expect: tf-log
make = tf.keras.optimizers.Adam
opt = make(lr=0.01)  # expect: optimizer-lr-argument

# %% a parameter that shadows the module
import tensorflow as tf


def frequency(tf, word):
    return tf.log(word)


def right(x):
    return tf.log(x)  # expect: tf-log

# %% the module's name reassigned half way
import tensorflow as tf

a = tf.is_nan(1.0)  # expect: tf-is-nan
tf = {"log": abs}
b = tf["log"](-1)

# %% a model variable that becomes something else
from keras import Input, Sequential
from keras.layers import Dense
from sklearn.linear_model import LogisticRegression

model = Sequential([Input((4,)), Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy")
p = model.predict_proba(X)  # expect: predict-proba
model = LogisticRegression().fit(X, y)
q = model.predict_proba(X)

# %% the other way round
from keras import Input, Sequential
from keras.layers import Dense
from sklearn.naive_bayes import GaussianNB

clf = GaussianNB().fit(X, y)
print(clf.predict_proba(X))
clf = Sequential([Input((4,)), Dense(2, activation="softmax")])
print(clf.predict_proba(X))  # expect: predict-proba

# %% a star import
from tensorflow.keras.layers import *
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Conv1D(8, 3, activation="relu", input_shape=(50, 1)))  # expect: layer-input-shape
model.add(LeakyReLU(alpha=0.2))  # expect: leaky-relu-alpha
model.add(Flatten())

# %% imports inside a function
def train(x, y):
    from tensorflow import keras

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(lr=0.1))  # expect: optimizer-lr-argument
    return model.fit(x, y, verbose=0)


def keras(lr):
    return lr


keras(lr=0.1)

# %% a model from a factory
import tensorflow as tf


def build_model(n_classes):
    model = tf.keras.Sequential()
    model.add(tf.keras.layers.Dense(32, activation="relu"))
    model.add(tf.keras.layers.Dense(n_classes, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


net = build_model(3)
net.fit(x_train, y_train)
labels = net.predict_classes(x_test)  # expect: predict-classes

# %% a factory of factories
import keras


def tower(units):
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.Dense(units, activation="sigmoid")(inputs))


def compiled(units):
    m = tower(units)
    m.compile("sgd", "binary_crossentropy")
    return m


final = compiled(1)
final.fit_generator(gen, steps_per_epoch=3)  # expect: fit-generator

# %% models in a list and in a dict
import keras

ensemble = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(3)]
for i, member in enumerate(ensemble):
    member.save(f"member_{i}")  # expect: model-save-without-ending
by_name = {"a": keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])}
by_name["a"].save_weights("a.h5")  # expect: save-weights-h5-ending

# %% a model in an attribute
import numpy as np
from tensorflow import keras


class Agent:
    def __init__(self, n_actions):
        self.n_actions = n_actions
        self.model = self._build()
        self.memory = []

    def _build(self):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(24, activation="relu"), keras.layers.Dense(self.n_actions)])
        model.compile(loss="mse", optimizer=keras.optimizers.Adam(lr=0.001))  # expect: optimizer-lr-argument
        return model

    def act(self, state):
        return np.argmax(self.model.predict_classes(state))  # expect: predict-classes

    def save(self, name):
        self.model.save_weights(name)

# %% a subclass of a subclass
import tensorflow as tf


class Base(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.head = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.head(x)


class Bigger(Base):
    pass


Bigger().reset_states()  # expect: model-reset-states
model = Bigger()
model.compile("adam", "mse")
model.fit_generator(gen, epochs=2)  # expect: fit-generator

# %% a method of the class is no removed method
import keras
import numpy as np


class Classifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(x)

    def predict_classes(self, x):
        return np.argmax(self.predict(x, verbose=0), axis=-1)


class Better(Classifier):
    pass


print(Better().predict_classes(np.zeros((1, 2), "float32")))

# %% a type annotation tells
import keras


def report(model: keras.Model, x, best: 'keras.Sequential | None' = None):
    print(model.predict_classes(x))  # expect: predict-classes
    model.summary()

# %% the walrus
import keras

if (model := keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])) is not None:
    model.save("walrus")  # expect: model-save-without-ending
if (n := len(model.layers)) > 1:
    print(n)

# %% keyword arguments in a dict
import keras

options = {"learning_rate": 0.1, "momentum": 0.9}
good = keras.optimizers.SGD(**options)
bad = keras.optimizers.SGD(**{"lr": 0.1})  # expect: optimizer-lr-argument

# %% kwargs that pass through
import keras


class Wide(keras.layers.Dense):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


def adam(**kwargs):
    kwargs.setdefault("learning_rate", 1e-3)
    return keras.optimizers.Adam(**kwargs)


layer, opt = Wide(4, use_bias=False), adam(beta_1=0.8)

# %% chained calls
import keras

keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save("chained")  # expect: model-save-without-ending
keras.models.load_model("m.keras").predict_classes(x)  # expect: predict-classes

# %% the name deleted and taken again
import tensorflow as tf

log = tf.math.log
del tf
import math as tf

print(tf.log(2.0), log(2.0))

# %% a global set in a function
import keras

MODEL = None


def setup():
    global MODEL
    MODEL = keras.models.load_model("m.keras")


def serve(x):
    if MODEL is None:
        setup()
    return MODEL.predict(x)

# %% an import that depends on the machine
import os

if os.environ.get("STANDALONE_KERAS"):
    import keras
    from keras import backend as K
else:
    from tensorflow import keras
    from tensorflow.keras import backend as K

opt = keras.optimizers.RMSprop(lr=1e-3)  # expect: optimizer-lr-argument
K.clear_session()

# %% a class attribute and a default
import tensorflow as tf


class Trainer:
    optimizer = tf.keras.optimizers.Adam(lr=0.01)  # expect: optimizer-lr-argument

    def __init__(self, lr=0.1, loss=tf.keras.losses.MeanSquaredError()):
        self.lr = lr
        self.loss = loss

    def fit_generator(self, gen, log=tf.log):  # expect: tf-log
        return [self.loss(*pair) for pair in gen]


Trainer(lr=0.2).fit_generator(iter([]))

# %% in a comprehension, a lambda and an f-string
import tensorflow as tf

rates = [tf.keras.optimizers.SGD(lr=r) for r in (0.1, 0.01)]  # expect: optimizer-lr-argument
entropy = lambda p: -tf.reduce_sum(p * tf.log(p))  # expect: tf-log
print(f"TensorFlow {tf.VERSION}, {tf.reduce_sum([1, 2])}")  # expect: tf-version-names

# %% partial
from functools import partial
import keras

Conv = partial(keras.layers.Conv2D, kernel_size=3, padding="same")
Old = partial(keras.layers.Conv2D, 32, 3, border_mode="same")  # expect: keras1-border-mode
x = Conv(16)(keras.Input((8, 8, 3)))

# %% nested functions and their own names
import tensorflow as tf


def outer(model):
    def log(x):
        return tf.math.log(x)

    def inner(x):
        return log(x) + tf.log(x)  # expect: tf-log

    return inner(model)

# %% Chinese comments and strings
import keras  # 导入库
from keras.layers import Dense, Dropout

# 旧写法:model.fit(x, y, nb_epoch=10)
模型 = keras.Sequential([keras.Input((8,)), Dense(16, activation='relu'), Dropout(0.5), Dense(1)])
模型.compile(loss='mse', optimizer='adam', metrics=['mae'])  # 编译模型
历史 = 模型.fit(x, y, nb_epoch=10, verbose=0)  # 训练十轮  # expect: fit-nb-epoch
print('均方误差:', 历史.history['loss'][-1], 'tf.log 已经没有了')
模型.save('模型')  # expect: model-save-without-ending

# %% one very long line
import keras
from keras.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

model = keras.Sequential([Input((32, 32, 3)), Conv2D(32, (3, 3), padding="same"), BatchNormalization(), Activation("relu"), MaxPooling2D(pool_size=(2, 2)), Dropout(0.25), Conv2D(64, (3, 3), padding="same"), BatchNormalization(), Activation("relu"), Flatten(), Dense(512), BatchNormalization(), Activation("relu"), Dropout(0.5), Dense(10, init="uniform"), Activation("softmax")])  # expect: keras1-init

# %% with, if and for around a model
import tensorflow as tf

strategy = tf.distribute.get_strategy()
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
for epoch in range(3):
    if epoch:
        while True:
            history = model.fit(x, y, verbose=0)
            break
        print(history.history["acc"])  # expect: history-acc-key

# %% softmax chosen at run time
import keras


def build(n, binary=False):
    model = keras.Sequential()
    model.add(keras.Input((16,)))
    if binary:
        model.add(keras.layers.Dense(1, activation="sigmoid"))
        loss = "binary_crossentropy"
    else:
        model.add(keras.layers.Dense(n, activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss=loss, metrics=["accuracy"])
    return model

# %% an activation in a variable
import keras

activation = "softmax"
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=activation)])
model.compile("adam", loss="categorical_crossentropy")
final = None
other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=final)])
other.compile("adam", loss="categorical_crossentropy")  # expect: from-logits-missing

# %% a loss in a variable
from tensorflow import keras

loss = keras.losses.CategoricalCrossentropy(from_logits=True)
logits = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
logits.compile("adam", loss=loss)
probs = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")])
probs.compile("adam", loss=loss)  # expect: from-logits-after-softmax

# %% logits inside a bigger model
import keras

body = keras.Sequential([keras.Input((8,)), keras.layers.Dense(5)])
inputs = keras.Input((8,))
model = keras.Model(inputs, keras.layers.Softmax()(body(inputs)))
model.compile("adam", loss="sparse_categorical_crossentropy")

# %% a compiled model whose dataset comes from a function
import tensorflow as tf


def pipeline(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)


model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(pipeline(x, y), validation_split=0.5)  # expect: validation-split-needs-arrays
iterator = pipeline(x, y).make_one_shot_iterator()  # expect: make-one-shot-iterator

# %% the optimizer of another attribute
import tensorflow as tf


class Learner:
    def __init__(self, lr):
        self.lr = lr
        self.optimizer = tf.keras.optimizers.Adam(learning_rate=lr)
        self.steps = 0

    def slower(self):
        self.lr *= 0.5
        self.optimizer.learning_rate = self.lr
        return self.optimizer.lr  # expect: optimizer-lr

# %% same name, two classes
import keras


class Schedule:
    lr = 0.1

    def get_weights(self):
        return [self.lr]


optimizer = Schedule()
print(optimizer.lr, optimizer.get_weights())
optimizer = keras.optimizers.Adam(1e-3)
print(optimizer.get_weights())  # expect: optimizer-get-weights

# %% a decorator on a decorator, and a method
import functools
import tensorflow as tf


def timed(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)
    return wrapper


class Model(tf.Module):
    @timed
    @tf.function
    def step(self, x):
        v = tf.Variable(1.0)  # expect: variable-in-tf-function
        return v * x

# %% compiled by a call, not by a decorator
import tensorflow as tf


def body(x):
    return x.numpy() + 1  # expect: numpy-in-tf-function


fast = tf.function(body)
slow = body

# %% tuple targets
import keras

(small, large), names = (keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])), ["s", "l"]
large.to_yaml()  # expect: model-to-yaml

# %% compile by position, with everything right
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("adam", "mse", None, ["mae"])
model.fit(x, y, 32, 2, 0)
print(model.evaluate(x, y, 32, 0))
