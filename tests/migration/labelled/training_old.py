# %% fit_generator with augmentation
from keras.applications import MobileNetV2
from keras.layers import Dense, GlobalAveragePooling2D
from keras.models import Model

base = MobileNetV2(include_top=False, weights='imagenet')
x = GlobalAveragePooling2D()(base.output)
model = Model(inputs=base.input, outputs=Dense(2, activation='softmax')(x))
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
history = model.fit_generator(  # expect: fit-generator
    train_generator,
    steps_per_epoch=100,
    epochs=10,
    validation_data=val_generator,
    validation_steps=50,
)
model.evaluate_generator(val_generator, steps=50)  # expect: evaluate-and-predict-generator
pred = model.predict_generator(test_generator)  # expect: evaluate-and-predict-generator

# %% predicted classes
import numpy as np
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential
from sklearn.metrics import confusion_matrix

model = Sequential([Dense(16, activation='relu'), Dense(3, activation='softmax')])
model.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
model.fit(X_train, Y_train, epochs=10, verbose=0)
y_pred = model.predict_classes(X_test)  # expect: predict-classes
proba = model.predict_proba(X_test)  # expect: predict-proba
print(confusion_matrix(np.argmax(Y_test, axis=1), y_pred))

# %% lr of every optimizer
import keras
from keras.optimizers import Adam, SGD, RMSprop
from tensorflow.keras import optimizers

sgd = SGD(lr=0.01, momentum=0.9, nesterov=True)  # expect: optimizer-lr-argument
adam = Adam(lr=1e-3, beta_1=0.9)  # expect: optimizer-lr-argument
rms = keras.optimizers.RMSprop(
    lr=1e-4,  # expect: optimizer-lr-argument
    rho=0.9,
)
nadam = optimizers.Nadam(lr=0.002)  # expect: optimizer-lr-argument

# %% an optimizer inside compile
from tensorflow import keras

model = keras.Sequential([keras.layers.Dense(1)])
model.compile(loss='mse', optimizer=keras.optimizers.Adam(lr=0.001))  # expect: optimizer-lr-argument

# %% decay
import keras

opt = keras.optimizers.SGD(learning_rate=0.1, decay=1e-6, momentum=0.9)  # expect: optimizer-decay
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(opt, 'mse')

# %% curves of the history
import matplotlib.pyplot as plt
from tensorflow.keras import layers, models

model = models.Sequential([layers.Dense(8, activation='relu'), layers.Dense(1, activation='sigmoid')])
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
history = model.fit(x, y, epochs=20, validation_split=0.2)
acc = history.history['acc']  # expect: history-acc-key
val_acc = history.history['val_acc']  # expect: history-acc-key
loss = history.history['loss']
plt.plot(range(len(acc)), acc, 'bo', label='Training acc')

# %% early stopping on val_acc
import keras
from keras import layers
from keras.callbacks import EarlyStopping

