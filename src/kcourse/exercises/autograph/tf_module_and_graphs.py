"""Exercises of the lesson on tf.Module, saving and graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


def _size(shapes: list[list[int]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)


def _parts_of(module: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a described module and all within it, each once: what is held twice is one object."""
    return [module, *(inner for part in module["parts"] for inner in _parts_of(part))]


@register
class ParameterCounts(Exercise):
    """How many numbers a module learns, and how many it keeps."""

    name = "parameter_counts"
    title = "Count the parameters"
    points = 1
    see = "Modules inside modules"
    hints = (
        "A variable of shape (4, 3) holds 12 numbers. `variable.shape.num_elements()` counts them.",
        "`module.trainable_variables` and `module.non_trainable_variables` descend into submodules "
        "by themselves: do not loop over `module.submodules` as well.",
        "`sum(v.shape.num_elements() for v in module.trainable_variables)` is the first number.",
    )
    why = (
        "`trainable_variables` walks through attributes, lists, dictionaries and submodules, and "
        "lists every variable once, also if it can be reached by two ways. A loop over "
        "`submodules` on top of that counts what is deep inside several times."
    )
    near_misses = (
        NearMiss(
            code="""
def parameter_counts(module):
    return len(module.trainable_variables), len(module.non_trainable_variables)
""",
            because=(
                "This counts variables. A variable of shape (4, 3) holds 12 numbers: add up "
                "`v.shape.num_elements()`."
            ),
            like=lambda module: [
                sum(len(part[kind]) for part in _parts_of(module)) for kind in ("own", "fixed")
            ],
        ),
        NearMiss(
            code="""
def parameter_counts(module):
    trainable, fixed = 0, 0
    for part in (module, *module.submodules):
        trainable += sum(v.shape.num_elements() for v in part.trainable_variables)
        fixed += sum(v.shape.num_elements() for v in part.non_trainable_variables)
    return trainable, fixed
""",
            because=(
                "What lies deep inside was counted several times: the list of a module's variables "
                "already holds those of its submodules."
            ),
            like=lambda module: [
                sum(_size(inner[kind]) for part in _parts_of(module) for inner in _parts_of(part))
                for kind in ("own", "fixed")
            ],
        ),
        NearMiss(
            code="""
def parameter_counts(module):
    trainable = sum(v.shape.num_elements() for v in module.trainable_variables)
    return trainable, sum(v.shape.num_elements() for v in module.variables)
""",
            because=(
                "`module.variables` are all variables, the trainable ones among them. The second "
                "number is to count the others alone."
            ),
            like=lambda module: [
                sum(_size(part["own"]) for part in _parts_of(module)),
                sum(_size(part["own"] + part["fixed"]) for part in _parts_of(module)),
            ],
        ),
        NearMiss(
            code="""
def parameter_counts(module):
    own = [v for v in vars(module).values() if isinstance(v, tf.Variable)]
    trainable = sum(v.shape.num_elements() for v in own if v.trainable)
    return trainable, sum(v.shape.num_elements() for v in own if not v.trainable)
""",
            because=(
                "Only variables that are attributes themselves were counted. Those in lists, in "
                "dictionaries and in modules inside are missing; `module.trainable_variables` "
                "finds them."
            ),
            like=lambda module: [0, 0],
        ),
    )
    alternatives = (
        """
def parameter_counts(module):
    kinds = module.trainable_variables, module.non_trainable_variables
    return tuple(sum(int(tf.size(v)) for v in variables) for variables in kinds)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def shape(axes: int) -> list[int]:
            return [int(n) for n in rng.integers(2, 6, size=axes)]

        leaf = {"own": [shape(2), shape(1)], "fixed": [shape(1)], "parts": [], "twice": False}
        middle = {"own": [shape(2)], "fixed": [], "parts": [leaf], "twice": False}
        outer = {"own": [shape(2)], "fixed": [shape(2)], "parts": [middle], "twice": False}
        yield Case({"module": outer}, "a module in a module in a module")
        pair = {"own": [[], shape(3)], "fixed": [[]], "parts": [leaf, middle], "twice": True}
        yield Case({"module": pair}, "a submodule held in two places, and scalars")
        yield Case({"module": {"own": [], "fixed": [], "parts": [], "twice": False}}, "no variable")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build the described module and have it counted."""
        import tensorflow as tf

        def build(described: Any) -> Any:
            module = tf.Module()
            module.own = [tf.Variable(tf.zeros(shape)) for shape in described["own"]]
            module.fixed = {
                f"number_{i}": tf.Variable(tf.zeros(shape), trainable=False)
                for i, shape in enumerate(described["fixed"])
            }
            module.parts = [build(part) for part in described["parts"]]
            if described["twice"]:
                module.again = module.parts[0]
            return module

        return submission(build(inputs["module"]))

    def expected(self, module: Mapping[str, Any]) -> Any:
        return [sum(_size(part[kind]) for part in _parts_of(module)) for kind in ("own", "fixed")]


@register
class LazyDense(Exercise):
    """Variables made once, when the first call shows how many features there are."""

    name = "LazyDense"
    title = "A layer that waits for its input"
    points = 2
    see = "Modules inside modules"
    hints = (
        "In `__init__`, call `super().__init__(name)` and remember `units`. Which attribute can "
        "tell the first call from all others?",
        "Set `self.w = None` in `__init__`; in `__call__`, make both variables "
        "`if self.w is None:`. `x.shape[-1]` is the number of features.",
        "`@tf.Module.with_name_scope` on `__call__` puts the module's name before the names "
        '`"w"` and `"b"`.',
    )
    why = (
        "The number of features is known at the first call only, and the `if` makes the variables "
        "once, eagerly as well as in a graph. `with_name_scope` enters the module's scope around "
        "the method, for variables and for operations. Keras layers work in the same way: their "
        "`build` is the body of this `if`."
    )
    near_misses = (
        NearMiss(
            code="""
class LazyDense(tf.Module):
    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units

    @tf.Module.with_name_scope
    def __call__(self, x):
        self.w = tf.Variable(tf.random.normal([x.shape[-1], self.units]), name="w")
        self.b = tf.Variable(tf.zeros([self.units]), name="b")
        return x @ self.w + self.b
""",
            because="Every call makes new variables, so whatever was learned is lost.",
            says="made new variables",
        ),
        NearMiss(
            code="""
class LazyDense(tf.Module):
    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units
        self.w = None

    def __call__(self, x):
        if self.w is None:
            self.w = tf.Variable(tf.random.normal([x.shape[-1], self.units]), name="w")
            self.b = tf.Variable(tf.zeros([self.units]), name="b")
        return x @ self.w + self.b
""",
            because="The name scope of the module was not entered.",
            says="with_name_scope",
        ),
        NearMiss(
            code="""
class LazyDense(tf.Module):
    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units
        self.w = None

    @tf.Module.with_name_scope
    def __call__(self, x):
        if self.w is None:
            self.w = tf.Variable(tf.zeros([x.shape[-1], self.units]), name="w")
            self.b = tf.Variable(tf.zeros([self.units]), name="b")
        return x @ self.w + self.b
""",
            because="With equal weights all units compute, and learn, the same.",
            says="all elements of w are alike",
        ),
        NearMiss(
            code="""
class LazyDense(tf.Module):
    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units
        self.w = None

    @tf.Module.with_name_scope
    def __call__(self, x):
        if self.w is None:
            self.w = tf.random.normal([x.shape[-1], self.units], name="w")
            self.b = tf.zeros([self.units], name="b")
        return x @ self.w + self.b
""",
            because="These are tensors. A module lists, trains and saves variables only.",
            says="lists 0 trainable variables",
        ),
    )
    alternatives = (
        """
class LazyDense(tf.Module):
    def __init__(self, units, name=None):
        super().__init__(name=name)
        self.units = units

    def __call__(self, x):
        with self.name_scope:
            if not hasattr(self, "kernel"):
                start = tf.random.uniform([tf.shape(x)[1], self.units], -0.1, 0.1)
                self.kernel = tf.Variable(start, name="w")
                self.bias = tf.Variable([0.0] * self.units, name="b")
            return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        features, units = (int(n) for n in rng.permutation([3, 4, 5])[:2])
        # Never as many rows as features: these two axes must not be taken for each other.
        sizes = (features + 1, 1)
        batches = [rng.normal(size=(rows, features)).astype(np.float32) for rows in sizes]
        yield Case({"units": units, "batches": batches})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call one layer three times, with other weights at last, and another within a graph."""
        import tensorflow as tf

        units, (first, second) = inputs["units"], map(tf.constant, inputs["batches"])
        tf.random.set_seed(7)  # the same answer begins with the same weights
        layer = submission(units, name="scores")
        seen: dict[str, Any] = {"variables before": len(layer.variables)}
        outputs = [layer(first)]
        made = {len(v.shape): v for v in layer.trainable_variables}
        seen["made"] = [[v.name, v.shape, v.numpy()] for v in layer.trainable_variables]
        if sorted(made) == [1, 2]:
            w, b = tf.identity(made[2]), tf.identity(made[1])
            outputs.append(layer(second))
            seen["kept"] = all(
                any(v is old for old in made.values()) for v in layer.trainable_variables
            )
            made[2].assign(w + 1.0)
            made[1].assign(b - 2.0)
            outputs.append(layer(second))
            fresh = submission(units)
            try:
                outputs.append(tf.function(fresh)(first))
                seen["in a graph"] = list(fresh.trainable_variables)
            except Exception as error:
                seen["in a graph"] = str(error).strip().splitlines()[-1]
        return seen | {"outputs": outputs}

    def expected(self, units: int, batches: list[np.ndarray]) -> Any:
        features = batches[0].shape[-1]
        return [[features, units], [units]]

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless both variables are right and are those that are used."""
        seen, batches = observation.value, case.inputs["batches"]
        features, units = batches[0].shape[-1], case.inputs["units"]
        if seen["variables before"]:
            raise Wrong("There are variables before the first call. Make them in `__call__`.")
        if len(seen["made"]) != 2:
            raise Wrong(
                f"After the first call the module lists {len(seen['made'])} trainable variables, "
                "not two. A module lists what is a tf.Variable and an attribute."
            )
        shapes = sorted((shape for _, shape, _ in seen["made"]), key=len, reverse=True)
        if shapes != [[features, units], [units]]:
            raise Wrong(
                f"The variables have the shapes {shapes}. For {features} features and {units} "
                f"units, w has shape ({features}, {units}) and b has shape ({units},)."
            )
        names = {len(shape): name for name, shape, _ in seen["made"]}
        if names != {2: "scores/w:0", 1: "scores/b:0"}:
            raise Wrong(
                f"In a module named scores, w and b are named {names[2]} and {names[1]}, not "
                "scores/w:0 and scores/b:0. `tf.Module.with_name_scope` gives the first part, "
                "`name=` the second."
            )
        values = {len(shape): value for _, shape, value in seen["made"]}
        if np.any(values[1]):
            raise Wrong("b must begin with zeros.")
        if np.ptp(values[2]) == 0:
            raise Wrong(
                "At the start all elements of w are alike: then all units compute, and learn, the "
                "same. Begin with random values."
            )
        if not seen["kept"]:
            raise Wrong("The second call made new variables. Make them at the first call only.")
        self._compare(seen["outputs"][0], batches[0] @ values[2], "the first call")
        self._compare(seen["outputs"][1], batches[1] @ values[2], "the second call")
        self._compare(
            seen["outputs"][2],
            batches[1] @ (values[2] + 1) - 2,
            "a call after w and b were given new values",
        )
        if isinstance(seen["in a graph"], str):
            raise Wrong(f"`tf.function(layer)` cannot be called: {seen['in a graph']}")
        w = max(seen["in a graph"], key=np.ndim)
        self._compare(seen["outputs"][3], batches[0] @ w, "the first call inside a tf.function")

    def _compare(self, got: Plain, want: np.ndarray, when: str) -> None:
        if reason := self.differs(got, want):
            raise Wrong(f"In {when}, x @ w + b was wanted. {reason}", expected=want)


@register
class ExponentialAverage(Exercise):
    """State that is saved and never trained."""

    name = "ExponentialAverage"
    title = "An average that forgets"
    points = 2
    see = "tf.Module: an object that knows its variables"
    hints = (
        "Two sums are enough to remember everything: of the weighted values, and of the weights.",
        "When a new value comes, every older weight is multiplied by `decay`. So both sums are.",
        "`self.total.assign(self.decay * self.total + value)`, the same with 1.0 for the weights. "
        "Make both variables with `trainable=False`.",
    )
    why = (
        "The average is state: it has to be saved with the module, so it is kept in variables, and "
        "no optimizer may change it, so they are not trainable. Batch normalization and Adam keep "
        "averages of this kind. Dividing by the sum of the weights makes the first results right; "
        "a plain `decay * average + (1 - decay) * value` begins too near to 0."
    )
    near_misses = (
        NearMiss(
            code="""
class ExponentialAverage(tf.Module):
    def __init__(self, decay, name=None):
        super().__init__(name)
        self.decay = decay
        self.average = tf.Variable(0.0, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def update(self, value):
        self.average.assign(self.decay * self.average + (1.0 - self.decay) * value)
        return self.average.read_value()
""",
            because=(
                "The average begins at 0 and stays too near to it at first. Divide by the sum of "
                "the weights: the first result must be the first value itself."
            ),
            like=lambda decay, values, others: [
                _averages(decay, data, start=0.0) for data in (values, others)
            ],
        ),
        NearMiss(
            code="""
class ExponentialAverage(tf.Module):
    def __init__(self, decay, name=None):
        super().__init__(name)
        self.decay = decay
        self.average = tf.Variable(0.0, trainable=False)
        self.begun = tf.Variable(False, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def update(self, value):
        old = tf.where(self.begun, self.average, value)
        self.begun.assign(True)
        return self.average.assign(self.decay * old + (1.0 - self.decay) * value)
""",
            because=(
                "Here the first value keeps far more weight than its age allows: it counts as if "
                "it had been seen for ever. Divide by the sum of the weights instead."
            ),
            like=lambda decay, values, others: [
                _averages(decay, data, start=data[0]) for data in (values, others)
            ],
        ),
        NearMiss(
            code="""
class ExponentialAverage(tf.Module):
    def __init__(self, decay, name=None):
        super().__init__(name)
        self.decay = decay
        self.total = tf.Variable(0.0)
        self.weight = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def update(self, value):
        self.total.assign(self.decay * self.total + value)
        self.weight.assign(self.decay * self.weight + 1.0)
        return self.total / self.weight
""",
            because="The state can be trained: an optimizer would change it.",
            says="trainable=False",
        ),
        NearMiss(
            code="""
class ExponentialAverage(tf.Module):
    def __init__(self, decay, name=None):
        super().__init__(name)
        self.decay = decay
        self.total, self.weight = 0.0, 0.0

    def update(self, value):
        self.total = self.decay * self.total + value
        self.weight = self.decay * self.weight + 1.0
        return self.total / self.weight
""",
            because="The results are right, but the state is no variable, so it is never saved.",
            says="state is not in the variables",
        ),
    )
    alternatives = (
        """
class ExponentialAverage(tf.Module):
    def __init__(self, decay, name=None):
        super().__init__(name)
        self.decay = decay
        self.average = tf.Variable(0.0, trainable=False)
        self.steps = tf.Variable(0, trainable=False)

    @tf.function
    def update(self, value):
        self.steps.assign_add(1)
        self.average.assign_add((1 - self.decay) * (value - self.average))
        return self.average / (1 - self.decay ** tf.cast(self.steps, tf.float32))
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def numbers(size: int) -> list[float]:
            return [round(float(v), 2) for v in rng.normal(rng.uniform(3, 6), 2, size=size)]

        decay = round(float(rng.uniform(0.6, 0.95)), 2)
        yield Case({"decay": decay, "values": numbers(5), "others": numbers(2)})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Feed two objects by turns, then let a third go on from the first one's variables."""
        import tensorflow as tf

        def feed() -> Any:
            values, others = inputs["values"], inputs["others"]
            first, second, heir = (submission(inputs["decay"]) for _ in range(3))
            results: list[list[Any]] = [[], []]
            for turn, value in enumerate(values):
                results[0].append(first.update(tf.constant(value)))
                if turn < len(others):
                    results[1].append(second.update(tf.constant(others[turn])))
            heir.update(tf.constant(1.0))  # it may make its variables at the first call
            for new, old in zip(heir.variables, first.variables, strict=True):
                new.assign(old)
            return {
                "results": results,
                "trainable": len(first.trainable_variables),
                "alike": [module.update(tf.constant(2.0)) for module in (first, heir)],
            }

        # Each object is traced once; for TensorFlow that looks like one function traced too often.
        level = tf.get_logger().level
        tf.get_logger().setLevel("ERROR")
        try:
            return feed()
        finally:
            tf.get_logger().setLevel(level)

    def expected(self, decay: float, values: list[float], others: list[float]) -> Any:
        def mean(seen: list[float]) -> float:
            weights = [decay**age for age in range(len(seen))][::-1]
            return sum(w * v for w, v in zip(weights, seen, strict=True)) / sum(weights)

        return [[mean(data[: k + 1]) for k in range(len(data))] for data in (values, others)]

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Compare the results of both objects."""
        return super().differs(got["results"], expected)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the averages are right and live in variables, not trainable."""
        super().judge(case, observation)
        seen = observation.value
        if seen["trainable"]:
            raise Wrong(
                "The averages are right, but an optimizer would change this state: make its "
                "variables with `trainable=False`."
            )
        if Exercise.differs(self, seen["alike"][1], seen["alike"][0]):
            raise Wrong(
                "The averages are right, but an object that was given the variables of another "
                "does not go on as that one does: some state is not in the variables."
            )


def _averages(decay: float, values: list[float], *, start: float) -> list[float]:
    """Return the averages that `decay * old + (1 - decay) * value` gives from a start on."""
    result = [start]
    for value in values:
        result.append(decay * result[-1] + (1 - decay) * value)
    return result[1:]


def _numbers_in(
    module: Mapping[str, Any],
    *,
    deep: bool = True,
    layers: bool = True,
    fixed: bool = False,
) -> list[float]:
    """Return the numbers that mark the weights of a described module, as a wrong answer would."""
    result: list[float] = []
    for part in _parts_of(module):
        result += part["own"]
        if layers and (deep or part is module):
            held = part["layers"] + (part["frozen"] if fixed else [])
            result += [number for pair in held for number in pair]
    return sorted(result)


@register
class TrainableWeights(Exercise):
    """All weights of a module that holds Keras layers."""

    name = "trainable_weights"
    title = "Gather every weight"
    points = 2
    see = "Keras layers are not modules"
    hints = (
        "`module.trainable_variables` gives the first part. Keras layers are missing: where can "
        "they be held? In the module itself, and in each of `module.submodules`.",
        "`vars(part)` is the dictionary of an object's attributes. `tf.nest.flatten(list(vars("
        "part).values()))` opens lists and dictionaries. Keep what is a `keras.layers.Layer`.",
        "Add `layer.trainable_variables` of each, then keep each object once: "
        "`list({id(w): w for w in weights}.values())`.",
    )
    why = (
        "A tf.Module looks for tf.Variable and tf.Module objects; a Keras layer is neither, so the "
        "search ends there. `layer.trainable_variables` is Keras's own search, which goes into "
        "sublayers and knows `layer.trainable`. A layer held in two places must give its weights "
        "once, or an optimizer would step twice."
    )
    near_misses = (
        NearMiss(
            code="""
def trainable_weights(module):
    return list(module.trainable_variables)
""",
            because="The weights of the Keras layers are missing: tf.Module does not find them.",
            like=lambda module: _numbers_in(module, layers=False),
        ),
        NearMiss(
            code="""
def trainable_weights(module):
    weights = list(module.trainable_variables)
    for value in tf.nest.flatten(list(vars(module).values())):
        if isinstance(value, keras.layers.Layer):
            weights += value.trainable_variables
    return list({id(weight): weight for weight in weights}.values())
""",
            because="The Keras layers of the submodules are missing: look into each of those, too.",
            like=lambda module: _numbers_in(module, deep=False),
        ),
        NearMiss(
            code="""
def trainable_weights(module):
    weights = list(module.trainable_variables)
    for part in (module, *module.submodules):
        for value in tf.nest.flatten(list(vars(part).values())):
            if isinstance(value, keras.layers.Layer):
                weights += value.trainable_variables
    return weights
""",
            because=(
                "Some weights are there twice: a layer can be held in several places, and "
                "`vars(part)` also has TensorFlow's own notes of what it tracks."
            ),
            says="more than once",
        ),
        NearMiss(
            code="""
def trainable_weights(module):
    weights = list(module.trainable_variables)
    for part in (module, *module.submodules):
        for value in tf.nest.flatten(list(vars(part).values())):
            if isinstance(value, keras.layers.Layer):
                weights += value.weights
    return list({id(weight): weight for weight in weights}.values())
""",
            because=(
                "Weights of a frozen layer (`layer.trainable = False`) are among them. Take "
                "`trainable_variables`."
            ),
            like=lambda module: _numbers_in(module, fixed=True),
        ),
    )
    alternatives = (
        """
def trainable_weights(module):
    weights = {v.ref(): v for v in module.trainable_variables}
    for found in tf.train.TrackableView(module).descendants():
        if isinstance(found, keras.layers.Layer):
            for weight in found.trainable_variables:
                weights[weight.value.ref()] = weight.value
    return tuple(weights.values())
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        marks = iter(rng.permutation(np.arange(1, 60)).tolist())

        def module(own: int, layers: int, frozen: int, *parts: Any, twice: bool = False) -> Any:
            return {
                "own": [next(marks) for _ in range(own)],
                "fixed": [next(marks)],
                "layers": [[next(marks), next(marks)] for _ in range(layers)],
                "frozen": [[next(marks), next(marks)] for _ in range(frozen)],
                "parts": list(parts),
                "twice": twice,
            }

        yield Case({"module": module(1, 1, 0)}, "one variable and one Keras layer")
        yield Case({"module": module(1, 2, 1, module(1, 1, 0))}, "a frozen layer, a submodule")
        yield Case({"module": module(0, 1, 0, module(1, 2, 0), twice=True)}, "a layer held twice")
        yield Case({"module": module(2, 0, 0, module(0, 0, 1))}, "nothing of Keras to train")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build the described module, each weight filled with its mark; return the marks found."""
        import keras
        import numpy as np
        import tensorflow as tf

        def layer(marks: Any) -> Any:
            dense = keras.layers.Dense(2)
            dense.build((None, 3))
            for weight, mark in zip(dense.weights, marks, strict=True):
                weight.assign(np.full(weight.shape, mark, np.float32))
            return dense

        def build(described: Any) -> Any:
            module = tf.Module()
            module.own = [tf.Variable(float(mark)) for mark in described["own"]]
            module.fixed = {
                f"number_{mark}": tf.Variable(float(mark), trainable=False)
                for mark in described["fixed"]
            }
            for i, marks in enumerate(described["layers"][:1]):
                setattr(module, f"dense_{i}", layer(marks))
            module.hidden = [layer(marks) for marks in described["layers"][1:]]
            module.frozen = [layer(marks) for marks in described["frozen"]]
            for dense in module.frozen:
                dense.trainable = False
            module.parts = [build(part) for part in described["parts"]]
            if described["twice"]:
                module.again = module.dense_0
            return module

        found = submission(build(inputs["module"]))
        if not isinstance(found, list | tuple):
            return f"Your function returned an object of type {type(found).__name__}, not a list."
        for weight in found:
            if not isinstance(weight, tf.Variable | keras.Variable):
                return f"The list holds a {type(weight).__name__}, which is no variable."
        return sorted(float(np.mean(weight.numpy())) for weight in found)

    def expected(self, module: Mapping[str, Any]) -> Any:
        return _numbers_in(module)

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` with the numbers of weights missing and too many."""
        if isinstance(observation.value, str):
            raise Wrong(observation.value)
        got: Counter[float] = Counter(observation.value)
        want: Counter[float] = Counter(self.expected(**case.inputs))
        if got == want:
            return
        reason = self._recognise(case, observation) or (
            f"{(want - got).total()} weights are missing and {(got - want).total()} are too many. "
            "(The numbers are what the weights are filled with.)"
        )
        if set(got) == set(want):
            reason = (
                f"All weights are there, but {sum(n > 1 for n in got.values())} of them more than "
                "once. An optimizer would step twice with those: keep each object once."
            )
        raise Wrong(reason, expected=sorted(want.elements()))


@register
class SaveClassifier(Exercise):
    """A model that others can call without this code."""

    name = "save_classifier"
    title = "Save for those who have no Python"
    points = 3
    see = "Save: SavedModel and signatures"
    hints = (
        "A signature needs a `tf.function` with an `input_signature`. Write one inside "
        "`save_classifier` that calls `module` and takes the softmax.",
        '`tf.TensorSpec([None, module.w.shape[0]], tf.float32, name="features")`: `None` lets the '
        "number of rows vary.",
        'Return a dictionary with the keys `"label"` and `"probability"`, and pass '
        '`signatures={"serving_default": serve}` to `tf.saved_model.save(module, folder, …)`.',
    )
    why = (
        "Who loads the folder has neither the class nor its methods, only what was traced. So "
        "the signature does all of the work that a caller needs, with names for what goes in and "
        "comes out and `None` for the number of rows. Because `module` itself is saved, its "
        "variables are saved beside the graph and can be replaced later."
    )
    near_misses = (
        NearMiss(
            code="""
def save_classifier(module, folder):
    tf.saved_model.save(module, folder)
""",
            because="Nothing was traced, so nothing can be called.",
            says="no signature",
        ),
        NearMiss(
            code="""
def save_classifier(module, folder):
    @tf.function(input_signature=[tf.TensorSpec([1, module.w.shape[0]], tf.float32)])
    def serve(features):
        probabilities = tf.nn.softmax(module(features))
        return {
            "label": tf.argmax(probabilities, axis=-1),
            "probability": tf.reduce_max(probabilities, axis=-1),
        }

    tf.saved_model.save(module, folder, signatures={"serving_default": serve})
""",
            because="This accepts a single row only.",
            says="None",
        ),
        NearMiss(
            code="""
def save_classifier(module, folder):
    @tf.function(input_signature=[tf.TensorSpec([None, module.w.shape[0]], tf.float32)])
    def serve(features):
        return tf.nn.softmax(module(features))

    tf.saved_model.save(module, folder, signatures={"serving_default": serve})
""",
            because="An output without a name becomes `output_0`, and here it is another result.",
            says="output_0",
        ),
    )
    rtol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        features, classes = (int(n) for n in rng.permutation([3, 4, 5])[:2])

        def normal(*shape: int) -> np.ndarray:
            return rng.normal(size=shape).astype(np.float32)

        yield Case(
            {
                "w": normal(features, classes),
                "b": normal(classes),
                "batches": [normal(4, features), normal(1, features)],
            }
        )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Have a classifier saved in the folder that comes with the inputs."""
        import tensorflow as tf

        class Classifier(tf.Module):
            def __init__(self) -> None:
                super().__init__("classifier")
                self.w = tf.Variable(inputs["w"])
                self.b = tf.Variable(inputs["b"])

            def __call__(self, x: Any) -> Any:
                return x @ self.w + self.b

        submission(Classifier(), str(inputs["folder"]))

    @staticmethod
    def inspect(folder: Any, returned: Any, **inputs: Any) -> Any:
        """Load what was saved and call its signature, before and after w changes its sign."""
        import tensorflow as tf

        if not (folder / "saved_model.pb").exists():
            return {"signatures": None}
        loaded = tf.saved_model.load(str(folder))
        seen: dict[str, Any] = {"signatures": sorted(loaded.signatures), "answers": []}
        if seen["signatures"] != ["serving_default"]:
            return seen
        serve = loaded.signatures["serving_default"]
        _, wanted = serve.structured_input_signature
        seen["takes"] = {name: [spec.dtype, spec.shape] for name, spec in wanted.items()}
        seen["returns"] = sorted(serve.structured_outputs)
        if set(wanted) == {"features"} and wanted["features"].shape[0] is None:
            seen["answers"] = [serve(features=tf.constant(rows)) for rows in inputs["batches"]]
            if hasattr(loaded, "w"):
                loaded.w.assign(-loaded.w)
                seen["turned"] = serve(features=tf.constant(inputs["batches"][0]))
        return seen

    def expected(self, w: np.ndarray, b: np.ndarray, batches: list[np.ndarray]) -> Any:
        def answer(logits: np.ndarray) -> dict[str, Any]:
            powers = np.exp(logits.astype(np.float64))
            probabilities = powers / powers.sum(axis=1, keepdims=True)
            return {
                "label": np.array([int(np.argmax(row)) for row in probabilities]),
                "probability": np.array([max(row) for row in probabilities]),
            }

        return [*(answer(rows @ w + b) for rows in batches), answer(batches[0] @ -w + b)]

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the signature has the names, shapes and answers wanted."""
        seen, want = observation.value, self.expected(**case.inputs)
        if seen["signatures"] is None:
            raise Wrong(
                "There is no SavedModel in the folder. `tf.saved_model.save(module, folder, …)` "
                "writes one."
            )
        if not seen["signatures"]:
            raise Wrong(
                "What you saved has no signature, so nobody can call it. Pass `signatures=` to "
                "`tf.saved_model.save`."
            )
        if seen["signatures"] != ["serving_default"]:
            raise Wrong(f"The signatures are named {seen['signatures']}, not serving_default.")
        features = case.inputs["w"].shape[0]
        if seen["takes"] != {"features": ["float32", [None, features]]}:
            takes = ", ".join(f"{n}: {d} {s}" for n, (d, s) in seen["takes"].items())
            raise Wrong(
                f"The signature takes {takes}. It has to take features: float32 "
                f"{[None, features]}, where None is any number of rows."
            )
        if seen["returns"] != ["label", "probability"]:
            raise Wrong(
                f"The signature's outputs are named {seen['returns']}, not label and probability. "
                "Return a dictionary; its keys become the names."
            )
        for got, answer in zip(seen["answers"], want[:-1], strict=True):
            if reason := self.differs(got, answer):
                raise Wrong(reason, expected=answer)
        if "turned" not in seen or self.differs(seen["turned"], want[-1]):
            raise Wrong(
                "The answers are right, but the variable `w` was not saved with the module, or the "
                "signature does not use it. Save `module` itself."
            )


@register
class OpsByScope(Exercise):
    """A graph's operations, grouped as TensorBoard groups them."""

    name = "ops_by_scope"
    title = "Count a graph's operations by scope"
    points = 2
    see = "A graph and its operations"
    hints = (
        "`concrete.graph.get_operations()` lists the operations; each has a `name`.",
        'Split the name at "/". The last part is the operation itself; what comes before is its '
        "scope.",
        '`"/".join(operation.name.split("/")[:-1][:depth])` is the key to count.',
    )
    why = (
        "Names are paths: `net/hidden/matmul` is the operation `matmul` in the scope `net/hidden`. "
        "Taking off the last part first matters at the top, where `x` and `Identity` are in no "
        "scope at all. TensorBoard groups in the same way and opens one level with each click."
    )
    near_misses = (
        NearMiss(
            code="""
def ops_by_scope(concrete, depth):
    counts = {}
    for operation in concrete.graph.get_operations():
        scope = "/".join(operation.name.split("/")[:depth])
        counts[scope] = counts.get(scope, 0) + 1
    return counts
""",
            because=(
                "Operations count as scopes of their own here, such as the input x. Take off the "
                "last part of the name first: it is the operation itself."
            ),
            like=lambda ops, depth: _counted(ops, lambda name: "/".join(name.split("/")[:depth])),
        ),
        NearMiss(
            code="""
def ops_by_scope(concrete, depth):
    counts = {}
    for operation in concrete.graph.get_operations():
        scope = "/".join(operation.name.split("/")[:-1])
        counts[scope] = counts.get(scope, 0) + 1
    return counts
""",
            because="Keep the first `depth` parts of a scope only.",
            like=lambda ops, depth: _counted(ops, lambda name: name.rpartition("/")[0]),
        ),
        NearMiss(
            code="""
def ops_by_scope(concrete, depth):
    counts = {}
    for operation in concrete.graph.get_operations():
        scope = "/".join(operation.name.split("/")[:-1][-depth:])
        counts[scope] = counts.get(scope, 0) + 1
    return counts
""",
            because="These are the last parts of the scope. Its first parts are wanted.",
            like=lambda ops, depth: _counted(
                ops, lambda name: "/".join(name.split("/")[:-1][-depth:])
            ),
        ),
        NearMiss(
            code="""
def ops_by_scope(concrete, depth):
    counts = {}
    for operation in concrete.graph.get_operations():
        counts[operation.type] = counts.get(operation.type, 0) + 1
    return counts
""",
            because="This counts by type, such as `MatMul`. Count by the scope in the name.",
            like=lambda ops, depth: {"Placeholder": 1, "Neg": len(ops), "Identity": 1},
        ),
    )
    alternatives = (
        """
def ops_by_scope(concrete, depth):
    scopes = [operation.name.rpartition("/")[0] for operation in concrete.graph.get_operations()]
    kept = ["/".join(scope.split("/")[:depth]) for scope in scopes]
    return {scope: kept.count(scope) for scope in kept}
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        letters = [str(letter) for letter in rng.permutation(list("abcdefgh"))]
        outer, first, second, other, inner = letters[:5]
        scopes = [outer, f"{outer}/{first}", f"{outer}/{first}/{inner}", f"{outer}/{second}", other]
        scopes += [f"{other}/{first}", f"{outer}/{second}/{inner}/{first}"]

        def names(most: int) -> list[str]:
            chosen = [scope for scope in scopes for _ in range(int(rng.integers(1, most)))]
            chosen += [""] * int(rng.integers(1, 3))
            return [f"{scope}/op{i}".removeprefix("/") for i, scope in enumerate(chosen)]

        yield Case({"ops": names(4), "depth": 2})
        yield Case({"ops": names(3), "depth": 1}, "one level")
        yield Case({"ops": names(3), "depth": 3}, "three levels")
        yield Case({"ops": [], "depth": 1}, "a function that returns its input")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Trace a function that has one negation of each given name."""
        import tensorflow as tf

        @tf.function(autograph=False)
        def negate(x: Any) -> Any:
            for name in inputs["ops"]:
                scope, _, own = name.rpartition("/")
                # A scope that ends in "/" is entered as it is, also when there is one already.
                with tf.name_scope(f"{scope}/" if scope else ""):
                    x = tf.negative(x, name=own)
            return x

        concrete = negate.get_concrete_function(tf.TensorSpec([], tf.float32))
        return submission(concrete, inputs["depth"])

    def expected(self, ops: list[str], depth: int) -> Any:
        def scope(name: str) -> str:
            parts: list[str] = []
            for part in name.split("/")[:-1]:
                if len(parts) < depth:
                    parts.append(part)
            return "/".join(parts)

        return _counted(ops, scope)


def _counted(ops: list[str], key: Callable[[str], str]) -> dict[str, int]:
    """Count names by a key; a graph has its input x and its result Identity as well."""
    return dict(Counter(key(name) for name in ["x", *ops, "Identity"]))
