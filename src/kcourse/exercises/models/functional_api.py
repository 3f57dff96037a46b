"""Exercises of the lesson on the functional API."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


def _numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-x))
    return result


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _waves(*shape: int, start: float) -> np.ndarray:
    """Return the weights that ``observe`` gives to a model: the same formula stands there."""
    return np.sin(start + np.arange(math.prod(shape), dtype="float32")).reshape(shape)


def _require_model(observation: Observation) -> dict[str, Any]:
    """Return what was observed of a model; the answer is wrong if it is no model."""
    seen = observation.value
    if "no model" in seen:
        raise Wrong(f"Return a `keras.Model`. What came back is of type {seen['no model']}.")
    return dict(seen)


def _members_outputs(kernels: np.ndarray, biases: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the probability that each member gives to each row, shape (members, rows, 1)."""
    return np.array([_sigmoid(x @ k + b)[:, None] for k, b in zip(kernels, biases, strict=True)])


@register
class AverageOf(Exercise):
    """An ensemble that averages the outputs of its members."""

    name = "average_of"
    title = "An ensemble of any number of members"
    points = 1
    see = "Models are layers: an ensemble"
    hints = (
        "Make one new `keras.Input`. Its shape is that of a member's input without the batch "
        "axis: `members[0].input_shape[1:]`.",
        "Call every member on that input, as you would call a layer, and collect the outputs in a "
        "list.",
        "`outputs = keras.layers.average([member(inputs) for member in members])`, then "
        "`return keras.Model(inputs, outputs)`.",
    )
    why = (
        "A model can be called on a symbolic tensor as a layer can. All members are called on the "
        "same input, so the ensemble has one input, and it uses the members' own weights: nothing "
        "is copied."
    )
    near_misses = (
        NearMiss(
            code="""
def average_of(members):
    inputs = keras.Input(members[0].input_shape[1:])
    return keras.Model(inputs, keras.layers.add([member(inputs) for member in members]))
""",
            because="This is the sum of the members' outputs; divide by their number: `average`.",
            like=lambda kernels, biases, x: _ensemble(_members_outputs(kernels, biases, x).sum(0)),
        ),
        NearMiss(
            code="""
def average_of(members):
    inputs = keras.Input(members[0].input_shape[1:])
    return keras.Model(inputs, keras.layers.maximum([member(inputs) for member in members]))
""",
            because="This is the largest output of all members, not their mean.",
            like=lambda kernels, biases, x: _ensemble(_members_outputs(kernels, biases, x).max(0)),
        ),
        NearMiss(
            code="""
def average_of(members):
    outputs = [member.outputs[0] for member in members]
    return keras.Model([member.inputs[0] for member in members], keras.layers.average(outputs))
""",
            because="One input is wanted: make a new `keras.Input` and call every member on it.",
            says="call every member on it",
        ),
        NearMiss(
            code="""
def average_of(members):
    inputs = keras.Input(members[0].input_shape[1:])
    copies = [keras.models.clone_model(member) for member in members]
    return keras.Model(inputs, keras.layers.average([copy(inputs) for copy in copies]))
""",
            because="A clone has new random weights. Call the members themselves.",
            says="weights that are not the members'",
        ),
    )
    alternatives = (
        """
def average_of(members):
    inputs = keras.Input(members[0].inputs[0].shape[1:])
    total = 0.0
    for member in members:
        total = total + member(inputs)
    return keras.Model(inputs, total / len(members))
""",
        """
def average_of(members):
    inputs = members[0].inputs[0]
    outputs = keras.ops.stack([member(inputs) for member in members])
    return keras.Model(inputs, keras.ops.mean(outputs, axis=0))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(members: int, features: int, rows: int, note: str = "") -> Case:
            inputs = {
                "kernels": _numbers(rng, members, features),
                "biases": _numbers(rng, members),
                "x": _numbers(rng, rows, features),
            }
            return Case(inputs, note)

        yield case(3, 4, 2, "three members")
        yield case(2, 2, 5, "two members")
        yield case(1, 3, 1, "an ensemble of one member is that member")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras

        members = []
        for kernel, bias in zip(inputs["kernels"], inputs["biases"], strict=True):
            features = keras.Input((len(kernel),))
            member = keras.Model(features, keras.layers.Dense(1, activation="sigmoid")(features))
            member.set_weights([kernel[:, None], bias[None]])
            members.append(member)
        model = submission(members)
        if not isinstance(model, keras.Model):
            return {"no model": type(model).__name__}
        if len(model.inputs) != 1:
            return {"inputs": len(model.inputs)}
        known = [id(weight) for member in members for weight in member.weights]
        return {
            "inputs": 1,
            "own weights": sum(id(weight) not in known for weight in model.weights),
            "output": keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(inputs["x"]))),
        }

    def expected(self, kernels: np.ndarray, biases: np.ndarray, x: np.ndarray) -> Any:
        return _ensemble(sum(_members_outputs(kernels, biases, x)) / len(kernels))

    def judge(self, case: Case, observation: Observation) -> None:
        """Say first what is wrong with the model's form, then with its output."""
        seen = _require_model(observation)
        if seen["inputs"] != 1:
            raise Wrong(
                f"The model has {seen['inputs']} inputs. Make one `keras.Input` and call every "
                "member on it."
            )
        if seen["own weights"]:
            raise Wrong(
                "The model has weights that are not the members'. Call the members themselves: "
                "a copy, a clone or a new layer has new random weights."
            )
        super().judge(case, observation)


def _ensemble(output: Any) -> dict[str, Any]:
    return {"inputs": 1, "own weights": 0, "output": output}


def _two_branches(
    table: np.ndarray,
    series: np.ndarray,
    units: int,
    *,
    pool: Any = np.mean,
    stay: Any = lambda x: x,
    risk: Any = _sigmoid,
    series_first: bool = False,
    dense_first: bool = False,
    hidden: Any = _relu,
) -> dict[str, Any]:
    """Compute by NumPy what the two-branch model gives, or a variant of it."""
    left = hidden(table @ _waves(table.shape[1], units, start=0.1) + _waves(units, start=0.2))
    kernel, bias = _waves(series.shape[2], units, start=0.3), _waves(units, start=0.4)
    if dense_first:
        right = pool(hidden(series @ kernel + bias), axis=1)
    else:
        right = hidden(pool(series, axis=1) @ kernel + bias)
    both = np.concatenate([right, left] if series_first else [left, right], axis=1)
    heads = {
        "risk": risk(both @ _waves(2 * units, 1, start=0.5) + _waves(1, start=0.6)),
        "stay": stay(both @ _waves(2 * units, 1, start=0.7) + _waves(1, start=0.8)),
    }
    kernels = {
        "table": [table.shape[1], units],
        "series": [series.shape[2], units],
        "risk": [2 * units, 1],
        "stay": [2 * units, 1],
    }
    return {"inputs": ["series", "table"], "kernels": kernels, "outputs": heads}


@register
class TwoBranchModel(Exercise):
    """Two inputs, two branches, two heads."""

    name = "two_branch_model"
    title = "A patient's table and pulse"
    points = 3
    see = "Several inputs, several outputs"
    hints = (
        'Start with the inputs: `keras.Input((table_features,), name="table")` and '
        '`keras.Input((None, series_channels), name="series")`. `None` is the number of steps.',
        'One branch: `keras.layers.Dense(units, activation="relu")(table)`. The other: '
        "`keras.layers.GlobalAveragePooling1D()(series)`, then a Dense of its own.",
        "`both = keras.layers.concatenate([left, right])`. **Both** heads are called on `both`.",
        'Return `keras.Model([table, series], {"risk": …, "stay": …})`.',
    )
    why = (
        "Each input gets a branch that suits its form; the mean over the steps makes a series of "
        "any length a vector of fixed length. Behind the concatenation both heads see both "
        "inputs. A probability needs a sigmoid; a number of days needs no activation."
    )
    near_misses = (
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalAveragePooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(left)
    stay = keras.layers.Dense(1, name="stay")(right)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because="Each head saw one branch. Concatenate first, and call both heads on that.",
            says="call both heads on the concatenation",
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalAveragePooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    both = keras.layers.concatenate([left, right])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, activation="sigmoid", name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because=(
                "The stay is a number of days. A sigmoid keeps it between 0 and 1: leave the "
                "activation of this head out."
            ),
            like=lambda table_features, series_channels, units, table, series: _two_branches(
                table, series, units, stay=_sigmoid
            ),
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalMaxPooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    both = keras.layers.concatenate([left, right])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because="You took the maximum over the steps; the mean is wanted.",
            like=lambda table_features, series_channels, units, table, series: _two_branches(
                table, series, units, pool=np.max
            ),
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalAveragePooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    both = keras.layers.concatenate([right, left])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because="The concatenation should begin with the branch of the table.",
            like=lambda table_features, series_channels, units, table, series: _two_branches(
                table, series, units, series_first=True
            ),
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.Dense(units, activation="relu")(series)
    right = keras.layers.GlobalAveragePooling1D()(right)
    both = keras.layers.concatenate([left, right])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because=(
                "The Dense layer was applied to every step, and the mean taken afterwards. Take "
                "the mean over the steps first; because of the relu the order matters."
            ),
            like=lambda table_features, series_channels, units, table, series: _two_branches(
                table, series, units, dense_first=True
            ),
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units)(table)
    right = keras.layers.Dense(units)(keras.layers.GlobalAveragePooling1D()(series))
    both = keras.layers.concatenate([left, right])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})
