# %% from_logits left out, string loss
import keras
from keras import layers

model = keras.Sequential([
    keras.Input((784,)),
    layers.Dense(64, activation='relu'),
    layers.Dense(10),
])
model.compile(
    optimizer='adam',
    loss='sparse_categorical_crossentropy',  # expect: from-logits-missing
    metrics=['accuracy'],
)

# %% from_logits left out, with add
from tensorflow.keras.layers import Dense, Flatten
from tensorflow.keras.losses import SparseCategoricalCrossentropy
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Flatten())
model.add(Dense(128, activation='relu'))
model.add(Dense(10))
model.compile(optimizer='adam', loss=SparseCategoricalCrossentropy(), metrics=['accuracy'])  # expect: from-logits-missing

# %% from_logits left out, functional
import tensorflow as tf
from tensorflow.keras import layers

inputs = tf.keras.Input((32, 32, 3))
x = layers.Conv2D(16, 3, activation='relu')(inputs)
x = layers.GlobalMaxPooling2D()(x)
outputs = layers.Dense(5)(x)
model = tf.keras.Model(inputs, outputs)
model.compile('rmsprop', loss='categorical_crossentropy')  # expect: from-logits-missing

# %% binary head without sigmoid
from keras.models import Sequential
from keras.layers import Dense, Embedding, LSTM

model = Sequential()
model.add(Embedding(5000, 32))
model.add(LSTM(32))
model.add(Dense(1))
model.compile(loss='binary_crossentropy', optimizer='adam')  # expect: from-logits-missing

# %% softmax and from_logits=True
import tensorflow as tf

model = tf.keras.Sequential([
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(128, activation=tf.nn.relu),
    tf.keras.layers.Dense(10, activation='softmax'),
])
model.compile(
    optimizer='adam',
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),  # expect: from-logits-after-softmax
    metrics=['accuracy'],
)

# %% softmax layer and from_logits=True, functional
import keras

inputs = keras.Input((20,))
logits = keras.layers.Dense(4)(inputs)
probs = keras.layers.Softmax()(logits)
model = keras.Model(inputs, probs)
model.compile('adam', loss=keras.losses.CategoricalCrossentropy(from_logits=True))  # expect: from-logits-after-softmax

# %% softmax on one unit
from tensorflow import keras

model = keras.Sequential()
model.add(keras.layers.Dense(16, activation='relu'))
model.add(keras.layers.Dense(1, activation='softmax'))  # expect: softmax-on-one-unit
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])

# %% softmax on one unit, functional, imported under another name
import keras
from keras.layers import Dense as FC

inp = keras.Input((30,))
h = FC(8, activation='relu')(inp)
out = FC(1, activation='softmax')(h)  # expect: softmax-on-one-unit
model = keras.Model(inp, out)
model.compile(optimizer='sgd', loss='binary_crossentropy')

# %% relu before the loss
import keras
from keras.layers import Dense

model = keras.Sequential([Dense(32, activation='relu'), Dense(10, activation='relu')])
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])  # expect: relu-before-crossentropy

# %% relu before the loss, functional
from tensorflow.keras import Input, Model, layers

x = Input((8,))
h = layers.Dense(32, activation='tanh')(x)
y = layers.Dense(3, activation='relu')(h)
clf = Model(x, y)
clf.compile(loss='sparse_categorical_crossentropy', optimizer='adam')  # expect: relu-before-crossentropy

# %% sigmoid with a categorical loss
from keras.layers import Dense, Input
from keras.models import Sequential

model = Sequential([Input((12,)), Dense(24, activation='relu'), Dense(4, activation='sigmoid')])
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])  # expect: sigmoid-before-categorical-crossentropy

# %% accuracy of a regression
import keras
from keras.layers import Dense

model = keras.Sequential([Dense(64, activation='relu'), Dense(1)])
model.compile(loss='mean_squared_error', optimizer='adam', metrics=['accuracy'])  # expect: accuracy-of-numbers

# %% accuracy of logits
import keras

model = keras.Sequential([keras.layers.Dense(16, activation='relu'), keras.layers.Dense(1)])
model.compile(
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    optimizer='adam',
    metrics=['accuracy'],  # expect: metric-threshold-on-logits
)

# %% validation_split of a dataset
import tensorflow as tf

ds = tf.data.Dataset.from_tensor_slices((features, targets)).shuffle(512).batch(32)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile('adam', 'mse')
model.fit(ds, epochs=10, validation_split=0.2)  # expect: validation-split-needs-arrays

# %% validation_split of a dataset from a folder
import keras

