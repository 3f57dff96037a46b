"""Solutions of the lesson on weights files and checkpoints."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf


def read_weights_file(path: str) -> dict[str, np.ndarray]:
    """Read all arrays of a `.weights.h5` file.

    path: the file. Result: dict from the place of each array in the file, such as
    "layers/dense/vars/0", to the array. Groups are not arrays.
    """
    arrays = {}

    def collect(name: str, thing: h5py.Group | h5py.Dataset) -> None:
        if isinstance(thing, h5py.Dataset):
            arrays[name] = thing[()]  # reads the numbers while the file is open

    with h5py.File(path) as file:
        file.visititems(collect)
    return arrays


def weights_digest(arrays: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 digest of named arrays, 64 hexadecimal characters.

    arrays: dict from name to NumPy array. For each name, in sorted order, feed the line
    "name dtype shape" with a line end, such as "bias float32 (3,)\n", then the array's bytes.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        # The same bytes can be another shape or another dtype: say which.
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def load_trunk(model: keras.Model, path: str) -> list[str]:
    """Load from a weights file what fits, and return what was not loaded.

    model: a built model. path: a `.weights.h5` file.
    Result: the paths of the weights that were not loaded and keep their values, in the order of
    `model.weights`. If that is all of them, raise ValueError and leave the model as it was.
    """
    before = model.get_weights()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))  # a mark that no file overwrites by chance
    model.load_weights(path, skip_mismatch=True)
    lost = []
    for weight, old in zip(model.weights, before, strict=True):
        if np.isnan(weight.numpy()).all():
            weight.assign(old)
            lost.append(weight.path)
    if len(lost) == len(before):
        raise ValueError(f"{path} fits no layer of {model.name}.")
    return lost


def transfer_by_name(model: keras.Model, path: str) -> dict[str, str]:
    """Fill the layers of a model from a weights file, by the names of the layers.

    model: a built model. path: a `.weights.h5` file. Each group ".../vars" in it, at any depth,
    has the attribute "name" and the arrays "0", "1", ... in the order of the layer's weights.
    Result: dict from the name of each layer of `model.layers` that has weights and was not
    filled to the reason, "not in the file" or "other shapes". Such a layer keeps all its values.
    """
    stored = {}

    def collect(place: str, thing: h5py.Group | h5py.Dataset) -> None:
        if "name" in thing.attrs:
            # By number: a loop over the group itself would take "10" before "2".
            stored[thing.attrs["name"]] = [thing[str(i)][()] for i in range(len(thing))]

    with h5py.File(path) as file:
        file.visititems(collect)
    missed = {}
    for layer in model.layers:
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if not shapes:
            continue
        if layer.name not in stored:
            missed[layer.name] = "not in the file"
        elif [array.shape for array in stored[layer.name]] != shapes:
            missed[layer.name] = "other shapes"
        else:
            layer.set_weights(stored[layer.name])  # all arrays of the layer, or none
    return missed


def average_checkpoints(model: keras.Model, paths: list[str]) -> None:
    """Set each weight of the model to its mean over several weights files.

    model: a built model. paths: one or more `.weights.h5` files of models like it.
    """
    lists = []
    for path in paths:
        model.load_weights(path)
        lists.append(model.get_weights())  # copies: the next load does not change them
    model.set_weights([np.mean(arrays, axis=0) for arrays in zip(*lists, strict=True)])


def rotate_checkpoints(folder: str, losses: dict[str, float], keep: int) -> list[str]:
    """Delete all checkpoints but the newest ones and the best one.

    folder: holds files "step-N.weights.h5", and may hold others, which stay.
    losses: dict from the name of each of these files to its validation loss, which may be NaN.
    keep: how many of the newest stay, 1 or more. The file with the lowest loss stays as well;
    of several, the newest. Result: names of the deleted files, by growing step.
    """

    def step(path: Path) -> int:
        return int(path.name.removeprefix("step-").removesuffix(".weights.h5"))

    files = sorted(Path(folder).glob("step-*.weights.h5"), key=step)
    # NaN compares as False with everything, so min may or may not take it for the smallest.
    rated = [path for path in files if not math.isnan(losses[path.name])]
    best = min(rated, key=lambda path: (losses[path.name], -step(path)), default=None)
    deleted = [path for path in files[:-keep] if path != best]
    for path in deleted:
        path.unlink()
    return [path.name for path in deleted]


def checkpoint_values(path: str) -> dict[str, np.ndarray]:
    """Read all variables of a TensorFlow checkpoint.

    path: as `tf.train.Checkpoint.save` returns it. Result: dict from the attributes that lead to
    a variable, such as "model/head/kernel", to its value; without TensorFlow's `save_counter`.
    """
    reader = tf.train.load_checkpoint(path)
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    values = {}
    for key in reader.get_variable_to_shape_map():
        # Other keys are the graph of objects and the state of iterators.
        if key.endswith(end) and key != "save_counter" + end:
            values[key.removesuffix(end)] = reader.get_tensor(key)
    return values


def train_resumably(
    checkpoint: tf.train.Checkpoint,
    train_step: "Callable[[], None]",
    last_step: int,
    folder: str,
    every: int,
) -> None:
    """Train up to a step, from where the last run left off.

    checkpoint: a tf.train.Checkpoint of all that changes; its `step` counts the steps taken.
    train_step: takes one step. last_step: stop when `checkpoint.step` is there.
    folder: where a CheckpointManager keeps the newest two, each named by its step, one after
    every `every` steps and one after the last. If some are there at the start, go on from them.
    """
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    checkpoint.restore(manager.latest_checkpoint)  # None if there is none: nothing is restored
    while checkpoint.step < last_step:
        train_step()
        checkpoint.step.assign_add(1)  # before saving, so that the file knows of this step
        if checkpoint.step % every == 0 or checkpoint.step == last_step:
            manager.save(checkpoint_number=checkpoint.step)