""",
            because="The Dense layers of the branches have no relu.",
            like=lambda table_features, series_channels, units, table, series: _two_branches(
                table, series, units, hidden=lambda x: x
            ),
        ),
        NearMiss(
            code="""
def two_branch_model(table_features, series_channels, units):
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalAveragePooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    both = keras.layers.concatenate([left, right])
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], [risk, stay])
""",
            because="The outputs should be a dictionary.",
            says="a dictionary with the keys 'risk' and 'stay'",
        ),
    )
    alternatives = (
        """
def two_branch_model(table_features, series_channels, units):
    inputs = {
        "table": keras.Input((table_features,), name="table"),
        "series": keras.Input((None, series_channels), name="series"),
    }
    left = keras.ops.relu(keras.layers.Dense(units)(inputs["table"]))
    right = keras.layers.Dense(units)(keras.ops.mean(inputs["series"], axis=1))
    both = keras.ops.concatenate([left, keras.ops.relu(right)], axis=-1)
    heads = {
        "risk": keras.ops.sigmoid(keras.layers.Dense(1, name="risk")(both)),
        "stay": keras.layers.Dense(1, name="stay")(both),
    }
    return keras.Model(inputs, heads)
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(features: int, channels: int, units: int, rows: int, steps: int) -> Case:
            inputs = {
                "table_features": features,
                "series_channels": channels,
                "units": units,
                "table": _numbers(rng, rows, features),
                "series": _numbers(rng, rows, steps, channels),
            }
            return Case(inputs, f"{steps} steps, {channels} channels")

        yield case(4, 3, 6, 5, 7)
        yield case(2, 1, 7, 4, 3)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        features, channels = inputs["table_features"], inputs["series_channels"]
        model = submission(features, channels, inputs["units"])
        if not isinstance(model, keras.Model):
            return {"no model": type(model).__name__}
        names, kernels = sorted(tensor.name for tensor in model.inputs), {}
        if names != ["series", "table"]:
            return {"inputs": names}
        starts = {"table": 0.1, "series": 0.3, "risk": 0.5, "stay": 0.7}
        for layer in model.layers:
            if not layer.weights:
                continue
            role = layer.name
            if role not in ("risk", "stay"):  # a branch: its kernel says which
                rows = layer.weights[0].shape[0]
                role = {features: "table", channels: "series"}.get(rows, role)
            if role in kernels or len(layer.weights) != 2:
                role = f"{role} (again)"
            kernels[role] = [int(n) for n in layer.weights[0].shape]
            for i, weight in enumerate(layer.weights):
                wave = np.arange(np.prod(weight.shape), dtype="float32")
                wave = np.sin(starts.get(role, 0.9) + i / 10 + wave)
                weight.assign(wave.reshape(weight.shape))
        result = model({name: keras.ops.convert_to_tensor(inputs[name]) for name in names})
        if isinstance(result, dict):
            result = {key: keras.ops.convert_to_numpy(item) for key, item in result.items()}
        outputs = result if isinstance(result, dict) else None
        return {"inputs": names, "kernels": kernels, "outputs": outputs}

    def expected(
        self,
        table_features: int,
        series_channels: int,
        units: int,
        table: np.ndarray,
        series: np.ndarray,
    ) -> Any:
        return _two_branches(table, series, units)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge inputs, then outputs, then layers, then the numbers."""
        seen = _require_model(observation)
        wanted = self.expected(**case.inputs)
        if seen["inputs"] != wanted["inputs"]:
            names = ", ".join(map(repr, seen["inputs"]))
            raise Wrong(f"The inputs are named {names}; they should be 'table' and 'series'.")
        if not isinstance(seen["outputs"], dict) or sorted(seen["outputs"]) != ["risk", "stay"]:
            raise Wrong("The outputs should be a dictionary with the keys 'risk' and 'stay'.")
        kernels = seen["kernels"]
        for head in ("risk", "stay"):
            if head not in kernels:
                raise Wrong(f"No Dense layer is named {head!r}. Name the heads by `name=`.")
            if kernels[head] != wanted["kernels"][head]:
                raise Wrong(
                    f"The kernel of the head {head!r} has shape {tuple(kernels[head])}, expected "
                    f"{tuple(wanted['kernels'][head])}: call both heads on the concatenation of "
                    "the two branches."
                )
        if kernels != wanted["kernels"]:
            found = ", ".join(f"{key}: {tuple(shape)}" for key, shape in kernels.items())
            raise Wrong(
                "The model should have four Dense layers: one for each branch, and two heads. "
                f"The layers with weights have these kernels: {found}."
            )
        for head, output in wanted["outputs"].items():
            if reason := self.differs(seen["outputs"][head], output):
                raise Wrong(
                    self._recognise(case, observation) or f"The output {head!r}: {reason}",
                    expected=wanted["outputs"],
                )


def _similarity(
    vocabulary: int,
    left: np.ndarray,
    right: np.ndarray,
    width: int,
    *,
    pool: Any = np.mean,
    unit_length: bool = False,
) -> dict[str, Any]:
    """Compute by NumPy what the similarity model gives, or a variant of it."""
    table = _waves(vocabulary, width, start=0.5)
    a, b = (pool(table[ids], axis=1) for ids in (left, right))
    scores = (a * b).sum(axis=1, keepdims=True)
    if unit_length:
        scores = scores / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)[:, None]
    return {"inputs": 2, "weights": [[vocabulary, width]], "output": scores}


@register
class SimilarityModel(Exercise):
    """One Embedding for two texts."""

    name = "similarity_model"
    title = "How alike are two texts?"
    points = 2
    see = "Share a layer"
    hints = (
        "Make one `keras.layers.Embedding(vocabulary, width)` and call it twice, once on each "
        "input of shape `(None,)`.",
        "`keras.layers.GlobalAveragePooling1D()` is the mean over the words. It has no weights, so "
        "one or two of it make no difference.",
        "`keras.layers.Dot(axes=1)([a, b])` multiplies the vectors of each pair and sums: shape "
        "`(batch, 1)`.",
    )
    why = (
        "The layer object holds the weights, so two calls of one object share them: a word has "
        "the same vector in both texts, the table is counted once, and the gradients of both "
        "calls are added when it is trained."
    )
    near_misses = (
        NearMiss(
            code="""