train_ds = keras.utils.image_dataset_from_directory('images/train', image_size=(128, 128), batch_size=32)
model = keras.applications.MobileNetV2(weights=None, classes=5)
model.compile('adam', 'sparse_categorical_crossentropy')
history = model.fit(
    train_ds,
    validation_split=0.1,  # expect: validation-split-needs-arrays
    epochs=5,
)

# %% batch_size beside a dataset
import tensorflow as tf

ds = tf.data.Dataset.from_tensor_slices((features, targets)).batch(16)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile('adam', 'mse')
model.fit(ds, batch_size=16, epochs=3)  # expect: batch-size-with-dataset

# %% a variable in a compiled function
import tensorflow as tf


@tf.function
def step(x):
    w = tf.Variable(tf.random.normal([3, 3]))  # expect: variable-in-tf-function
    return tf.matmul(x, w)

# %% numpy in a compiled function
import numpy as np
import tensorflow as tf


@tf.function
def normalise(x):
    mean = tf.reduce_mean(x).numpy()  # expect: numpy-in-tf-function
    noise = np.random.normal(size=3)  # expect: numpy-random-in-tf-function
    return x - mean + noise

# %% a list of losses in a compiled function
import tensorflow as tf

losses = []


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    losses.append(loss)  # expect: append-in-tf-function
    return loss

# %% a tape asked twice
import tensorflow as tf

x = tf.Variable(2.0)
with tf.GradientTape() as tape:
    y = x ** 2
    z = x ** 3
dy = tape.gradient(y, x)
dz = tape.gradient(z, x)  # expect: tape-asked-twice

# %% logits by position
import tensorflow as tf


def loss_fn(labels, logits):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits, labels))  # expect: cross-entropy-by-position

# %% a raw variable in a layer
import tensorflow as tf
from tensorflow import keras


class Dense2(keras.layers.Layer):
    def __init__(self, units, input_dim):
        super().__init__()
        self.w = tf.Variable(tf.random.normal((input_dim, units)), trainable=True)  # expect: tf-variable-in-keras-layer
        self.b = tf.Variable(tf.zeros((units,)), trainable=True)  # expect: tf-variable-in-keras-layer

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

# %% a raw variable in a model
import keras
import tensorflow as tf


class Scaled(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.scale = tf.Variable(1.0)  # expect: tf-variable-in-keras-layer

    def call(self, x):
        return self.scale * self.dense(x)

# %% super forgotten in a layer
from keras import layers


class Block(layers.Layer):
    def __init__(self, units):  # expect: missing-super-init
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)

# %% super forgotten in a model
import tensorflow as tf


class Classifier(tf.keras.Model):
    def __init__(self, n_classes):  # expect: missing-super-init
        self.body = tf.keras.layers.Dense(64, activation="relu")
        self.head = tf.keras.layers.Dense(n_classes, activation="softmax")

    def call(self, inputs, training=None):
        return self.head(self.body(inputs))

# %% super forgotten in a metric
import keras


