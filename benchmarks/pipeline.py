"""Input pipelines: a naive one made fast step by step, and tf.data beside other loaders.

The work is the same everywhere: read JPEG files (pieces of two real photographs, written by this
script), decode them, cut out the middle, scale to 0–1, batch. First all ways are made sure to give
the same pixels; then they are timed in turns and in changing order. Printed are the median of each
way and how many times as long as the first it takes.

- steps: one epoch through the dataset alone. ``naive`` loads and scales one file after the other;
  then each step adds one thing to the step before: files are loaded in parallel, scaled by the
  batch (vectorised), prefetched, and at last cached (the first epoch, which fills the cache, is not
  timed). ``TFRecord`` reads the same JPEG bytes from four files, interleaved, with all steps but
  the cache.
- training: ``fit`` of a small convolutional network on the naive and on the tuned dataset, which
  is cached. The network's own work is the same in both.
- loaders: ``fit`` of a model that costs next to nothing, on the same JPEG files, by tf.data
  (parallel, prefetched, not cached), by a Keras PyDataset without and with two threads, by grain's
  DataLoader, a loader in the style of PyTorch's, without and with two processes, and by PyTorch's
  own if it is installed. Loaders that start processes start them anew for each epoch, and that is
  timed, except PyTorch's, which keeps its own.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from comparison import Comparison, machine, options, show
from PIL import Image

import kcourse  # noqa: F401 - before TensorFlow, which then starts without its log lines

# TensorFlow and Keras are imported in functions: worker processes import this file, not them.
if TYPE_CHECKING:
    import tensorflow as tf

logging.getLogger("absl").setLevel("ERROR")  # grain misses JAX's profiler, in each process
# A grain dataset has no length: Keras learns it, with this warning, where the first epoch ends.
warnings.filterwarnings("ignore", message="Your input ran out of data")

SEED = 7
SIZE, MIDDLE, BATCH = 160, 128, 32


def write_files(folder: Path, count: int) -> list[str]:
    """Write ``count`` JPEG files of 160×160 pixels, named by class; return their paths, sorted."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(SEED)
    photographs = load_sample_images().images
    for number in range(count):
        whole = photographs[number % 2]
        top, left = (rng.integers(0, side - SIZE) for side in whole.shape[:2])
        piece = Image.fromarray(whole[top : top + SIZE, left : left + SIZE])
        piece.save(folder / f"{number:05d}_{number % 2}.jpg", quality=90)
    return sorted(map(str, folder.glob("*.jpg")))


def label_of(path: str) -> int:
    """Return the class that a file's name ends on."""
    return int(Path(path).stem[-1])


