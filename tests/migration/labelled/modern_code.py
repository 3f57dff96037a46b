# %% digits, today
import keras
from keras import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
model = keras.Sequential([
    keras.Input(shape=(784,)),
    layers.Dense(128, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=2, validation_split=0.1)
print(history.history["accuracy"], history.history["val_accuracy"])
model.save("mnist.keras")

# %% logits and from_logits=True
import tensorflow as tf

model = tf.keras.Sequential([
    tf.keras.Input((784,)),
    tf.keras.layers.Dense(64, activation="relu"),
    tf.keras.layers.Dense(10),
])
model.compile(
    optimizer=tf.keras.optimizers.Adam(learning_rate=1e-3),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
)

# %% regression without an activation
from keras import Input, Sequential
from keras.layers import Dense, Normalization

norm = Normalization(axis=-1)
norm.adapt(train_features)
model = Sequential([Input((9,)), norm, Dense(64, activation="relu"), Dense(1)])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(train_features, train_targets, epochs=3, verbose=0)

# %% binary logits with a threshold of zero
import keras

model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile(
    optimizer="adam",
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
)

# %% linear layer, then an Activation layer
from tensorflow.keras.layers import Activation, Dense, Input
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Input((20,)))
model.add(Dense(5))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])

# %% sigmoid for several labels
import keras

model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(6, activation="sigmoid")])
model.compile("adam", loss="binary_crossentropy", metrics=["binary_accuracy"])

# %% transfer learning
import tensorflow as tf
from tensorflow import keras

base = keras.applications.MobileNetV2(input_shape=(96, 96, 3), include_top=False, weights=None)
base.trainable = False
inputs = keras.Input(shape=(96, 96, 3))
x = keras.applications.mobilenet_v2.preprocess_input(inputs)
x = base(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.2)(x))
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy"])
print(len(model.trainable_variables), tf.__version__)

# %% a custom training loop
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(3)])
optimizer = tf.keras.optimizers.SGD(0.1)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
mean = tf.keras.metrics.Mean()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(2):
    mean.reset_state()
    for xb, yb in tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(16):
        mean.update_state(train_step(xb, yb))
    tf.print("epoch", epoch, "loss", mean.result())

# %% train_step of Keras 3
import keras
import tensorflow as tf


class Net(keras.Model):
    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(grads, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

# %% a generative adversarial network
import keras
import tensorflow as tf


class GAN(keras.Model):
    def __init__(self, generator, discriminator, latent_dim):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent_dim
        self.seed = keras.random.SeedGenerator(7)
        self.g_loss = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.g_loss]

    def compile(self, g_optimizer, d_optimizer, loss_fn):
        super().compile()
        self.g_optimizer, self.d_optimizer, self.loss_fn = g_optimizer, d_optimizer, loss_fn

    def train_step(self, real):
        n = tf.shape(real)[0]
        noise = keras.random.normal((n, self.latent_dim), seed=self.seed)
        with tf.GradientTape() as tape:
            scores = self.discriminator(self.generator(noise))
            loss = self.loss_fn(tf.ones((n, 1)), scores)
        grads = tape.gradient(loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))
        self.g_loss.update_state(loss)
        return {"g_loss": self.g_loss.result()}

# %% a layer of one's own
import keras
from keras import ops


@keras.saving.register_keras_serializable(package="notes")
class Scale(keras.layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.gamma = self.add_weight(
            name="gamma",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.start),
        )

    def call(self, inputs):
        return ops.multiply(inputs, self.gamma)

    def get_config(self):
        return {**super().get_config(), "start": self.start}

# %% a metric of one's own
import keras
from keras import ops


class TruePositives(keras.metrics.Metric):
    def __init__(self, name="tp", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast(y_true, "bool") & (y_pred > 0.5)
        self.count.assign_add(ops.sum(ops.cast(hits, self.dtype)))

    def result(self):
        return self.count

    def reset_state(self):
        self.count.assign(0.0)

# %% callbacks
import keras


class Report(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        print(epoch, (logs or {}).get("val_loss"), rate)


callbacks = [
    Report(),
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
    keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),
    keras.callbacks.ModelCheckpoint("epoch_{epoch:02d}.weights.h5", save_weights_only=True),
    keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_delta=1e-4),
    keras.callbacks.TensorBoard(log_dir="logs", histogram_freq=1),
]
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y, validation_split=0.2, callbacks=callbacks, verbose=0)

# %% early stopping that watches the training loss
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y, epochs=5, callbacks=[keras.callbacks.EarlyStopping(monitor="loss", patience=1)], verbose=0)

# %% a pipeline
import tensorflow as tf

AUTOTUNE = tf.data.AUTOTUNE


def decode(path, label):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    image = tf.image.resize(image, [180, 180])
    return image / 255.0, label


ds = (
    tf.data.Dataset.from_tensor_slices((paths, labels))
    .shuffle(1000, seed=1)
    .map(decode, num_parallel_calls=AUTOTUNE)
    .batch(32)
    .prefetch(AUTOTUNE)
)

# %% records of today
import tensorflow as tf