def similarity_model(vocabulary, width):
    left = keras.Input((None,), dtype="int32")
    right = keras.Input((None,), dtype="int32")
    a = keras.layers.Embedding(vocabulary, width)(left)
    b = keras.layers.Embedding(vocabulary, width)(right)
    pool = keras.layers.GlobalAveragePooling1D()
    return keras.Model([left, right], keras.layers.Dot(axes=1)([pool(a), pool(b)]))
""",
            because="Two Embedding objects have two tables. Make one, and call it twice.",
            says="Make one Embedding and call it twice",
        ),
        NearMiss(
            code="""
def similarity_model(vocabulary, width):
    embedding = keras.layers.Embedding(vocabulary, width)
    left = keras.Input((None,), dtype="int32")
    right = keras.Input((None,), dtype="int32")
    a, b = (keras.ops.sum(embedding(x), axis=1) for x in (left, right))
    return keras.Model([left, right], keras.layers.Dot(axes=1)([a, b]))
""",
            because="You summed over the words. Take their mean, or long texts get larger scores.",
            like=lambda vocabulary, width, left, right: _similarity(
                vocabulary, left, right, width, pool=np.sum
            ),
        ),
        NearMiss(
            code="""
def similarity_model(vocabulary, width):
    embedding = keras.layers.Embedding(vocabulary, width)
    pool = keras.layers.GlobalAveragePooling1D()
    left = keras.Input((None,), dtype="int32")
    right = keras.Input((None,), dtype="int32")
    a, b = pool(embedding(left)), pool(embedding(right))
    return keras.Model([left, right], keras.layers.Dot(axes=1, normalize=True)([a, b]))
