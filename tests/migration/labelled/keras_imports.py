# %% layers from their old modules
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation  # expect: keras-layers-module
from keras.layers.convolutional import Conv2D, MaxPooling2D  # expect: keras-layers-module
from keras.layers.normalization import BatchNormalization  # expect: keras-layers-module

model = Sequential()
model.add(Conv2D(32, (3, 3), padding='same'))
model.add(BatchNormalization())
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Dense(10, activation='softmax'))

# %% tokenizer and padding
import numpy as np
from keras.preprocessing.text import Tokenizer  # expect: keras-preprocessing-text
from keras.preprocessing.sequence import pad_sequences

tokenizer = Tokenizer(num_words=5000, oov_token='<OOV>')
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
padded = pad_sequences(sequences, maxlen=100, padding='post', truncating='post')
print(padded.shape, np.max(padded))

# %% the image generator of plain Keras
from keras.preprocessing.image import ImageDataGenerator, img_to_array, load_img  # expect: keras-image-data-generator

datagen = ImageDataGenerator(rotation_range=40, horizontal_flip=True, fill_mode='nearest')
x = img_to_array(load_img('cat.jpg'))
x = x.reshape((1,) + x.shape)
i = 0
for batch in datagen.flow(x, batch_size=1, save_to_dir='preview', save_prefix='cat'):
    i += 1
    if i > 20:
        break

# %% one hot labels through np_utils
from keras.utils.np_utils import to_categorical  # expect: np-utils-to-categorical
from sklearn.preprocessing import LabelEncoder

encoder = LabelEncoder().fit(labels)
dummy_y = to_categorical(encoder.transform(labels))

# %% the custom layer that everybody copied
from keras import backend as K
from keras.engine.topology import Layer  # expect: keras-engine


class Attention(Layer):
    def call(self, x):
        e = K.tanh(x)  # expect: keras-backend-math
        return K.sum(e, axis=1)  # expect: keras-backend-math

# %% scikit-learn wrapper
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier  # expect: keras-wrappers-scikit-learn
from sklearn.model_selection import GridSearchCV


def create_model(units=8):
    model = Sequential([Input((8,)), Dense(units, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
    return model


grid = GridSearchCV(KerasClassifier(build_fn=create_model, verbose=0), {'epochs': [10, 50]})

# %% plotting a model
from keras.layers import Dense, Input
from keras.models import Model
from keras.utils.vis_utils import plot_model  # expect: vis-utils

inputs = Input(shape=(4,))
model = Model(inputs, Dense(1)(inputs))
plot_model(model, to_file='model.png', show_shapes=True)

# %% an optimizer from its module
import keras
from keras.optimizers import adam_v2  # expect: optimizer-module-paths

model = keras.Sequential([keras.layers.Dense(3, activation='softmax')])
model.compile(optimizer=adam_v2.Adam(learning_rate=1e-4), loss='categorical_crossentropy')

# %% private TensorFlow modules
import tensorflow as tf
from tensorflow.python.keras.layers import Dense, Input  # expect: tensorflow-python-keras
from tensorflow.python.keras.models import Model  # expect: tensorflow-python-keras

inp = Input(shape=(10,))
out = Dense(1)(inp)
model = Model(inp, out)
print(tf.__version__)

# %% custom objects the old way
from keras.layers import Activation
from keras.utils.generic_utils import get_custom_objects  # expect: generic-utils-get-custom-objects
import tensorflow as tf


def mish(x):
    return x * tf.math.tanh(tf.math.softplus(x))


get_custom_objects().update({'mish': Activation(mish)})

# %% several GPUs
import tensorflow as tf
from keras.applications import Xception
from keras.utils import multi_gpu_model  # expect: multi-gpu-model

with tf.device('/cpu:0'):
    model = Xception(weights=None, input_shape=(128, 128, 3), classes=10)
parallel_model = multi_gpu_model(model, gpus=2)

# %% recurrent layers for CUDA
from tensorflow.keras.layers import Bidirectional, CuDNNLSTM as LSTM, Dense  # expect: cudnn-lstm
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Bidirectional(LSTM(64, return_sequences=True)))
model.add(Bidirectional(LSTM(64)))
model.add(Dense(1, activation='sigmoid'))

# %% preprocessing layers when they were experimental
import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.layers.experimental import preprocessing  # expect: experimental-preprocessing

augment = tf.keras.Sequential([
    preprocessing.RandomFlip("horizontal"),
    preprocessing.RandomRotation(0.1),
])
head = tf.keras.Sequential([layers.Dense(1)])

# %% the same, by full name
import tensorflow as tf

normalize = tf.keras.layers.experimental.preprocessing.Rescaling(1. / 255)  # expect: experimental-preprocessing
resize = tf.keras.layers.experimental.preprocessing.Resizing(180, 180)  # expect: experimental-preprocessing

# %% add-ons
import tensorflow as tf
import tensorflow_addons as tfa  # expect: tensorflow-addons

f1 = tfa.metrics.F1Score(num_classes=3, average='macro')
opt = tfa.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-4)
print(tf.config.list_physical_devices('GPU'))

# %% time series generator of plain Keras
import numpy as np
from keras.preprocessing.sequence import TimeseriesGenerator  # expect: keras-timeseries-generator

series = np.arange(100).reshape(-1, 1)
generator = TimeseriesGenerator(series, series, length=10, batch_size=4)
print(len(generator))

# %% data utilities by module
import numpy as np
from keras.utils.data_utils import Sequence  # expect: keras-utils-modules


class Pairs(Sequence):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return int(np.ceil(len(self.x) / 32))

    def __getitem__(self, i):
        return self.x[i * 32:(i + 1) * 32], self.y[i * 32:(i + 1) * 32]

# %% losses of Keras 1
from keras.objectives import mean_squared_error  # expect: keras-objectives


def scaled(y_true, y_pred):
    return 0.1 * mean_squared_error(y_true, y_pred)

# %% initializers and constraints by their old names
import keras
from keras import initializers
from keras.layers import Dense

init = initializers.normal(stddev=0.02)  # expect: initializers-normal
layer = Dense(16, kernel_initializer=init, kernel_constraint=keras.constraints.maxnorm(3))  # expect: constraints-maxnorm

# %% legacy optimizers on a Mac
import tensorflow as tf

opt = tf.keras.optimizers.legacy.Adam(learning_rate=1e-3)  # expect: optimizer-legacy
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer=opt, loss='mse')

# %% mixed precision while it was experimental
import tensorflow as tf

tf.keras.mixed_precision.experimental.set_policy('mixed_float16')  # expect: mixed-precision-experimental
inputs = tf.keras.Input((28, 28, 1))
x = tf.keras.layers.Flatten()(inputs)
outputs = tf.keras.layers.Dense(10, activation='softmax', dtype='float32')(x)

# %% learning phase and dim ordering
from keras import backend as K

K.set_learning_phase(0)  # expect: backend-learning-phase
if K.image_dim_ordering() == 'th':  # expect: backend-image-dim-ordering
    input_shape = (1, 28, 28)
else:
    input_shape = (28, 28, 1)

# %% local convolution and thresholded relu
from tensorflow import keras
from keras.layers import ThresholdedReLU  # expect: thresholded-relu

block = [
    keras.layers.LocallyConnected2D(16, 3),  # expect: locally-connected
    ThresholdedReLU(theta=1.0),
]
