"""Solutions of the lesson on images."""

import keras
import numpy as np
import tensorflow as tf


def label_from_path(path: tf.Tensor, class_names: list[str]) -> tf.Tensor:
    """Return the number of the class whose name the image's folder has.

    path: scalar string tensor, such as "photos/train/cat/0012.jpg"; "/" stands between parts.
    class_names: list of str, without repeats. Must work inside Dataset.map.
    Result: scalar int32, the index into class_names; -1 if the folder has none of these names.
    """
    # The folder that holds the file is the last part but one, however long the path is.
    folder = tf.strings.split(path, "/")[-2]
    matches = tf.equal(tf.constant(class_names), folder)
    index = tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
    # argmax of nothing but zeros is 0: without this a strange folder would be class 0.
    return tf.where(tf.reduce_any(matches), index, -1)


def load_images_that_decode(
    paths: list[str], height: int, width: int
) -> tuple[np.ndarray, list[str]]:
    """Load images of one size, and say which files could not be read or decoded.

    paths: list of str, JPEG or PNG files (whatever their names end with), grey, coloured, or with
    transparency, which is dropped.
    Result: (images, skipped). images: float32 array (n, height, width, 3), values in 0–1, in the
    order of paths, resized as by tf.image.resize; (0, height, width, 3) if there is none. skipped:
    list of the paths left out, in order.
    """
    images, skipped = [], []
    for path in paths:
        try:
            # channels=3 makes grey images and those with transparency like the others.
            image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        except tf.errors.OpError:
            skipped.append(path)
            continue
        images.append(tf.image.resize(image, (height, width)) / 255)
    return np.array(images, np.float32).reshape(-1, height, width, 3), skipped


def resize_with_padding(
    image: tf.Tensor, size: int, fill: float
) -> tuple[tf.Tensor, tuple[int, int, int, int]]:
    """Fit an image into a square without distorting it, and say where in the square it lies.

    image: float32, shape (h, w, channels). size: int. fill: value of the pixels around it.
    Resize as tf.image.resize does, then pad. The longer side becomes size; the other is rounded
    to a whole number, at least 1. Half of what is missing goes above or left; with an odd number,
    the extra line goes below or right.
    Result: (square, place): float32 (size, size, channels), and a tuple of four int: top row,
    left column, height and width of the image in the square.
    """
    longer = max(image.shape[0], image.shape[1])
    height = max(1, round(size * image.shape[0] / longer))
    width = max(1, round(size * image.shape[1] / longer))
    top, left = (size - height) // 2, (size - width) // 2
    around = [[top, size - height - top], [left, size - width - left], [0, 0]]
    # First resize, then pad: no pixel is mixed with the filling.
    square = tf.pad(tf.image.resize(image, (height, width)), around, constant_values=fill)
    return square, (top, left, height, width)


class RandomShift(keras.layers.Layer):
    """In training move each image by a random whole number of pixels; else change nothing.

    most: int, the largest move up, down, left or right. seed: an int or None; layers with the same
    seed make the same moves. Inputs: float32 (n, height, width, channels), n unknown when `fit`
    compiles the layer. Pixels that come into view are 0.
    """

    def __init__(self, most: int, seed: int | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.most = most
        # Made once: it moves on at every call, and starts again with the same seed.
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the images, in training each moved by a random step, new in every call."""
        if not training:
            return images
        count, height, width = tf.unstack(tf.shape(images)[:3])
        most = self.most
        padded = tf.pad(images, [[0, 0], [most, most], [most, most], [0, 0]])
        corners = keras.random.randint((count, 2), 0, 2 * most + 1, seed=self.generator)
        rows = corners[:, :1] + tf.range(height)
        columns = corners[:, 1:] + tf.range(width)
        # batch_dims=1: each image has rows and columns of its own.
        tall = tf.gather(padded, rows, axis=1, batch_dims=1)
        return tf.gather(tall, columns, axis=2, batch_dims=1)


def flip_with_boxes(image: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror an image left to right, and the boxes with it.

    image: shape (h, w, channels). boxes: float32 (n, 4), each x_min, y_min, x_max, y_max in
    pixels from the left and top edge: the whole image is 0, 0, w, h. n may be 0.
    Result: (image, boxes), of the same shapes and dtypes, the boxes in the same order.
    """
    x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)
    width = float(image.shape[1])
    # What was the right edge is the left edge now.
    boxes = tf.stack([width - x_max, y_min, width - x_min, y_max], axis=1)
    return tf.reverse(image, axis=[1]), boxes


def mixup_batch(
    images: tf.Tensor, labels: tf.Tensor, classes: int, shares: tf.Tensor, order: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each image of a batch with another one, and their labels in the same shares.

    images: float32 (n, h, w, channels). labels: int (n,), below classes. shares: float32 (n,), in
    0–1: how much of the image itself is kept. order: int (n,): image i is mixed with image
    order[i].
    Result: (images, targets), float32 of shapes (n, h, w, channels) and (n, classes).
    """
    # With three axes more, one share belongs to one image, whatever its size.
    by_image = tf.reshape(shares, (-1, 1, 1, 1))
    mixed = by_image * images + (1 - by_image) * tf.gather(images, order)
    one_hot = tf.one_hot(labels, classes)
    by_row = tf.reshape(shares, (-1, 1))
    return mixed, by_row * one_hot + (1 - by_row) * tf.gather(one_hot, order)