""",
            because=(
                "`normalize=True` divides by the lengths of the vectors, which gives the cosine. "
                "The plain product is wanted."
            ),
            like=lambda vocabulary, width, left, right: _similarity(
                vocabulary, left, right, width, unit_length=True
            ),
        ),
        NearMiss(
            code="""
def similarity_model(vocabulary, width):
    embedding = keras.layers.Embedding(vocabulary, width)
    pool = keras.layers.GlobalAveragePooling1D()
    left = keras.Input((None,), dtype="int32")
    right = keras.Input((None,), dtype="int32")
    a, b = pool(embedding(left)), pool(embedding(right))
    return keras.Model([left, right], keras.ops.sum(a * b, axis=-1))
""",
            because="The sum dropped the last axis; `keepdims=True` keeps it.",
            says="has shape",
        ),
    )
    alternatives = (
        """
def similarity_model(vocabulary, width):
    embedding = keras.layers.Embedding(vocabulary, width)
    inputs = [keras.Input((None,), dtype="int32") for _ in range(2)]
    a, b = (keras.ops.mean(embedding(x), axis=1) for x in inputs)
    return keras.Model(inputs, keras.ops.sum(a * b, axis=1, keepdims=True))
""",
        """
def similarity_model(vocabulary, width):
    words = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(vocabulary, width)(words)
    tower = keras.Model(words, keras.layers.GlobalAveragePooling1D()(vectors))
    left, right = (keras.Input((None,), dtype="int32") for _ in range(2))
    return keras.Model([left, right], keras.layers.Dot(axes=-1)([tower(left), tower(right)]))
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(vocabulary: int, width: int, rows: int, steps: int, others: int) -> Case:
            inputs = {
                "vocabulary": vocabulary,
                "width": width,
                "left": rng.integers(0, vocabulary, size=(rows, steps)).astype(np.int32),
                "right": rng.integers(0, vocabulary, size=(rows, others)).astype(np.int32),
            }
            return Case(inputs, f"texts of {steps} and of {others} words")

        yield case(11, 4, 3, 5, 2)
        yield case(6, 3, 2, 4, 4)
        yield case(5, 2, 1, 2, 3)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        model = submission(inputs["vocabulary"], inputs["width"])
        if not isinstance(model, keras.Model):
            return {"no model": type(model).__name__}
        shapes = [[int(n) for n in weight.shape] for weight in model.weights]
        seen = {"inputs": len(model.inputs), "weights": shapes}
        if seen["inputs"] != 2 or shapes != [[inputs["vocabulary"], inputs["width"]]]:
            return seen
        for weight in model.weights:
            wave = np.sin(0.5 + np.arange(np.prod(weight.shape), dtype="float32"))
            weight.assign(wave.reshape(weight.shape))
        result = model([keras.ops.convert_to_tensor(inputs[name]) for name in ("left", "right")])
        return {**seen, "output": keras.ops.convert_to_numpy(result)}

    def expected(self, vocabulary: int, width: int, left: np.ndarray, right: np.ndarray) -> Any:
        return _similarity(vocabulary, left, right, width)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the inputs and the weights, then the numbers."""
        seen = _require_model(observation)
        if seen["inputs"] != 2:
            raise Wrong(f"The model has {seen['inputs']} input(s); it should have two.")
        shape = [case.inputs["vocabulary"], case.inputs["width"]]
        if seen["weights"] == [shape, shape]:
            raise Wrong(
                f"The model has two tables of shape {tuple(shape)}, so a word has another vector "
                "in each text. Make one Embedding and call it twice."
            )
        if seen["weights"] != [shape]:
            found = ", ".join(str(tuple(other)) for other in seen["weights"]) or "none"
            raise Wrong(
                f"The only weight should be one table of shape {tuple(shape)}. Found: {found}."
            )
        super().judge(case, observation)


def _after(size: int, channels: int, layer: dict[str, Any]) -> tuple[int, int, int]:
    """Return size, channels and parameters behind one layer, by counting places one by one."""
    kind = layer["kind"]
    if kind == "upsample":
        return sum(layer["factor"] for _ in range(size)), channels, 0
    if kind == "pool":
        factor = layer["factor"]
        return len([p for p in range(0, size, factor) if p + factor <= size]), channels, 0
    kernel, stride, same = layer["kernel"], layer["stride"], layer["padding"] == "same"
    weights = np.zeros((kernel, kernel, channels, layer["filters"])).size + layer["filters"]
    if kind == "conv":
        starts = range(0, size, stride)
        places = len([p for p in starts if same or p + kernel <= size])
    else:
        # Every input makes room for a stride, and a valid kernel may reach beyond the last one.
        reached = {i * stride + j for i in range(size) for j in range(stride)}
        if not same:
            reached |= {i * stride + j for i in range(size) for j in range(kernel)}
        places = len(reached)
    return places, layer["filters"], weights


def _traced(size: int, channels: int, layers: list[dict[str, Any]], after: Any = _after) -> Any:
    rows = []
    for layer in layers:
        size, channels, parameters = after(size, channels, layer)
        rows.append([size, channels, parameters])
    return rows


def _by_a_variant(change: Any) -> Any:
    """Return ``like`` of a near miss that differs from the right rows by ``change``."""

    def after(size: int, channels: int, layer: dict[str, Any]) -> Any:
        return change(size, channels, layer, *_after(size, channels, layer))

    return lambda size, channels, layers: _traced(size, channels, layers, after)


def _transposed_without_gaps(
    size: int, channels: int, layer: dict[str, Any], new: int, filters: int, parameters: int
) -> tuple[int, int, int]:
    if layer["kind"] == "transpose" and layer["padding"] == "valid":
        new = (size - 1) * layer["stride"] + layer["kernel"]
    return new, filters, parameters


def _same_rounded_down(
    size: int, channels: int, layer: dict[str, Any], new: int, filters: int, parameters: int
) -> tuple[int, int, int]:
    if layer["kind"] == "conv" and layer["padding"] == "same":
        new = size // layer["stride"]
    return new, filters, parameters


def _without_biases(
    size: int, channels: int, layer: dict[str, Any], new: int, filters: int, parameters: int
) -> tuple[int, int, int]:
    return new, filters, parameters - (layer["filters"] if parameters else 0)


@register
class TraceLayers(Exercise):
    """Sizes and parameters of a chain of layers, by arithmetic alone."""

    name = "trace_layers"
    title = "A summary by arithmetic"
    points = 3
    see = "Make images larger: two layers and their sizes"
    hints = (
        "Go through the layers and carry `size` and `channels` along. Pooling and upsampling keep "
        "the channels and have no parameters.",
        "Conv2D: `(size - kernel) // stride + 1` if valid, `-(-size // stride)` (rounded up) if "
        "same. Conv2DTranspose: `size * stride`, and `max(kernel - stride, 0)` more if valid.",
        "Parameters of both: `(kernel * kernel * channels + 1) * filters`, with the channels "
        "*before* the layer. Change `channels` to `filters` afterwards.",
    )
    why = (
        "Sizes depend on kernel, stride and padding, and never on the channels; parameters depend "
        "on kernel and channels, and never on the size. So both can be carried along in one loop, "
        "before any model exists."
    )
    near_misses = (
        NearMiss(
            code="""