model = keras.Sequential([layers.Dense(8, activation='relu'), layers.Dense(3, activation='softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
stop = EarlyStopping(monitor='val_acc', patience=5)  # expect: monitor-acc
model.fit(x, y, validation_split=0.1, epochs=50, callbacks=[stop])

# %% checkpoints in hdf5
import os
import tensorflow as tf

path = os.path.join('checkpoints', 'weights.{epoch:02d}-{val_loss:.2f}.hdf5')
checkpoint = tf.keras.callbacks.ModelCheckpoint(path, monitor='val_loss', save_best_only=True)  # expect: checkpoint-suffix

# %% checkpoints of weights
from keras.callbacks import ModelCheckpoint

callbacks = [
    ModelCheckpoint('best.h5', monitor='val_loss', save_best_only=True, save_weights_only=True),  # expect: checkpoint-weights-suffix
    ModelCheckpoint('epoch_{epoch}.keras', period=5),  # expect: checkpoint-period
]

# %% TensorBoard with too many arguments
from tensorflow.keras.callbacks import TensorBoard

tb = TensorBoard(log_dir='./logs', histogram_freq=1, write_graph=True, write_grads=True)  # expect: tensorboard-callback-arguments

# %% metrics as third argument
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile('adam', 'mse', ['mae'])  # expect: compile-metrics-third

# %% metrics as a bare string
import keras

model = keras.Sequential([keras.layers.Dense(2, activation='softmax')])
model.compile(
    optimizer='adam',
    loss='sparse_categorical_crossentropy',
    metrics='accuracy',  # expect: compile-metrics-string
)

# %% workers in fit
import keras

model = keras.Sequential([keras.layers.Dense(2, activation='softmax')])
model.compile('adam', 'categorical_crossentropy')
model.fit(train_seq, epochs=3, workers=4, use_multiprocessing=True)  # expect: fit-workers
model.evaluate(test_seq, workers=4)  # expect: evaluate-workers

# %% float steps
import keras

model = keras.Sequential([keras.layers.Dense(2, activation='softmax')])
model.compile('adam', 'categorical_crossentropy')
model.fit(
    train_ds,
    steps_per_epoch=len(x_train) / 32,  # expect: float-steps
    epochs=3,
)

# %% learning rate read from the optimizer
import tensorflow as tf
from tensorflow.keras import backend as K


class LrLogger(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        lr = float(K.get_value(self.model.optimizer.lr))  # expect: optimizer-lr
        print(f'epoch {epoch}: lr = {lr:.6f}')

# %% learning rate set on the optimizer
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(tf.keras.optimizers.Adam(1e-3), 'mse')
model.fit(x, y, epochs=5)
tf.keras.backend.set_value(model.optimizer.lr, 1e-4)  # expect: optimizer-lr, backend-set-value

# %% minimize with a closure
import tensorflow as tf

w = tf.Variable(5.0)
opt = tf.keras.optimizers.SGD(learning_rate=0.1)
for _ in range(100):
    opt.minimize(lambda: (w - 3.0) ** 2, var_list=[w])  # expect: optimizer-minimize

# %% reset_states of a metric in a custom loop
import tensorflow as tf

train_loss = tf.keras.metrics.Mean(name='train_loss')
train_acc = tf.keras.metrics.SparseCategoricalAccuracy(name='train_accuracy')
for epoch in range(5):
    for metric in (train_loss, train_acc):
        metric.reset_state()
    train_loss.reset_states()  # expect: metric-reset-states
    train_acc.reset_states()  # expect: metric-reset-states

# %% a metric of the old kind
import tensorflow as tf


class Recall(tf.keras.metrics.Metric):
    def __init__(self, name='recall', **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name='hits', initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(tf.reduce_sum(tf.cast(y_true, tf.float32) * tf.round(y_pred)))

    def result(self):
        return self.hits

    def reset_states(self):  # expect: metric-defines-reset-states
        self.hits.assign(0.0)

# %% train_step with compiled_loss
from tensorflow import keras
import tensorflow as tf


class Net(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)  # expect: compiled-loss
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        self.compiled_metrics.update_state(y, y_pred)  # expect: compiled-loss
        return {m.name: m.result() for m in self.metrics}

# %% distribution of 2.1
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()


@tf.function
def distributed_step(inputs):
    losses = strategy.experimental_run_v2(train_step, args=(inputs,))  # expect: strategy-experimental-run-v2
    return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

# %% a loss reduction enum
import tensorflow as tf
from tensorflow.keras import losses

loss_object = tf.keras.losses.SparseCategoricalCrossentropy(
    from_logits=True,
    reduction=losses.Reduction.AUTO)  # expect: loss-reduction-auto

# %% plain names of losses
import keras
import tensorflow as tf

a = tf.keras.losses.mean_squared_error(y_true, y_pred)  # expect: tf-keras-long-loss-names
b = keras.losses.mse(y_true, y_pred)  # expect: keras-short-loss-names

# %% jit and gpu checks
import tensorflow as tf

print(tf.test.is_gpu_available())  # expect: is-gpu-available


@tf.function(experimental_compile=True)  # expect: tf-function-experimental-compile
def f(x):
    return x * x


@tf.function(experimental_relax_shapes=True)  # expect: tf-function-relax-shapes
def g(x):
    return x + 1


tf.config.experimental_run_functions_eagerly(True)  # expect: experimental-run-functions-eagerly

# %% loss scaling by hand
import tensorflow as tf

optimizer = tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.Adam())
with tf.GradientTape() as tape:
    loss = loss_fn(y, model(x, training=True))
    scaled = optimizer.get_scaled_loss(loss)  # expect: get-scaled-loss

# %% names of the losses as strings
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(optimizer='adam', loss='logcosh')  # expect: old-loss-string
model.compile(optimizer='adam', loss='rmse')  # expect: unknown-loss-string

# %% the value of one prediction
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile('adam', 'mse')
price = float(model.predict(x_new)[0])  # expect: float-of-one-row
print(f'about {price:.2f}')

# %% multi-worker of old and old fits
import tensorflow as tf

strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy()  # expect: multi-worker-strategy-experimental
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile('sgd', 'mse', experimental_run_tf_function=False)  # expect: compile-run-tf-function