class Hits(keras.metrics.Metric):
    def __init__(self, name='hits'):  # expect: metric-without-super
        self.hits = self.add_weight(name='hits', initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(keras.ops.sum(keras.ops.cast(y_true == y_pred, 'float32')))

    def result(self):
        return self.hits

# %% a layer made on every call
from tensorflow.keras import layers


class Residual(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.filters = filters

    def call(self, x):
        h = layers.Conv2D(self.filters, 3, padding='same')(x)  # expect: layer-made-in-call
        return x + h

# %% hooks misspelt
import time
import keras


class Timer(keras.callbacks.Callback):
    def on_epoch_beign(self, epoch, logs=None):  # expect: callback-misspelt-hook
        self.start = time.time()

    def on_epoch_ends(self, epoch, logs=None):  # expect: callback-misspelt-hook
        print(f'{time.time() - self.start:.1f} s')

    def on_train_end(self, logs=None):
        print('done')

# %% a callback class misspelt
import tensorflow as tf

stop = tf.keras.callbacks.Earlystopping(patience=3)  # expect: no-such-name

# %% early stopping without validation
import keras

model = keras.Sequential([keras.layers.Dense(1)])
model.compile('adam', 'mse')
model.fit(x_train, y_train, epochs=100, callbacks=[keras.callbacks.EarlyStopping(patience=5)])  # expect: early-stopping-without-validation

# %% a metric without sample weights
import tensorflow as tf


class Within(tf.keras.metrics.Metric):
    def __init__(self, name='within', **kwargs):
        super().__init__(name=name, **kwargs)
        self.good = self.add_weight(name='good', initializer='zeros')

    def update_state(self, y_true, y_pred):  # expect: metric-update-state-without-sample-weight
        self.good.assign_add(tf.reduce_sum(tf.cast(tf.abs(y_true - y_pred) < 0.1, tf.float32)))

    def result(self):
        return self.good


model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile('adam', 'mse', metrics=[Within()])

# %% misspelt arguments
import keras

layer = keras.layers.Dense(10, kernel_regular='l2')  # expect: misspelt-layer-argument
model = keras.Sequential([keras.Input((8,)), layer])
model.compile(optimizer='adam', loss='mse', metric=['mae'])  # expect: compile-misspelt-argument

# %% validation, not validation_data
import keras

model = keras.Sequential([keras.layers.Dense(1)])
model.compile('adam', 'mse')
history = model.fit(x, y, epochs=3, validation=(x_val, y_val))  # expect: fit-validation-argument
print(model.fit(x, y)['loss'])  # expect: history-is-no-dict

# %% item assignment and numpy habits
import tensorflow as tf

x = tf.zeros([4, 4])
x[0, 0] = 1.0  # expect: tensor-item-assignment
y = x.reshape(2, 8)  # expect: tensor-numpy-methods
print(tf.sum(y), tf.max(y))  # expect: tf-sum, tf-numpy-names

# %% two numbers for a shape
import tensorflow as tf

a = tf.zeros(3, 5)  # expect: shape-in-two-arguments

# %% the mean of ones and zeros as integers
import tensorflow as tf

correct = tf.equal(tf.argmax(scores, 1), labels)
accuracy = tf.reduce_mean(tf.cast(correct, tf.int32))  # expect: mean-of-integers

# %% the weights file opened as a model
import keras

best = keras.models.load_model('best.weights.h5')  # expect: load-model-weights-file

# %% numpy in a map
import tensorflow as tf

ds = tf.data.Dataset.from_tensor_slices(['a.png', 'b.png'])
ds = ds.map(lambda p: open(p.numpy()).read())  # expect: numpy-in-dataset-map

# %% names that never were
import tensorflow as tf


class Net(tf.Model):  # expect: tf-model
    def call(self, x):
        return x


ds = tf.data.Dataset.from_tensor_silces([1, 2, 3])  # expect: from-tensor-silces
head = tf.keras.Dense(3)  # expect: keras-dense-top-level

# %% an integer learning rate, a schedule and a plateau
import keras

schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1000, 0.9)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(learning_rate=1), 'mse')  # expect: learning-rate-integer
model.compile(keras.optimizers.SGD(schedule), 'mse')
model.fit(x, y, validation_split=0.1, callbacks=[keras.callbacks.ReduceLROnPlateau(patience=2)])  # expect: schedule-and-callback

# %% cache after shuffle, a shape without parentheses
import keras
import tensorflow as tf

ds = tf.data.Dataset.range(1000).shuffle(1000).cache().batch(32)
inputs = keras.Input(shape=(784))  # expect: input-shape-number

# %% class weights as an array
import numpy as np
import keras

model = keras.Sequential([keras.layers.Dense(1, activation='sigmoid')])
model.compile('adam', 'binary_crossentropy')
model.fit(x, y, class_weight=np.array([1.0, 9.0]))  # expect: class-weight-not-a-dict

# %% one metric list for two outputs
import keras

inp = keras.Input((16,))
h = keras.layers.Dense(8, activation='relu')(inp)
age = keras.layers.Dense(1, name='age')(h)
income = keras.layers.Dense(1, name='income')(h)
model = keras.Model(inp, [age, income])
model.compile('adam', loss='mse', metrics=['mae'])  # expect: metrics-list-for-several-outputs

# %% a list into predict
import keras

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile('sgd', 'mse')
print(model.predict([10.0]))  # expect: list-of-numbers-as-data

# %% two ways to clip, and an IoU of probabilities
import keras

opt = keras.optimizers.SGD(0.01, clipnorm=1.0, clipvalue=0.5)  # expect: clipnorm-and-clipvalue
model = keras.Sequential([keras.layers.Dense(2, activation='softmax')])
model.compile(opt, 'sparse_categorical_crossentropy', metrics=[keras.metrics.MeanIoU(num_classes=2)])  # expect: mean-iou-of-probabilities

# %% rotating with tf.image
import tensorflow as tf


def augment(image, angle):
    image = tf.image.random_flip_left_right(image)
    image = tf.image.rotate(image, angle)  # expect: tf-image-rotate
    return image