def trace_layers(size, channels, layers):
    rows = []
    for layer in layers:
        kind, parameters = layer["kind"], 0
        if kind == "pool":
            size = size // layer["factor"]
        elif kind == "upsample":
            size = size * layer["factor"]
        else:
            kernel, stride, valid = layer["kernel"], layer["stride"], layer["padding"] == "valid"
            if kind == "conv":
                size = (size - kernel) // stride + 1 if valid else -(-size // stride)
            else:
                size = (size - 1) * stride + kernel if valid else size * stride
            parameters = (kernel * kernel * channels + 1) * layer["filters"]
            channels = layer["filters"]
        rows.append([size, channels, parameters])
    return rows
""",
            because=(
                "(size − 1)·stride + kernel is right for a kernel at least as large as the stride. "
                "With a smaller kernel the gap behind the last input remains: size·stride."
            ),
            like=_by_a_variant(_transposed_without_gaps),
        ),
        NearMiss(
            code="""
def trace_layers(size, channels, layers):
    rows = []
    for layer in layers:
        kind, parameters = layer["kind"], 0
        if kind == "pool":
            size = size // layer["factor"]
        elif kind == "upsample":
            size = size * layer["factor"]
        else:
            kernel, stride, valid = layer["kernel"], layer["stride"], layer["padding"] == "valid"
            if kind == "conv":
                size = (size - kernel) // stride + 1 if valid else size // stride
            else:
                size = size * stride + (max(kernel - stride, 0) if valid else 0)
            parameters = (kernel * kernel * channels + 1) * layer["filters"]
            channels = layer["filters"]
        rows.append([size, channels, parameters])
    return rows
""",
            because="With padding same, a convolution rounds size / stride *up*.",
            like=_by_a_variant(_same_rounded_down),
        ),
        NearMiss(
            code="""
def trace_layers(size, channels, layers):
    rows = []
    for layer in layers:
        kind, parameters = layer["kind"], 0
        if kind == "pool":
            size = size // layer["factor"]
        elif kind == "upsample":
            size = size * layer["factor"]
        else:
            kernel, stride, valid = layer["kernel"], layer["stride"], layer["padding"] == "valid"
            if kind == "conv":
                size = (size - kernel) // stride + 1 if valid else -(-size // stride)
            else:
                size = size * stride + (max(kernel - stride, 0) if valid else 0)
            parameters = kernel * kernel * channels * layer["filters"]
            channels = layer["filters"]
        rows.append([size, channels, parameters])
    return rows
""",
            because="The biases are missing: each filter has one.",
            like=_by_a_variant(_without_biases),
        ),
    )
    alternatives = (
        """
def trace_layers(size, channels, layers):
    rows = []
    for layer in layers:
        before, parameters = channels, 0
        match layer:
            case {"kind": "pool", "factor": factor}:
                size //= factor
            case {"kind": "upsample", "factor": factor}:
                size *= factor
            case {"kernel": k, "stride": s, "filters": channels}:
                parameters = (k * k * before + 1) * channels
                if layer["kind"] == "conv":
                    padding = k - 1 if layer["padding"] == "same" else 0
                    size = math.ceil(size / s) if padding else (size - k + s) // s
                else:
                    size = size * s if layer["padding"] == "same" else max(size * s, (size - 1) * s + k)
        rows.append((size, channels, parameters))
    return rows
