# %% Keras 1 in full
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation

model = Sequential()
model.add(Dense(output_dim=64, init='uniform', input_dim=20))  # expect: keras1-output-dim, keras1-init, layer-input-shape
model.add(Activation('tanh'))
model.add(Dropout(p=0.5))  # expect: keras1-dropout-p
model.add(Dense(64, W_regularizer='l2'))  # expect: keras1-w-regularizer
model.add(Dense(10, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='sgd')
model.fit(X_train, Y_train, nb_epoch=20, batch_size=16)  # expect: fit-nb-epoch

# %% Keras 1 convolutions
import keras

model = keras.models.Sequential([
    keras.Input((28, 28, 1)),
    keras.layers.Conv2D(32, 3, border_mode='same'),  # expect: keras1-border-mode
    keras.layers.Conv2D(
        64,
        (3, 3),
        subsample=(2, 2),  # expect: keras1-subsample
        dim_ordering='tf',  # expect: no-such-argument
    ),
    keras.layers.Flatten(),
    keras.layers.Dense(10, activation="softmax", bias=False),  # expect: no-such-argument
])

# %% functional model with input and output
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

inp = Input(shape=(32,))
hidden = Dense(16, activation='relu')(inp)
out = Dense(1)(hidden)
model = Model(input=inp, output=out)  # expect: keras1-model-input-output

# %% input_shape in the first layer
import tensorflow as tf
from tensorflow.keras import layers, models

model = models.Sequential()
model.add(layers.Conv2D(32, (3, 3), activation='relu', input_shape=(150, 150, 3)))  # expect: layer-input-shape
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=tf.keras.optimizers.RMSprop(1e-4), metrics=['accuracy'])

# %% beginner's digits
import tensorflow as tf

mnist = tf.keras.datasets.mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),  # expect: layer-input-shape
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10)
])
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer='adam', loss=loss_fn, metrics=['accuracy'])
model.fit(x_train, y_train, epochs=5)

# %% stateful LSTM
from keras.layers import LSTM, Dense
from keras.models import Sequential

model = Sequential()
model.add(LSTM(50, batch_input_shape=(1, 10, 1), stateful=True))  # expect: layer-batch-input-shape
model.add(Dense(1))
model.compile(loss='mean_squared_error', optimizer='adam')
for i in range(100):
    model.fit(trainX, trainY, epochs=1, batch_size=1, verbose=0, shuffle=False)
    model.reset_states()  # expect: model-reset-states

# %% embeddings for text
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense, Embedding, GlobalAveragePooling1D

model = Sequential([
    Embedding(10000, 16, input_length=120),  # expect: embedding-input-length
    GlobalAveragePooling1D(),
    Dense(24, activation='relu'),
    Dense(1, activation='sigmoid'),
])

# %% leaky relu in a generator
import keras
from keras.layers import BatchNormalization, Conv2DTranspose, LeakyReLU as LReLU


def upsample(x, filters):
    x = Conv2DTranspose(filters, 4, strides=2, padding='same', use_bias=False)(x)
    x = BatchNormalization(momentum=0.8)(x)
    return LReLU(alpha=0.2)(x)  # expect: leaky-relu-alpha


noise = keras.Input((8, 8, 128))
generator = keras.Model(noise, upsample(upsample(noise, 64), 32))

# %% TensorFlow functions on symbolic inputs
import tensorflow as tf
from tensorflow.keras import layers

inputs = tf.keras.Input(shape=(None, 64))
mask = layers.Dense(1, activation='tanh')(inputs)
weighted = inputs * mask
context = tf.reduce_sum(weighted, axis=1)  # expect: tf-function-on-keras-tensor
outputs = layers.Dense(1)(context)

# %% the shape of a symbolic tensor
import keras
from keras import layers

x_in = keras.Input((32, 32, 3))
x = layers.Conv2D(8, 3)(x_in)
channels = x_in.get_shape()[-1]  # expect: keras-tensor-get-shape
shape = x.shape.as_list()  # expect: keras-tensor-shape-as-list

# %% shapes of layers while walking a model
from keras.applications import VGG16

base = VGG16(weights=None, include_top=False)
for layer in base.layers:
    print(layer.name, layer.output_shape)  # expect: layer-output-shape

