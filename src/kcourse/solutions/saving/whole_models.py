"""Solutions of the lesson on whole models."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np


def resume_at_lower_rate(path: str, factor: float) -> keras.Model:
    """Load a model and multiply its learning rate by ``factor``; keep everything else.

    path: str, a file that ends in ``.keras`` and holds a compiled model that was trained.
    factor: float. Result: the model, ready to train on.
    """
    model = keras.models.load_model(path)
    # Assign to the optimizer that was loaded: `compile` would make a new one, without its state.
    model.optimizer.learning_rate = float(model.optimizer.learning_rate) * factor
    return model


def architecture_of(path: str) -> list[tuple[str, str]]:
    """List the layers of a saved model, without building it.

    path: str, a file that ends in ``.keras``. Result: list of (name, class name), both str.
    """

    def listed(config: "dict[str, Any]", prefix: str) -> list[tuple[str, str]]:
        pairs = []
        for layer in config["layers"]:
            name = prefix + layer["config"]["name"]
            pairs.append((name, layer["class_name"]))
            if "layers" in layer["config"]:  # a model within the model, perhaps with others in it
                pairs += listed(layer["config"], name + "/")
        return pairs

    with zipfile.ZipFile(path) as archive:
        return listed(json.loads(archive.read("config.json"))["config"], "")


def clone_with_changes(model: keras.Model, changes: "dict[str, dict[str, Any]]") -> keras.Model:
    """Build the same model anew, with other arguments for some of its layers.

    model: Sequential or functional model. changes: dict, name of a layer to a dict of arguments.
    Result: a new model with new weights. Raises ValueError if one of the names belongs to no layer.
    """
    unknown = changes.keys() - {layer.name for layer in model.layers}
    if unknown:
        raise ValueError(f"The model has no layer named {sorted(unknown)[0]!r}.")

    def changed(layer: keras.layers.Layer) -> keras.layers.Layer:
        # A new layer in each case: returning `layer` itself would share its weights.
        return type(layer).from_config(layer.get_config() | changes.get(layer.name, {}))

    return keras.models.clone_model(model, clone_function=changed)


def what_differs(first: keras.Model, second: keras.Model) -> list[str]:
    """Say in what two models differ.

    first, second: models. Result: those of "architecture", "weights", "optimizer" that differ,
    in this order.
    """

    def arrays(variables: "list[Any]") -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(variable) for variable in variables]

    def alike(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
        # zip alone would stop at the end of the shorter list.
        return len(some) == len(others) and all(map(np.array_equal, some, others))

    def kind_and_state(model: keras.Model) -> tuple[type, list[np.ndarray]]:
        optimizer = model.optimizer if model.compiled else None
        return type(optimizer), arrays(optimizer.variables if optimizer else [])

    one, other = kind_and_state(first), kind_and_state(second)
    differs = {
        # As JSON, because a saved model comes back with lists in place of tuples.
        "architecture": json.dumps(first.get_config()) != json.dumps(second.get_config()),
        "weights": not alike(first.get_weights(), second.get_weights()),
        "optimizer": one[0] is not other[0] or not alike(one[1], other[1]),
    }
    return [part for part, different in differs.items() if different]


def save_atomically(model: keras.Model, path: Path) -> None:
    """Save a model so that ``path`` is at every moment either the old file or the whole new one.

    path: pathlib.Path that ends in ``.keras``; may exist. If saving fails, the error is passed on,
    an old file stays as it was, and nothing else is left in the folder.
    """
    # In the same folder, hence on the same disk: only there is the renaming one step.
    temporary = path.with_name(f"{path.stem}-{os.getpid()}.keras")
    try:
        model.save(temporary)
        temporary.replace(path)  # one step, also if there is an old file
    finally:
        temporary.unlink(missing_ok=True)  # it is still there only if saving failed