""".replace("math.ceil(size / s)", "int(np.ceil(size / s))"),
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def layer(kind: str, kernel: int, stride: int, padding: str) -> dict[str, Any]:
            return {
                "kind": kind,
                "filters": int(rng.integers(2, 40)),
                "kernel": kernel,
                "stride": stride,
                "padding": padding,
            }

        def case(note: str, size: int, *layers: dict[str, Any]) -> Case:
            channels = 2 * int(rng.integers(1, 5)) + 1
            return Case({"size": size, "channels": channels, "layers": list(layers)}, note)

        odd = 2 * int(rng.integers(5, 20)) + 1
        yield case("Conv2D, valid", odd, layer("conv", 3, 1, "valid"), layer("conv", 4, 2, "valid"))
        yield case("Conv2D, same", odd, layer("conv", 3, 2, "same"), layer("conv", 5, 1, "same"))
        up = [layer("transpose", 3, 2, padding) for padding in ("valid", "same")]
        yield case("Conv2DTranspose, kernel 3, stride 2", 4, *up)
        yield case("Conv2DTranspose, kernel 4, stride 3", odd, layer("transpose", 4, 3, "valid"))
        yield case("a kernel smaller than the stride", odd, layer("transpose", 2, 3, "valid"))
        yield case(
            "pooling and upsampling",
            odd + 13,
            {"kind": "pool", "factor": 3},
            layer("conv", 2, 3, "valid"),
            {"kind": "upsample", "factor": 2},
            layer("transpose", 5, 1, "valid"),
        )
        yield case("no layer at all", odd)
        mixed = [
            layer(
                str(rng.choice(["conv", "transpose"])),
                int(rng.integers(1, 6)),
                int(rng.integers(1, 4)),
                str(rng.choice(["valid", "same"])),
            )
            for _ in range(3)
        ]
        yield case("a chain drawn at random", int(rng.integers(120, 200)), *mixed)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(*inputs.values())

    def expected(self, size: int, channels: int, layers: list[dict[str, Any]]) -> Any:
        return _traced(size, channels, layers)


def _convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve with padding same and stride 1, one place of the kernel after another."""
    k = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (k, k), (k, k), (0, 0)))
    height, width = x.shape[1:3]
    result = np.zeros((*x.shape[:3], kernel.shape[3]), x.dtype) + bias
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            result += padded[:, i : i + height, j : j + width] @ kernel[i, j]
    return result


def _residual(
    x: np.ndarray, filters: int, *, last: Any = _relu, second: Any = lambda y: y, first: Any = _relu
) -> dict[str, Any]:
    """Compute by NumPy what the residual block gives, or a variant of it."""
    channels = x.shape[3]
    kernels = [[3, 3, channels, filters], [3, 3, filters, filters]]
    y = first(_convolved(x, _waves(*kernels[0], start=0.0), _waves(filters, start=0.1)))
    y = second(_convolved(y, _waves(*kernels[1], start=1.0), _waves(filters, start=1.1)))
    shortcut = x
    if channels != filters:
        kernels.append([1, 1, channels, filters])
        shortcut = _convolved(x, _waves(*kernels[2], start=2.0), _waves(filters, start=2.1))
    return {"kernels": kernels, "output": last(shortcut + y)}


