"""Exercises of the lesson on weights files and checkpoints."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


def _floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


@register
class ReadWeightsFile(Exercise):
    """Every array of a weights file, by its place in the file."""

    name = "read_weights_file"
    title = "Read all arrays of a weights file"
    points = 1
    see = "Look into the file"
    hints = (
        "`with h5py.File(path) as file:` opens the file for reading. `file.visititems(function)` "
        "calls your function once for each thing in it, however deep, with its place and itself.",
        "A thing is a group, which works like a folder, or an array: `isinstance(thing, "
        "h5py.Dataset)`. `thing[()]` reads the numbers. Do that while the file is open.",
    )
    why = (
        "`visititems` goes into every group, so nested layers and the optimizer are found too. A "
        "`Dataset` is only a handle to the open file; `[()]` copies its numbers into memory, also "
        "when it holds a single number without axes, where `[:]` fails."
    )
    near_misses = (
        NearMiss(
            code="""
def read_weights_file(path):
    arrays = {}

    def collect(name, thing):
        if isinstance(thing, h5py.Dataset):
            arrays[name] = thing

    with h5py.File(path) as file:
        file.visititems(collect)
    return arrays
""",
            because=(
                "A Dataset is a handle to the file, and of no use once the file is closed. Read its "
                "numbers with `thing[()]`."
            ),
            says="an object of type Dataset",
        ),
        NearMiss(
            code="""
def read_weights_file(path):
    arrays = {}

    def collect(name, thing):
        if isinstance(thing, h5py.Dataset):
            arrays["layers/" + name] = thing[()]

    with h5py.File(path) as file:
        file["layers"].visititems(collect)
    return arrays
""",
            because=(
                "Only the arrays below `layers` are there. The optimizer, and the layers of a "
                "subclassed model, lie beside it: visit the whole file."
            ),
            like=lambda arrays: {n: a for n, a in arrays.items() if n.startswith("layers/")},
        ),
        NearMiss(
            code="""
def read_weights_file(path):
    arrays = {}

    def collect(name, thing):
        if isinstance(thing, h5py.Dataset):
            arrays[name.split("/vars/")[0]] = thing[()]

    with h5py.File(path) as file:
        file.visititems(collect)
    return arrays
""",
            because=(
                "The number behind `vars/` is missing in the names, so the arrays of one layer "
                "overwrite each other. Keep the whole name."
            ),
            like=lambda arrays: {n.split("/vars/")[0]: arrays[n] for n in sorted(arrays)},
        ),
    )
    alternatives = (
        """
def read_weights_file(path):
    def arrays_in(group):
        for thing in group.values():
            if isinstance(thing, h5py.Group):
                yield from arrays_in(thing)
            else:
                yield thing.name[1:], np.asarray(thing)

    with h5py.File(path) as file:
        return dict(arrays_in(file))
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write a file as Keras lays it out, and have it read."""
        import tempfile
        from pathlib import Path

        import h5py

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.weights.h5")
            with h5py.File(path, "w") as file:
                file.create_group("layers/dropout/vars").attrs["name"] = "dropout"
                for name, array in inputs["arrays"].items():
                    file[name] = array
            return submission(str(path))

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        dense = {"layers/dense/vars/0": _floats(rng, 3, 2), "layers/dense/vars/1": _floats(rng, 2)}
        block = {
            "layers/block/first/vars/0": _floats(rng, 2, 2),
            "layers/block/first/vars/1": _floats(rng, 2),
        }
        steps = {"optimizer/vars/0": np.array(int(rng.integers(1, 100)), np.int64)}
        yield Case({"arrays": dense | block | steps}, "a nested layer, and an optimizer")
        encoder = {"encoder/vars/0": _floats(rng, 2, 3), "encoder/vars/1": _floats(rng, 3)}
        yield Case({"arrays": encoder | {"vars/0": _floats(rng, 1)}}, "a subclassed model")

    def expected(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays


def _digest(arrays: dict[str, np.ndarray], header: Any, names: Any = sorted) -> str:
    """Return SHA-256 of all arrays, each after the header that ``header(name, array)`` gives."""
    data = b""
    for name in names(arrays):
        data += header(name, arrays[name]).encode() + arrays[name].tobytes()
    return hashlib.sha256(data).hexdigest()


@register
class WeightsDigest(Exercise):
    """One short string that stands for all weights."""

    name = "weights_digest"
    title = "A digest of all weights"
    points = 2
    see = "Equal to the last bit: a digest"
    hints = (
        "`digest = hashlib.sha256()` begins one; `digest.update(data)` feeds it bytes, as often as "
        "you like; `digest.hexdigest()` gives the 64 characters.",
        "Go through `sorted(arrays)`. A text becomes bytes by `.encode()`, an array by "
        "`.tobytes()`.",
        'The line before each array is `f"{name} {array.dtype} {array.shape}\\n"`.',
    )
    why = (
        "The bytes alone do not say where one array ends and the next begins: a (2, 3) array and "
        "its (3, 2) twin have the same bytes. The line with name, dtype and shape tells them "
        "apart. Sorting makes the digest independent of the order in which a dict was filled."
    )
    near_misses = (
        NearMiss(
            code="""
def weights_digest(arrays):
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
""",
            because=(
                "Only the numbers went in. Two layers that changed places, or an array of another "
                "shape, can give the same digest: feed the line with name, dtype and shape first."
            ),
            like=lambda arrays: _digest(arrays, lambda name, array: ""),
        ),
        NearMiss(
            code="""
def weights_digest(arrays):
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
""",
            because=(
                "The arrays went in as the dict was filled. The same weights, collected in another "
                "order, must give the same digest: go through the sorted names."
            ),
            like=lambda arrays: _digest(
                arrays, lambda name, array: f"{name} {array.dtype} {array.shape}\n", list
            ),
        ),
        NearMiss(
            code="""
