"""Exercises of the lesson on whole models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


def _seen(observation: Observation, *keys: str) -> dict[str, Plain]:
    """Return what was observed if it has all ``keys``; else say what came back instead."""
    seen = observation.value
    if isinstance(seen, dict) and all(key in seen for key in keys):
        return seen
    raise Wrong("What came back is not what the exercise asks for.")


@register
class ResumeAtLowerRate(Exercise):
    """Another learning rate, and nothing lost."""

    name = "resume_at_lower_rate"
    title = "Train on at a lower rate"
    points = 1
    see = "Save, load, train on"
    hints = (
        "`keras.models.load_model(path)` gives back the model together with its optimizer. Which "
        "attribute of `model.optimizer` is the learning rate?",
        "Do not call `compile`: it makes a new optimizer, and the old one's state is lost.",
        "`float(model.optimizer.learning_rate)` reads the rate, and assigning a float to the "
        "attribute sets it. Then return the model.",
    )
    why = (
        "The learning rate is one of the optimizer's variables, and it was saved with the others. "
        "Assigning to it leaves the momentum and the number of steps alone."
    )
    near_misses = (
        NearMiss(
            code="""
def resume_at_lower_rate(path, factor):
    model = keras.models.load_model(path)
    rate = float(model.optimizer.learning_rate) * factor
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), model.loss)
    return model
""",
            because="A new optimizer begins without momentum and counts its steps from 0.",
            says="compile",
        ),
        NearMiss(
            code="""
def resume_at_lower_rate(path, factor):
    model = keras.models.load_model(path)
    model.optimizer.lr = float(model.optimizer.learning_rate) * factor
    return model
""",
            because="`lr` is not the learning rate any more.",
            says="`learning_rate`",
        ),
    )
    alternatives = (
        """
def resume_at_lower_rate(path, factor):
    model = keras.saving.load_model(path)
    rate = model.optimizer.learning_rate
    rate.assign(keras.ops.convert_to_numpy(rate) * factor)
    return model
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Save a model whose optimizer has a past, hand the file over, look at what is left."""
        import tempfile
        from pathlib import Path

        import keras

        kernel, momentum = inputs["kernel"], inputs["momentum"]
        dense = keras.layers.Dense(kernel.shape[1], use_bias=False, name="dense")
        model = keras.Sequential([keras.Input((kernel.shape[0],)), dense])
        model.compile(keras.optimizers.SGD(inputs["rate"], momentum=0.9), "mse")
        model.set_weights([kernel])
        model.optimizer.build(model.trainable_variables)
        model.optimizer.iterations.assign(inputs["steps"])
        model.optimizer.variables[-1].assign(momentum)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            resumed = submission(str(path), inputs["factor"])
        if not isinstance(resumed, keras.Model):
            return {"type": type(resumed).__name__}
        if not resumed.compiled:
            return {"type": "model that is not compiled"}
        state = [keras.ops.convert_to_numpy(one) for one in resumed.optimizer.variables]
        return {
            "weights": resumed.get_weights(),
            "rate": float(keras.ops.convert_to_numpy(resumed.optimizer.learning_rate)),
            "steps": int(state[0]),
            "momentum": state[2:],
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        shape = tuple(int(n) for n in rng.integers(1, 4, size=2))
        yield Case(
            {
                "kernel": rng.normal(size=shape).astype(np.float32),
                "momentum": rng.normal(size=shape).astype(np.float32),
                "steps": int(rng.integers(5, 500)),
                "rate": round(float(rng.uniform(0.01, 0.5)), 3),
                "factor": round(float(rng.uniform(0.1, 0.8)), 2),
            }
        )

    def expected(self, **inputs: Any) -> Any:
        return {
            "weights": [inputs["kernel"]],
            "rate": inputs["rate"] * inputs["factor"],
            "steps": inputs["steps"],
            "momentum": [inputs["momentum"]],
        }

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the rate alone has changed."""
        want = self.expected(**case.inputs)
        if isinstance(observation.value, dict) and "type" in observation.value:
            raise Wrong(
                f"The result is a {observation.value['type']}; return the model with its optimizer.",
            )
        seen = _seen(observation, *want)
        if self.differs(seen["weights"], want["weights"]):
            raise Wrong("The weights are not those of the file.", expected=want)
        if self.differs(seen["steps"], want["steps"]) or self.differs(
            seen["momentum"], want["momentum"]
        ):
            raise Wrong(
                "The optimizer forgot its momentum or its number of steps. `compile` makes a new "
                "optimizer: change the learning rate of the one that was loaded.",
                expected=want,
            )
        if self.differs(seen["rate"], case.inputs["factor"]) is None:
            raise Wrong(
                "The learning rate is now the factor itself: multiply the rate that the model has.",
                expected=want,
            )
        if self.differs(seen["rate"], case.inputs["rate"]) is None:
            raise Wrong(
                "The learning rate is still the old one. The attribute is `learning_rate`; Python "
                "lets you assign to any other name, and nothing happens.",
                expected=want,
            )
        if self.differs(seen["rate"], want["rate"]):
            raise Wrong("The learning rate is not the old one times the factor.", expected=want)


