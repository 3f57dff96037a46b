# %% one shot iterator
import tensorflow as tf

dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(1000).batch(32)
iterator = dataset.make_one_shot_iterator()  # expect: make-one-shot-iterator
x, y = iterator.get_next()

# %% initializable iterator and its shapes
import tensorflow as tf

train = tf.data.Dataset.range(100).batch(10)
it = train.make_initializable_iterator()  # expect: make-initializable-iterator
shared = tf.data.Iterator.from_structure(train.output_types, train.output_shapes)  # expect: iterator-from-structure, dataset-output-shapes

# %% queues
import tensorflow as tf

filename_queue = tf.train.string_input_producer(['a.csv', 'b.csv'])  # expect: tf-queue-runners
raw = tf.decode_csv(line, record_defaults=[[0.0], [0.0]])  # expect: tf-decode-csv

# %% parsing records the old way
import tensorflow as tf


def parse(record):
    features = {
        'image': tf.FixedLenFeature([], tf.string),  # expect: tf-fixed-len-feature
        'label': tf.FixedLenFeature([], tf.int64),  # expect: tf-fixed-len-feature
        'boxes': tf.VarLenFeature(tf.float32),  # expect: tf-var-len-feature
    }
    example = tf.parse_single_example(record, features)  # expect: tf-parse-single-example
    image = tf.decode_raw(example['image'], tf.uint8)  # expect: tf-decode-raw
    return image, example['label']


ds = tf.data.TFRecordDataset('train.tfrecord').map(parse)

# %% writing records the old way
import tensorflow as tf

with tf.python_io.TFRecordWriter('train.tfrecord') as writer:  # expect: tf-python-io-writer
    for image, label in zip(images, labels):
        feature = {'label': tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))}
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        writer.write(example.SerializeToString())

# %% a Sequence that never calls super
import math
import tensorflow as tf


class Batches(tf.keras.utils.Sequence):
    def __init__(self, x, y, batch_size):  # expect: dataset-without-super-init
        self.x, self.y = x, y
        self.batch_size = batch_size

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, i):
        s = slice(i * self.batch_size, (i + 1) * self.batch_size)
        return self.x[s], self.y[s]

# %% map_and_batch and friends
import tensorflow as tf

ds = tf.data.Dataset.range(100)
ds = ds.apply(tf.data.experimental.map_and_batch(lambda v: v * 2, 32))  # expect: data-map-and-batch
ds = ds.apply(tf.data.experimental.unbatch())  # expect: data-experimental-transformations
ds = ds.apply(tf.data.experimental.shuffle_and_repeat(100, 2))  # expect: data-shuffle-and-repeat

# %% python code in a graph
import tensorflow as tf


def load(path, label):
    image = tf.py_func(read_png, [path], tf.float32)  # expect: tf-py-func
    image = tf.image.resize_image_with_crop_or_pad(image, 32, 32)  # expect: tf-image-resize-crop-or-pad
    return image, label


ds = tf.data.Dataset.from_tensor_slices((paths, labels)).map(load, num_parallel_calls=tf.data.AUTOTUNE)

# %% feature columns
import tensorflow as tf

age = tf.feature_column.numeric_column('age')  # expect: feature-column-numeric
layer = tf.keras.layers.DenseFeatures([age])  # expect: dense-features

# %% nb_words and nb_classes
from keras.datasets import imdb
from keras.utils import to_categorical

(x_train, y_train), (x_test, y_test) = imdb.load_data(nb_words=20000)  # expect: imdb-nb-words
y_train = to_categorical(y_train, nb_classes=2)  # expect: to-categorical-nb-classes

# %% numpy that numpy 2 dropped
import numpy as np
import tensorflow as tf

x = np.random.rand(10, 3).astype(np.float)  # expect: numpy-builtin-aliases
mask = np.zeros(10, dtype=np.bool)
n = np.product(x.shape)  # expect: numpy-removed-functions
x[0, 0] = np.NaN  # expect: numpy-nan
t = tf.constant(x)

# %% generator with a list of inputs
import numpy as np
import keras


def batches(images, boxes, y, size=32):
    while True:
        i = np.random.choice(len(y), size)
        yield [images[i], boxes[i]], y[i]  # expect: generator-list-of-inputs


a, b = keras.Input((8,)), keras.Input((4,))
model = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.concatenate([a, b])))
model.compile('adam', 'mse')
model.fit(batches(images, boxes, y), steps_per_epoch=10, epochs=2)

# %% grayscale and next()
from tensorflow.keras.preprocessing.image import load_img, img_to_array

img = load_img('digit.png', grayscale=True, target_size=(28, 28))  # expect: load-img-grayscale
x = img_to_array(img).reshape(1, 28, 28, 1) / 255.0

# %% strings into a model
import numpy as np
import keras

vectorize = keras.layers.TextVectorization(max_tokens=1000, output_sequence_length=20)
vectorize.adapt(texts)
model = keras.Sequential([vectorize, keras.layers.Embedding(1000, 8), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1, activation='sigmoid')])
print(model.predict(np.array(['a good film'])))  # expect: numpy-strings-to-model