class Photographs:
    """The files as indexable data, read by Pillow: what PyTorch and grain call a data source."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int64]:
        start = (SIZE - MIDDLE) // 2
        with Image.open(self.paths[index]) as image:
            pixels = np.asarray(image)[start : start + MIDDLE, start : start + MIDDLE]
        return pixels.astype(np.float32) / 255, np.int64(label_of(self.paths[index]))


class Steps:
    """The same dataset, naive and faster."""

    def __init__(self, paths: list[str], shards: list[str]) -> None:
        import tensorflow as tf

        self.shards = shards
        labels = [label_of(path) for path in paths]
        self.files = tf.data.Dataset.from_tensor_slices((paths, labels))

    @staticmethod
    def decoded(content: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        # The exact transform, as Pillow uses it; the faster one differs by a few levels.
        pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        start = (SIZE - MIDDLE) // 2
        return tf.image.crop_to_bounding_box(pixels, start, start, MIDDLE, MIDDLE)

    def loaded(self, path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        return self.decoded(tf.io.read_file(path)), label

    @staticmethod
    def scaled(pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        return tf.cast(pixels, tf.float32) / 255, label

    @staticmethod
    def _bare(dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Have no prefetch or parallelism put in by tf.data itself."""
        import tensorflow as tf

        settings = tf.data.Options()
        settings.autotune.enabled = False
        return dataset.with_options(settings)

    def naive(self) -> tf.data.Dataset:
        return self._bare(self.files.map(self.loaded).map(self.scaled).batch(BATCH))

    def parallel(self) -> tf.data.Dataset:
        loaded = self.files.map(self.loaded, num_parallel_calls=os.cpu_count())
        return self._bare(loaded.map(self.scaled).batch(BATCH))

    def vectorised(self) -> tf.data.Dataset:
        loaded = self.files.map(self.loaded, num_parallel_calls=os.cpu_count())
        return self._bare(loaded.batch(BATCH).map(self.scaled))

    def prefetched(self) -> tf.data.Dataset:
        import tensorflow as tf

        loaded = self.files.map(self.loaded, num_parallel_calls=tf.data.AUTOTUNE)
        return loaded.batch(BATCH).map(self.scaled).prefetch(tf.data.AUTOTUNE)

    def cached(self) -> tf.data.Dataset:
        import tensorflow as tf

        loaded = self.files.map(self.loaded, num_parallel_calls=tf.data.AUTOTUNE).cache()
        return loaded.batch(BATCH).map(self.scaled).prefetch(tf.data.AUTOTUNE)

    def records(self) -> tf.data.Dataset:
        import tensorflow as tf

        def parsed(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            form = {
                "jpeg": tf.io.FixedLenFeature([], tf.string),
                "label": tf.io.FixedLenFeature([], tf.int64),
            }
            example = tf.io.parse_single_example(record, form)
            return self.decoded(example["jpeg"]), example["label"]

        records = tf.data.Dataset.from_tensor_slices(self.shards).interleave(
            tf.data.TFRecordDataset, cycle_length=4, num_parallel_calls=tf.data.AUTOTUNE
        )
        loaded = records.map(parsed, num_parallel_calls=tf.data.AUTOTUNE)
        return loaded.batch(BATCH).map(self.scaled).prefetch(tf.data.AUTOTUNE)


def write_shards(folder: Path, paths: list[str]) -> list[str]:
    """Write the JPEG files' bytes and labels into four TFRecord files; return their paths."""
    import tensorflow as tf

    shards = [str(folder / f"{number}.tfrecord") for number in range(4)]
    for number, shard in enumerate(shards):
        with tf.io.TFRecordWriter(shard) as writer:
            for path in paths[number :: len(shards)]:
                jpeg = tf.train.BytesList(value=[Path(path).read_bytes()])
                label = tf.train.Int64List(value=[label_of(path)])
                features = {
                    "jpeg": tf.train.Feature(bytes_list=jpeg),
                    "label": tf.train.Feature(int64_list=label),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return shards


def steps(made: Steps) -> Comparison:
    """Compare one epoch of each step; what it gives is the mean pixel of each class."""

    def epoch(dataset: tf.data.Dataset) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            sums, counts = np.zeros(2), np.zeros(2)
            for pixels, labels in dataset.as_numpy_iterator():
                np.add.at(sums, labels, pixels[:, ::8, ::8].mean((1, 2, 3)))
                np.add.at(counts, labels, 1)
            return sums / counts

        return run

    return Comparison(
        "steps: one epoch of the dataset",
        {
            "naive": epoch(made.naive()),
            "+ parallel map": epoch(made.parallel()),
            "+ scaled by the batch": epoch(made.vectorised()),
            "+ prefetch, tuned by tf.data": epoch(made.prefetched()),
            "+ cache": epoch(made.cached()),
            "TFRecord, interleaved, no cache": epoch(made.records()),
        },
        tolerance=1e-4,
    )


def fitted(model: Any, data: Any, *, epochs: int) -> Callable[[], list[float]]:
    """Return a function that trains from the same weights on and gives the losses by epoch."""
    start = model.get_weights()

    def run() -> list[float]:
        model.set_weights(start)
        return list(model.fit(data, epochs=epochs, shuffle=False, verbose=0).history["loss"])

    return run


def training(made: Steps, epochs: int) -> Comparison:
    """Compare the training of a small convolutional network on the first and the last step."""
    import keras

    def network() -> Any:
        keras.utils.set_random_seed(SEED)
        layers = [
            keras.Input((MIDDLE, MIDDLE, 3)),
            keras.layers.Conv2D(8, 5, strides=4, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
        model = keras.Sequential(layers)
        # Without momentum, so that nothing is left of the training before.
        model.compile(keras.optimizers.SGD(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    return Comparison(
        f"training: {epochs} epochs of fit",
        {
            "naive": fitted(network(), made.naive(), epochs=epochs),
            "all steps": fitted(network(), made.cached(), epochs=epochs),
        },
        tolerance=1e-4,
    )


def loaders(made: Steps, paths: list[str], epochs: int) -> Comparison:
    """Compare loaders of the same files, each feeding ``fit`` of a model that costs little."""
    import keras

    class Batches(keras.utils.PyDataset):
        """Batches of the data source, made in this process or by threads."""

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.source = Photographs(paths)

        def __len__(self) -> int:
            return -(-len(self.source) // BATCH)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            last = min((index + 1) * BATCH, len(self.source))
            pixels, labels = zip(*(self.source[i] for i in range(index * BATCH, last)), strict=True)
            return np.stack(pixels), np.stack(labels)

    def by_grain(processes: int) -> Any:
        import grain.python as grain

        # The file's list is handed out in order; each process makes whole batches of it.
        source = grain.MapDataset.source(Photographs(paths)).batch(BATCH)
        dataset = source.to_iter_dataset()
        if processes:
            dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=processes))
        return dataset

    def by_torch(processes: int) -> Any:
        from torch.utils.data import DataLoader

        kept = processes > 0
        return DataLoader(Photographs(paths), BATCH, num_workers=processes, persistent_workers=kept)

    def fit(data: Any) -> Callable[[], list[float]]:
        keras.utils.set_random_seed(SEED)
        layers = [
            keras.Input((MIDDLE, MIDDLE, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.SGD(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
        return fitted(model, data, epochs=epochs)

    ways = {
        "tf.data": fit(made.prefetched()),
        "PyDataset": fit(Batches()),
        "PyDataset, 2 threads": fit(Batches(workers=2)),
        "grain": fit(by_grain(0)),
        "grain, 2 processes": fit(by_grain(2)),
    }
    if find_spec("torch"):
        ways |= {"PyTorch": fit(by_torch(0)), "PyTorch, 2 processes": fit(by_torch(2))}
    return Comparison(f"loaders: {epochs} epochs of fit, not cached", ways, tolerance=1e-4)


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__, rounds=5, files=1024, epochs=3)
    if arguments.files < 4:
        raise SystemExit(f"--files {arguments.files}: give 4 or more, one for each TFRecord file.")
    with tempfile.TemporaryDirectory(prefix="kcourse-benchmark-") as name:
        paths = write_files(Path(name), arguments.files)
        made = Steps(paths, write_shards(Path(name), paths))
        results = {}
        for compare in (
            partial(steps, made),
            partial(training, made, arguments.epochs),
            partial(loaders, made, paths, arguments.epochs),
        ):
            comparison = compare()
            comparison.check()
            results[comparison.title] = comparison.seconds(arguments.rounds)
    where = machine(["tensorflow", "keras", "grain", "torch", "numpy", "pillow"])
    show(results, where, as_json=arguments.json, extra={"files": arguments.files})


if __name__ == "__main__":
    main()
