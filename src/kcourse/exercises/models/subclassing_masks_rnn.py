"""Exercises of the lesson on subclassed models, masks and recurrent cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.comparing import difference
from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain, to_plain

_FLOAT32 = np.float32


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(_FLOAT32)


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis; -inf has no weight."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    result: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return result


class _SeveralParts(Exercise):
    """An exercise of whose answer several things are observed and judged one by one."""

    def must_be(self, case: Case, got: Plain, expected: Plain, where: str) -> None:
        """Raise ``Wrong`` if one part of what was observed is not the expected one."""
        reason = difference(got, expected, rtol=self.rtol, atol=self.atol, where=where)
        if reason:
            known = self._recognise(case, Observation("returned", got))
            raise Wrong(known or reason, expected=to_plain(expected))


@register
class WordAverageSaved(_SeveralParts):
    """A subclassed model that comes back from a file as it was."""

    name = "WordAverage"
    title = "A subclassed model that survives saving"
    points = 2
    see = "Save a subclassed model"
    hints = (
        "Three layers in `__init__`: `layers.Embedding(vocabulary, width)`, "
        "`layers.GlobalAveragePooling1D()` and `layers.Dense(classes)`. `call` applies them in "
        "that order.",
        "Keep the three arguments: `self.vocabulary = vocabulary` and so on. `get_config` has to "
        "return them.",
        'In `get_config`: `return {**super().get_config(), "vocabulary": self.vocabulary, …}` '
        "with all three names.",
    )
    why = (
        "A file in the `.keras` format holds the class's name, what `get_config` returns and the "
        "weights, but not your code. Loading calls `WordAverage(**config)`, builds the model and "
        "fills its weights in. Of a subclassed *model* Keras knows no arguments by itself: without "
        "`get_config` it stores the default values of `__init__`."
    )
    _START = """
class WordAverage(keras.Model):
    def __init__(self, vocabulary=1000, width=16, classes=2, **kwargs):
        super().__init__(**kwargs)
        self.sizes = {"vocabulary": vocabulary, "width": width, "classes": classes}
"""
    _LAYERS = """
        self.embedding = keras.layers.Embedding(vocabulary, width)
        self.average = keras.layers.GlobalAveragePooling1D()
        self.scores = keras.layers.Dense(classes)

    def call(self, ids):
        return self.scores(self.average(self.embedding(ids)))
"""
    _CONFIG = """
    def get_config(self):
        return {**super().get_config(), **self.sizes}
"""
    near_misses = (
        NearMiss(
            code=_START + _LAYERS,
            because=(
                "Without `get_config` of your own, Keras stores the default values of a model's "
                "`__init__`, whatever it was called with."
            ),
            says="Keras stores the default values",
        ),
        NearMiss(
            code=_START + _LAYERS.replace("GlobalAveragePooling1D", "GlobalMaxPooling1D") + _CONFIG,
            because="This takes the maximum over the words. The average was asked for.",
            like=lambda ids, vocabulary, width, classes, embeddings, kernel, bias: (
                embeddings[ids].max(1) @ kernel + bias
            ),
        ),
        NearMiss(
            code=_START + _LAYERS.replace("width)", "width, mask_zero=True)") + _CONFIG,
            because=(
                "Word 0 was left out of the average. These sentences are not padded: 0 is a word "
                "like any other, so `mask_zero` is not wanted."
            ),
            like=lambda ids, vocabulary, width, classes, embeddings, kernel, bias: (
                np.stack([embeddings[row[row != 0]].mean(0) for row in ids]) @ kernel + bias
            ),
        ),
        NearMiss(
            code=_START
            + _LAYERS.replace("Dense(classes)", 'Dense(classes, activation="softmax")')
            + _CONFIG,
            because="These are probabilities. Logits were asked for: no activation on the last layer.",
            like=lambda ids, vocabulary, width, classes, embeddings, kernel, bias: _softmax(
                embeddings[ids].mean(1) @ kernel + bias
            ),
        ),
        NearMiss(
            code=_START
            + """
    def build(self, input_shape):
        self.embedding = keras.layers.Embedding(
            self.sizes["vocabulary"], self.sizes["width"]
        )
        self.average = keras.layers.GlobalAveragePooling1D()
        self.scores = keras.layers.Dense(self.sizes["classes"])

    def call(self, ids):
        return self.scores(self.average(self.embedding(ids)))
"""
            + _CONFIG,
            because="The layers have no weights yet when loading wants to fill them.",
            says="The loaded model computes something else than the saved one",
        ),
        NearMiss(
            code=_START
            + _LAYERS
            + """
    def get_config(self):
        return self.sizes | {"words": self.sizes["vocabulary"]}
