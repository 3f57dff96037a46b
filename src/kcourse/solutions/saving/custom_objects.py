"""Solutions of the lesson on custom objects."""

import hashlib
import json
import zipfile
from pathlib import Path

import keras
from keras import ops


def custom_names(path: str) -> list[str]:
    """Return the names that must be known before a file can be loaded, sorted, each once.

    path: str, a ``.keras`` file; nothing of it is loaded.
    Result: list of str, the registered names of classes and the names of functions.
    """
    names = set()

    def look(entry: dict[str, str]) -> dict[str, str]:
        module = (entry.get("module") or "").split(".")[0]
        if entry.get("class_name") == "function":
            known = (keras.activations, keras.losses, keras.metrics)
            if not any(hasattr(home, entry["config"]) for home in known):
                names.add(entry["config"])
        elif "registered_name" in entry and module != "keras":
            names.add(entry["registered_name"])  # not the class's name: that is not looked up
        return entry

    with zipfile.ZipFile(path) as archive:
        json.loads(archive.read("config.json"), object_hook=look)  # shown every dictionary
    return sorted(names)


@keras.saving.register_keras_serializable(package="course")
class ScaledDense(keras.layers.Layer):
    """Return activation(scale * (inputs @ kernel)); loads in a fresh process.

    units: int, the width of the result. scale: float. activation: a name, a function or None.
    Inputs: shape (batch, features). Result: shape (batch, units).
    One trained weight, kernel, of shape (features, units).
    """

    def __init__(
        self, units: int, scale: float = 1.0, activation: object = None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.scale = scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel, so that loading has a place for the values in the file."""
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return a tensor of shape (batch, units)."""
        return self.activation(self.scale * ops.matmul(inputs, self.kernel))

    def get_config(self) -> dict[str, object]:
        """Return all that the layer needs to be made again."""
        return {
            **super().get_config(),  # the name and the dtype
            "units": self.units,
            "scale": self.scale,  # it changes no shape: forget it, and nothing complains
            "activation": keras.activations.serialize(self.activation),
        }


class SkipConnection(keras.layers.Layer):
    """Return inputs + layer(inputs); survives saving with whatever layer it holds.

    layer: any Keras layer that keeps the shape of its inputs.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the inner layer."""
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return a tensor of the inputs' shape."""
        return inputs + self.layer(inputs)

    def get_config(self) -> dict[str, object]:
        """Return plain data, with the inner layer as its class and its own configuration."""
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> "SkipConnection":
        """Make the inner layer first, then the outer one around it."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})  # a new dictionary: the caller's stays as it is


class WeightedMean(keras.Model):
    """Return the weighted mean of what several models give; survives saving.

    members: list of models or layers with the same shapes. shares: list of floats, one a member,
    or None: equal shares. The result is sum(share * member(inputs)) / sum(shares).
    """

    def __init__(
        self, members: list[keras.Model], shares: list[float] | None = None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return a tensor of the shape that each member gives."""
        shares = self.shares or [1.0] * len(self.members)
        pairs = zip(shares, self.members, strict=True)
        return sum(share * member(inputs) for share, member in pairs) / sum(shares)

    def get_config(self) -> dict[str, object]:
        """Return all that the model needs to be made again, as plain data."""
        members = keras.saving.serialize_keras_object(self.members)  # each with its class
        return {**super().get_config(), "members": members, "shares": self.shares}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> "WeightedMean":
        """Make the members first, then the model that holds them."""
        members = keras.saving.deserialize_keras_object(config["members"])
        return cls(**{**config, "members": members})


def load_without_code(path: str) -> keras.Model:
    """Load a ``.keras`` file, unless it holds Python code.

    path: str. Result: the model.
    Raises ValueError, in one line, with the file's name and the name of every layer with code.
    """
    guilty = set()

    def look(entry: object, layer: str) -> None:
        if isinstance(entry, dict):
            if entry.get("class_name") == "__lambda__":
                guilty.add(layer)
            layer = entry.get("name", layer)  # a layer's configuration holds its name
            entry = list(entry.values())
        if isinstance(entry, list):
            for item in entry:
                look(item, layer)

    with zipfile.ZipFile(path) as archive:
        look(json.loads(archive.read("config.json")), "the compile settings")
    if guilty:  # before anything is loaded
        raise ValueError(f"{Path(path).name} holds Python code, in {', '.join(sorted(guilty))}.")
    return keras.models.load_model(path)


def is_untampered(path: str) -> bool:
    """Tell whether a file still has the SHA-256 digest written in the file beside it.

    path: str; the digest stands in ``path + ".sha256"``, as the tool ``sha256sum`` writes it.
    Result: True, or False if the digests differ or there is none to compare with.
    """
    beside = Path(path + ".sha256")
    words = beside.read_text().split() if beside.exists() else []
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return words[:1] == [digest]  # no digest in the file: [] is not [digest]