@register
class ArchitectureOf(Exercise):
    """What is in a file whose model cannot be built here."""

    name = "architecture_of"
    title = "List the layers of a file"
    points = 2
    see = "Open the file"
    hints = (
        "Open the file with `zipfile.ZipFile(path)`, `read` its member `config.json`, and turn the "
        'bytes into a dict with `json.loads`. The layers are in `["config"]["layers"]`.',
        'For each layer, `layer["class_name"]` is the class and `layer["config"]["name"]` the '
        "name. How does the config of a layer look that is itself a model?",
        'A model within the model has `"layers"` in its config. Write an inner function of a '
        "config and a prefix that calls itself for such a layer, with the prefix `name + '/'`.",
    )
    why = (
        "The architecture is plain text, so nothing has to be built and no class has to be known "
        "to read it. A model may hold models that hold models; a function that calls itself "
        "follows them to any depth."
    )
    near_misses = (
        NearMiss(
            code="""
def architecture_of(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
    return [(layer["config"]["name"], layer["class_name"]) for layer in config["layers"]]
""",
            because="The layers of the models within the model are missing.",
            like=lambda config: _listed(config, levels=1),
        ),
        NearMiss(
            code="""
def architecture_of(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
    pairs = []
    for layer in config["layers"]:
        name = layer["config"]["name"]
        pairs.append((name, layer["class_name"]))
        for inner in layer["config"].get("layers", []):
            pairs.append((name + "/" + inner["config"]["name"], inner["class_name"]))
    return pairs
""",
            because="A model within a model may itself hold a model: its layers are missing.",
            like=lambda config: _listed(config, levels=2),
        ),
        NearMiss(
            code="""
def architecture_of(path):
    def listed(config):
        pairs = []
        for layer in config["layers"]:
            pairs.append((layer["config"]["name"], layer["class_name"]))
            if "layers" in layer["config"]:
                pairs += listed(layer["config"])
        return pairs

    with zipfile.ZipFile(path) as archive:
        return listed(json.loads(archive.read("config.json"))["config"])
""",
            because=(
                "A layer within a model is named by the whole way to it: `outer/inner`. Two "
                "models may each have a layer of the same name."
            ),
            like=lambda config: [
                [name.split("/")[-1], kind] for name, kind in _listed(config, levels=9)
            ],
        ),
        NearMiss(
            code="""
def architecture_of(path):
    def listed(config, prefix):
        pairs = []
        for layer in config["layers"]:
            name = prefix + layer["config"]["name"]
            pairs.append((name, layer["registered_name"] or layer["class_name"]))
            if "layers" in layer["config"]:
                pairs += listed(layer["config"], name + "/")
        return pairs

    with zipfile.ZipFile(path) as archive:
        return listed(json.loads(archive.read("config.json"))["config"], "")
""",
            because='The name of the class is in `"class_name"`; this is the registered name.',
            like=lambda config: _listed(config, levels=9, kind="registered_name"),
        ),
    )
    alternatives = (
        """
def architecture_of(path):
    with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
        waiting = [("", layer) for layer in json.load(file)["config"]["layers"]]
    pairs = []
    while waiting:
        prefix, layer = waiting.pop(0)
        name = prefix + layer["config"]["name"]
        pairs.append([name, layer["class_name"]])
        inner = layer["config"].get("layers", [])
        waiting = [(name + "/", one) for one in inner] + waiting
    return pairs
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the config into a file like those of Keras, without any weights."""
        import json
        import tempfile
        import zipfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
                archive.writestr("config.json", json.dumps(inputs["config"]))
            return submission(str(path))

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        names = (f"part_{number}" for number in rng.permutation(100))

        def layer(kind: str, package: str | None = None, **config: Any) -> dict[str, Any]:
            registered = f"{package}>{kind}" if package else None
            module = None if package else "keras.layers"
            config = {"name": next(names), "trainable": True, **config}
            return {
                "module": module,
                "class_name": kind,
                "config": config,
                "registered_name": registered,
            }

        def dense() -> dict[str, Any]:
            return layer("Dense", units=int(rng.integers(1, 9)), activation="relu")

        def model(kind: str, *layers: dict[str, Any]) -> dict[str, Any]:
            return {**layer(kind, layers=list(layers)), "module": "keras"}

        source = layer("InputLayer", batch_shape=[None, int(rng.integers(2, 9))])
        innermost = model("Sequential", layer("InputLayer"), dense(), layer("Scale", "shop"))
        trunk = model("Functional", layer("InputLayer"), innermost, dense())
        yield Case({"config": model("Sequential", source, trunk, dense())}, "models in models")
        plain = [dense() for _ in range(int(rng.integers(1, 4)))]
        yield Case({"config": model("Sequential", layer("InputLayer"), *plain)})

    def expected(self, config: dict[str, Any]) -> Any:
        return _listed(config, levels=9)


def _listed(config: Mapping[str, Any], *, levels: int, kind: str = "class_name") -> list[list[str]]:
    """List names and classes, a level at a time, then put them in order by the way to each."""
    pairs: list[tuple[tuple[int, ...], str, str]] = []
    level: list[tuple[tuple[int, ...], str, Any]] = [((), "", config)]
    for _ in range(levels):
        inner = []
        for place, prefix, model in level:
            for index, layer in enumerate(model["config"].get("layers", ())):
                way = prefix + layer["config"]["name"]
                pairs.append(((*place, index), way, layer[kind] or layer["class_name"]))
                inner.append(((*place, index), way + "/", layer))
        level = inner
    return [[way, name] for _, way, name in sorted(pairs)]


@register
class CloneWithChanges(Exercise):
    """The same architecture with other numbers."""

    name = "clone_with_changes"
    title = "Clone with changes"
    points = 3
    see = "The architecture as data"
    hints = (
        "`keras.models.clone_model(model, clone_function=…)` calls your function for each layer "
        "and puts what it returns in its place, with the same wiring.",
        "In that function, `layer.get_config()` gives the arguments as a dict. Put those of "
        "`changes` over them and make a new layer with `type(layer).from_config(…)`, for "
        "unchanged layers too.",
        "Before that, compare the names in `changes` with `{layer.name for layer in "
        "model.layers}`, and raise `ValueError` if one is unknown.",
    )
    why = (
        "A config is a plain dict, so a change is an entry of it, and `clone_model` does the "
        "wiring. The check of the names is what turns a typing mistake from a model that is "
        "secretly unchanged into an error."
    )
    near_misses = (
        NearMiss(
            code="""
def clone_with_changes(model, changes):
    clone = keras.models.clone_model(model)
    for name, arguments in changes.items():
        if name not in [layer.name for layer in model.layers]:
            raise ValueError(name)
        for key, value in arguments.items():
            setattr(clone.get_layer(name), key, value)
    return clone
""",
            because="The clone was built before: its weights keep the shapes that they had.",
            says="already built",
        ),
        NearMiss(
            code="""
def clone_with_changes(model, changes):
    def changed(layer):
        return type(layer).from_config(layer.get_config() | changes.get(layer.name, {}))

    return keras.models.clone_model(model, clone_function=changed)
""",
            because="A name that no layer has was passed over in silence.",
            says="in silence",
        ),
        NearMiss(
            code="""
def clone_with_changes(model, changes):
    if changes.keys() - {layer.name for layer in model.layers}:
        raise ValueError("unknown name")

    def changed(layer):
        if layer.name not in changes:
            return layer
        return type(layer).from_config(layer.get_config() | changes[layer.name])

    return keras.models.clone_model(model, clone_function=changed)
""",
            because="Layers that are not changed were taken over as they are, with their weights.",
            says="shares",
        ),
    )
    alternatives = (
        """
def clone_with_changes(model, changes):
    config = model.get_config()
    names = [one["config"]["name"] for one in config["layers"]]
    for name in changes:
        if name not in names:
            raise ValueError(f"no layer {name}")
    for one in config["layers"]:
        one.pop("build_config", None)
        one["config"].update(changes.get(one["config"]["name"], {}))
    return type(model).from_config(config)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build the model, have it cloned, give the clone known weights and call it."""
        import json

        import keras
        import numpy as np

        x = inputs["x"]
        start = keras.Input((x.shape[1],), name="source")
        left = keras.layers.Dense(inputs["left"], activation="relu", name="left")
        right = keras.layers.Dense(inputs["right"], name="right")
        head = keras.layers.Dense(2, name="head")
        if inputs["functional"]:
            joined = keras.layers.Concatenate(name="join")([left(start), right(start)])
            model = keras.Model(start, head(joined), name="branched")
        else:
            model = keras.Sequential([start, left, right, head], name="stack")
        before = json.dumps(model.get_config()), [tuple(w.shape) for w in model.weights]
        clone = submission(model, inputs["changes"])
        if not isinstance(clone, keras.Model):
            return {"type": type(clone).__name__}
        try:
            submission(model, {inputs["unknown"]: {"units": 3}})
            error = ""
        except (ValueError, KeyError) as problem:
            error = type(problem).__name__
        after = json.dumps(model.get_config()), [tuple(w.shape) for w in model.weights]
        layers = {id(layer) for layer in model.layers if layer.weights}
        shared = [layer.name for layer in clone.layers if id(layer) in layers]
        shapes = [tuple(int(n) for n in w.shape) for w in clone.weights]
        clone.set_weights([np.full(shape, 0.5, "float32") for shape in shapes])
        return {
            "kind": type(clone).__name__,
            "shapes": {
                "/".join(w.path.split("/")[-2:]): n
                for w, n in zip(clone.weights, shapes, strict=True)
            },
            "output": keras.ops.convert_to_numpy(clone(keras.ops.convert_to_tensor(x))),
            "original unchanged": before == after,
            "shared": shared,
            "error": error,
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def numbers(count: int) -> list[int]:
            return [int(n) for n in rng.choice(np.arange(2, 9), size=count, replace=False)]

        for functional in (True, False):
            left, right, new, classes = numbers(4)
            yield Case(
                {
                    "x": rng.normal(size=(2, 3)).astype(np.float32),
                    "left": left,
                    "right": right,
                    "functional": functional,
                    "changes": {
                        "left": {"units": new},
                        "head": {"units": classes} | ({} if functional else {"activation": "tanh"}),
                    },
                    "unknown": str(rng.choice(["heads", "lift", "Right"])),
                }
            )

    def expected(self, x: np.ndarray, **inputs: Any) -> Any:
        changes = inputs["changes"]
        units = {
            "left": changes["left"]["units"],
            "right": inputs["right"],
            "head": changes["head"]["units"],
        }
        first = np.maximum(0.5 * x.sum(axis=1) + 0.5, 0)
        if inputs["functional"]:
            second = 0.5 * x.sum(axis=1) + 0.5
            last = 0.5 * (units["left"] * first + units["right"] * second) + 0.5
        else:
            second = 0.5 * units["left"] * first + 0.5
            last = 0.5 * units["right"] * second + 0.5
        features = x.shape[1]
        if inputs["functional"]:
            into = {"left": features, "right": features, "head": units["left"] + units["right"]}
        else:
            into = {"left": features, "right": units["left"], "head": units["right"]}
        shapes: dict[str, Any] = {}
        for name, count in units.items():
            shapes[f"{name}/kernel"] = [into[name], count]
            shapes[f"{name}/bias"] = [count]
        return {
            "kind": "Functional" if inputs["functional"] else "Sequential",
            "shapes": shapes,
            "output": np.repeat(
                (last if inputs["functional"] else np.tanh(last))[:, np.newaxis],
                units["head"],
                axis=1,
            ),
            "original unchanged": True,
            "shared": [],
            "error": "ValueError",
        }

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the clone has the changes and the original has not."""
        want = self.expected(**case.inputs)
        if isinstance(observation.value, dict) and "type" in observation.value:
            raise Wrong(f"The result is of type {observation.value['type']}, not a model.")
        seen = _seen(observation, *want)
        if seen["original unchanged"] is not True:
            raise Wrong("The original was changed too.", expected=want)
        if seen["shared"]:
            raise Wrong(
                f"The clone shares the layer {seen['shared'][0]!r} with the original: training "
                "one would train the other. Make a new layer from the config in each case.",
                expected=want,
            )
        if self.differs(seen["kind"], want["kind"]):
            raise Wrong(f"The clone is a {seen['kind']} model.", expected=want)
        if self.differs(seen["shapes"], want["shapes"]):
            raise Wrong(
                "The weights have not the shapes that belong to the changed arguments. Setting an "
                "attribute of a layer that is already built changes no weight: the new value has "
                "to be in the config from which the layer is made.",
                expected=want["shapes"],
            )
        reason = self.differs(seen["output"], want["output"])
        if reason:
            raise Wrong(f"With all weights 0.5 the clone computes something else. {reason}")
        if seen["error"] == "":
            raise Wrong(
                f"No layer is named {case.inputs['unknown']!r}, and that was passed over in "
                "silence: the caller believes that something has changed. Raise `ValueError`.",
            )
        if seen["error"] != want["error"]:
            raise Wrong(f"Raise `ValueError` for an unknown name, not `{seen['error']}`.")


@register
class WhatDiffers(Exercise):
    """Are these two models the same, bit for bit?"""

    name = "what_differs"
    title = "Compare two models"
    points = 3
    see = "Are two models the same?"
    hints = (
        "Three questions, one after the other: are the configs alike as JSON "
        "(`json.dumps(model.get_config())`), are the lists `get_weights()` alike, are the "
        "optimizers alike?",
        "Two lists of arrays are alike if they have the same length and `np.array_equal` holds "
        "for each pair. `zip` alone stops at the end of the shorter list.",
        "An optimizer is alike if its `type` is the same and its `variables`, turned into arrays "
        "with `keras.ops.convert_to_numpy`, are alike. A model that was never compiled "
        "has none: ask `model.compiled` first.",
    )
    why = (
        "Bit for bit is the only comparison that needs no tolerance, and a file keeps every bit. "
        "Configs are compared as JSON because a file turns tuples into lists, and the lengths "
        "because `zip` stays silent about what is left over."
    )
    near_misses = (
        NearMiss(
            code="""
def what_differs(first, second):
    def alike(some, others):
        some = [keras.ops.convert_to_numpy(one) for one in some]
        others = [keras.ops.convert_to_numpy(one) for one in others]
        return len(some) == len(others) and all(map(np.array_equal, some, others))

    result = []
    if first.get_config() != second.get_config():
        result.append("architecture")
    if not alike(first.weights, second.weights):
        result.append("weights")
    one, other = (m.optimizer if m.compiled else None for m in (first, second))
    if type(one) is not type(other) or one and not alike(one.variables, other.variables):
        result.append("optimizer")
    return result
""",
            because="Tuples and lists were taken for different.",
            says="lists in place of tuples",
        ),
        NearMiss(
            code="""
def what_differs(first, second):
    def alike(some, others):
        some = [keras.ops.convert_to_numpy(one) for one in some]
        others = [keras.ops.convert_to_numpy(one) for one in others]
        return all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(some, others))

    result = []
    if json.dumps(first.get_config()) != json.dumps(second.get_config()):
        result.append("architecture")
    if not alike(first.weights, second.weights):
        result.append("weights")
    one, other = (m.optimizer if m.compiled else None for m in (first, second))
    if type(one) is not type(other) or one and not alike(one.variables, other.variables):
        result.append("optimizer")
    return result
""",
            because="A difference of one bit was passed over.",
            says="last bit",
        ),
        NearMiss(
            code="""
def what_differs(first, second):
    def alike(some, others):
        some = [keras.ops.convert_to_numpy(one) for one in some]
        others = [keras.ops.convert_to_numpy(one) for one in others]
        return all(np.array_equal(a, b) for a, b in zip(some, others))

    result = []
    if json.dumps(first.get_config()) != json.dumps(second.get_config()):
        result.append("architecture")
    if not alike(first.weights, second.weights):
        result.append("weights")
    one, other = (m.optimizer if m.compiled else None for m in (first, second))
    if type(one) is not type(other) or one and not alike(one.variables, other.variables):
        result.append("optimizer")
    return result
""",
            because="`zip` stops at the end of the shorter list.",
            says="`zip` stops",
        ),
        NearMiss(
            code="""
def what_differs(first, second):
    some, others = first.get_weights(), second.get_weights()
    one, other = (m.optimizer if m.compiled else None for m in (first, second))
    result = []
    if json.dumps(first.get_config()) != json.dumps(second.get_config()):
        result.append("architecture")
    if len(some) != len(others) or not all(map(np.array_equal, some, others)):
        result.append("weights")
    if type(one) is not type(other) or one and one.get_config() != other.get_config():
        result.append("optimizer")
    return result
""",
            because="The settings of the optimizer are the same, its state is not.",
            says="state",
        ),
    )
    alternatives = (
        """
def what_differs(first, second):
    def weights(model):
        return [(array.shape, array.tobytes()) for array in model.get_weights()]

    def optimizer(model):
        if not hasattr(model, "optimizer"):
            return None
        arrays = [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]
        return type(model.optimizer).__name__, [(a.shape, a.tobytes()) for a in arrays]

    def architecture(model):
        return json.loads(json.dumps(model.get_config()))

    parts = [architecture, weights, optimizer]
    return [part.__name__ for part in parts if part(first) != part(second)]
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Compare a model with its copy after each of some changes to the copy."""
        import keras
        import numpy as np

        kernel = inputs["kernel"]
        state = [inputs["steps"], inputs["rate"], inputs["momentum"]]

        def compiled(model: Any) -> Any:
            model.compile(keras.optimizers.SGD(0.1, momentum=0.9, name="sgd"), "mse")
            model.optimizer.build(model.trainable_variables)
            begin(model)
            return model

        def begin(model: Any) -> None:
            model.weights[0].assign(kernel)
            for variable, value in zip(model.optimizer.variables, state, strict=True):
                variable.assign(value)

        dense = keras.layers.Dense(kernel.shape[1], "tanh", use_bias=False, name="one")
        first = keras.Sequential([keras.Input((kernel.shape[0],), name="in"), dense], name="model")
        # As a file gives it back: with lists in its config where there were tuples.
        second = keras.models.model_from_json(first.to_json())
        second.set_weights([kernel])
        answers = {"not compiled": submission(compiled(first), second)}
        layer = compiled(second).layers[0]
        steps, rate, momentum = second.optimizer.variables
        variables = {"steps": steps, "rate": rate, "momentum": momentum}
        variables["weight"] = second.weights[0]
        for change in inputs["changes"]:
            if change == "not compiled":
                continue  # it was asked before the copy was compiled
            if change == "activation":
                layer.activation = keras.activations.relu
            elif change == "layer":
                second.add(keras.layers.Dense(1, use_bias=False, name="two"))
            elif change != "nothing":
                value = np.array(keras.ops.convert_to_numpy(variables[change]))
                if change == "steps":
                    value += 1
                else:
                    value.flat[-1] = np.nextafter(value.flat[-1], np.float32(9))
                variables[change].assign(value)
            answers[change] = submission(first, second)
            layer.activation = keras.activations.tanh
            begin(second)
        return [answers[change] for change in inputs["changes"]]

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        changes = ["weight", "momentum", "rate", "steps", "activation", "not compiled"]
        changes = [str(one) for one in rng.permutation(changes)]
        rows, units = (int(n) for n in rng.integers(1, 4, size=2))
        yield Case(
            {
                "kernel": rng.normal(size=(rows, units)).astype(np.float32),
                "momentum": rng.normal(size=(rows, units)).astype(np.float32),
                "steps": int(rng.integers(1, 900)),
                "rate": round(float(rng.uniform(0.01, 0.5)), 3),
                "changes": ["nothing", *changes, "layer"],
            }
        )

    def expected(self, changes: list[str], **_: Any) -> Any:
        parts = {
            "nothing": [],
            "weight": ["weights"],
            "momentum": ["optimizer"],
            "rate": ["optimizer"],
            "steps": ["optimizer"],
            "activation": ["architecture"],
            "layer": ["architecture", "weights"],
            "not compiled": ["optimizer"],
        }
        return [parts[change] for change in changes]

    _REASONS = {
        "nothing": (
            "The second model is a copy whose config was once written as JSON, as in a file. It "
            "has lists in place of tuples, which is no difference: compare the configs as JSON."
        ),
        "weight": "One weight differs in its last bit, and that was not found.",
        "momentum": (
            "One number of the optimizer's momentum differs in its last bit, and that was not "
            "found. Compare the state, all `variables`, not the settings alone."
        ),
        "rate": "The learning rates differ in the last bit, and that was not found.",
        "steps": "The optimizers have made different numbers of steps; their state differs.",
        "activation": "The models differ in an activation, and in nothing else.",
        "layer": (
            "The second model has one more layer, with weights of its own. `zip` stops at the end of "
            "the shorter list: compare the lengths."
        ),
        "not compiled": "The second model was never compiled: it has no optimizer.",
    }

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` at the first change that was judged wrongly."""
        want = self.expected(**case.inputs)
        seen = observation.value
        if not isinstance(seen, list) or len(seen) != len(want):
            raise Wrong("What came back is not what the exercise asks for.")
        for change, got, right in zip(case.inputs["changes"], seen, want, strict=True):
            if isinstance(got, np.ndarray) or got != right:
                if isinstance(got, list) and all(isinstance(one, str) for one in got):
                    if sorted(got) == right:
                        raise Wrong(f"The parts are to stand in the order {right}.")
                    raise Wrong(f"{self._REASONS[change]} Your answer: {got}.", expected=right)
                raise Wrong("Return a list of words.", expected=right)


@register
class SaveAtomically(Exercise):
    """The old file or the new one, never half a file."""

    name = "save_atomically"
    title = "Save without a moment of danger"
    points = 3
    see = "Never half a file"
    hints = (
        "Save under another name first, in the same folder, and only then give the file its "
        "real name. The other name has to end in `.keras` too.",
        "`temporary.replace(path)` renames, and replaces an old file in one step.",
        "What if `model.save` raises an error? Put both lines into `try` and "
        "`temporary.unlink(missing_ok=True)` into `finally`.",
    )
    why = (
        "Renaming within a folder is one step for the operating system: whoever opens the path "
        "gets the old file or the new one, complete. Everything slow, and everything that may "
        "fail, happens before, under another name."
    )
    near_misses = (
        NearMiss(
            code="""
def save_atomically(model, path):
    model.save(path)
""",
            because="`model.save` empties the old file before it writes the new one.",
            says="While the model was being saved",
        ),
        NearMiss(
            code="""
def save_atomically(model, path):
    path.unlink(missing_ok=True)
    temporary = path.with_name("temporary.keras")
    try:
        model.save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
""",
            because="The old file was deleted first.",
            says="While the model was being saved",
        ),
        NearMiss(
            code="""
def save_atomically(model, path):
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "model.keras")
        model.save(temporary)
        path.write_bytes(temporary.read_bytes())
""",
            because="The temporary file lies elsewhere, perhaps on another disk.",
            says="another disk",
        ),
        NearMiss(
            code="""
def save_atomically(model, path):
    temporary = path.with_name("temporary.keras")
    try:
        model.save(temporary)
        path.write_bytes(temporary.read_bytes())
    finally:
        temporary.unlink(missing_ok=True)
""",
            because="Copying takes time, and stops half way when the disk is full.",
            says="not renamed",
        ),
        NearMiss(
            code="""
def save_atomically(model, path):
    temporary = path.with_name("temporary.keras")
    model.save(temporary)
    os.replace(temporary, path)
""",
            because="After an error the temporary file is left behind.",
            says="left behind",
        ),
        NearMiss(
            code="""
def save_atomically(model, path):
    temporary = path.with_name("temporary.keras")
    try:
        model.save(temporary)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
""",
            because="The error was swallowed: the caller believes that the model is saved.",
            says="swallowed",
        ),
    )
    alternatives = (
        """
def save_atomically(model, path):
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model.save(Path(folder) / "model.keras")
        (Path(folder) / "model.keras").replace(path)
""",
        """
def save_atomically(model, path):
    temporary = path.parent / ("new-" + path.name)
    try:
        keras.saving.save_model(model, temporary)
    except BaseException:
        temporary.unlink()
        raise
    temporary.rename(path)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Have a model saved that looks round in the folder while it is being saved."""
        import tempfile
        import zipfile
        from pathlib import Path

        import keras

        old = inputs["old"].tobytes()
        seen: dict[str, Any] = {}

        def files(folder: Path) -> list[Path]:
            return sorted(one for one in folder.rglob("*") if one.is_file())

        class Watching(keras.layers.Layer):
            """Look at the folder in the middle of the saving, and fail if that is wanted."""

            def save_own_variables(self, store: Any) -> None:
                new = [one for one in files(folder) if one not in (path, other)]
                seen["target during"] = path.read_bytes() if path.exists() else None
                seen["new files"] = len(new)
                seen["inodes"] = [one.stat().st_ino for one in new]
                if inputs["fails"]:
                    raise OSError(28, "No space left on device")

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path, other = folder / f"{inputs['name']}.keras", folder / "other.keras"
            other.write_bytes(b"another model")
            if len(old):
                path.write_bytes(old)
            model = keras.Sequential([keras.Input((1,)), Watching()])
            error = ""
            try:
                submission(model, path)
            except OSError as problem:
                error = type(problem).__name__ if problem.errno == 28 else str(problem)
            exists = path.exists()
            members: list[str] = []
            if exists and zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    members = archive.namelist()
            return {
                "saved": "new files" in seen,
                "old file while saving": seen.get("target during") == (old or None),
                "temporary in the same folder": seen.get("new files", 0) > 0,
                "error": error,
                "old file afterwards": exists and path.read_bytes() == old,
                "exists": exists,
                "whole": "model.weights.h5" in members,
                "renamed": exists and path.stat().st_ino in seen.get("inodes", []),
                "files": [one.name for one in files(folder)],
                "folders": sum(one.is_dir() for one in folder.iterdir()),
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def inputs(*, fails: bool, exists: bool = True) -> dict[str, Any]:
            old = rng.integers(0, 256, size=int(rng.integers(5, 30)) if exists else 0)
            name = f"model-{int(rng.integers(1000))}"
            return {"name": name, "old": old.astype(np.uint8), "fails": fails}

        yield Case(inputs(fails=False), "an old file is there")
        yield Case(inputs(fails=True), "the disk is full half way")
        yield Case(inputs(fails=False, exists=False), "no old file")
        yield Case(inputs(fails=True, exists=False), "no old file, and the disk is full half way")

    def expected(self, name: str, old: np.ndarray, fails: bool) -> Any:
        there = len(old) > 0
        return {
            "error": "OSError" if fails else "",
            "old file afterwards": there and fails,
            "exists": there or not fails,
            "files": sorted(["other.keras"] + ([f"{name}.keras"] if there or not fails else [])),
        }

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the path was whole at every moment."""
        want = self.expected(**case.inputs)
        seen = _seen(observation, *want, "saved", "renamed", "whole", "folders")
        if seen["saved"] is not True:
            raise Wrong("The model was not saved at all: `model.save` was never called.")
        if seen["old file while saving"] is not True:
            raise Wrong(
                "While the model was being saved, its path was no longer the old file. If the "
                "program is killed at that moment, the model is lost. Save under another name.",
            )
        if seen["temporary in the same folder"] is not True:
            raise Wrong(
                "The temporary file lies in another folder, perhaps on another disk, where it can "
                "be copied only, byte by byte. Put it into the folder of `path`.",
            )
        if case.inputs["fails"]:
            if seen["error"] == "":
                raise Wrong(
                    "Saving failed, and the error was swallowed: the caller believes that the "
                    "model is saved. Let the error pass on.",
                    expected=want,
                )
            if seen["exists"] is True and seen["old file afterwards"] is not True:
                raise Wrong("Saving failed, and half a file stands at the path.", expected=want)
        elif seen["whole"] is not True:
            raise Wrong("Afterwards the path holds no whole model.", expected=want)
        elif seen["renamed"] is not True:
            raise Wrong(
                "The temporary file was copied, not renamed. Copying takes time and may stop half "
                "way; `temporary.replace(path)` is one step.",
            )
        if self.differs(seen["files"], want["files"]) or seen["folders"]:
            raise Wrong(
                "Something was left behind in the folder, or a file is missing there.",
                expected=want["files"],
            )
        if self.differs(seen["error"], want["error"]):
            raise Wrong(f"Another error was raised: {seen['error']}.", expected=want)