spec = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "boxes": tf.io.VarLenFeature(tf.float32),
}


def parse(record):
    example = tf.io.parse_single_example(record, spec)
    return tf.io.decode_raw(example["image"], tf.uint8), example["label"]


ds = tf.data.TFRecordDataset(["a.tfrecord"]).map(parse)
with tf.io.TFRecordWriter("b.tfrecord") as writer:
    writer.write(tf.train.Example().SerializeToString())

# %% a PyDataset
import math
import keras


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, i):
        part = slice(i * self.size, (i + 1) * self.size)
        return self.x[part], self.y[part]


batches = Batches(x, y, 32, workers=2, use_multiprocessing=False)

# %% text
import keras
from keras import layers

vectorize = layers.TextVectorization(max_tokens=5000, output_sequence_length=80)
vectorize.adapt(texts)
inputs = keras.Input((80,), dtype="int64")
x = layers.Embedding(5000, 32, mask_zero=True)(inputs)
x = layers.Bidirectional(layers.LSTM(16))(x)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])

# %% the Tokenizer that tf.keras still has
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences

tokenizer = Tokenizer(num_words=1000)
tokenizer.fit_on_texts(texts)
padded = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=20)

# %% windows of a series
import keras
import numpy as np

series = np.sin(np.arange(500) / 10).astype("float32")
ds = keras.utils.timeseries_dataset_from_array(series[:-12], series[12:], sequence_length=12, batch_size=16)
model = keras.Sequential([keras.Input((12, 1)), keras.layers.LSTM(8), keras.layers.Dense(1)])
model.compile("adam", "mse")

# %% saving and loading weights
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.save_weights("notes.weights.h5")
model.load_weights("notes.weights.h5")
model.export("served")
again = keras.models.clone_model(model)
again.set_weights(model.get_weights())

# %% two outputs
import keras

inputs = keras.Input((16,))
h = keras.layers.Dense(8, activation="relu")(inputs)
kind = keras.layers.Dense(3, activation="softmax", name="kind")(h)
price = keras.layers.Dense(1, name="price")(h)
model = keras.Model(inputs, {"kind": kind, "price": price})
model.compile(
    optimizer="adam",
    loss={"kind": "sparse_categorical_crossentropy", "price": "mse"},
    loss_weights={"kind": 1.0, "price": 0.5},
    metrics={"kind": ["accuracy"], "price": ["mae"]},
)

# %% schedules
import keras

schedule = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=1000)
optimizer = keras.optimizers.AdamW(learning_rate=schedule, weight_decay=1e-4, clipnorm=1.0)
warm = keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr if epoch < 5 else lr * 0.9)

# %% distribution of today
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")


@tf.function
def step(batch):
    per_replica = strategy.run(replica_step, args=(batch,))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, per_replica, axis=None)

# %% variables where they belong
import tensorflow as tf


class Linear(tf.Module):
    def __init__(self, n_in, n_out, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(tf.random.normal([n_in, n_out]), name="w")
        self.b = tf.Variable(tf.zeros([n_out]), name="b")

    @tf.function
    def __call__(self, x):
        return tf.matmul(x, self.w) + self.b

# %% a variable made once inside tf.function
import tensorflow as tf


class Counter(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = None

    @tf.function
    def __call__(self, x):
        if self.v is None:
            self.v = tf.Variable(x)
        return self.v.assign_add(x)

# %% a persistent tape
import tensorflow as tf

x = tf.Variable(2.0)
with tf.GradientTape(persistent=True) as tape:
    y = x ** 2
    z = x ** 3
print(tape.gradient(y, x), tape.gradient(z, x))
del tape

# %% two tapes
import tensorflow as tf

x = tf.Variable(2.0)
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        y = x ** 3
    first = inner.gradient(y, x)
second = outer.gradient(first, x)

# %% a TensorArray in a compiled loop
import tensorflow as tf


@tf.function
def cumulative(x):
    parts = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    total = 0.0
    for i in tf.range(tf.shape(x)[0]):
        total += x[i]
        parts = parts.write(i, total)
    return parts.stack()

# %% GPU memory and mixed precision
import keras
import tensorflow as tf

for gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)
keras.mixed_precision.set_global_policy("float32")
tf.keras.utils.set_random_seed(1)
tf.get_logger().setLevel("ERROR")

# %% plotting and summary
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="out")])
model.summary()
print(model.get_layer("out").output.shape, model.input_shape, model.output_shape, model.count_params())
features = keras.Model(model.inputs, model.layers[0].output)

# %% classes from predictions
import keras
import numpy as np

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
classes = np.argmax(model.predict(x_new, verbose=0), axis=1)
first = float(model.predict(x_new, verbose=0)[0, 0])

# %% keras.ops instead of backend math
import keras
from keras import ops


def dice_loss(y_true, y_pred, smooth=1.0):
    together = ops.sum(y_true * y_pred, axis=(1, 2, 3))
    apart = ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))
    return 1.0 - ops.mean((2.0 * together + smooth) / (apart + smooth))


eps = keras.backend.epsilon()
keras.backend.clear_session()
