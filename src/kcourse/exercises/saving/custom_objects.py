"""Exercises of the lesson on custom objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register

_ACTIVATIONS: dict[str | None, Callable[[np.ndarray], np.ndarray]] = {
    None: lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


@register
class CustomNames(Exercise):
    """What a file needs before it can be loaded."""

    name = "custom_names"
    title = "What does a file need?"
    points = 3
    see = "What the file knows of your class"
    hints = (
        'Open the file with `zipfile.ZipFile` and give `archive.read("config.json")` to '
        "`json.loads`. Then look at every dictionary in it, at any depth: a small recursive "
        "function, or a list that grows while you read it.",
        'A dictionary with a "registered_name" describes an object. It is Keras\'s own if the first '
        'part of "module", up to the dot, is "keras". The module may be None.',
        'If "class_name" is "function", the name is in "config". It is Keras\'s own if '
        "`hasattr(keras.activations, name)`, or the same for `keras.losses` or `keras.metrics`.",
    )
    why = (
        "Loading looks classes up by the registered name and functions by what stands in "
        '"config", at every depth: in wrappers, in models within models, in the loss. So that is '
        "what to look at, and no code has to run for it."
    )
    near_misses = (
        NearMiss(
            code="""
def custom_names(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    entries = [one for one in config["config"]["layers"] if one["registered_name"]]
    return sorted({one["registered_name"] for one in entries})
""",
            because=(
                "Only the outermost list of layers was read. Objects also stand deeper, in the "
                "configuration of other layers, and beside the layers, in the compile_config."
            ),
            like=lambda config: sorted(
                {one["registered_name"] for one in config["config"].get("layers", ())} - {None}
            ),
        ),
        NearMiss(
            code="""
def custom_names(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    names = set()
    def look(entry):
        if "registered_name" not in entry:
            return entry
        if entry["class_name"] == "function":
            homes = (keras.activations, keras.losses, keras.metrics)
            if not any(hasattr(home, entry["config"]) for home in homes):
                names.add(entry["config"])
        elif (entry["module"] or "").split(".")[0] != "keras":
            names.add(entry["class_name"])
        return entry
    json.loads(text, object_hook=look)
    return sorted(names)
""",
            because="These are names of classes. Loading looks for the registered names.",
            like=lambda config: _names(config, key="class_name"),
        ),
        NearMiss(
            code="""
def custom_names(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    names = set()
    def look(entry):
        if "registered_name" not in entry:
            return entry
        if entry["class_name"] == "function":
            homes = (keras.activations, keras.losses, keras.metrics)
            if not any(hasattr(home, entry["config"]) for home in homes):
                names.add(entry["config"])
        elif not (entry["module"] or "").startswith("keras"):
            names.add(entry["registered_name"])
        return entry
    json.loads(text, object_hook=look)
    return sorted(names)
""",
            because=(
                "A module whose name begins with the letters keras need not be Keras. Compare the "
                "whole part before the first dot."
            ),
            like=lambda config: _names(
                config, is_own=lambda module: not module.startswith("keras")
            ),
        ),
        NearMiss(
            code="""
def custom_names(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    names = set()
    def look(entry):
        if "registered_name" in entry and (entry["module"] or "").split(".")[0] != "keras":
            is_function = entry["class_name"] == "function"
            names.add(entry["config"] if is_function else entry["registered_name"])
        return entry
    json.loads(text, object_hook=look)
    return sorted(names)
""",
            because="Functions that Keras itself has need not be made known.",
            like=lambda config: _names(config, functions=lambda name: True),
        ),
        NearMiss(
            code="""
def custom_names(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    names = set()
    def look(entry):
        if "registered_name" in entry and entry["class_name"] != "function":
            if (entry["module"] or "").split(".")[0] != "keras":
                names.add(entry["registered_name"])
        return entry
    json.loads(text, object_hook=look)
    return sorted(names)
""",
            because='Functions are missing. Their "class_name" is "function".',
            like=lambda config: _names(config, functions=lambda name: False),
        ),
    )
    alternatives = (
        """
def custom_names(path):
    def own(entry):
        if isinstance(entry, list):
            return set().union(*map(own, entry))
        if not isinstance(entry, dict):
            return set()
        found = own(list(entry.values()))
        if entry.get("class_name") == "function":
            name = entry["config"]
            homes = vars(keras.activations) | vars(keras.losses) | vars(keras.metrics)
            return found if name in homes else found | {name}
        if "registered_name" in entry:
            module = entry["module"]
            if module is None or not (module == "keras" or module.startswith("keras.")):
                found.add(entry["registered_name"])
        return found

    return sorted(own(json.loads(zipfile.ZipFile(path).read("config.json"))))
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write a file with this configuration and no weights; it cannot be loaded."""
        import json
        import tempfile
        import zipfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("metadata.json", "{}")
                archive.writestr("config.json", json.dumps(inputs["config"]))
            return submission(str(path))

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def new(word: str) -> str:
            return f"{word}{rng.integers(10, 100)}"

        block, gate, loss, act = new("Block"), new("Gate"), new("pinball"), new("swish_like")
        layers = [
            _entry("keras.layers", "InputLayer", {"batch_shape": [None, 4]}),
            _entry(None, block, {"units": 3, "activation": "relu"}, f"course>{block}"),
            _entry("keras.layers", "Dense", {"units": 2, "activation": _function(act)}),
            _entry(
                "keras.layers",
                "TimeDistributed",
                {"layer": _entry("shop.layers", gate, {"width": 2}, gate)},
            ),
            _entry(None, block, {"units": 5, "activation": None}, f"course>{block}"),
        ]
        compiled: dict[str, Any] = {"loss": _function(f"shop>{loss}"), "metrics": ["mae"]}
        model = _entry("keras", "Sequential", {"name": "net", "layers": layers})
        yield Case({"config": {**model, "compile_config": compiled}})
        plain = [
            _entry("keras.layers", "Dense", {"units": 2, "activation": _function("relu")}),
            _entry("keras.layers", "Lambda", {"function": {"class_name": "__lambda__"}}),
        ]
        compiled = {
            "loss": _function("mean_squared_error"),
            "metrics": [_function("top_k_categorical_accuracy"), _function("binary_accuracy")],
        }
        model = _entry("keras", "Functional", {"name": new("net"), "layers": plain})
        yield Case({"config": {**model, "compile_config": compiled}}, "Keras's own objects only")
        inner = _entry("keras_extras.layers", gate, {"width": 1}, f"extras>{gate}")
        member = _entry("keras", "Sequential", {"layers": [inner]})
        yield Case(
            {"config": _entry("shop", "Committee", {"members": [member, member]}, "shop>Vote")},
            "a model of one's own that holds models",
        )

    def expected(self, config: dict[str, Any]) -> Any:
        return _names(config)


def _entry(
    module: str | None, class_name: str, config: dict[str, Any], registered: str | None = None
) -> dict[str, Any]:
    """Describe an object as the file does."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
    }


def _function(name: str) -> dict[str, Any]:
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


_FUNCTIONS_OF_KERAS = (
    "relu",
    "mean_squared_error",
    "top_k_categorical_accuracy",
    "binary_accuracy",
)


def _names(
    config: dict[str, Any],
    *,
    key: str = "registered_name",
    is_own: Callable[[str], bool] = lambda module: module.split(".")[0] != "keras",
    functions: Callable[[str], bool] = lambda name: name not in _FUNCTIONS_OF_KERAS,
) -> list[str]:
    """Return the names in a configuration; ``json`` shows each dictionary to ``look``."""
    names = set()

    def look(entry: dict[str, Any]) -> dict[str, Any]:
        if entry.get("class_name") == "function":
            if functions(entry["config"]):
                names.add(entry["config"])
        elif "registered_name" in entry and is_own(entry["module"] or ""):
            names.add(entry[key])
        return entry

    json.loads(json.dumps(config), object_hook=look)
    return sorted(names)


@register
class ScaledDense(Exercise):
    """A layer that loads where nobody has used it before."""

    name = "ScaledDense"
    title = "A layer that loads in a fresh process"
    points = 3
    see = "A configuration that makes an equal object"
    hints = (
        "Above the class: `@keras.saving.register_keras_serializable(package=...)`. In `__init__`: "
        "`super().__init__(**kwargs)` first, then keep the three arguments. "
        "`keras.activations.get` takes a name, a function or None.",
        'In `build`: `self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], '
        "self.units))`. A weight that is made elsewhere is not in the file.",
        '`get_config` returns `{**super().get_config(), "units": self.units, ...}` with all three; '
        "the activation as `keras.activations.serialize(self.activation)`.",
    )
    why = (
        "Registering is part of defining: whoever imports the module can load the file. "
        "`super().get_config()` brings the name and the dtype; every argument of `__init__` is "
        "added. `add_weight` in `build` makes the place into which the values of the file go."
    )
    rtol = 1e-4
    near_misses = (
        NearMiss(
            code="""
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return self.activation(self.scale * (inputs @ self.kernel))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        more = {"units": self.units, "scale": self.scale, "activation": activation}
        return {**super().get_config(), **more}
""",
            because="The class is not registered.",
            says="is not registered",
        ),
        NearMiss(
            code="""
@keras.saving.register_keras_serializable(package="course")
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return self.activation(self.scale * (inputs @ self.kernel))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}
""",
            because="`get_config` left out `scale`.",
            says="computes with scale 1",
        ),
        NearMiss(
            code="""
@keras.saving.register_keras_serializable(package="course")
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = np.ones((input_shape[-1], self.units), "float32")

    def call(self, inputs):
        return self.activation(self.scale * keras.ops.matmul(inputs, self.kernel))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        more = {"units": self.units, "scale": self.scale, "activation": activation}
        return {**super().get_config(), **more}
""",
            because="Keras does not know of the kernel.",
            says="`add_weight`",
        ),
        NearMiss(
            code="""
@keras.saving.register_keras_serializable(package="course")
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__()
        self.units, self.scale = units, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return self.activation(self.scale * (inputs @ self.kernel))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        more = {"units": self.units, "scale": self.scale, "activation": activation}
        return {**super().get_config(), **more}
""",
            because="The name was lost.",
            says="name",
        ),
        NearMiss(
            code="""
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        keras.saving.register_keras_serializable("course")(type(self))
        self.units, self.scale = units, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return self.activation(self.scale * (inputs @ self.kernel))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        more = {"units": self.units, "scale": self.scale, "activation": activation}
        return {**super().get_config(), **more}
""",
            because="In a process that has made no such layer yet, the class is not registered.",
            says="fresh process",
        ),
    )
    alternatives = (
        """
class ScaledDense(keras.layers.Layer):
    def __init__(self, units, scale=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.arguments = {"units": units, "scale": scale, "activation": activation}

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    @property
    def units(self):
        return self.arguments["units"]

    def call(self, inputs):
        activation = keras.activations.get(self.arguments["activation"])
        return activation(self.arguments["scale"] * (inputs @ self.kernel))

    def get_config(self):
        return {**super().get_config(), **self.arguments}

keras.saving.register_keras_serializable("course", name="ScaledDense")(ScaledDense)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Save the layer in a model; forget the class, define it anew, and load the model."""
        import ast
        import linecache
        import tempfile
        import types
        from pathlib import Path

        import keras

        x, kernel, units = inputs["x"], inputs["kernel"], inputs["kernel"].shape[1]
        layer = submission(units, **inputs["options"], name=inputs["name"])
        if not isinstance(layer, keras.layers.Layer):
            return {"type": type(layer).__name__}
        model = keras.Sequential([keras.Input((len(kernel),)), layer])
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if shapes != [kernel.shape]:
            return {"shapes": [list(shape) for shape in shapes]}
        layer.set_weights([kernel])
        seen: dict[str, Any] = {
            "registered": keras.saving.get_registered_name(type(layer)),
            "name": layer.name,
            "before": keras.ops.convert_to_numpy(model(x)),
        }
        methods = (m for m in vars(type(layer)).values() if isinstance(m, types.FunctionType))
        method = next(methods, None)
        lines = linecache.getlines(method.__code__.co_filename) if method else []
        if method is None or not lines:
            return {"source": "not found"}
        # What a fresh process would run: definitions and registrations, no checks, no attempts.
        cell = ast.parse("".join(lines))
        defines = (ast.ClassDef, ast.FunctionDef, ast.Import, ast.ImportFrom)
        cell.body = [
            part
            for part in cell.body
            if isinstance(part, defines) or "register_keras_serializable" in ast.dump(part)
        ]
        registry = keras.saving.get_custom_objects()
        before = dict(registry)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            registry.clear()
            try:
                exec(compile(cell, "<fresh process>", "exec"), dict(method.__globals__))
                loaded = keras.models.load_model(path)
                seen["after"] = keras.ops.convert_to_numpy(loaded(x))
            except Exception as error:
                reason = str(error).split("Exception encountered: ")[-1].strip()
                seen["problem"] = reason.splitlines()[0][:200] if reason else type(error).__name__
            finally:
                registry.clear()
                registry.update(before)
        return seen

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def arrays() -> dict[str, Any]:
            features, units = rng.choice([2, 3, 4, 5], size=2, replace=False)
            return {
                "x": rng.normal(size=(3, features)).astype(np.float32),
                "kernel": rng.normal(size=(features, units)).astype(np.float32),
            }

        scale = round(float(rng.uniform(1.5, 3)), 2)
        name = f"scaled_{rng.integers(100)}"
        options = {"scale": scale, "activation": str(rng.choice(["relu", "tanh"]))}
        yield Case({**arrays(), "options": options, "name": name})
        yield Case({**arrays(), "options": {}, "name": name}, "the defaults")

    def expected(self, x: Any, kernel: Any, options: dict[str, Any], name: str) -> Any:
        return _scaled(x, kernel, **options)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the layer is right, and is so after loading."""
        seen, want = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The result is of type {seen['type']}, not a layer.")
        if "shapes" in seen:
            raise Wrong(
                f"The layer has weights of the shapes {seen['shapes']}, expected one, of shape "
                f"{case.inputs['kernel'].shape}. Make it by `add_weight` in `build`."
            )
        if "source" in seen:
            raise Wrong("The source of your class could not be read. Define it in a cell.")
        if seen["registered"] != "course>ScaledDense":
            raise Wrong(
                "The class is not registered under the package course: its name for files is "
                f"{seen['registered']!r}, expected 'course>ScaledDense'."
            )
        if reason := self.differs(seen["before"], want):
            raise Wrong(reason, expected=want)
        if seen["name"] != case.inputs["name"]:
            raise Wrong(
                f"The layer was made with the name {case.inputs['name']!r} and is called "
                f"{seen['name']!r}: `**kwargs` must reach `super().__init__`."
            )
        if "problem" in seen:
            raise Wrong(
                "It was saved, but a fresh process that runs your cell cannot load it: "
                f"{seen['problem']}"
            )
        if self.differs(seen["after"], want):
            raise Wrong(self._lost(case, seen["after"]), expected=want)

    def _lost(self, case: Case, got: Any) -> str:
        x, kernel = case.inputs["x"], case.inputs["kernel"]
        options = case.inputs["options"]
        for missing, words in (("scale", "with scale 1"), ("activation", "without the activation")):
            less = {key: value for key, value in options.items() if key != missing}
            if self.differs(got, _scaled(x, kernel, **less)) is None:
                return f"The loaded layer computes {words}: `get_config` must return `{missing}`."
        return "The loaded layer gives another result than the saved one."


def _scaled(x: Any, kernel: Any, scale: float = 1.0, activation: str | None = None) -> Any:
    rows = [[sum(a * b for a, b in zip(row, column)) for column in kernel.T] for row in x]  # noqa: B905
    return _ACTIVATIONS[activation](scale * np.asarray(rows, np.float32))


@register
class SkipConnection(Exercise):
    """A layer around any other layer."""

    name = "SkipConnection"
    title = "A layer around another layer"
    points = 3
    see = "Layers that hold layers"
    hints = (
        "`get_config` has to return plain data. `keras.saving.serialize_keras_object(self.layer)` "
        "makes a dictionary of any layer, with its class and its configuration.",
        "`from_config` is a class method: it gets that dictionary back and has to make the inner "
        "layer before it calls `cls`. The other direction is "
        "`keras.saving.deserialize_keras_object`.",
        '`layer = keras.saving.deserialize_keras_object(config["layer"])`, then '
        '`return cls(**{**config, "layer": layer})`. In `build`, build the inner layer with the '
        "same shape unless it is `built` already.",
    )
    why = (
        "`serialize_keras_object` keeps the class beside the configuration, so whatever the inner "
        "layer is, the same kind comes back. `from_config` is where an object is made of "
        "plain data again; the default one passes the dictionary on as it is."
    )
    rtol = 1e-4
    near_misses = (
        NearMiss(
            code="""
class SkipConnection(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs):
        return inputs + self.layer(inputs)

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
""",
            because="The constructor got a dictionary in place of a layer.",
            says="object has no attribute",
        ),
        NearMiss(
            code="""
class SkipConnection(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs):
        return inputs + self.layer(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.layer.units}

    @classmethod
    def from_config(cls, config):
        units = config.pop("units")
        return cls(keras.layers.Dense(units), **config)
""",
            because="The inner layer came back without its activation.",
            says="without its activation",
        ),
        NearMiss(
            code="""
class SkipConnection(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs):
        return inputs + self.layer(inputs)

    def get_config(self):
        return {**super().get_config(), "layer": self.layer.get_config()}

    @classmethod
    def from_config(cls, config):
        layer = keras.layers.Dense.from_config(config.pop("layer"))
        return cls(layer, **config)
""",
            because="The configuration alone does not say of which class the inner layer was.",
            says="cannot be loaded",
        ),
        NearMiss(
            code="""
class SkipConnection(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs):
        return inputs + self.layer(inputs)

    def get_config(self):
        return {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["layer"]))
""",
            because="The name of the outer layer was lost.",
            says="`super().get_config()`",
        ),
    )
    alternatives = (
        """
class SkipConnection(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if isinstance(layer, dict):
            layer = keras.layers.deserialize(layer)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs):
        return keras.ops.add(self.layer(inputs), inputs)

    def get_config(self):
        return super().get_config() | {"layer": keras.layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the layer as JSON, make it again as loading does, and call both."""
        import json
        import re

        import keras

        x, width = inputs["x"], inputs["x"].shape[1]
        parts = [keras.layers.Dense(width, activation=name) for name in inputs["activations"]]
        inner = parts[0] if len(parts) == 1 else keras.Sequential(parts)
        if inputs["built"]:
            inner.build((None, width))
        layer = submission(inner, name="skip")
        if not isinstance(layer, keras.layers.Layer):
            return {"type": type(layer).__name__}
        layer(x)
        if len(layer.get_weights()) != len(inputs["weights"]):
            return {"weights": len(layer.get_weights())}
        layer.set_weights(inputs["weights"])
        seen = {"before": keras.ops.convert_to_numpy(layer(x)), "step": "saved"}
        known = {keras.saving.get_registered_name(type(layer)): type(layer)}
        try:
            text = json.dumps(keras.saving.serialize_keras_object(layer))
            seen["step"] = "loaded"
            again = keras.saving.deserialize_keras_object(json.loads(text), custom_objects=known)
            again(x)
            again.set_weights(inputs["weights"])
            seen["after"] = keras.ops.convert_to_numpy(again(x))
            seen["name"] = again.name
        except Exception as error:
            if isinstance(error, NotImplementedError) and "your answer" in str(error):
                raise
            reason = " ".join(str(error).split("Exception encountered: ")[-1].split())
            seen["problem"] = re.sub(r"\x1b\[\d+m", "", reason)[:200] or type(error).__name__
        return seen

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for count, built in ((1, False), (2, True)):
            width = int(rng.integers(2, 5))
            shapes = [(width, width), (width,)] * count
            yield Case(
                {
                    "x": rng.normal(size=(3, width)).astype(np.float32),
                    "activations": [
                        str(name) for name in rng.permutation(["tanh", "relu"])[:count]
                    ],
                    "weights": [rng.normal(size=shape).astype(np.float32) for shape in shapes],
                    "built": built,
                },
                "a model as the inner layer, built already" if built else "",
            )

    def expected(self, x: Any, activations: Any, weights: Any, built: bool) -> Any:
        y = x
        for index, name in enumerate(activations):
            y = _ACTIVATIONS[name](y @ weights[2 * index] + weights[2 * index + 1])
        return x + y

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the layer is right, and is so after loading."""
        seen, want = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The result is of type {seen['type']}, not a layer.")
        if "weights" in seen:
            raise Wrong(
                f"The layer has {seen['weights']} weights, expected those of the inner layer, "
                f"{len(case.inputs['weights'])}."
            )
        if reason := self.differs(seen["before"], want):
            raise Wrong(reason, expected=want)
        if "problem" in seen:
            raise Wrong(f"A model with this layer cannot be {seen['step']}: {seen['problem']}")
        if self.differs(seen["after"], want):
            bare = self.expected(**{**case.inputs, "activations": [None]})
            if self.differs(seen["after"], bare) is None:
                raise Wrong(
                    "The inner layer came back without its activation: keep its whole "
                    "configuration, not one number of it.",
                    expected=want,
                )
            raise Wrong("The loaded layer gives another result than the saved one.", expected=want)
        if seen["name"] != "skip":
            raise Wrong(
                "The loaded layer has lost its name: `get_config` has to add to what "
                "`super().get_config()` returns, and all of it has to reach the constructor."
            )


@register
class WeightedMean(Exercise):
    """A model whose arguments are models."""

    name = "WeightedMean"
    title = "A committee of models"
    points = 3
    see = "Models that hold arguments"
    hints = (
        "`get_config` returns all arguments: the members as "
        "`keras.saving.serialize_keras_object` writes them, and the shares as they are.",
        "`from_config` makes the members first, by `keras.saving.deserialize_keras_object`, which "
        "takes a list as well, and calls `cls` with all arguments.",
        '`members = keras.saving.deserialize_keras_object(config["members"])`, '
        'then `return cls(**{**config, "members": members})`.',
    )
    why = (
        "Members are objects, so Keras cannot keep them by itself and would complain. Shares are "
        "plain, and that is the danger: a `get_config` that forgets them brings equal shares back, "
        "and nothing complains."
    )
    rtol = 1e-4
    near_misses = (
        NearMiss(
            code="""
class WeightedMean(keras.Model):
    def __init__(self, members, shares=None, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs):
        shares = self.shares or [1.0] * len(self.members)
        return sum(s * m(inputs) for s, m in zip(shares, self.members)) / sum(shares)

    def get_config(self):
        members = [keras.saving.serialize_keras_object(m) for m in self.members]
        return {**super().get_config(), "members": members}

    @classmethod
    def from_config(cls, config):
        members = [keras.saving.deserialize_keras_object(m) for m in config.pop("members")]
        return cls(members, **config)
""",
            because="`get_config` left out the shares.",
            says="equal shares",
        ),
        NearMiss(
            code="""
class WeightedMean(keras.Model):
    def __init__(self, members, shares=None, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs):
        shares = self.shares or [1.0] * len(self.members)
        return sum(s * m(inputs) for s, m in zip(shares, self.members)) / sum(shares)

    def get_config(self):
        return super().get_config()

    @classmethod
    def from_config(cls, config):
        return super().from_config(config)
""",
            because="The configuration holds no member.",
            says="cannot be loaded",
        ),
        NearMiss(
            code="""
class WeightedMean(keras.Model):
    def __init__(self, members, shares=None, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs):
        shares = self.shares or [1.0] * len(self.members)
        return sum(s * m(inputs) for s, m in zip(shares, self.members)) / sum(shares)

    def get_config(self):
        members = [m.get_config() for m in self.members]
        return {**super().get_config(), "members": members, "shares": self.shares}

    @classmethod
    def from_config(cls, config):
        members = [keras.layers.Rescaling.from_config(m) for m in config.pop("members")]
        return cls(members, **config)
""",
            because="A member need not be a Rescaling layer.",
            says="cannot be loaded",
        ),
        NearMiss(
            code="""
class WeightedMean(keras.Model):
    def __init__(self, members, shares=None, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs):
        shares = self.shares or [1.0] * len(self.members)
        return sum(s * m(inputs) for s, m in zip(shares, self.members)) / len(self.members)

    def get_config(self):
        members = [keras.saving.serialize_keras_object(m) for m in self.members]
        return {**super().get_config(), "members": members, "shares": self.shares}

    @classmethod
    def from_config(cls, config):
        members = [keras.saving.deserialize_keras_object(m) for m in config.pop("members")]
        return cls(members, **config)
""",
            because="Divide by the sum of the shares, not by the number of members.",
            says="Divide by the sum of the shares",
        ),
    )
    alternatives = (
        """
class WeightedMean(keras.Model):
    def __init__(self, members, shares=None, **kwargs):
        super().__init__(**kwargs)
        self.members = members
        self.shares = shares

    def call(self, inputs):
        results = keras.ops.stack([member(inputs) for member in self.members], axis=-1)
        shares = np.float32(self.shares or np.ones(len(self.members)))
        return keras.ops.matmul(results, (shares / shares.sum())[:, None])[..., 0]

    def get_config(self):
        config = super().get_config()
        config.update(keras.saving.serialize_keras_object(
            {"members": list(self.members), "shares": self.shares}
        ))
        return config

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("members")), **config)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the model as JSON, make it again as loading does, and call both."""
        import json
        import re

        import keras

        x = inputs["x"]
        members = [
            keras.layers.Rescaling(inputs["scale"], inputs["offset"]),
            keras.layers.LeakyReLU(inputs["slope"]),
        ]
        model = submission(members, **inputs["options"])
        if not isinstance(model, keras.Model):
            return {"type": type(model).__name__}
        seen = {"before": keras.ops.convert_to_numpy(model(x)), "step": "saved"}
        known = {keras.saving.get_registered_name(type(model)): type(model)}
        try:
            described = keras.saving.serialize_keras_object(model)
            described.pop("build_config", None)  # there are no weights to build
            text = json.dumps(described)
            seen["step"] = "loaded"
            again = keras.saving.deserialize_keras_object(json.loads(text), custom_objects=known)
            seen["after"] = keras.ops.convert_to_numpy(again(x))
        except Exception as error:
            if isinstance(error, NotImplementedError) and "your answer" in str(error):
                raise
            reason = " ".join(str(error).split("Exception encountered: ")[-1].split())
            seen["problem"] = re.sub(r"\x1b\[\d+m", "", reason)[:200] or type(error).__name__
        return seen

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        shares = [round(float(share), 2) for share in rng.uniform(0.5, 4, size=2)]
        shares[1] += 3
        for note, options in (("", {"shares": shares}), ("no shares given", {})):
            x = rng.normal(size=(3, int(rng.integers(2, 5)))).astype(np.float32)
            scale, offset, slope = (round(float(value), 2) for value in rng.uniform(0.5, 3, 3))
            inputs = {"x": x, "scale": scale, "offset": offset, "slope": slope / 10}
            yield Case({**inputs, "options": options}, note)

    def expected(self, x: Any, scale: float, offset: float, slope: float, options: Any) -> Any:
        shares = options.get("shares", [1.0, 1.0])
        results = [scale * x + offset, np.where(x > 0, x, slope * x)]
        return np.average(results, axis=0, weights=shares)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the model is right, and is so after loading."""
        seen, want = observation.value, self.expected(**case.inputs)
        if "type" in seen:
            raise Wrong(f"The result is of type {seen['type']}, not a model.")
        shares = case.inputs["options"].get("shares", [1.0, 1.0])
        if reason := self.differs(seen["before"], want):
            if self.differs(seen["before"], want * sum(shares) / len(shares)) is None:
                reason = "Divide by the sum of the shares, not by the number of members."
            raise Wrong(reason, expected=want)
        if "problem" in seen:
            raise Wrong(f"The model cannot be {seen['step']}: {seen['problem']}")
        if self.differs(seen["after"], want):
            equal = self.expected(**{**case.inputs, "options": {}})
            reason = "The loaded model gives another result than the saved one."
            if self.differs(seen["after"], equal) is None:
                reason = (
                    "The loaded model computes with equal shares: `get_config` left out `shares`."
                )
            raise Wrong(reason, expected=want)


@register
class LoadWithoutCode(Exercise):
    """A loader that refuses code and says where it is."""

    name = "load_without_code"
    title = "Refuse code, in one clear line"
    points = 3
    see = "A file can hold code"
    hints = (
        'Python code stands in config.json as a dictionary with the "class_name" "__lambda__", at '
        "any depth. Read the file with `zipfile` and `json`; nothing has to be loaded.",
        'Walk through the configuration and carry the last "name" on the way down: the '
        "configuration of a layer holds its name, and the code stands somewhere below.",
        'Collect the names first. If there are any, `raise ValueError(f"{Path(path).name} holds '
        "code: {', '.join(names)}\")`; otherwise return `keras.models.load_model(path)`.",
    )
    why = (
        "Keras would refuse too, at the first lambda and without its place. Reading the "
        "configuration finds all of them, also in layers that are no Lambda layers, and leaves "
        "alone Lambda layers that hold the name of a function and no code."
    )
    near_misses = (
        NearMiss(
            code="""
def load_without_code(path):
    return keras.models.load_model(path)
""",
            because="Keras refuses the file, but does not say where the code is.",
            says="does not name",
        ),
        NearMiss(
            code="""
def load_without_code(path):
    return keras.models.load_model(path, safe_mode=False)
""",
            because="The code was loaded.",
            says="The file was loaded",
        ),
        NearMiss(
            code="""
def load_without_code(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    names = [
        layer["config"]["name"]
        for layer in config["config"]["layers"]
        if "__lambda__" in json.dumps(layer)
    ]
    if names:
        raise ValueError(f"{Path(path).name} holds code in {names}.")
    return keras.models.load_model(path)
""",
            because="The layer that holds the code is inside the model that was named.",
            says="does not name",
        ),
        NearMiss(
            code="""
def load_without_code(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    names, entries = [], [config]
    for entry in entries:
        if isinstance(entry, list):
            entries += entry
        elif isinstance(entry, dict):
            entries += entry.values()
            if entry.get("class_name") == "Lambda":
                names.append(entry["config"]["name"])
    if names:
        raise ValueError(f"{Path(path).name} holds code in {names}.")
    return keras.models.load_model(path)
""",
            because="Lambda layers and code are not the same.",
            says="does not name",
        ),
        NearMiss(
            code="""
def load_without_code(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    names = []
    def walk(entry, name=""):
        if isinstance(entry, dict):
            if entry.get("class_name") in ("__lambda__", "Lambda"):
                names.append(entry["config"].get("name", name))
            for item in entry.values():
                walk(item, entry.get("name", name))
        elif isinstance(entry, list):
            for item in entry:
                walk(item, name)
    walk(config)
    if names:
        raise ValueError(f"{Path(path).name} holds code in {names}.")
    return keras.models.load_model(path)
""",
            because="A Lambda layer of a function that Keras has holds no code.",
            says="holds no code",
        ),
    )
    alternatives = (
        """
def load_without_code(path):
    text = zipfile.ZipFile(path).read("config.json").decode()
    found = []
    def look(entry):
        if entry.get("class_name") == "__lambda__":
            return "CODE"
        if "name" in entry:
            if any(value == "CODE" for value in entry.values()):
                found.append(entry["name"])
        return entry
    json.loads(text, object_hook=look)
    if found:
        raise ValueError(Path(path).name + ": code in " + " and ".join(found))
    return keras.saving.load_model(path, safe_mode=True)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write a file that describes such layers, by hand, and have it loaded."""
        import codecs
        import importlib
        import io
        import json
        import marshal
        import tempfile
        import zipfile
        from pathlib import Path

        import keras

        dump = codecs.encode(marshal.dumps((lambda values: values).__code__), "base64").decode()
        inside = {"code": dump, "defaults": None, "closure": None}
        code = {"class_name": "__lambda__", "config": inside}
        tanh = {"module": "builtins", "class_name": "function", "config": "tanh"}

        def entry(kind: str, name: str, parts: Any) -> dict[str, Any]:
            config: dict[str, Any] = {"name": name}
            if kind == "model":
                config["layers"] = [entry(*part) for part in parts]
                return {"module": "keras", "class_name": "Sequential", "config": config}
            if kind in ("function", "code"):
                config |= {"function": code if kind == "code" else tanh, "arguments": {}}
                return {"module": "keras.layers", "class_name": "Lambda", "config": config}
            config["activation"] = code if kind == "hidden code" else "tanh"
            return {"module": "keras.layers", "class_name": "Activation", "config": config}

        x = inputs["x"]
        model = entry("model", "net", inputs["layers"])
        entrance = {"batch_shape": [None, x.shape[1]], "dtype": "float32"}
        model["config"]["layers"].insert(
            0, {"module": "keras.layers", "class_name": "InputLayer", "config": entrance}
        )
        weights = io.BytesIO()  # the layers have none
        with importlib.import_module("h5py").File(weights, "w") as file:
            file.create_group("layers")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, inputs["file"])
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("metadata.json", "{}")
                archive.writestr("config.json", json.dumps(model))
                archive.writestr("model.weights.h5", weights.getvalue())
            try:
                loaded = submission(str(path))
            except NotImplementedError:
                raise
            except Exception as error:
                return {"error": type(error).__name__, "text": str(error)}
            if not isinstance(loaded, keras.Model):
                return {"type": type(loaded).__name__}
            return {"outputs": keras.ops.convert_to_numpy(loaded(x))}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def named(kind: str, parts: Any = None) -> list[Any]:
            words = ["step", "gate", "square", "mix", "part", "lambda"]
            return [kind, f"{rng.choice(words)}_{rng.integers(10**5, 10**6)}", parts]

        def arrange(layers: list[Any]) -> dict[str, Any]:
            x = rng.normal(size=(2, int(rng.integers(2, 5)))).astype(np.float32)
            order = [layers[index] for index in rng.permutation(len(layers))]
            return {"layers": order, "x": x, "file": f"net{rng.integers(1000)}.keras"}

        parts = [named("activation"), named("code")]
        layers = [named("activation"), named("code"), named("model", parts)]
        yield Case(arrange(layers), "Python code in two layers, one of them in an inner model")
        layers = [named("hidden code"), named("activation"), named("code")]
        yield Case(arrange(layers), "Python code also where no Lambda layer is")
        layers = [named("activation"), named("function"), named("model", [named("activation")])]
        yield Case(arrange(layers), "no code: a Lambda layer of a function that Keras has")

    def expected(self, layers: list[Any], x: Any, file: str) -> Any:
        for kind, _, _ in layers:
            x = np.tanh(x) if kind != "code" else x
        return x

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless code is refused by name and all else is loaded."""
        seen, layers = observation.value, case.inputs["layers"]
        flat = [one for layer in layers for one in (layer, *(layer[2] or ()))]
        guilty = sorted(name for kind, name, _ in flat if "code" in kind)
        if "type" in seen:
            raise Wrong(f"The result is of type {seen['type']}, not a model.")
        if not guilty:
            if "error" in seen:
                raise Wrong(
                    "This file holds no code, but was refused with "
                    f"{seen['error']}: {seen['text'][:200]}"
                )
            want = self.expected(**case.inputs)
            if reason := self.differs(seen["outputs"], want):
                raise Wrong(reason, expected=want)
            return
        if "error" not in seen:
            raise Wrong("The file was loaded. It holds code and must be refused with ValueError.")
        text = seen["text"]
        for name in guilty:
            if name not in text.splitlines()[0]:
                raise Wrong(
                    f"The file was refused with {seen['error']}, but the message does not name "
                    f"the layer {name!r}: {text[:200]}"
                )
        if seen["error"] != "ValueError":
            raise Wrong(f"The file was refused with {seen['error']} in place of ValueError.")
        for kind, name, _ in flat:
            if "code" not in kind and name in text:
                raise Wrong(f"The message names {name!r}, which itself holds no code: {text[:200]}")
        if case.inputs["file"] not in text or len(text.splitlines()) != 1:
            raise Wrong(f"The message must be one line, with the file's name: {text[:200]}")


@register
class IsUntampered(Exercise):
    """Compare a file with the digest beside it."""

    name = "is_untampered"
    title = "Is it still the same file?"
    points = 2
    see = "A changed file, and how to notice"
    hints = (
        "`hashlib.sha256(data).hexdigest()` is the digest of bytes; "
        "`Path(path).read_bytes()` reads all of the file.",
        "The text beside it is the digest, two spaces and a file name: `text.split()[0]` is the "
        "digest, if the text is not empty.",
        "No digest to compare with is no proof: return False when the file beside it is missing "
        "or holds no words.",
    )
    why = (
        "A digest depends on every byte, so one comparison covers the configuration, the weights "
        "and the rest. It has to be the whole digest, and its absence must count as a failure, or "
        "deleting one small file would be all that is needed to get past the check."
    )
    near_misses = (
        NearMiss(
            code="""
def is_untampered(path):
    beside = Path(path + ".sha256")
    if not beside.exists():
        return True
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return beside.read_text().split()[:1] == [digest]
""",
            because="Without a digest nothing is known of the file: return False.",
            like=lambda content, beside, file: beside is None or _fits(content, beside),
        ),
        NearMiss(
            code="""
def is_untampered(path):
    beside = Path(path + ".sha256")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return beside.exists() and (beside.read_text() + " ").split(" ")[0].strip() in digest
""",
            because=(
                "A part of the digest, even an empty text, was taken for the whole. Compare with "
                "`==`."
            ),
            like=lambda content, beside, file: (
                beside is not None and (beside + " ").split(" ")[0].strip() in _digest(content)
            ),
        ),
        NearMiss(
            code="""
def is_untampered(path):
    beside = Path(path + ".sha256")
    if not beside.exists():
        return False
    recorded = beside.read_text().split()
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read(4096)).hexdigest()
    return recorded[:1] == [digest]
""",
            because="The digest must be that of the whole file, not of its beginning.",
            like=lambda content, beside, file: (
                beside is not None and beside.split()[:1] == [_digest(content[:4096])]
            ),
        ),
        NearMiss(
            code="""
def is_untampered(path):
    beside = Path(path + ".sha256")
    return beside.exists() and Path(path).name in beside.read_text()
""",
            because="The name says nothing of the content. Compare the digests.",
            like=lambda content, beside, file: beside is not None and file in beside,
        ),
        NearMiss(
            code="""
def is_untampered(path):
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return Path(path + ".sha256").exists() and Path(path + ".sha256").read_text() == digest
""",
            because=(
                "The text beside the file is not the digest alone: two spaces and the file's name "
                "follow."
            ),
            like=lambda content, beside, file: beside is not None and beside == _digest(content),
        ),
    )
    alternatives = (
        """
def is_untampered(path):
    try:
        with open(path + ".sha256") as file:
            recorded = file.read().split()[0]
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == recorded
    except (OSError, IndexError):
        return False
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the file and what stands beside it."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, inputs["file"])
            path.write_bytes(inputs["content"].tobytes())
            if inputs["beside"] is not None:
                Path(f"{path}.sha256").write_text(inputs["beside"], encoding="utf-8")
            return submission(str(path))

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        file = f"model{rng.integers(1000)}.keras"

        def content(size: int) -> np.ndarray:
            return rng.integers(0, 256, size=size, dtype=np.uint8)

        def case(content: np.ndarray, beside: str | None, note: str) -> Case:
            return Case({"content": content, "beside": beside, "file": file}, note)

        long = content(int(rng.integers(5000, 9000)))
        changed = long.copy()
        changed[-1] ^= 4
        line = f"{_digest(long)}  {file}\n"
        short = content(int(rng.integers(100, 200)))
        yield case(short, f"{_digest(short)}  {file}\n", "nothing was changed")
        yield case(changed, line, "the last byte was changed")
        yield case(long, line, "a larger file, not changed")
        yield case(long, None, "no digest")
        yield case(long, "", "an empty file in place of a digest")
        yield case(long, f"{_digest(long)[:8]}  {file}\n", "the first eight digits only")
        yield case(content(0), f"{_digest(b'')}  {file}\n", "an empty file and its digest")

    def expected(self, content: np.ndarray, beside: str | None, file: str) -> Any:
        return _fits(content, beside)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the answer is a boolean, and the right one."""
        want = bool(self.expected(**case.inputs))
        if type(observation.value) is not bool:
            raise Wrong("The result is not True or False.", expected=want)
        super().judge(case, observation)


def _digest(content: Any) -> str:
    return hashlib.sha256(bytes(content)).hexdigest()


def _fits(content: np.ndarray, beside: str | None) -> bool:
    return beside is not None and beside.partition(" ")[0] == _digest(content)