# %% activations through K.function
from tensorflow.keras import backend as K
from tensorflow.keras.models import load_model

model = load_model('model.keras')
get_activations = K.function([model.input], [model.layers[3].output])  # expect: backend-function
features = get_activations([x_test[:1]])[0]

# %% popping the head off
from keras.applications.vgg16 import VGG16
from keras.layers import Dense
from keras.models import Model

vgg = VGG16(weights=None)
vgg.layers.pop()  # expect: pop-from-model-layers
for layer in vgg.layers:
    layer.trainable = False
out = Dense(5, activation='softmax')(vgg.layers[-1].output)
model = Model(vgg.input, out)

# %% custom layer: the name comes first
import tensorflow as tf


class Scale(tf.keras.layers.Layer):
    def build(self, input_shape):
        self.gamma = self.add_weight('gamma', shape=(int(input_shape[-1]),), initializer='ones')  # expect: weight-name-first
        super().build(input_shape)

    def call(self, inputs):
        return inputs * self.gamma

# %% custom layer: as_list of the shape
import tensorflow as tf
from tensorflow.keras.layers import Layer


class Linear(Layer):
    def __init__(self, units, **kwargs):
        super(Linear, self).__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        last = input_shape.as_list()[-1]  # expect: tensor-shape-in-build
        self.w = self.add_weight(shape=(last, self.units), initializer='glorot_uniform')

    def call(self, inputs):
        return tf.matmul(inputs, self.w)

# %% batch norm for TPUs and GPUs
import tensorflow as tf

norm = tf.keras.layers.BatchNormalization(axis=-1, fused=True)  # expect: batchnorm-fused
act = tf.keras.activations.relu(tf.constant([-1.0, 1.0]), alpha=0.1)  # expect: activations-relu-alpha

# %% weights given at construction
import keras

kernel, bias = old_dense.get_weights()
frozen = keras.layers.Dense(2, weights=[kernel, bias], trainable=False)  # expect: layer-weights-argument

# %% Keras 1 merge
from keras.layers import Dense, Input, merge  # expect: keras1-merge

a = Input((8,))
b = Input((8,))
m = merge([a, b], mode='concat', concat_axis=1)
out = Dense(1)(m)

# %% L1L2 and friends
from keras import regularizers
from keras.layers import Dense

first = Dense(8, kernel_regularizer=regularizers.l1l2(0.01, 0.01))  # expect: regularizers-l1l2
second = Dense(8, kernel_regularizer=regularizers.l2(l=0.01))  # expect: regularizers-l2-argument

# %% backend math in a loss of plain Keras
import keras.backend as K


def dice_coef(y_true, y_pred, smooth=1):
    intersection = K.sum(y_true * y_pred, axis=[1, 2, 3])  # expect: keras-backend-math
    union = K.sum(y_true, axis=[1, 2, 3]) + K.sum(y_pred, axis=[1, 2, 3])  # expect: keras-backend-math
    return K.mean((2. * intersection + smooth) / (union + smooth), axis=0)  # expect: keras-backend-math


def dice_loss(y_true, y_pred):
    return 1 - dice_coef(y_true, y_pred)

# %% a metric loss written with lambdas
from keras import backend as K

rmse = lambda y_true, y_pred: K.sqrt(K.mean(K.square(y_pred - y_true)))  # expect: keras-backend-math

# %% sampling of a variational autoencoder
import keras
from keras import backend as K
from keras.layers import Dense, Lambda


def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]  # expect: keras-backend-math
    epsilon = K.random_normal(shape=(batch, 2))  # expect: keras-backend-math
    return z_mean + K.exp(z_log_var / 2) * epsilon  # expect: keras-backend-math


inputs = keras.Input((784,))
h = Dense(256, activation='relu')(inputs)
z = Lambda(sampling, output_shape=(2,))([Dense(2)(h), Dense(2)(h)])

# %% a regularised metric inside call
from tensorflow import keras


class Sparse(keras.layers.Layer):
    def call(self, inputs):
        activity = keras.ops.mean(keras.ops.abs(inputs))
        self.add_loss(1e-3 * activity)
        self.add_metric(activity, name='activity')  # expect: add-metric
        return inputs