""",
            because="The keys of the dictionary have to be the names of the arguments of `__init__`.",
            says="Saving or loading failed",
        ),
    )
    alternatives = (
        """
class WordAverage(keras.Model):
    def __init__(self, vocabulary=1000, width=16, classes=2, **kwargs):
        super().__init__(**kwargs)
        self.sizes = {"vocabulary": vocabulary, "width": width, "classes": classes}
        self.stack = keras.Sequential([
            keras.layers.Embedding(vocabulary, width),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(classes),
        ])

    def call(self, ids):
        return self.stack(ids)

    def get_config(self):
        return {**super().get_config(), **self.sizes}
""",
        """
class WordAverage(keras.Model):
    def __init__(self, vocabulary=1000, width=16, classes=2, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.width, self.classes = vocabulary, width, classes

    def build(self, input_shape):
        self.embedding = keras.layers.Embedding(self.vocabulary, self.width)
        self.embedding.build(input_shape)
        self.scores = keras.layers.Dense(self.classes)
        self.scores.build((input_shape[0], self.width))

    def call(self, ids):
        return self.scores(ops.mean(self.embedding(ids), axis=1))

    def get_config(self):
        config = super().get_config()
        config.update(vocabulary=self.vocabulary, width=self.width, classes=self.classes)
        return config
""",
    )
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        vocabulary, width = int(rng.integers(20, 30)), int(rng.integers(5, 9))
        ids = rng.integers(1, vocabulary, size=(2, 5))
        ids[0, 1:3] = 0
        yield Case(
            {
                "ids": ids,
                "vocabulary": vocabulary,
                "width": width,
                "classes": 3,
                "embeddings": _normal(rng, vocabulary, width),
                "kernel": _normal(rng, width, 3),
                "bias": _normal(rng, 3),
            },
            "word 0 is among them",
        )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the model the case's weights, call it, save it, load it and call that."""
        import pathlib
        import tempfile
        import warnings

        import keras

        sizes = {name: inputs[name] for name in ("vocabulary", "width", "classes")}
        values = [inputs[name] for name in ("embeddings", "kernel", "bias")]
        ids = keras.ops.convert_to_tensor(inputs["ids"])
        model = submission(**sizes)
        model(ids)
        seen: dict[str, Any] = {"shapes": sorted(list(w.shape) for w in model.weights)}
        if seen["shapes"] != sorted(list(value.shape) for value in values):
            return seen
        for weight in model.weights:
            for value in values:
                if tuple(weight.shape) == value.shape:
                    weight.assign(value)
        seen["logits"] = keras.ops.convert_to_numpy(model(ids))
        try:
            config = model.get_config()
            seen["sizes"] = {name: config[name] for name in sizes if name in config}
            if any(seen["sizes"][name] != sizes[name] for name in seen["sizes"]):
                return seen  # the file would say the same
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = pathlib.Path(folder, "model.keras")
                model.save(path)
                loaded = keras.saving.load_model(path, custom_objects={"WordAverage": submission})
            seen["loaded"] = keras.ops.convert_to_numpy(loaded(ids))
        except Exception as error:
            lines = str(error).strip().splitlines()
            seen["failed"] = f"{type(error).__name__}: {lines[0] if lines else ''}"
        return seen

    def expected(
        self,
        ids: np.ndarray,
        vocabulary: int,
        width: int,
        classes: int,
        embeddings: np.ndarray,
        kernel: np.ndarray,
        bias: np.ndarray,
    ) -> Any:
        return embeddings[ids].mean(1) @ kernel + bias

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the weights, the logits, what ``get_config`` says, and the loaded model."""
        seen = observation.value
        sizes = {name: case.inputs[name] for name in ("vocabulary", "width", "classes")}
        logits = self.expected(**case.inputs)
        shapes = sorted(list(case.inputs[n].shape) for n in ("embeddings", "kernel", "bias"))
        if seen["shapes"] != shapes:
            raise Wrong(
                f"After a call the model has weights of shapes {_plain_shapes(seen['shapes'])}. An "
                "`Embedding` and a `Dense` layer with a bias have "
                f"{_plain_shapes(shapes)} for these sizes."
            )
        self.must_be(case, seen["logits"], logits, "The model's result")
        stored = seen.get("sizes", {})
        for name in stored:
            if stored[name] != sizes[name]:
                raise Wrong(
                    f"`get_config` says {name} = {stored[name]}, but the model was made with "
                    f"{sizes[name]}. Without `get_config` of your own, Keras stores the default "
                    "values of a model's `__init__`, whatever it was called with."
                )
        if "failed" in seen:
            missing = sorted(sizes.keys() - stored.keys())
            lacking = f" `get_config` lacks {', '.join(missing)}." if missing else ""
            raise Wrong(f"Saving or loading failed: {seen['failed']}.{lacking}")
        if difference(seen["loaded"], logits, rtol=self.rtol, atol=self.atol):
            raise Wrong(
                "The loaded model computes something else than the saved one: its weights are new. "
                "Loading can fill only weights that exist once `__init__` and `build` have run. "
                "Make the layers in `__init__`.",
                expected=to_plain(logits),
            )


def _plain_shapes(shapes: list[list[int]]) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes) or "none at all"


@register
class MaskFromLengths(Exercise):
    """The mask of sequences that were padded at the end."""

    name = "mask_from_lengths"
    title = "From lengths to a mask"
    points = 1
    see = "Make a mask"
    hints = (
        "Step t of a sequence is real if t is smaller than the sequence's length. Compare all "
        "steps with all lengths at once, by broadcasting.",
        "`ops.arange(steps)` has shape `(steps,)`. Which shape must `lengths` have to give "
        "`(batch, steps)`?",
        "`ops.arange(steps) < lengths[:, None]`",
    )
    why = (
        "The steps, shape `(steps,)`, meet the lengths, shape `(batch, 1)`: broadcasting compares "
        "each with each. A step is real if its index is *smaller* than the length, as counting "
        "begins with 0. In Keras True means real."
    )
    near_misses = (
        NearMiss(
            code="""
def mask_from_lengths(lengths, steps):
    return ops.arange(steps) <= lengths[:, None]
""",
            because="One step too many: counting begins with 0, so step `length` is padding already.",
            like=lambda lengths, steps: np.arange(steps) <= lengths[:, None],
        ),
        NearMiss(
            code="""
def mask_from_lengths(lengths, steps):
    return ops.arange(steps) >= lengths[:, None]
""",
            because="The other way round: in Keras True means real, and False means padding.",
            like=lambda lengths, steps: np.arange(steps) >= lengths[:, None],
        ),
        NearMiss(
            code="""
def mask_from_lengths(lengths, steps):
    return ops.cast(ops.arange(steps) < lengths[:, None], "int32")
""",
            because="A mask is boolean.",
            says="holds numbers (int32), expected booleans",
        ),
        NearMiss(
            code="""
def mask_from_lengths(lengths, steps):
    return ops.arange(steps)[:, None] < lengths
""",
            because="The axes are swapped: the batch comes first, then the steps.",
            like=lambda lengths, steps: np.arange(steps)[:, None] < lengths,
        ),
    )
    alternatives = (
        """
def mask_from_lengths(lengths, steps):
    rows = [[step < int(length) for step in range(steps)] for length in lengths]
    return ops.reshape(ops.convert_to_tensor(rows, dtype="bool"), (-1, steps))
""",
        """
def mask_from_lengths(lengths, steps):
    counted = ops.cumsum(ops.ones((len(lengths), steps), "int32"), axis=1)
    return counted <= ops.expand_dims(lengths, 1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(lengths: Any, steps: int, note: str = "") -> Case:
            return Case({"lengths": np.asarray(lengths, np.int32), "steps": steps}, note)

        yield case([0, *rng.integers(1, 4, size=3), 4], 4, "one empty, one without padding")
        yield case(rng.integers(1, 3, size=3), 3, "as many steps as sequences")
        yield case(rng.integers(0, 7, size=2), 6)
        yield case([1], 1, "one sequence of one step")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the function with a tensor of lengths."""
        import keras

        mask = submission(keras.ops.convert_to_tensor(inputs["lengths"]), inputs["steps"])
        return keras.ops.convert_to_numpy(mask) if keras.ops.is_tensor(mask) else mask

    def expected(self, lengths: np.ndarray, steps: int) -> Any:
        mask = np.zeros((len(lengths), steps), bool)
        for row, length in zip(mask, lengths, strict=True):
            row[:length] = True
        return mask


@register
class AddPositionsPassesMask(_SeveralParts):
    """A layer that adds learned positions and passes the mask on."""

    name = "AddPositions"
    title = "Positions, and the mask passed on"
    points = 2
    see = "Pass a mask on"
    hints = (
        "The table of positions is a weight: make it in `build` with `self.add_weight`, shape "
        "`(self.max_steps, input_shape[-1])`.",
        "A sequence may be shorter than `max_steps`: use the first rows of the table only, "
        "`self.positions[: ops.shape(inputs)[1]]`.",
        "One line in `__init__` passes the mask on: `self.supports_masking = True`.",
    )
    why = (
        "Step t of the result comes from step t of the input alone, so the mask of the input is "
        "right for the result: `supports_masking = True` says so. `add_weight` makes the table a "
        "tracked weight, which is trained and saved; a plain tensor would be neither."
    )
    _START = """
class AddPositions(keras.layers.Layer):
    def __init__(self, max_steps, **kwargs):
        super().__init__(**kwargs)
        self.max_steps = max_steps
"""
    _BUILD = """
    def build(self, input_shape):
        self.positions = self.add_weight(shape=(self.max_steps, input_shape[-1]))
"""
    _CALL = """
    def call(self, inputs):
        return inputs + self.positions[: inputs.shape[1]]
"""
    near_misses = (
        NearMiss(
            code=_START + _BUILD + _CALL,
            because="The mask is lost: set `supports_masking`.",
            says="The mask is lost",
        ),
        NearMiss(
            code=_START
            + """
        self.supports_masking = True

    def build(self, input_shape):
        self.positions = keras.random.normal((self.max_steps, input_shape[-1]))
"""
            + _CALL,
            because="The table is a plain tensor, which is not trained.",
            says="no trainable weight",
        ),
        NearMiss(
            code=_START
            + "        self.supports_masking = True\n"
            + _BUILD
            + """
    def call(self, inputs):
        return inputs + self.positions[-inputs.shape[1] :]
""",
            because="These are the last rows of the table. The first step gets row 0.",
            like=lambda x, positions: x + positions[-x.shape[1] :],
        ),
        NearMiss(
            code=_START
            + "        self.supports_masking = True\n"
            + _BUILD
            + """
    def call(self, inputs):
        return inputs * self.positions[: inputs.shape[1]]
""",
            because="This multiplies; the positions are to be added.",
            like=lambda x, positions: x * positions[: x.shape[1]],
        ),
    )
    alternatives = (
        """
class AddPositions(keras.layers.Layer):
    def __init__(self, max_steps, **kwargs):
        super().__init__(**kwargs)
        self.max_steps = max_steps

    def build(self, input_shape):
        self.table = keras.layers.Embedding(self.max_steps, input_shape[-1])
        self.table.build(None)

    def call(self, inputs):
        return inputs + self.table(ops.arange(inputs.shape[1]))

    def compute_mask(self, inputs, mask=None):
        return mask
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for batch, steps, width, max_steps, note in (
            (2, 4, 3, 7, "shorter than max_steps"),
            (1, 5, 2, 5, "as long as max_steps"),
        ):
            x = _normal(rng, batch, steps, width)
            x[:, int(rng.integers(1, steps)) :] = 0
            yield Case({"x": x, "positions": _normal(rng, max_steps, width)}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the layer behind a Masking layer, with the case's table, and read the mask."""
        import warnings

        import keras

        masks: list[Any] = []

        class Probe(keras.layers.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.supports_masking = True

            def call(self, x: Any, mask: Any = None) -> Any:
                masks.append(None if mask is None else keras.ops.convert_to_numpy(mask))
                return x

        positions = inputs["positions"]
        layer = submission(len(positions))
        masked = keras.layers.Masking()(keras.ops.convert_to_tensor(inputs["x"]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer(masked)
            shapes = [list(weight.shape) for weight in layer.trainable_weights]
            if shapes == [list(positions.shape)]:
                layer.trainable_weights[0].assign(positions)
            result = Probe()(layer(masked))
        return {"shapes": shapes, "result": keras.ops.convert_to_numpy(result), "mask": masks[-1]}

    def expected(self, x: np.ndarray, positions: np.ndarray) -> Any:
        result = x.copy()
        for t in range(x.shape[1]):
            result[:, t] += positions[t]
        return result

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the weights, the result and the mask."""
        seen, x = observation.value, case.inputs["x"]
        shape = case.inputs["positions"].shape
        if not seen["shapes"]:
            raise Wrong(
                "The layer has no trainable weight after its first call: a plain tensor is neither "
                "trained nor saved. Make the table in `build` with `self.add_weight`."
            )
        if seen["shapes"] != [list(shape)]:
            raise Wrong(
                f"The layer has trainable weights of shapes {_plain_shapes(seen['shapes'])}. One "
                f"table of shape (max_steps, width) is wanted, here {shape}."
            )
        self.must_be(case, seen["result"], self.expected(**case.inputs), "The result")
        wanted = (x != 0).any(-1)
        if seen["mask"] is None:
            raise Wrong(
                "The mask is lost: the layer after yours got none. Say in `__init__` that the mask "
                "of the input holds for the result."
            )
        reason = difference(seen["mask"], wanted, where="The mask of the result")
        if reason:
            raise Wrong(reason, expected=wanted)


@register
class MaskedMeanLayer(_SeveralParts):
    """A pooling layer that consumes the mask."""

    name = "MaskedMean"
    title = "The mean over the real steps"
    points = 3
    see = "Use a mask"
    hints = (
        "Turn the mask into numbers with `ops.cast` and give it a last axis, "
        "shape `(batch, steps, 1)`: then it multiplies the inputs.",
        "Divide the sum over axis 1 by the number of real steps of each sequence, not by `steps`. "
        "That number can be 0: `ops.maximum(count, 1)`.",
        "The result has no time axis, so the old mask does not fit: `compute_mask` returns `None`.",
    )
    why = (
        "Masked steps add 0 to the sum, and they must not count in the denominator either: it is "
        "the number of real steps. `maximum(count, 1)` makes a sequence of padding alone 0 rather "
        "than NaN, which would spoil every weight at the next training step. The mask ends here: "
        "passed on, a `(batch, steps)` mask would be put on a `(batch, width)` result."
    )
    _START = """
class MaskedMean(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)[:, :, None]
"""
    _END = """
    def compute_mask(self, inputs, mask=None):
        return None
"""
    near_misses = (
        NearMiss(
            code=_START + "        return ops.mean(inputs * weights, axis=1)\n" + _END,
            because=(
                "The sum is right, but it was divided by the number of all steps. Divide by the "
                "number of real ones."
            ),
            like=lambda x, mask: None if mask is None else (x * mask[:, :, None]).mean(1),
        ),
        NearMiss(
            code="""
class MaskedMean(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return ops.mean(inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None
""",
            because="The mask was not used: this is the mean over all steps, padding included.",
            like=lambda x, mask: x.mean(1),
        ),
        NearMiss(
            code=_START
            + "        total = ops.sum(inputs * weights, axis=1)\n"
            + "        return total / ops.sum(weights, axis=1)\n"
            + _END,
            because=(
                "A sequence of padding alone gives 0 / 0, which is NaN. Divide by at least 1, so "
                "that it gives zeros."
            ),
            like=lambda x, mask: _masked_mean(x, mask, np.nan),
        ),
        NearMiss(
            code=_START
            + "        total = ops.sum(inputs * weights, axis=1)\n"
            + "        return total / (ops.sum(weights, axis=1) + 1)\n"
            + _END,
            because=(
                "The denominator is too large by 1 everywhere. Take the larger of the number of "
                "steps and 1 instead of adding 1."
            ),
            like=lambda x, mask: (
                None
                if mask is None
                else (x * mask[:, :, None]).sum(1) / (mask.sum(1, keepdims=True) + 1)
            ),
        ),
        NearMiss(
            code=_START
            + "        total = ops.sum(inputs * weights, axis=1)\n"
            + "        return total / ops.maximum(ops.sum(weights, axis=1), 1)\n",
            because="The mask is passed on, although the result has no time axis.",
            says="still has a mask",
        ),
    )
    alternatives = (
        """
class MaskedMean(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        pass

    def call(self, inputs, mask=None):
        if mask is None:
            mask = ops.ones(inputs.shape[:2], "bool")
        count = ops.count_nonzero(mask, axis=1)[:, None]
        total = ops.sum(ops.where(mask[:, :, None], inputs, 0), axis=1)
        return ops.where(count > 0, total / ops.cast(count, inputs.dtype), 0)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        x = _normal(rng, 4, 5, 3)
        lengths = rng.permutation([0, 1, int(rng.integers(2, 4)), 4])
        yield Case({"x": x, "mask": np.arange(5) < lengths[:, None]}, "one row of padding alone")
        holes = np.array([[1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 0]], bool)
        yield Case({"x": _normal(rng, 2, 6, 1), "mask": holes}, "padding between the real steps")
        yield Case({"x": _normal(rng, 2, 3, 4), "mask": None}, "no mask")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the layer behind one that makes the mask; look for a mask of the result."""
        import warnings

        import keras

        given = inputs["mask"]
        found: list[bool] = []

        class Source(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x

            def compute_mask(self, x: Any, mask: Any = None) -> Any:
                return None if given is None else keras.ops.convert_to_tensor(given)

        class Probe(keras.layers.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.supports_masking = True

            def call(self, x: Any, mask: Any = None) -> Any:
                found.append(mask is not None)
                return x

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = Probe()(submission()(Source()(keras.ops.convert_to_tensor(inputs["x"]))))
        return {"result": keras.ops.convert_to_numpy(result), "has mask": found[-1]}

    def expected(self, x: np.ndarray, mask: np.ndarray | None) -> Any:
        return _masked_mean(x, mask, 0.0)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the result and whether the mask ends here."""
        seen = observation.value
        self.must_be(case, seen["result"], self.expected(**case.inputs), "The result")
        if seen["has mask"]:
            raise Wrong(
                "The numbers are right, but the result still has a mask of shape (batch, steps), "
                "while its time axis is gone. Let `compute_mask` return `None`."
            )


def _masked_mean(x: np.ndarray, mask: np.ndarray | None, empty: float) -> np.ndarray:
    """Return the means over the real steps, and ``empty`` where there are none."""
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    result = np.full((x.shape[0], x.shape[2]), empty, x.dtype)
    for row, steps, real in zip(result, x, mask, strict=True):
        if real.any():
            row[:] = steps[real].mean(0)
    return result


@register
class MaskedAttentionLayer(Exercise):
    """Scaled dot-product attention that leaves masked positions out."""

    name = "MaskedAttention"
    title = "Attention with a mask"
    points = 4
    see = "Use a mask"
    hints = (
        "Scores: `query @ ops.swapaxes(value, 1, 2)`, shape `(batch, queries, steps)`, "
        "divided by the root of the width. Weights: `ops.softmax` over the last axis. "
        "Result: weights @ value.",
        "The mask, shape `(batch, steps)`, has to act on the scores, *before* the softmax. Give it "
        "a middle axis, and put a very low score where it is False: "
        "`ops.where(value_mask[:, None, :], scores, -1e30)`.",
        "A row with no real step has equal scores everywhere, so its softmax is not 0. Set the "
        "weights to 0 where the mask is False, *after* the softmax, once more.",
    )
    why = (
        "A score of -1e30 becomes a weight of exactly 0 in the softmax, and the others still add "
        "up to 1; a score of 0 would not do, as exp(0) is 1. `softmax` subtracts the largest score "
        "before it takes the exponential, so large scores do not overflow. In a row without a "
        "real step all scores are equally low and the weights equal: the second `where` defines "
        "that result as 0. Keras fills `value_mask` in by itself, because the argument is called "
        "`value` and `_mask`."
    )
    _START = """
class MaskedAttention(keras.layers.Layer):
    def call(self, query, value, value_mask=None):
        scores = query @ ops.swapaxes(value, 1, 2) / query.shape[-1] ** 0.5
        if value_mask is None:
            return ops.softmax(scores, axis=-1) @ value
        allowed = value_mask[:, None, :]
"""
    near_misses = (
        NearMiss(
            code=_START
            + """
        weights = ops.softmax(ops.where(allowed, scores, 0.0), axis=-1)
        return ops.where(allowed, weights, 0.0) @ value
""",
            because=(
                "A masked score was set to 0, and exp(0) is 1: it takes weight away from the real "
                "steps. It must be very low."
            ),
            like=lambda query, value, mask: _attend(query, value, mask, low=0.0),
        ),
        NearMiss(
            code=_START
            + """
        weights = ops.softmax(scores, axis=-1)
        return ops.where(allowed, weights, 0.0) @ value
""",
            because=(
                "The mask came after the softmax only: the weights of the real steps do not add up "
                "to 1. It has to act on the scores."
            ),
            like=lambda query, value, mask: _attend(query, value, mask, low=None),
        ),
        NearMiss(
            code=_START
            + """
        return ops.softmax(ops.where(allowed, scores, -1e30), axis=-1) @ value
""",
            because=(
                "Where every step is masked, all scores are equally low and softmax gives each the "
                "same weight: padding was averaged. Set those weights to 0."
            ),
            like=lambda query, value, mask: _attend(query, value, mask, again=False),
        ),
        NearMiss(
            code=_START
            + """
        low = -float("inf")
        return ops.softmax(ops.where(allowed, scores, low), axis=-1) @ value
""",
            because=(
                "Where every step is masked, the softmax of minus infinity alone is NaN. Use a "
                "finite low score, and set those weights to 0."
            ),
            like=lambda query, value, mask: np.where(
                mask.any(1)[:, None, None], _attend(query, value, mask), np.nan
            ),
        ),
        NearMiss(
            code=_START.replace(" / query.shape[-1] ** 0.5", "")
            + """
        weights = ops.softmax(ops.where(allowed, scores, -1e30), axis=-1)
        return ops.where(allowed, weights, 0.0) @ value
""",
            because="The scores were not divided by the square root of the width.",
            like=lambda query, value, mask: _attend(query, value, mask, scale=False),
        ),
        NearMiss(
            code=_START
            + """
        powers = ops.where(allowed, ops.exp(scores), 0.0)
        total = ops.sum(powers, axis=-1, keepdims=True)
        return powers / ops.maximum(total, 1e-30) @ value
""",
            because="The exponential of a large score is infinite in float32.",
            says="The exponential of a large score is infinite in float32",
        ),
        NearMiss(
            code="""
class MaskedAttention(keras.layers.Layer):
    def call(self, query, value, value_mask=None):
        scores = query @ ops.swapaxes(value, 1, 2) / query.shape[-1] ** 0.5
        return ops.softmax(scores, axis=-1) @ value
""",
            because="The mask was not used.",
            like=lambda query, value, mask: _attend(query, value, None),
        ),
    )
    alternatives = (
        """
class MaskedAttention(keras.layers.Layer):
    def call(self, query, value, value_mask=None):
        scores = ops.einsum("bqw,bsw->bqs", query, value) / ops.sqrt(value.shape[2])
        if value_mask is None:
            value_mask = ops.ones(value.shape[:2], "bool")
        real = ops.cast(value_mask, scores.dtype)[:, None, :]
        scores = scores * real - 1e9 * (1 - real)
        scores = scores - ops.max(scores, axis=-1, keepdims=True)
        powers = ops.exp(scores) * real
        total = ops.sum(powers, axis=-1, keepdims=True)
        return ops.einsum("bqs,bsw->bqw", powers / ops.maximum(total, 1e-9), value)
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(batch: int, queries: int, width: int, mask: Any, note: str, size: float) -> Case:
            steps = len(mask[0]) if mask is not None else 3
            inputs = {
                "query": _FLOAT32(size) * _normal(rng, batch, queries, width),
                "value": _normal(rng, batch, steps, width) + _FLOAT32(1),
                "mask": None if mask is None else np.array(mask, bool),
            }
            return Case(inputs, note)

        yield case(3, 2, 5, [[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1]], "padding", 1)
        yield case(2, 3, 4, [[1, 1, 0], [0, 0, 0]], "one row of padding alone", 1)
        yield case(2, 3, 3, [[1, 1, 0], [1, 0, 1]], "scores of several hundred", 500)
        yield case(2, 2, 4, None, "no mask", 1)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the layer with a value that carries the mask, as a layer before it would give."""
        import warnings

        import keras

        given = inputs["mask"]

        class Source(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x

            def compute_mask(self, x: Any, mask: Any = None) -> Any:
                return None if given is None else keras.ops.convert_to_tensor(given)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = Source()(keras.ops.convert_to_tensor(inputs["value"]))
            result = submission()(keras.ops.convert_to_tensor(inputs["query"]), value)
        return keras.ops.convert_to_numpy(result) if keras.ops.is_tensor(result) else result

    def expected(self, query: np.ndarray, value: np.ndarray, mask: np.ndarray | None) -> Any:
        batch, queries, width = query.shape
        result = np.zeros(query.shape)
        for b in range(batch):
            real = np.ones(len(value[b]), bool) if mask is None else mask[b]
            for q in range(queries):
                if real.any():
                    kept = value[b][real].astype(np.float64)
                    result[b, q] = _softmax(kept @ query[b, q] / np.sqrt(width)) @ kept
        return result

    def judge(self, case: Case, observation: Observation) -> None:
        """Say more of NaN than that it is not the expected number."""
        got = observation.value
        if isinstance(got, np.ndarray) and got.dtype.kind == "f" and np.isnan(got).any():
            mask = case.inputs["mask"]
            if mask is None or mask.any(1).all():
                raise Wrong(
                    "There are NaN in the result. The exponential of a large score is infinite in "
                    "float32: subtract the largest score first, as `ops.softmax` does.",
                    expected=to_plain(self.expected(**case.inputs)),
                )
        super().judge(case, observation)


def _attend(
    query: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None,
    *,
    low: float | None = -1e30,
    scale: bool = True,
    again: bool = True,
) -> np.ndarray:
    """Attention by NumPy, with the mask before the softmax (``low``) and after it (``again``)."""
    scores = query.astype(np.float64) @ np.swapaxes(value, 1, 2)
    scores = scores / np.sqrt(query.shape[-1]) if scale else scores
    mask = np.ones(value.shape[:2], bool) if mask is None else mask
    weights = _softmax(scores if low is None else np.where(mask[:, None], scores, low))
    result: np.ndarray = (np.where(mask[:, None], weights, 0.0) if again else weights) @ value
    return result


@register
class MinimalGatedUnitCell(Exercise):
    """A recurrent cell with one gate, for keras.layers.RNN."""

    name = "MinimalGatedUnit"
    title = "A recurrent cell with one gate"
    points = 4
    see = "Put your own cell into keras.layers.RNN"
    hints = (
        "`__init__` keeps `units` and sets `self.state_size = units`. `call` takes the old state "
        "from the list: `h = states[0]`.",
        "Gate: `ops.sigmoid(inputs @ self.gate_kernel + h @ self.gate_recurrent + "
        "self.gate_bias)`. The candidate has `ops.tanh`, the other three weights, and "
        "`gate * h` in place of `h`.",
        "New state: `(1 - gate) * h + gate * candidate`. Return it twice: `return h, [h]`.",
    )
    why = (
        "`keras.layers.RNN` cuts the sequence into steps, begins with a state of zeros of size "
        "`state_size`, and calls the cell with one step and the list of states; so the cell knows "
        "nothing of time, batch size or masks. The one gate does two things: it decides how much "
        "of the old state the candidate sees, and how much of the old state is replaced."
    )
    _START = """
class MinimalGatedUnit(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        kernel, square = (input_shape[-1], self.units), (self.units, self.units)
        self.gate_kernel = self.add_weight(shape=kernel, name="gate_kernel")
        self.gate_recurrent = self.add_weight(shape=square, name="gate_recurrent")
        self.gate_bias = self.add_weight(shape=(self.units,), name="gate_bias")
        self.kernel = self.add_weight(shape=kernel, name="kernel")
        self.recurrent = self.add_weight(shape=square, name="recurrent")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, inputs, states):
        h = states[0]
        gate = ops.sigmoid(inputs @ self.gate_kernel + h @ self.gate_recurrent + self.gate_bias)
"""
    _CANDIDATE = """
        candidate = ops.tanh(inputs @ self.kernel + (gate * h) @ self.recurrent + self.bias)
"""
    near_misses = (
        NearMiss(
            code=_START
            + _CANDIDATE
            + "        h = gate * h + (1 - gate) * candidate\n        return h, [h]\n",
            because="The two parts are swapped: `gate` belongs to the candidate, `1 - gate` to the old state.",
            like=lambda x, weights: _gated(x, weights, swapped=True),
        ),
        NearMiss(
            code=_START
            + _CANDIDATE.replace("(gate * h)", "h")
            + "        h = (1 - gate) * h + gate * candidate\n        return h, [h]\n",
            because="The candidate sees the whole old state. It should see `gate * h` only.",
            like=lambda x, weights: _gated(x, weights, gated=False),
        ),
        NearMiss(
            code=_START + _CANDIDATE + "        return (1 - gate) * h + gate * candidate, states\n",
            because=(
                "The output is right for the first step, but the old state was handed on: the cell "
                "remembers nothing. Return the new state in the list."
            ),
            like=lambda x, weights: _gated(x, weights, forgets=True),
        ),
        NearMiss(
            code=_START
            + _CANDIDATE.replace("ops.tanh", "")
            + "        h = (1 - gate) * h + gate * candidate\n        return h, [h]\n",
            because="The candidate lacks its `tanh`.",
            like=lambda x, weights: _gated(x, weights, bend=False),
        ),
    )
    alternatives = (
        _START.replace(
            "self.state_size = units", "self.state_size = [units]\n        self.output_size = units"
        )
        + """
        mixed = ops.matmul(inputs, self.kernel)
        mixed = mixed + ops.matmul(ops.multiply(gate, h), self.recurrent)
        candidate = ops.tanh(ops.add(mixed, self.bias))
        new = h + gate * (candidate - h)
        return new, (new,)
""",
    )
    rtol = 1e-4
    atol = 1e-5
    _NAMES = ("gate_kernel", "gate_recurrent", "gate_bias", "kernel", "recurrent", "bias")

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for batch, steps, features, units, note in (
            (2, 3, 4, 3, ""),
            (3, 2, 1, 2, "one feature"),
        ):
            shapes = ((features, units), (units, units), (units,)) * 2
            weights = {n: _normal(rng, *s) for n, s in zip(self._NAMES, shapes, strict=True)}
            yield Case({"x": _normal(rng, batch, steps, features), "weights": weights}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Put the cell into keras.layers.RNN, with the case's weights."""
        import keras

        cell = submission(len(inputs["weights"]["bias"]))
        layer = keras.layers.RNN(cell, return_sequences=True)
        x = keras.ops.convert_to_tensor(inputs["x"])
        layer.build(tuple(x.shape))
        for name, value in inputs["weights"].items():
            getattr(cell, name).assign(value)
        return keras.ops.convert_to_numpy(layer(x))

    def expected(self, x: np.ndarray, weights: dict[str, np.ndarray]) -> Any:
        return _gated(x, weights)


def _gated(
    x: np.ndarray,
    weights: dict[str, np.ndarray],
    *,
    swapped: bool = False,
    gated: bool = True,
    forgets: bool = False,
    bend: bool = True,
) -> np.ndarray:
    """Return all states of a minimal gated unit (Zhou et al., 2016), or of a wrong one."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    h = np.zeros((x.shape[0], len(w["bias"])))
    states = []
    for step in np.swapaxes(x, 0, 1):
        gate = 1 / (
            1 + np.exp(-(step @ w["gate_kernel"] + h @ w["gate_recurrent"] + w["gate_bias"]))
        )
        candidate = step @ w["kernel"] + (gate * h if gated else h) @ w["recurrent"] + w["bias"]
        candidate = np.tanh(candidate) if bend else candidate
        new = gate * h + (1 - gate) * candidate if swapped else (1 - gate) * h + gate * candidate
        states.append(new)
        h = h if forgets else new
    return np.stack(states, axis=1)
