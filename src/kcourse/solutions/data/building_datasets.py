"""Solutions of the lesson on building datasets from arrays, tables, generators and files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf


def frame_to_dataset(frame: pd.DataFrame, label: str) -> tf.data.Dataset:
    """Turn a frame into a dataset of (features, label), one element a row.

    frame: columns of numbers (or booleans) and columns of text, with gaps. label: name of a
    column of whole numbers without gaps. The frame is not changed.
    Result: features is a dict of scalars, float32 for numbers (NaN where missing), string for text
    ("" where missing), without the label; the label is an int64 scalar.
    """
    columns = {}
    for name in frame.columns.drop(label):  # drop returns new names; pop would change the frame
        if pd.api.types.is_numeric_dtype(frame[name]):
            columns[name] = frame[name].astype("float32")
        else:
            columns[name] = frame[name].fillna("")
    return tf.data.Dataset.from_tensor_slices((columns, frame[label].astype("int64")))


def generator_dataset(
    readings: "Callable[[], Iterator[tuple[list[list[float]], int]]]", sensors: int
) -> tf.data.Dataset:
    """Make a dataset of what a generator yields, with shapes that are known.

    readings: function without arguments; each call gives a new generator of (values, label): a
    list of one pair of floats for each sensor, and a whole number. sensors: how many.
    Result: dataset of (float32 of shape (sensors, 2), int64 scalar), which can be read again and
    again and asks the generator for no more than is used.
    """
    signature = (tf.TensorSpec((sensors, 2), tf.float32), tf.TensorSpec((), tf.int64))
    # The function itself, not readings(): each pass gets a new generator.
    return tf.data.Dataset.from_generator(readings, output_signature=signature)


def lines_without_headers(pattern: str) -> tf.data.Dataset:
    """Read the lines of several files, without the first line of each.

    pattern: names of the files, such as "data/*.csv".
    Result: dataset of string scalars, file by file in the order of their names.
    """
    files = tf.data.Dataset.list_files(pattern, shuffle=False)
    # One dataset a file: only there is it known which line is the first.
    return files.flat_map(lambda file: tf.data.TextLineDataset(file).skip(1))


def read_rows_that_parse(file: str) -> tuple[tf.data.Dataset, int]:
    """Read the rows of a CSV file that parse, and count the others.

    file: name of a file with a header and the columns age, fare (numbers) and port (text); no
    field holds a line break. A row parses when it has three fields, none empty, and the first two
    are numbers.
    Result: dataset of (float32, float32, string) scalars, and the number of rows left out.
    """
    # Dtypes, not default values: an empty field is an error, and no age of 0.
    required = [tf.float32, tf.float32, tf.string]
    rows = tf.data.experimental.CsvDataset(file, required, header=True).ignore_errors()
    lines = tf.data.TextLineDataset(file).skip(1)
    return rows, sum(1 for _ in lines) - sum(1 for _ in rows)


def labelled_files(folder: str) -> tf.data.Dataset:
    """List the images in the folders of a folder, with labels that never depend on the machine.

    folder: holds one folder for each class, perhaps an empty one, and perhaps other files and
    hidden folders, whose names begin with a dot.
    Result: dataset of (path, label) for all files class/*.jpg in sorted order: string scalar, and
    int64 scalar, the place of the class among the sorted names of all folders that are not hidden.
    """
    entries = Path(folder).iterdir()
    # Sorted names of the folders: the same numbers wherever the same folders lie.
    classes = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    files = [file for name in classes for file in sorted(Path(folder, name).glob("*.jpg"))]
    labels = [classes.index(file.parent.name) for file in files]
    return tf.data.Dataset.from_tensor_slices(
        ([str(file) for file in files], np.array(labels, np.int64))
    )


class ExampleFile:
    """A TFRecord file of images and labels.

    path: name of the file.
    """

    def __init__(self, path: str) -> None:
        """Remember the name of the file."""
        self.path = path

    def write(self, images: list[np.ndarray], labels: list[int]) -> None:
        """Write one Example for each image: its PNG file as "image", its label as "label".

        images: uint8 arrays of shapes (height, width, 3), which may differ. labels: whole numbers.
        """
        with tf.io.TFRecordWriter(self.path) as writer:
            for image, label in zip(images, labels, strict=True):
                png = tf.io.encode_png(image).numpy()  # loses nothing, and remembers the shape
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def read(self) -> tf.data.Dataset:
        """Return a dataset of (image, label) in the order of the file.

        Elements: uint8 of shape (None, None, 3), int64 scalar.
        """
        description = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }

        records = tf.data.TFRecordDataset(self.path)
        parsed = records.map(lambda record: tf.io.parse_single_example(record, description))
        # With channels given, the dataset knows the last axis before it reads an image.
        return parsed.map(lambda one: (tf.io.decode_png(one["image"], channels=3), one["label"]))
