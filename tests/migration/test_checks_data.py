"""The checks for data report what cannot be meant, and are silent where they are not certain."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from check_snippets import assert_marked_lines, entries_of

from kcourse.migration.auditing import audit

ENTRIES = entries_of("data")

#: What stands before each snippet.
PRELUDE = """\
import glob
import os
import pathlib
import keras
import numpy as np
import tensorflow as tf
from keras import layers
"""

HEADER_OF_FIRST_FILE_ONLY = [
    "tf.data.TextLineDataset(['a.csv', 'b.csv']).skip(1)  # <-",
    """
    files = ["a.csv", "b.csv"]
    lines = tf.data.TextLineDataset(files)
    rows = lines.skip(1).map(tf.strings.to_number)  # <-
    """,
    "tf.data.TextLineDataset(glob.glob('data/*.csv')).skip(1)  # <-",
    "tf.data.TextLineDataset('a.csv').skip(1)",
    "tf.data.TextLineDataset(['a.csv']).skip(1)",
    "tf.data.TextLineDataset(['a.csv', 'b.csv']).skip(100)",
    "tf.data.TextLineDataset(['a.csv', 'b.csv']).filter(is_row).skip(1)",
    "tf.data.TextLineDataset(files).skip(1)",
    """
    files = tf.data.Dataset.from_tensor_slices(["a.csv", "b.csv"])
    lines = files.flat_map(lambda file: tf.data.TextLineDataset(file).skip(1))
    """,
]
SHUFFLED_LISTS_OF_FILES_ZIPPED = [
    """
    images = tf.data.Dataset.list_files("images/*.png")
    masks = tf.data.Dataset.list_files("masks/*.png")
    pairs = tf.data.Dataset.zip((images, masks))  # <-
    """,
    """
    images = tf.data.Dataset.list_files("images/*.png").map(load)
    masks = tf.data.Dataset.list_files("masks/*.png", shuffle=True).map(load)
    pairs = tf.data.Dataset.zip(images, masks)  # <-
    """,
    """
    from tensorflow.data import Dataset
    pairs = Dataset.zip((Dataset.list_files("a/*"), Dataset.list_files("b/*"))).batch(8)  # <-
    """,
    """
    images = tf.data.Dataset.list_files("images/*.png", shuffle=False)
    masks = tf.data.Dataset.list_files("masks/*.png", shuffle=False)
    pairs = tf.data.Dataset.zip((images, masks))
    """,
    """
    images = tf.data.Dataset.list_files("images/*.png", seed=3)
    masks = tf.data.Dataset.list_files("masks/*.png", seed=3)
    pairs = tf.data.Dataset.zip((images, masks))
    """,
    """
    images = tf.data.Dataset.list_files("images/*.png", shuffle=shuffled)
    masks = tf.data.Dataset.list_files("masks/*.png", shuffle=shuffled)
    pairs = tf.data.Dataset.zip((images, masks))
    """,
    """
    images = tf.data.Dataset.list_files("images/*.png")
    pairs = tf.data.Dataset.zip((images, tf.data.Dataset.range(100)))
    """,
    "zip(tf.data.Dataset.list_files('a/*'), tf.data.Dataset.list_files('b/*'))",
]
GENERATOR_GIVES_LIST_OF_INPUTS = [
    """
    class Pairs(keras.utils.Sequence):
        def __getitem__(self, index):
            return [self.x[index], self.z[index]], self.y[index]  # <-
    """,
    """
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            x = [self.x[index], self.z[index]]
            return x, self.y[index]  # <-
    """,
    """
    def batches(x, z, y):
        while True:
            yield [x, z], y  # <-

    model.fit(batches(x, z, y), steps_per_epoch=10)
    """,
    """
    def batches(y):
        targets = []
        for number in range(3):
            targets.append(y[number])
        yield y, targets  # <-

    train = batches(y)
    model.fit(x=train, validation_data=batches(y))
    """,
    """
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            return (self.x[index], self.z[index]), self.y[index]
    """,
    """
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            x = [one[index] for one in self.x]
            x = np.array(x)
            return x, np.array([1, 2, 3])
    """,
    """
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            def inner():
                return [1, 2], 3
            return {"a": self.a[index], "b": self.b[index]}, self.y[index]
    """,
    """
    class Pairs:
        def __getitem__(self, index):
            return [self.x[index], self.z[index]], self.y[index]
    """,
    """
    os.environ["KERAS_BACKEND"] = "jax"
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            return [self.x[index], self.z[index]], self.y[index]
    """,
    """
    import torch
    class Pairs(keras.utils.PyDataset):
        def __getitem__(self, index):
            return [self.x[index], self.z[index]], self.y[index]
    """,
    """
    def batches():
        yield [x, z], y

    for inputs, targets in batches():
        model.train_on_batch(inputs, targets)
    """,
    """
    @as_tensors
    def batches():
        yield [x, z], y

    model.fit(batches())
    """,
]
GENERATOR_YIELDS_LIST = [
    """
    def batches():
        while True:
            yield [x, y]  # <-

    model.fit(batches(), steps_per_epoch=5)
    """,
    """
    def build():
        return keras.Sequential([layers.Dense(1)])

    def batches(start):
        for index in range(start, 10):
            yield [x[index]]  # <-

    predicted = build().predict(batches(0))
    """,
    """
    def rows():
        yield [1.0, 2.0]  # <-

    valid = rows()
    history = model.fit(x, y, validation_data=valid)
    """,
    "def batches():\n    yield x, y\n\nmodel.fit(batches())",
    "def rows():\n    yield [1.0, 2.0]\n\ntf.data.Dataset.from_generator(rows, output_signature=s)",
    "def rows():\n    yield [1.0, 2.0]\n\nmodel.fit(np.array(list(rows())))",
    """
    def rows():
        yield [1.0, 2.0]

    class Counter:
        def fit(self, rows):
            return sum(map(len, rows))

    Counter().fit(rows())
    """,
    """
    def rows(table):
        yield [1.0, 2.0]

    data = rows(first)
    data = np.array(list(data))
    model.fit(data)
    """,
]
PARENT_OF_EXTRACTED_ARCHIVE = [
    """
    path = keras.utils.get_file("pets.zip", origin, extract=True)
    folder = os.path.join(os.path.dirname(path), "pets")  # <-
    """,
    """
    path = tf.keras.utils.get_file("flowers.tar", origin=url, extract=True)
    folder = pathlib.Path(path).with_suffix("")  # <-
    """,
    """
    archive = tf.keras.utils.get_file("spa-eng.zip", origin=url, extract=True)
    archive = pathlib.Path(archive)
    """,
    """
    from os.path import dirname
    from pathlib import Path

    archive = keras.utils.get_file("spa-eng.zip", url, extract=True)
    place = Path(archive)
    text = place.parent / "spa-eng" / "spa.txt"  # <-
    folder = dirname(archive) + "/spa-eng"  # <-
    """,
    """
    path = keras.utils.get_file("pets.csv", origin)
    folder = os.path.dirname(path)
    """,
    """
    path = keras.utils.get_file("pets.zip", origin, extract=unpack)
    folder = os.path.dirname(path)
    """,
    """
    path = keras.utils.get_file("pets.zip", origin, extract=True)
    folder = os.path.join(path, "pets")
    here = os.path.dirname(__file__)
    """,
    """
    path = keras.utils.get_file("pets.zip", origin, extract=True)
    folder = os.path.join(os.path.dirname(path), "pets_extracted", "pets")
    """,
    """
    path = keras.utils.get_file("pets.zip", origin, extract=True)
    first = next(pathlib.Path(path).rglob("*.png"))
    kind = first.parent.name
    """,
]
SPLIT_AFTER_SHUFFLE = [
    """
    data = tf.data.Dataset.range(100).shuffle(100, seed=1)
    train = data.take(80)
    test = data.skip(80)  # <-
    """,
    """
    data = tf.data.Dataset.from_tensor_slices((x, y))
    data = data.shuffle(len(x)).batch(32)
    valid, train = data.take(size), data.skip(size)  # <-
    """,
    """
    def split(count):
        data = keras.utils.image_dataset_from_directory("pets", image_size=(64, 64))
        test = data.take(count // 5)
        data = data.skip(count // 5)  # <-
        return data, test
    """,
    """
    names = tf.data.Dataset.list_files("pets/*/*.png")
    train = names.skip(count).map(load).cache()
    print(len(train))
    valid = names.take(count).map(load)  # <-
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100, reshuffle_each_iteration=False)
    train = data.take(80)
    test = data.skip(80)
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100, None, shuffled)
    train, test = data.take(80), data.skip(80)
    """,
    """
    data = tf.data.Dataset.range(100)
    train = data.take(80).shuffle(80)
    test = data.skip(80)
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100).cache()
    train = data.take(80)
    test = data.skip(80)
    """,
    """
    data = keras.utils.image_dataset_from_directory("pets", shuffle=False)
    train = data.take(80)
    test = data.skip(80)
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100)
    data = data.skip(10)
    first = data.take(10)
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100)
    sample = data.take(1)
    later = data.skip(start)
    """,
    """
    data = tf.data.Dataset.range(100).shuffle(100)
    train = data.take(80)
    data = tf.data.Dataset.range(100)
    test = data.skip(80)
    """,
]
PYTHON_VALUE_IN_DATASET_MAP = [
    "lengths = tf.data.Dataset.from_tensor_slices(words).map(lambda word: len(word.numpy()))  # <-",
    """
    def load(path, label):
        with open(path, "rb") as file:  # <-
            return file.read(), label

    data = tf.data.Dataset.from_tensor_slices((paths, labels)).map(load)
    """,
    """
    from tensorflow.keras.utils import load_img

    def load(path):
        image = load_img(path, target_size=(64, 64))  # <-
        return tf.keras.utils.img_to_array(image)

    data = tf.data.Dataset.list_files("pets/*.png")
    data = data.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    """,
    "tf.data.Dataset.list_files('*.npy').map(lambda path: np.load(path.decode()))  # <-",
    "data = tf.data.Dataset.range(9).filter(lambda x: x.numpy() > 3)  # <-",
    """
    data = tf.data.Dataset.list_files("*.npy")
    data = data.map(lambda path: tf.py_function(lambda p: np.load(p.numpy()), [path], tf.float32))
    """,
    """
    def load(path):
        return np.load(path.numpy())

    data = tf.data.Dataset.list_files("*.npy")
    data = data.map(lambda path: tf.py_function(load, [path], tf.float32))
    """,
    """
    def load(path):
        if tf.executing_eagerly():
            return np.load(path.numpy())
        return tf.io.read_file(path)

    data = tf.data.Dataset.list_files("*.npy").map(load)
    """,
    """
    @in_python
    def load(path):
        return np.load(path)

    data = tf.data.Dataset.list_files("*.npy").map(load)
    """,
    """
    tf.data.experimental.enable_debug_mode()
    data = tf.data.Dataset.range(9).map(lambda x: x.numpy())
    """,
    "numbers = rows.map(lambda x: x.numpy())",
    "table = np.load(path)\ndata = tf.data.Dataset.range(9).map(lambda i: tf.gather(table, i))",
]
UNSHAPED_IMAGE_RESIZED = [
    """
    def load(path):
        image = tf.io.decode_image(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, [64, 64])  # <-

    data = tf.data.Dataset.list_files("pets/*").map(load)
    """,
    """
    def load(path, label):
        image = tf.image.decode_image(tf.io.read_file(path))
        image = tf.image.convert_image_dtype(image, tf.float32)
        image = tf.image.resize(image, (64, 64)) / 255  # <-
        return image, label

    data = tf.data.Dataset.from_tensor_slices((paths, labels)).map(load)
    """,
    """
    data = tf.data.TFRecordDataset("pets.tfrecord")
    data = data.map(lambda x: tf.image.resize(tf.io.decode_image(x) / 255, [64, 64]))  # <-
    """,
    """
    def load(path):
        image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
        return tf.image.resize(image, [64, 64])

    data = tf.data.Dataset.list_files("pets/*").map(load)
    """,
    """
    def load(path):
        image = tf.io.decode_image(tf.io.read_file(path))
        image.set_shape([None, None, 3])
        return tf.image.resize(image, [64, 64])

    data = tf.data.Dataset.list_files("pets/*").map(load)
    """,
    """
    def load(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path))
        mask = tf.io.decode_image(tf.io.read_file(path))
        return tf.image.resize(image, [64, 64]), mask

    data = tf.data.Dataset.list_files("pets/*").map(load)
    """,
    "small = tf.image.resize(tf.io.decode_image(tf.io.read_file(path)), [64, 64])",
    """
    def load(path):
        return tf.image.resize(tf.io.decode_image(tf.io.read_file(path)), [64, 64])

    images = [load(path) for path in paths]
    """,
]
CLASS_NAMES_AFTER_TRANSFORMATION = [
    """
    data = keras.utils.image_dataset_from_directory("pets")
    data = data.cache().shuffle(100)
    names = data.class_names  # <-
    """,
    "n = len(tf.keras.utils.text_dataset_from_directory('texts').prefetch(1).class_names)  # <-",
    """
    data = tf.keras.preprocessing.image_dataset_from_directory("pets")
    paths = data.map(lambda x, y: x).file_paths  # <-
    """,
    """
    data = keras.utils.image_dataset_from_directory("pets")
    names = data.class_names
    data = data.cache()
    """,
    """
    data = keras.utils.image_dataset_from_directory("pets")
    names = data.class_names
    data = data.cache()
    data.class_names = names
    print(data.class_names)
    """,
    "names = data.cache().class_names",
    "names = keras.utils.image_dataset_from_directory('pets').apply(keep_names).class_names",
    """
    data = keras.utils.image_dataset_from_directory("pets").cache()
    try:
        names = data.class_names
    except AttributeError:
        names = []
    """,
]
NUMPY_STRINGS_TO_MODEL = [
    """
    model = keras.Sequential([vectorize, layers.Dense(1)])
    model.predict(np.array(["a good film"]))  # <-
    """,
    """
    texts = np.asarray([["a cat"], ["a dog"]])
    model = keras.models.load_model("model.keras")
    model.fit(texts, y)  # <-
    """,
    """
    def build():
        return tf.keras.Sequential([vectorize, layers.Dense(1)])

    words = ["cat", "dog"]
    score = build().evaluate(x=np.array(words), y=y)  # <-
    """,
    "model = keras.Sequential()\nmodel.predict(tf.constant(['a good film']))",
    "model = keras.Sequential()\nmodel.predict(np.array(['a good film'], dtype=object))",
    "model = keras.Sequential()\nmodel.predict(np.array([1.0, 2.0]))",
    "model = keras.Sequential()\nmodel.predict(np.array(texts))",
    "model.predict(np.array(['a good film']))",
    "model = keras.Sequential()\nmodel(np.array(['a good film']))",
]
ROTATION_IN_DEGREES = [
    "layers.RandomRotation(20)  # <-",
    "tf.keras.layers.RandomRotation(factor=-45.0, fill_mode='constant')  # <-",
    """
    from keras.layers import RandomRotation as Turn
    degrees = 30
    augment = keras.Sequential([Turn(degrees)])  # <-
    """,
    "layers.RandomRotation(20 / 360)",
    "layers.RandomRotation(1)",
    "layers.RandomRotation((-0.1, 0.1))",
    "layers.RandomRotation(degrees)",
    "RandomRotation(20)",
    """
    from torchvision.transforms import RandomRotation
    RandomRotation(20)
    """,
]
BRIGHTNESS_AFTER_RESCALING = [
    """
    augment = keras.Sequential(
        [
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomBrightness(0.2),  # <-
        ]
    )
    """,
    "keras.Sequential([layers.Rescaling(1.0 / 255.0), layers.RandomBrightness(0.2)])  # <-",
    """
    scale = layers.Rescaling(1 / 127.5, offset=-1)
    model = tf.keras.models.Sequential([scale, tf.keras.layers.RandomBrightness(0.1)])  # <-
    """,
    "keras.Sequential([layers.RandomBrightness(0.2), layers.Rescaling(1 / 255)])",
    "keras.Sequential([layers.Rescaling(1 / 255), layers.RandomBrightness(0.2, (0, 1))])",
    "keras.Sequential([layers.Rescaling(1 / 255), layers.RandomBrightness(0.2, **options)])",
    "keras.Sequential([layers.Rescaling(255), layers.RandomBrightness(0.2)])",
    "keras.Sequential([layers.Rescaling(scale), layers.RandomBrightness(0.2)])",
    "keras.Sequential([layers.RandomBrightness(0.2)])",
]
AUGMENTING_MODEL_CALLED = [
    """
    model = keras.Sequential([layers.RandomFlip("horizontal"), layers.Dense(1)])
    model.compile(loss="mse")
    outputs = model(images)  # <-
    """,
    """
    augment = keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.1)])
    model = keras.Sequential()
    model.add(augment)
    model.add(layers.Dense(1))
    model.compile(loss="mse")
    model.fit(images, labels)
    probabilities = model(images[:1]).numpy()  # <-
    """,
    """
    from tensorflow.keras.models import Sequential
    model = Sequential([layers.RandomRotation(0.1), layers.Dense(1)])
    model.compile("adam", "mse")

    def show(image):
        return model(image[None])  # <-
    """,
    """
    model = keras.Sequential([layers.RandomFlip("horizontal"), layers.Dense(1)])
    model.compile(loss="mse")
    outputs = model(images, training=False)
    """,
    """
    augment = keras.Sequential([layers.RandomFlip("horizontal")])
    images = augment(images)
    """,
    """
    model = keras.Sequential([layers.Dropout(0.5), layers.Dense(1)])
    model.compile(loss="mse")
    outputs = model(images)
    """,
    """
    model = keras.Sequential([layers.RandomFlip("horizontal"), layers.Dense(1)])
    model.compile(loss="mse")
    inputs = keras.Input((32, 32, 3))
    whole = keras.Model(inputs, model(inputs))
    """,
    """
    model = keras.Sequential([layers.RandomFlip("horizontal"), layers.Dense(1)])
    model.compile(loss="mse")
    with tf.GradientTape() as tape:
        loss = loss_of(model(images), labels)
    """,
]

SNIPPETS = {
    "text-lines-skip-header": HEADER_OF_FIRST_FILE_ONLY,
    "list-files-zipped": SHUFFLED_LISTS_OF_FILES_ZIPPED,
    "generator-list-of-inputs": GENERATOR_GIVES_LIST_OF_INPUTS,
    "generator-yields-list": GENERATOR_YIELDS_LIST,
    "get-file-extracted-folder": PARENT_OF_EXTRACTED_ARCHIVE,
    "shuffled-split": SPLIT_AFTER_SHUFFLE,
    "numpy-in-dataset-map": PYTHON_VALUE_IN_DATASET_MAP,
    "decode-image-without-shape": UNSHAPED_IMAGE_RESIZED,
    "class-names-of-dataset": CLASS_NAMES_AFTER_TRANSFORMATION,
    "numpy-strings-to-model": NUMPY_STRINGS_TO_MODEL,
    "random-rotation-degrees": ROTATION_IN_DEGREES,
    "random-brightness-range": BRIGHTNESS_AFTER_RESCALING,
    "augmenting-model-called": AUGMENTING_MODEL_CALLED,
}


@pytest.mark.parametrize(
    ("rule", "snippet"), [(rule, one) for rule, some in SNIPPETS.items() for one in some]
)
def test_the_marked_lines_are_reported_and_no_others(
    rule: str, snippet: str, tmp_path: Path
) -> None:
    assert_marked_lines(rule, PRELUDE + textwrap.dedent(snippet), ENTRIES, tmp_path)


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        ("RandomContrast(0.5)", True),
        ("RandomContrast(factor=0.2, seed=1)", True),
        ("RandomContrast(1)", True),
        ("RandomContrast((0.5, 0.5))", False),
        ("RandomContrast(factor=[0.2, 0.4])", False),
        ("RandomContrast(factor)", False),
    ],
)
def test_a_single_number_for_the_contrast_is_reported_if_asked_for(
    code: str, reported: bool, tmp_path: Path
) -> None:
    file = tmp_path / "contrast.py"
    file.write_text(f"import keras\nkeras.layers.{code}\n", encoding="utf-8")
    assert audit(file, entries=ENTRIES).findings == []
    found = audit(file, entries=ENTRIES, pedantic=True).findings
    assert [one.rule for one in found] == ["random-contrast-factor"] * reported


def test_what_stands_in_another_cell_is_reported_where_it_is_given(tmp_path: Path) -> None:
    cells = [
        "import tensorflow as tf",
        "def length(word):\n    return len(word.numpy())",
        "words = tf.data.Dataset.from_tensor_slices(['a', 'cat'])\nwords = words.map(length)",
        "def batches():\n    yield [x, y]",
        "model.fit(batches())",
    ]
    notebook = {
        "cells": [
            {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    file = tmp_path / "cells.ipynb"
    file.write_text(json.dumps(notebook), encoding="utf-8")
    found = [(one.rule, one.cell, one.line) for one in audit(file, entries=ENTRIES).findings]
    assert found == [("numpy-in-dataset-map", 3, 2), ("generator-yields-list", 4, 2)]