@register
class ResidualBlock(Exercise):
    """A residual block that works for any number of channels."""

    name = "residual_block"
    title = "A residual block"
    points = 3
    see = "Add a shortcut: residual connections"
    hints = (
        "`x` is a symbolic tensor: call layers on it and return the last tensor, not a model. "
        '`padding="same"` keeps the size, so that the addition fits.',
        'Only the first convolution has `activation="relu"`. The second has none; the relu '
        "comes after the addition.",
        "`x.shape[-1]` is the number of channels. If it is not `filters`, the shortcut is "
        "`keras.layers.Conv2D(filters, 1)(x)`, otherwise `x` itself.",
        '`return keras.layers.Activation("relu")(keras.layers.add([shortcut, y]))`.',
    )
    why = (
        "An addition needs two equal shapes. Padding same keeps height and width; a 1×1 "
        "convolution changes the number of channels where it has to, and only there, so that the "
        "shortcut stays the identity otherwise. Without a relu in front of the addition the block "
        "can also take something away from x."
    )
    near_misses = (
        NearMiss(
            code="""
def residual_block(x, filters):
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
    shortcut = x if x.shape[-1] == filters else keras.layers.Conv2D(filters, 1)(x)
    return keras.layers.add([shortcut, y])
""",
            because=(
                "The second relu stands in front of the addition, so the block can only add to "
                "the shortcut. Put it behind the addition."
            ),
            like=lambda x, filters: _residual(x, filters, second=_relu, last=lambda y: y),
        ),
        NearMiss(
            code="""
def residual_block(x, filters):
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same")(y)
    shortcut = x if x.shape[-1] == filters else keras.layers.Conv2D(filters, 1)(x)
    return keras.layers.add([shortcut, y])
""",
            because="The relu behind the addition is missing.",
            like=lambda x, filters: _residual(x, filters, last=lambda y: y),
        ),
        NearMiss(
            code="""
def residual_block(x, filters):
    y = keras.layers.Conv2D(filters, 3, padding="same")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same")(y)
    shortcut = x if x.shape[-1] == filters else keras.layers.Conv2D(filters, 1)(x)
    return keras.ops.relu(shortcut + y)
""",
            because=(
                "Between the two convolutions there is no relu. Two linear maps in a row are one "
                "linear map."
            ),
            like=lambda x, filters: _residual(x, filters, first=lambda y: y),
        ),
        NearMiss(
            code="""
def residual_block(x, filters):
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same")(y)
    shortcut = keras.layers.Conv2D(filters, 1)(x)
    return keras.ops.relu(shortcut + y)
""",
            because="Where the channels are equal the shortcut should be x itself.",
            says="should be x itself",
        ),
        NearMiss(
            code="""
def residual_block(x, filters):
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same")(y)
    return keras.ops.relu(keras.layers.concatenate([x, y]))
""",
            because="A concatenation puts the channels side by side; the block adds.",
            says="add the two instead of concatenating",
        ),
    )
    alternatives = (
        """
def residual_block(x, filters):
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = keras.layers.Conv2D(filters, 1)(x)
    y = keras.layers.Conv2D(filters, (3, 3), padding="same")(x)
    y = keras.layers.Conv2D(filters, (3, 3), padding="same")(keras.layers.ReLU()(y))
    return keras.ops.relu(y + shortcut)
""",
    )
    rtol = 1e-3
    atol = 1e-3

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({"x": _numbers(rng, 2, 4, 5, 3), "filters": 3}, "3 channels, 3 filters")
        yield Case({"x": _numbers(rng, 1, 3, 3, 2), "filters": 4}, "2 channels, 4 filters")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        image = keras.Input(inputs["x"].shape[1:])
        result = submission(image, inputs["filters"])
        if not isinstance(result, keras.KerasTensor):
            return {"no tensor": type(result).__name__}
        seen = {"shape": list(result.shape[1:])}
        model = keras.Model(image, result)
        layers = [layer for layer in model.layers if layer.weights]
        # The order of model.layers follows the depth, so the projection may stand anywhere.
        layers = sorted(layers, key=lambda layer: -layer.weights[0].shape[0])
        seen["kernels"] = [[int(n) for n in layer.weights[0].shape] for layer in layers]
        seen["weights"] = [len(layer.weights) for layer in layers]
        for number, layer in enumerate(layers):
            for i, weight in enumerate(layer.weights):
                wave = np.arange(np.prod(weight.shape), dtype="float32")
                weight.assign(np.sin(number + i / 10 + wave).reshape(weight.shape))
        output = model(keras.ops.convert_to_tensor(inputs["x"]))
        return {**seen, "output": keras.ops.convert_to_numpy(output)}

    def expected(self, x: np.ndarray, filters: int) -> Any:
        return _residual(x, filters)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge the shape, the layers, then the numbers."""
        seen = observation.value
        if "no tensor" in seen:
            raise Wrong(
                "Return the symbolic tensor behind the last layer. What came back is of type "
                f"{seen['no tensor']}."
            )
        x, filters = case.inputs["x"], case.inputs["filters"]
        wanted = [*x.shape[1:3], filters]
        if seen["shape"] != wanted:
            hint = "."
            if seen["shape"] == [*x.shape[1:3], filters + x.shape[3]]:
                hint = ": add the two instead of concatenating them."
            raise Wrong(
                f"The result has shape {('batch', *seen['shape'])}, expected "
                f"{('batch', *wanted)}{hint}"
            )
        kernels = self.expected(**case.inputs)["kernels"]
        if seen["kernels"] != kernels:
            found = ", ".join(str(tuple(shape)) for shape in seen["kernels"]) or "none"
            listed = ", ".join(str(tuple(shape)) for shape in kernels)
            hint = ""
            if len(seen["kernels"]) > len(kernels):
                hint = " x has as many channels as filters, so the shortcut should be x itself."
            elif len(seen["kernels"]) < len(kernels):
                hint = " Each convolution needs a Conv2D object of its own."
            raise Wrong(f"Kernels of these shapes were found: {found}; expected: {listed}.{hint}")
        if any(count != 2 for count in seen["weights"]):
            raise Wrong("Each Conv2D should have a kernel and a bias, as it has by default.")
        rest = {key: seen[key] for key in ("kernels", "output")}
        super().judge(case, Observation("returned", rest))


_WIDTHS = {"wide": 5, "code": 2, "mixed": 2, "wide_again": 5, "reconstruction": 3}
_NAMES = list(_WIDTHS)


def _through(names: list[str], x: np.ndarray) -> np.ndarray:
    """Return x after the named layers of the model that ``SplitAt`` observes, by NumPy."""
    before = dict(zip(_NAMES, [3, *_WIDTHS.values()], strict=False))
    for name in names:
        number, shape = _NAMES.index(name), (before[name], _WIDTHS[name])
        x = np.tanh(x @ _waves(*shape, start=number) + _waves(shape[1], start=number + 0.1))
    return x


def _halves(
    name: str, x: np.ndarray, code: np.ndarray, *, first_ends: int = 1, second_begins: int = 1
) -> dict[str, Any]:
    """Return what the two halves give; the numbers count from the named layer."""
    place = _NAMES.index(name)
    return {
        "own weights": [0, 0],
        "first": _through(_NAMES[: place + first_ends], x),
        "second": _through(_NAMES[place + second_begins :], code),
    }


@register
class SplitAt(Exercise):
    """A chain of layers, cut into two models."""

    name = "split_at"
    title = "Cut an autoencoder in two"
    points = 3
    see = "Cut a model out of a model"
    hints = (
        "The first half needs no loop: `keras.Model(model.inputs, …)` with the tensor behind the "
        "named layer, `model.get_layer(name).output`.",
        "The second half needs an input of its own, with the shape of that tensor without the "
        "batch axis: `keras.Input(first.output_shape[1:])`.",
        "`[layer.name for layer in model.layers].index(name)` is the place of the layer. Call the "
        "layers *behind* that place one after the other: `x = layer(x)`.",
    )
    why = (
        "The first half reads the graph that is there. The second begins in the middle, so the "
        "same layer objects are called once more, on a new input. No layer is made, and both "
        "halves use the trained weights. A name says where to cut; an index would change with "
        "every layer that somebody adds."
    )
    near_misses = (
        NearMiss(
            code="""