def weights_digest(arrays):
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].shape}\\n".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
""",
            because=(
                "The dtype is missing in the line, so float32 zeros and int32 zeros look alike."
            ),
            like=lambda arrays: _digest(arrays, lambda name, array: f"{name} {array.shape}\n"),
        ),
    )
    alternatives = (
        """
def weights_digest(arrays):
    parts = []
    for name, array in sorted(arrays.items(), key=lambda item: item[0]):
        parts += [f"{name} {array.dtype.name} {array.shape}\\n".encode(), array.tobytes()]
    return hashlib.sha256(b"".join(parts)).hexdigest()
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        kernel, bias = _floats(rng, 2, 3), _floats(rng, 3)
        yield Case({"arrays": {"head/kernel": kernel, "head/bias": bias, "body/kernel": bias}})
        step = np.array(int(rng.integers(1000)), np.int64)
        yield Case({"arrays": {"step": step, "kernel": kernel.reshape(3, 2)}}, "of two dtypes")
        yield Case({"arrays": {}}, "no weights at all")

    def expected(self, arrays: dict[str, np.ndarray]) -> str:
        def header(name: str, array: np.ndarray) -> str:
            # The shape spelled out, as Python writes a tuple.
            inner = ", ".join(str(int(n)) for n in array.shape) + "," * (array.ndim == 1)
            return name + " " + array.dtype.name + " (" + inner + ")\n"

        return _digest(arrays, header)