def split_at(model, name):
    first = keras.Model(model.inputs, model.get_layer(name).input)
    code = x = keras.Input(model.get_layer(name).output.shape[1:])
    place = [layer.name for layer in model.layers].index(name)
    for layer in model.layers[place + 1 :]:
        x = layer(x)
    return first, keras.Model(code, x)
""",
            because=(
                "The first half ends in front of the named layer: `.input` is the tensor before "
                "it. Take its `.output`."
            ),
            like=lambda name, x, code: _halves(name, x, code, first_ends=0),
        ),
        NearMiss(
            code="""
def split_at(model, name):
    first = keras.Model(model.inputs, model.get_layer(name).output)
    code = x = keras.Input(first.output_shape[1:])
    place = [layer.name for layer in model.layers].index(name)
    for layer in model.layers[place:]:
        x = layer(x)
    return first, keras.Model(code, x)
""",
            because=(
                "The named layer stands in both halves. It belongs to the first one; the second "
                "begins one layer later."
            ),
            like=lambda name, x, code: _halves(name, x, code, second_begins=0),
        ),
        NearMiss(
            code="""
def split_at(model, name):
    first = keras.Model(model.inputs, model.get_layer(name).output)
    code = x = keras.Input(first.output_shape[1:])
    place = [layer.name for layer in model.layers].index(name)
    for layer in model.layers[place + 1 :]:
        x = type(layer).from_config(layer.get_config())(x)
    return first, keras.Model(code, x)
""",
            because="Layers that are made from a configuration have new random weights.",
            says="The second half has weights that are not those of the given model",
        ),
        NearMiss(
            code="""
def split_at(model, name):
    model = keras.models.clone_model(model)
    first = keras.Model(model.inputs, model.get_layer(name).output)
    code = x = keras.Input(first.output_shape[1:])
    place = [layer.name for layer in model.layers].index(name)
    for layer in model.layers[place + 1 :]:
        x = layer(x)
    return first, keras.Model(code, x)
""",
            because="A clone has new random weights.",
            says="The first half has weights that are not those of the given model",
        ),
    )
    alternatives = (
        """
def split_at(model, name):
    names = [layer.name for layer in model.layers]
    middle = model.get_layer(name).output
    first = keras.Model(model.inputs[0], middle)
    rest = keras.Sequential([keras.Input(middle.shape[1:])])
    for layer in model.layers[names.index(name) + 1 :]:
        rest.add(layer)
    return [first, rest]
""",
        """
def split_at(model, name):
    middle = model.get_layer(name).output
    return keras.Model(model.inputs, middle), keras.Model(middle, model.outputs[0])
""",
    )
    rtol = 1e-4
    atol = 1e-5

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for name, note in (
            ("mixed", "this layer does not change the shape"),
            ("code", "the bottleneck"),
            ("wide_again", "one layer remains"),
        ):
            code = _numbers(rng, 2, _WIDTHS[name])
            yield Case({"name": name, "x": _numbers(rng, 3, 3), "code": code}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        widths = {"wide": 5, "code": 2, "mixed": 2, "wide_again": 5, "reconstruction": 3}
        pixels = tensor = keras.Input((3,), name="pixels")
        for number, (key, units) in enumerate(widths.items()):
            layer = keras.layers.Dense(units, activation="tanh", name=key)
            tensor = layer(tensor)
            for i, weight in enumerate(layer.weights):
                wave = np.arange(np.prod(weight.shape), dtype="float32")
                weight.assign(np.sin(number + i / 10 + wave).reshape(weight.shape))
        model = keras.Model(pixels, tensor)
        known = [id(weight) for weight in model.weights]
        result = submission(model, inputs["name"])
        if not isinstance(result, tuple | list) or len(result) != 2:
            return {"no pair": type(result).__name__}
        for half in result:
            if not isinstance(half, keras.Model):
                return {"no model": type(half).__name__}
        own = [sum(id(weight) not in known for weight in half.weights) for half in result]
        seen = {"own weights": own}
        for key, half, given in zip(("first", "second"), result, ("x", "code"), strict=True):
            output = half(keras.ops.convert_to_tensor(inputs[given]))
            seen[key] = keras.ops.convert_to_numpy(output)
        return seen

    def expected(self, name: str, x: np.ndarray, code: np.ndarray) -> Any:
        return _halves(name, x, code)

    def judge(self, case: Case, observation: Observation) -> None:
        """Judge whether the weights are the model's own, then the outputs."""
        if "no pair" in observation.value:
            raise Wrong(
                "Return two models, the first half and the second half. What came back is of type "
                f"{observation.value['no pair']}."
            )
        seen = _require_model(observation)
        for half, own in zip(("first", "second"), seen["own weights"], strict=True):
            if own:
                raise Wrong(
                    f"The {half} half has weights that are not those of the given model, so it "
                    "knows nothing of what that model has learned. Use its layers themselves."
                )
        super().judge(case, observation)