def _pairs(arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Return kernel and bias of each layer."""
    return [arrays[i : i + 2] for i in range(0, len(arrays), 2)]


def _loaded(
    saved: list[np.ndarray], own: list[np.ndarray], nested: bool, *, refuse: bool = True
) -> dict[str, Any]:
    """Return what loading what fits gives: layer for layer in their order, if the shapes agree."""
    lost, weights = [], []
    stored = [] if nested else _pairs(saved)
    for number, layer in enumerate(_pairs(own)):
        file = stored[number] if number < len(stored) else []
        fits = [a.shape for a in file] == [a.shape for a in layer]
        weights += file if fits else layer
        lost += [] if fits else [f"layer{number}/kernel", f"layer{number}/bias"]
    nothing = len(lost) == len(own)
    if nothing and refuse:
        return {"raised": True, "lost": None, "weights": own}
    return {"raised": False, "lost": lost, "weights": weights}


def _loaded_by_change(saved: list[np.ndarray], own: list[np.ndarray], nested: bool) -> Any:
    """Return what it gives to call lost what has the same numbers as before."""
    right = _loaded(saved, own, nested)
    if right["raised"]:
        return right
    names = [f"layer{i // 2}/{'bias' if i % 2 else 'kernel'}" for i in range(len(own))]
    same = [np.array_equal(a, b) for a, b in zip(own, right["weights"], strict=True)]
    return {**right, "lost": [name for name, equal in zip(names, same, strict=True) if equal]}


def _loaded_with_holes(saved: list[np.ndarray], own: list[np.ndarray], nested: bool) -> Any:
    """Return what it gives to leave the marks in the weights that were not loaded."""
    right = _loaded(saved, own, nested, refuse=True)
    holes = [np.full_like(array, np.nan) for array in own]
    if right["raised"]:
        return {**right, "weights": holes}
    kept = [w if w is not a else h for w, a, h in zip(right["weights"], own, holes, strict=True)]
    return {**right, "weights": kept}


@register
class LoadTrunk(Exercise):
    """Load what fits, and say what did not."""

    name = "load_trunk"
    title = "Load what fits, and say what did not"
    points = 3
    see = "A part of a model: skip_mismatch"
    hints = (
        "Keep the weights as they are: `before = model.get_weights()`. Comparing them with the "
        "weights afterwards is not enough: a bias of zeros, loaded over zeros, looks unchanged.",
        "Fill every weight with NaN before you load. What is still NaN afterwards was not loaded: "
        "`np.isnan(weight.numpy()).all()`.",
        "Give the weights that were not loaded their values of `before` back. If that is all of "
        "them, raise a ValueError afterwards, so that the model is as it was.",
    )
    why = (
        "`skip_mismatch=True` gives a warning at most, and the same warning whether one layer was "
        "skipped or all of them. Numbers that no file holds, NaN, show without doubt what was "
        "overwritten. Loading nothing at all is never what one wanted, so it is an error."
    )
    near_misses = (
        NearMiss(
            code="""
def load_trunk(model, path):
    before = model.get_weights()
    model.load_weights(path, skip_mismatch=True)
    same = [np.array_equal(w.numpy(), old) for w, old in zip(model.weights, before)]
    if all(same):
        raise ValueError("Nothing was loaded.")
    return [w.path for w, equal in zip(model.weights, same) if equal]
""",
            because=(
                "A weight whose loaded numbers equal the old ones, such as a bias of zeros, was "
                "taken for lost. Mark all weights with NaN before you load."
            ),
            like=_loaded_by_change,
        ),
        NearMiss(
            code="""
def load_trunk(model, path):
    before = model.get_weights()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    model.load_weights(path, skip_mismatch=True)
    lost = []
    for weight, old in zip(model.weights, before):
        if np.isnan(weight.numpy()).all():
            weight.assign(old)
            lost.append(weight.path)
    return lost
""",
            because=(
                "Nothing at all was loaded, and your function returned as if all were well. Raise "
                "a ValueError."
            ),
            says="Nothing at all was loaded",
        ),
        NearMiss(
            code="""
def load_trunk(model, path):
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    model.load_weights(path, skip_mismatch=True)
    lost = [w.path for w in model.weights if np.isnan(w.numpy()).all()]
    if len(lost) == len(model.weights):
        raise ValueError("Nothing was loaded.")
    return lost
""",
            because=(
                "The weights that were not loaded are NaN now: give them back the values that "
                "they had before."
            ),
            like=_loaded_with_holes,
        ),
    )
    alternatives = (
        """
def load_trunk(model, path):
    before = {weight.path: weight.numpy() for weight in model.weights}
    model.set_weights([old * np.nan for old in before.values()])
    model.load_weights(path, skip_mismatch=True)
    lost = []
    for weight in model.weights:
        if not np.isfinite(weight.numpy()).any():
            weight.assign(before[weight.path])
            lost += [weight.path]
    if lost == list(before):
        raise ValueError(f"{path} fits no layer of {model.name}.")
    return lost
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Have a file as Keras writes it loaded; say what was raised and what is there."""
        import tempfile
        import warnings
        from pathlib import Path

        import h5py
        import keras

        def build(arrays: Any, nested: bool) -> Any:
            first = x = keras.Input((arrays[0].shape[0],))
            dense = [
                keras.layers.Dense(kernel.shape[1], name=f"layer{number}")
                for number, kernel in enumerate(arrays[::2])
            ]
            for layer in dense[: -1 if nested else None]:
                x = layer(x)
            if nested:
                inner = keras.Model(first, x, name="inner")
                first = keras.Input(first.shape[1:])
                x = dense[-1](inner(first))
            model = keras.Model(first, x)
            model.set_weights(arrays)
            return model

        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = str(Path(folder, "saved.weights.h5"))
            with h5py.File(path, "w") as file:
                for number, array in enumerate(inputs["saved"]):
                    layer = "dense" + (f"_{number // 2}" if number > 1 else "")
                    file[f"layers/{layer}/vars/{number % 2}"] = array
            model = build(inputs["own"], inputs["nested"])
            try:
                lost, raised = submission(model, path), False
            except ValueError:
                lost, raised = None, True
            return {"raised": raised, "lost": lost, "weights": model.get_weights()}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def weights(*widths: int) -> list[np.ndarray]:
            arrays = []
            for inputs, units in itertools.pairwise(widths):
                arrays += [_floats(rng, inputs, units), _floats(rng, units)]
            return arrays

        saved, own = weights(2, 3, 2), weights(2, 3, 1)
        own[1] = saved[1].copy()  # as with zeros over zeros
        yield Case({"saved": saved, "own": own, "nested": False}, "a head of another shape")
        outer = weights(2, 3, 1)
        yield Case({"saved": weights(2, 3), "own": outer, "nested": True}, "the trunk is nested")

    def expected(self, saved: Plain, own: Plain, nested: bool) -> dict[str, Any]:
        return _loaded(saved, own, nested)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong``; a silent total miss and a needless error are named first."""
        right, seen = self.expected(**case.inputs), observation.value
        if right["raised"] and not seen["raised"]:
            raise Wrong(
                "Nothing at all was loaded: no layer of the file belongs to a layer of the model. "
                "That must raise a ValueError.",
                expected="ValueError",
            )
        if seen["raised"] and not right["raised"]:
            raise Wrong(
                "A ValueError was raised, and some layers fit. Pass `skip_mismatch=True`, and "
                "raise only if nothing was loaded.",
                expected=right["lost"],
            )
        super().judge(case, observation)


def _transferred(
    saved: dict[str, Any], own: dict[str, list[np.ndarray]], *, by_place: bool = False
) -> dict[str, Any]:
    """Return what a transfer by name gives, or one that takes the name of the group for it."""
    stored = {
        place.split("/")[-1] if by_place else entry["name"]: entry["arrays"]
        for place, entry in saved.items()
    }
    missed, weights = {}, {}
    for name, arrays in own.items():
        found = stored.get(name, [])
        fits = [a.shape for a in found] == [a.shape for a in arrays]
        weights[name] = found if fits else arrays
        if not fits:
            missed[name] = "other shapes" if name in stored else "not in the file"
    return {"missed": missed, "weights": weights}


def _transferred_from_the_top(saved: dict[str, Any], own: dict[str, list[np.ndarray]]) -> Any:
    """Return what it gives to look at the outermost layers of the file alone."""
    return _transferred({k: v for k, v in saved.items() if k.count("/") == 1}, own)


def _transferred_naming_all(saved: dict[str, Any], own: dict[str, list[np.ndarray]]) -> Any:
    """Return what it gives to report layers without weights too."""
    right = _transferred(saved, own)
    missed = {name: "not in the file" for name, arrays in own.items() if not arrays}
    return {**right, "missed": right["missed"] | missed}


@register
class TransferByName(Exercise):
    """Weights that find their layers by name, from a file."""

    name = "transfer_by_name"
    title = "Transfer weights from a file by layer name"
    points = 3
    see = "A part of a model: skip_mismatch"
    hints = (
        "Read the file first. `file.visititems(collect)` calls `collect(place, thing)` for "
        'everything at any depth. If `"name" in thing.attrs`, the arrays `thing["0"]`, '
        '`thing["1"]`, … belong to the layer `thing.attrs["name"]`; `[()]` reads their numbers.',
        "Go through `model.layers`, without the layers whose list `weights` is empty. Look for "
        "`layer.name` in what you read, then compare the lists of shapes: "
        "`[array.shape for array in arrays]` and `[tuple(w.shape) for w in layer.weights]`.",
        "If both lists are equal, `layer.set_weights(arrays)` fills the layer. If not, touch "
        "nothing and note the reason under `layer.name`.",
    )
    why = (
        "Places and shapes say nothing about meaning; a name that you gave does. A layer is filled "
        "as a whole or not at all: a new kernel with an old bias is the work of no training. The "
        "report makes a transfer that found nothing visible, and says whether the name or the "
        "shape was the reason. If the *model* holds another model, pass the inner one: "
        "`model.layers` does not look into it."
    )
    near_misses = (
        NearMiss(
            code="""
def transfer_by_name(model, path):
    before = model.get_weights()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    model.load_weights(path, skip_mismatch=True)
    missed = {}
    for weight, old in zip(model.weights, before):
        if np.isnan(weight.numpy()).all():
            weight.assign(old)
            missed[weight.path.split("/")[-2]] = "not in the file"
    return missed
""",
            because="`load_weights` finds layers by class and order, and not by name.",
            says="that were saved under 'second'",
        ),
        NearMiss(
            code="""
def transfer_by_name(model, path):
    stored = {}

    def collect(place, thing):
        if place.endswith("/vars"):
            stored[place.split("/")[-2]] = [thing[number][()] for number in thing]

    with h5py.File(path) as file:
        file.visititems(collect)
    missed = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name not in stored:
            missed[layer.name] = "not in the file"
        elif [a.shape for a in stored[layer.name]] != [w.shape for w in layer.weights]:
            missed[layer.name] = "other shapes"
        else:
            layer.set_weights(stored[layer.name])
    return missed
""",
            because=(
                "Not one name was found. The groups are called `dense`, `dense_1` and so on; the "
                'name of the layer is the attribute `attrs["name"]` of the group `vars`.'
            ),
            like=lambda **inputs: _transferred(**inputs, by_place=True),
        ),
        NearMiss(
            code="""
def transfer_by_name(model, path):
    stored = {}

    def collect(place, thing):
        if "name" in thing.attrs:
            stored[thing.attrs["name"]] = [thing[number][()] for number in thing]

    with h5py.File(path) as file:
        file.visititems(collect)
    missed = {}
    for layer in model.layers:
        if layer.weights and layer.name not in stored:
            missed[layer.name] = "not in the file"
        for weight, array in zip(layer.weights, stored.get(layer.name, [])):
            if weight.shape == array.shape:
                weight.assign(array)
            else:
                missed[layer.name] = "other shapes"
    return missed
""",
            because="Half of a layer was filled: its bias fits, its kernel does not.",
            says="must keep all its values",
        ),
        NearMiss(
            code="""
def transfer_by_name(model, path):
    stored = {}

    def collect(place, thing):
        if "name" in thing.attrs:
            stored[thing.attrs["name"]] = [thing[number][()] for number in thing]

    with h5py.File(path) as file:
        file.visititems(collect)
    missed = {}
    for layer in model.layers:
        if layer.name not in stored:
            missed[layer.name] = "not in the file"
        elif [a.shape for a in stored[layer.name]] != [w.shape for w in layer.weights]:
            missed[layer.name] = "other shapes"
        else:
            layer.set_weights(stored[layer.name])
    return missed
""",
            because="A layer without weights, such as ReLU, has nothing to fill: do not name it.",
            like=_transferred_naming_all,
        ),
        NearMiss(
            code="""
def transfer_by_name(model, path):
    with h5py.File(path) as file:
        groups = [group["vars"] for group in file["layers"].values() if "vars" in group]
        stored = {g.attrs["name"]: [g[number][()] for number in g] for g in groups}
    missed = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name not in stored:
            missed[layer.name] = "not in the file"
        elif [a.shape for a in stored[layer.name]] != [w.shape for w in layer.weights]:
            missed[layer.name] = "other shapes"
        else:
            layer.set_weights(stored[layer.name])
    return missed
""",
            because=(
                "A layer inside another one was not found in the file. Go through all depths, as "
                "`visititems` does."
            ),
            like=_transferred_from_the_top,
        ),
    )
    alternatives = (
        """
def transfer_by_name(model, path):
    def groups_in(group):
        for thing in group.values():
            if isinstance(thing, h5py.Group):
                yield thing
                yield from groups_in(thing)

    missed = {layer.name: "not in the file" for layer in model.layers if layer.weights}
    with h5py.File(path) as file:
        for group in groups_in(file):
            name = group.attrs.get("name")
            if name in missed:
                layer = model.get_layer(name)
                arrays = [np.asarray(group[number]) for number in sorted(group, key=int)]
                if [a.shape for a in arrays] == [w.shape for w in layer.weights]:
                    layer.set_weights(arrays)
                    del missed[name]
                else:
                    missed[name] = "other shapes"
    return missed
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write a file as Keras lays it out, and have a model filled from it."""
        import tempfile
        import warnings
        from pathlib import Path

        import h5py
        import keras

        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = str(Path(folder, "saved.weights.h5"))
            with h5py.File(path, "w") as file:
                file.create_group("vars").attrs["name"] = "saved"
                for place, entry in inputs["saved"].items():
                    group = file.create_group(f"{place}/vars")
                    group.attrs["name"] = entry["name"]
                    for number, array in enumerate(entry["arrays"]):
                        group[str(number)] = array
            layers = []
            for name, arrays in inputs["own"].items():
                if arrays:
                    layers.append(keras.layers.Dense(arrays[0].shape[1], name=name))
                    layers[-1].build((None, arrays[0].shape[0]))
                    layers[-1].set_weights(arrays)
                else:
                    layers.append(keras.layers.ReLU(name=name))
            model = keras.Sequential(layers)
            model.built = True  # all layers are; the graph of the model is never needed
            missed = submission(model, path)
            weights = [layer.get_weights() for layer in layers]
            return {"missed": missed, "weights": dict(zip(inputs["own"], weights, strict=True))}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def dense(inputs: int, units: int) -> list[np.ndarray]:
            return [_floats(rng, inputs, units), _floats(rng, units)]

        def entry(name: str, arrays: list[np.ndarray]) -> Plain:
            return {"name": name, "arrays": arrays}

        flat = {
            "layers/dense": entry("first", dense(4, 3)),
            "layers/dense_1": entry("second", dense(3, 3)),
        }
        longer = {"first": dense(2, 3), "extra": dense(3, 3), "relu": [], "second": dense(3, 3)}
        yield Case({"saved": flat, "own": longer}, "one layer more, another size of input")
        nested = {
            "layers/dense": entry("head", dense(2, 2)[:1]),
            "layers/sequential": entry("inner", []),
            "layers/sequential/layers/dense": entry("body", dense(2, 2)),
        }
        moved = {name: dense(2, 2) for name in ("head", "body")}
        yield Case({"saved": nested, "own": moved}, "the file holds a model in a model")

    def expected(self, saved: dict[str, Any], own: dict[str, list[np.ndarray]]) -> dict[str, Any]:
        return _transferred(saved, own)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong``; weights in a wrong layer are named first, then half a layer."""
        right, seen = self.expected(**case.inputs), observation.value
        for name, arrays in seen["weights"].items():
            if self.differs(arrays, right["weights"][name]) is None:
                continue
            for entry in case.inputs["saved"].values():
                if entry["arrays"] and self.differs(arrays, entry["arrays"]) is None:
                    raise Wrong(
                        f"The layer {name!r} got the weights that were saved under "
                        f"{entry['name']!r}. Look for its own name.",
                        expected=right,
                    )
            if name in right["missed"]:
                raise Wrong(
                    f"The layer {name!r} was changed, and must keep all its values. The reason to "
                    f"report is {right['missed'][name]!r}.",
                    expected=right,
                )
        super().judge(case, observation)


@register
class AverageCheckpoints(Exercise):
    """The mean of several weights files."""

    name = "average_checkpoints"
    title = "Average the last checkpoints"
    points = 2
    see = "Average the last checkpoints"
    hints = (
        "Load one file after the other into the model, and take `model.get_weights()` each time.",
        "`zip(*lists)` turns a list for each file into a tuple for each weight.",
        "`model.set_weights([np.mean(arrays, axis=0) for arrays in zip(*lists)])`",
    )
    why = (
        "Each weight is averaged with the same weight of the other files, so the files must come "
        "from one run: two trainings from different seeds have their units in different order. "
        "What the model held before plays no part. The moving mean of a BatchNormalization is a "
        "weight too, and is averaged with the rest."
    )
    near_misses = (
        NearMiss(
            code="""
def average_checkpoints(model, paths):
    model.load_weights(paths[0])
    for path in paths[1:]:
        before = model.get_weights()
        model.load_weights(path)
        model.set_weights([(a + b) / 2 for a, b in zip(before, model.get_weights())])
""",
            because=(
                "The mean of a mean and the next file gives the last files more weight than the "
                "first. Add up all of them and divide once by their number."
            ),
            like=lambda own, files: _halving(files),
        ),
        NearMiss(
            code="""
def average_checkpoints(model, paths):
    total = model.get_weights()
    for path in paths:
        model.load_weights(path)
        total = [a + b for a, b in zip(total, model.get_weights())]
    model.set_weights([a / (len(paths) + 1) for a in total])
""",
            because="The weights that the model had before are in your mean. Begin with zeros.",
            like=lambda own, files: _mean_of([own, *files]),
        ),
        NearMiss(
            code="""
def average_checkpoints(model, paths):
    lists = []
    for path in paths:
        model.load_weights(path)
        lists.append([w.numpy() for w in model.trainable_weights])
    for weight, *arrays in zip(model.trainable_weights, *lists):
        weight.assign(np.mean(arrays, axis=0))
""",
            because=(
                "The moving statistics of BatchNormalization are not averaged: they are weights, "
                "and not trainable. Use `model.weights`, or `get_weights`."
            ),
            like=lambda own, files: [
                *_mean_of(files)[:2],  # gamma and beta
                *files[-1][2:],  # the moving statistics
            ],
        ),
    )
    alternatives = (
        """
def average_checkpoints(model, paths):
    total = [np.zeros(weight.shape) for weight in model.weights]
    for path in paths:
        model.load_weights(path)
        total = [a + b for a, b in zip(total, model.get_weights())]
    for weight, array in zip(model.weights, total):
        weight.assign(array / len(paths))
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the files, have them averaged, and return the weights of the model."""
        import tempfile
        from pathlib import Path

        import keras

        model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, arrays in enumerate(inputs["files"]):
                model.set_weights(arrays)
                paths.append(str(Path(folder, f"e{number}.weights.h5")))
                model.save_weights(paths[-1])
            model.set_weights(inputs["own"])
            submission(model, paths)
            return model.get_weights()

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def arrays() -> list[np.ndarray]:
            return [_floats(rng, 2) for _ in range(4)]  # of a BatchNormalization

        yield Case({"own": arrays(), "files": [arrays() for _ in range(3)]})

    def expected(self, own: list[np.ndarray], files: list[list[np.ndarray]]) -> list[np.ndarray]:
        return _mean_of(files)


def _mean_of(files: list[list[np.ndarray]]) -> list[np.ndarray]:
    columns = [[arrays[place] for arrays in files] for place in range(len(files[0]))]
    return [sum(column[1:], column[0]) / len(column) for column in columns]


def _halving(files: list[list[np.ndarray]]) -> list[np.ndarray]:
    mean = files[0]
    for arrays in files[1:]:
        mean = [(a + b) / 2 for a, b in zip(mean, arrays, strict=True)]
    return mean


_SUFFIX = ".weights.h5"


def _rotated(
    files: list[str],
    losses: dict[str, float],
    keep: int,
    *,
    by_text: bool = False,
    best: bool = True,
    others: bool = True,
) -> dict[str, Any]:
    """Return what stays and what goes, in one of several ways."""
    saved = [name for name in files if name.startswith("step-") and name.endswith(_SUFFIX)]

    def place(name: str) -> Any:
        return name if by_text else int(name[len("step-") : -len(_SUFFIX)])

    saved.sort(key=place)
    stays = set(saved[len(saved) - keep :] if keep < len(saved) else saved)
    rated = [(losses[n], -i, n) for i, n in enumerate(saved) if not math.isnan(losses[n])]
    if best and rated:
        stays.add(min(rated)[2])
    deleted = [name for name in saved if name not in stays]
    if not others:
        deleted = [name for name in files if name not in stays]
    left = sorted(name for name in files if name not in deleted)
    return {"left": left, "deleted": deleted}


@register
class RotateCheckpoints(Exercise):
    """Keep the newest and the best of many files."""

    name = "rotate_checkpoints"
    title = "Keep the newest, and the best"
    points = 3
    see = "Keep the newest, and the best"
    hints = (
        'Collect the files with `Path(folder).glob("step-*.weights.h5")`, and sort them by their '
        "step. As text, step-10 comes before step-9; turn the step into a number.",
        "A loss that is NaN is neither smaller nor larger than any other, so `min` may return it "
        "or not. Leave out the files whose loss is NaN (`math.isnan`) before you look for the "
        "best; there may be none left.",
        "Of the sorted files, `files[-keep:]` are the newest. With the key `(loss, -step)` the "
        "newest of several equally good ones is the smallest. `path.unlink()` deletes.",
    )
    why = (
        "The step is a number, so it is compared as a number. A run that diverges has a loss of "
        "NaN, which would be the best or not, depending on the order of the files. What the "
        "pattern does not match was put there by somebody else, and is none of your business."
    )
    near_misses = (
        NearMiss(
            code="""
def rotate_checkpoints(folder, losses, keep):
    files = sorted(Path(folder).glob("step-*.weights.h5"))
    rated = [f for f in files if not math.isnan(losses[f.name])]
    best = min(rated, key=lambda f: losses[f.name], default=None)
    deleted = [f for f in files[:-keep] if f != best]
    for file in deleted:
        file.unlink()
    return [file.name for file in deleted]
""",
            because=(
                "The files were sorted as text, in which step-10 comes before step-9. Sort by the "
                "number."
            ),
            like=lambda **inputs: _rotated(**inputs, by_text=True),
        ),
        NearMiss(
            code="""
def rotate_checkpoints(folder, losses, keep):
    step = lambda file: int(file.name.split("-")[1].split(".")[0])
    files = sorted(Path(folder).glob("step-*.weights.h5"), key=step)
    for file in files[:-keep]:
        file.unlink()
    return [file.name for file in files[:-keep]]
""",
            because="The best file of all was deleted, because it was old. Keep it too.",
            like=lambda **inputs: _rotated(**inputs, best=False),
        ),
        NearMiss(
            code="""
def rotate_checkpoints(folder, losses, keep):
    step = lambda file: int(file.name.split("-")[1].split(".")[0])
    files = sorted(Path(folder).glob("step-*.weights.h5"), key=step)
    rated = [f for f in files if not math.isnan(losses[f.name])]
    best = min(rated, key=lambda f: (losses[f.name], -step(f)), default=None)
    stays = {best, *files[-keep:]}
    deleted = []
    for file in sorted(Path(folder).iterdir()):
        if file not in stays:
            file.unlink()
            deleted.append(file.name)
    return deleted
""",
            because=(
                "A file that is no checkpoint was deleted. Touch only what matches "
                "`step-*.weights.h5`."
            ),
            says="A file that is no checkpoint was deleted",
        ),
        NearMiss(
            code="""
def rotate_checkpoints(folder, losses, keep):
    step = lambda file: int(file.name.split("-")[1].split(".")[0])
    files = sorted(Path(folder).glob("step-*.weights.h5"), key=step)
    best = min(files, key=lambda f: (losses[f.name], -step(f)))
    deleted = [f for f in files[:-keep] if f != best]
    for file in deleted:
        file.unlink()
    return [file.name for file in deleted]
""",
            because="A file whose loss is NaN was taken for the best. Leave those out.",
            says="whose loss is NaN was taken for the best",
        ),
    )
    alternatives = (
        """
def rotate_checkpoints(folder, losses, keep):
    pattern = re.compile(r"step-(\\d+)\\.weights\\.h5")
    names = [path.name for path in Path(folder).iterdir()]
    steps = {int(m[1]): name for name in names if (m := pattern.fullmatch(name))}
    stays = set(sorted(steps)[-keep:])
    low = [(losses[name], -step) for step, name in steps.items() if losses[name] == losses[name]]
    if low:
        stays.add(-min(low)[1])
    deleted = [steps[step] for step in sorted(steps) if step not in stays]
    for name in deleted:
        Path(folder, name).unlink()
    return deleted
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Fill a folder, have it tidied, and say what is left."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            for name in inputs["files"]:
                Path(folder, name).write_bytes(b"weights")
            deleted = submission(folder, inputs["losses"], inputs["keep"])
            return {"left": sorted(p.name for p in Path(folder).iterdir()), "deleted": deleted}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def losses_of(steps: list[int], values: list[float]) -> dict[str, float]:
            return {f"step-{n}{_SUFFIX}": v for n, v in zip(steps, values, strict=True)}

        low, middle, high = sorted(round(float(v), 3) for v in rng.uniform(0.1, 2.0, size=3))
        first = int(rng.integers(2, 7))
        early = losses_of([first, 8, 9, 10, 11], [low, middle, high, middle, high])
        more = ["notes.txt", "best.weights.h5"]
        yield Case({"files": [*early, *more], "losses": early, "keep": 2}, "the best is the oldest")
        broken = losses_of([first, 20, 100, 1000], [math.nan, low, math.nan, high])
        yield Case({"files": list(broken), "losses": broken, "keep": 1}, "losses that are NaN")
        ties = losses_of([first, 30, 31], [low, low, high])
        yield Case({"files": list(ties), "losses": ties, "keep": 1}, "two are equally good")
        lost = losses_of([first, 40, 300], [math.nan] * 3)
        yield Case({"files": list(lost), "losses": lost, "keep": 2}, "every loss is NaN")
        few = losses_of([first, 50], [low, high])
        yield Case({"files": list(few), "losses": few, "keep": 3}, "fewer files than keep")

    def expected(self, files: list[str], losses: dict[str, float], keep: int) -> dict[str, Any]:
        return _rotated(files, losses, keep)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong``; what must never be deleted is named first."""
        right, left = self.expected(**case.inputs), observation.value["left"]
        for name in case.inputs["files"]:
            if name not in left and not name.startswith("step-"):
                raise Wrong(
                    f"A file that is no checkpoint was deleted: {name}. Touch only what matches "
                    "`step-*.weights.h5`.",
                    expected=right,
                )
        for name in left:
            loss = case.inputs["losses"].get(name)
            if name not in right["left"] and loss is not None and math.isnan(loss):
                raise Wrong(
                    f"{name} is left: a file whose loss is NaN was taken for the best.",
                    expected=right,
                )
        surplus = [name for name in left if name not in right["left"]]
        if surplus and not self._recognise(case, observation):
            raise Wrong(
                f"{surplus[0]} is left, and is neither the best nor among the newest "
                f"{case.inputs['keep']}.",
                expected=right,
            )
        super().judge(case, observation)


@register
class CheckpointValues(Exercise):
    """All values of a TensorFlow checkpoint, by the path of attributes that leads to them."""

    name = "checkpoint_values"
    title = "Read all values of a checkpoint"
    points = 2
    see = "A checkpoint keeps a graph of objects"
    hints = (
        "`reader = tf.train.load_checkpoint(path)` opens it without any of your objects. "
        "`reader.get_variable_to_shape_map()` has all keys; `reader.get_tensor(key)` the values.",
        'Keep the keys that end in "/.ATTRIBUTES/VARIABLE_VALUE", and cut that end off with '
        "`removesuffix`. `save_counter` is TensorFlow's own; leave it out.",
    )
    why = (
        "The keys are the names of attributes that lead from the checkpoint to the variable. "
        "Besides variables there is the description of the whole graph of objects, and the state "
        "of an iterator. A reader needs no model, so you can look into a file whose code is lost."
    )
    near_misses = (
        NearMiss(
            code="""
def checkpoint_values(path):
    reader = tf.train.load_checkpoint(path)
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    keys = [key for key in reader.get_variable_to_shape_map() if key.endswith(end)]
    return {key.removesuffix(end): reader.get_tensor(key) for key in keys}
""",
            because=(
                "`save_counter`, with which TensorFlow numbers its files, is in the result. Leave "
                "it out."
            ),
            like=lambda trunk, head: _values(trunk, head) | {"save_counter": 1},
        ),
        NearMiss(
            code="""
def checkpoint_values(path):
    reader = tf.train.load_checkpoint(path)
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    keys = [key for key in reader.get_variable_to_shape_map() if key.endswith(end)]
    names = {key: key.removesuffix(end).split("/")[-1] for key in sorted(keys)}
    return {n: reader.get_tensor(key) for key, n in names.items() if n != "save_counter"}
""",
            because=(
                "Only the last attribute is left of the names, so `trunk/kernel` and `head/kernel` "
                "overwrite each other. Keep the whole path."
            ),
            like=lambda trunk, head: {
                name.split("/")[-1]: value for name, value in sorted(_values(trunk, head).items())
            },
        ),
        NearMiss(
            code="""
def checkpoint_values(path):
    reader = tf.train.load_checkpoint(path)
    keys = [key for key in reader.get_variable_to_shape_map() if key.endswith("VARIABLE_VALUE")]
    return {key: reader.get_tensor(key) for key in keys if not key.startswith("save_counter")}
""",
            because=(
                "The keys still end in `/.ATTRIBUTES/VARIABLE_VALUE`: cut that off, so that the "
                "path of attributes is left."
            ),
            like=lambda trunk, head: {
                f"{name}/.ATTRIBUTES/VARIABLE_VALUE": value
                for name, value in _values(trunk, head).items()
            },
        ),
    )
    alternatives = (
        """
def checkpoint_values(path):
    found = {}
    for key, _ in tf.train.list_variables(path):
        name, _, kind = key.partition("/.ATTRIBUTES/")
        if kind == "VARIABLE_VALUE" and name != "save_counter":
            found[name] = tf.train.load_variable(path, key)
    return found
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Save a checkpoint of variables, a counter and an iterator, and have it read."""
        import tempfile
        from pathlib import Path

        import tensorflow as tf

        def part(arrays: Any) -> Any:
            return tf.train.Checkpoint(**{n: tf.Variable(a) for n, a in arrays.items()})

        with tempfile.TemporaryDirectory() as folder:
            checkpoint = tf.train.Checkpoint(
                trunk=part(inputs["trunk"]),
                model=tf.train.Checkpoint(head=part(inputs["head"])),
                data=iter(tf.data.Dataset.range(3)),
            )
            return submission(checkpoint.save(str(Path(folder, "run"))))

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        trunk = {"kernel": _floats(rng, 2, 3), "bias": _floats(rng, 3)}
        head = {"kernel": _floats(rng, 3, 1), "count": np.array(int(rng.integers(9)), np.int64)}
        yield Case({"trunk": trunk, "head": head})

    def expected(self, trunk: Plain, head: Plain) -> dict[str, np.ndarray]:
        return _values(trunk, head)


def _values(trunk: dict[str, np.ndarray], head: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    parts = {"trunk": trunk, "model/head": head}
    return {f"{part}/{name}": a for part, arrays in parts.items() for name, a in arrays.items()}


def _resumed(
    weights: list[float],
    stream: list[float],
    last_step: int,
    every: int,
    killed_after: int,
    *,
    restored: bool = True,
    at_end: bool = True,
) -> dict[str, Any]:
    """Return what two runs give, of which the first is killed: the same walk, step by step."""
    saved, weight, place = (0, weights[0], 0), weights[0], 0
    kept: list[int] = []
    for step in range(1, killed_after + 1):
        weight, place = weight / 2 + stream[place % len(stream)], place + 1
        if step % every == 0:
            saved = (step, weight, place)
            kept.append(step)
    begin, weight, place = saved if restored and kept else (0, weights[1], 0)
    for step in range(begin + 1, last_step + 1):
        weight, place = weight / 2 + stream[place % len(stream)], place + 1
        if step % every == 0:
            kept.append(step)
    if at_end and kept[-1:] != [last_step]:
        kept.append(last_step)
    files = sorted(f"ckpt-{step}" for step in kept[-2:])
    return {"weight": weight, "steps": last_step - begin, "step": last_step, "files": files}


@register
class TrainResumably(Exercise):
    """A loop that goes on where the last one was killed."""

    name = "train_resumably"
    title = "A loop that survives a kill"
    points = 3
    see = "Resume in the middle of an epoch"
    hints = (
        "`manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)`. Its "
        "`latest_checkpoint` is the path of the newest one, or None; `checkpoint.restore(None)` "
        "restores nothing and raises nothing.",
        "`while checkpoint.step < last_step:` take one step, then `checkpoint.step.assign_add(1)`, "
        "then save if the step is a multiple of `every`, or if it is the last.",
        "`manager.save(checkpoint_number=checkpoint.step)` puts the step into the name.",
    )
    why = (
        "The step is a variable in the checkpoint, so it comes back with the rest, and the loop "
        "counts on from there. Count before you save: otherwise the file says one step too few, "
        "and a resumed run takes that step twice."
    )
    near_misses = (
        NearMiss(
            code="""
def train_resumably(checkpoint, train_step, last_step, folder, every):
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    while checkpoint.step < last_step:
        train_step()
        checkpoint.step.assign_add(1)
        if checkpoint.step % every == 0 or checkpoint.step == last_step:
            manager.save(checkpoint_number=checkpoint.step)
""",
            because=(
                "The second run began at step 0 again. Restore the latest checkpoint before the "
                "loop."
            ),
            says="began at step 0 again",
        ),
        NearMiss(
            code="""
def train_resumably(checkpoint, train_step, last_step, folder, every):
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    checkpoint.restore(manager.latest_checkpoint)
    for step in range(last_step):
        train_step()
        checkpoint.step.assign_add(1)
        if checkpoint.step % every == 0 or step + 1 == last_step:
            manager.save(checkpoint_number=checkpoint.step)
""",
            because=(
                "The second run took all its steps once more, on top of those that were restored. "
                "Count on from `checkpoint.step`."
            ),
            says="on top of those that were restored",
        ),
        NearMiss(
            code="""
def train_resumably(checkpoint, train_step, last_step, folder, every):
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    checkpoint.restore(manager.latest_checkpoint)
    while checkpoint.step < last_step:
        train_step()
        checkpoint.step.assign_add(1)
        if checkpoint.step % every == 0:
            manager.save(checkpoint_number=checkpoint.step)
""",
            because="The last step was not saved. Save at the end, whatever `every` is.",
            like=lambda **inputs: _resumed(**inputs, at_end=False),
        ),
    )
    alternatives = (
        """
def train_resumably(checkpoint, train_step, last_step, folder, every):
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    manager.restore_or_initialize()
    for step in range(int(checkpoint.step) + 1, last_step + 1):
        train_step()
        checkpoint.step.assign(step)
        if step == last_step or not step % every:
            manager.save(checkpoint_number=step)
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Run once and kill it, run again from new objects, and say what the second did."""
        import contextlib
        import tempfile
        from pathlib import Path

        import tensorflow as tf

        class Killed(BaseException):
            """Passes through every ``except Exception``, as a kill would."""

        def run(weight: float, steps_allowed: int) -> Any:
            checkpoint = tf.train.Checkpoint(
                step=tf.Variable(0), weight=tf.Variable(weight), place=tf.Variable(0)
            )
            taken: list[None] = []

            def train_step() -> None:
                if len(taken) >= steps_allowed:
                    raise Killed
                number = inputs["stream"][int(checkpoint.place) % len(inputs["stream"])]
                checkpoint.weight.assign(checkpoint.weight / 2 + number)
                checkpoint.place.assign_add(1)
                taken.append(None)

            with contextlib.suppress(Killed):
                submission(checkpoint, train_step, inputs["last_step"], folder, inputs["every"])
            return checkpoint, len(taken)

        with tempfile.TemporaryDirectory() as folder:
            run(inputs["weights"][0], inputs["killed_after"])
            checkpoint, steps = run(inputs["weights"][1], 30)
            return {
                "weight": float(checkpoint.weight),
                "steps": steps,
                "step": int(checkpoint.step),
                "files": sorted(p.stem for p in Path(folder).glob("*.index")),
            }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def numbers(count: int) -> list[float]:
            return [round(float(v), 3) for v in rng.normal(size=count)]

        plan = {"last_step": 5, "every": 2, "killed_after": 3}
        yield Case({"weights": numbers(2), "stream": numbers(3), **plan})
        early = {"last_step": 2, "every": 3, "killed_after": 1}
        yield Case({"weights": numbers(2), "stream": numbers(3), **early}, "killed before any save")

    def expected(
        self,
        weights: list[float],
        stream: list[float],
        last_step: int,
        every: int,
        killed_after: int,
    ) -> dict[str, Any]:
        return _resumed(weights, stream, last_step, every, killed_after)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong``; the number of steps of the second run tells how it resumed."""
        right, seen = self.expected(**case.inputs), observation.value
        last = case.inputs["last_step"]
        if not seen["files"]:
            raise Wrong(
                "No checkpoint is in the folder after two runs. Save with "
                "`tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)`.",
                expected=right,
            )
        if right["steps"] < last == seen["steps"]:
            if seen["step"] == last:
                raise Wrong(
                    "The second run began at step 0 again, though a checkpoint was there. Restore "
                    "it before the loop.",
                    expected=right,
                )
            raise Wrong(
                "The second run took all its steps once more, on top of those that were restored. "
                "Count on from `checkpoint.step`.",
                expected=right,
            )
        super().judge(case, observation)
