"""Exercises of the lesson on layers and activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.comparing import difference
from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


@register
class CountDeadUnits(Exercise):
    """The units of a relu layer that are 0 for every input."""

    name = "count_dead_units"
    title = "Count the dead units"
    points = 1
    see = "relu and its dead units"
    hints = (
        "A unit is dead when *all* its outputs are 0. Which axis of the outputs counts the units, "
        "and over which axes must you therefore ask “all”?",
        "`ops.all(outputs == 0, axis=…)` over every axis but the last: `(0,)` for two axes, "
        "`(0, 1)` for three.",
        "`axis=tuple(range(len(outputs.shape) - 1))`; then sum the booleans.",
    )
    why = (
        "The last axis holds the units; every other axis holds examples or steps. A unit that is 0 "
        "for a few inputs does its work; a unit that is 0 for all of them has slope 0 everywhere, "
        "so gradient descent never moves its weights."
    )
    near_misses = (
        NearMiss(
            code="""
def count_dead_units(layer, inputs):
    return int(ops.sum(layer(inputs) == 0))
""",
            because="This counts outputs that are 0. A dead unit is 0 for *every* input.",
            like=lambda kernel, bias, inputs: np.sum(_relu_layer(kernel, bias, inputs) == 0),
        ),
        NearMiss(
            code="""
def count_dead_units(layer, inputs):
    outputs = layer(inputs)
    return int(ops.sum(ops.any(outputs == 0, axis=tuple(range(len(outputs.shape) - 1)))))
""",
            because=(
                "These units are 0 for *some* input, which is what relu is for. "
                "A dead unit is 0 for all."
            ),
            like=lambda kernel, bias, inputs: np.sum(
                (_relu_layer(kernel, bias, inputs) == 0).reshape(-1, bias.size).any(0)
            ),
        ),
        NearMiss(
            code="""
def count_dead_units(layer, inputs):
    return int(ops.sum(ops.all(layer(inputs) == 0, axis=0)))
""",
            because=(
                "Right for two axes. With a time axis this counts pairs of a step and a unit: "
                "ask about all axes but the last."
            ),
            like=lambda kernel, bias, inputs: np.sum(
                (_relu_layer(kernel, bias, inputs) == 0).all(0)
            ),
        ),
        NearMiss(
            code="""
def count_dead_units(layer, inputs):
    return int(ops.sum(layer.bias < 0))
""",
            because="A negative bias does not kill a unit by itself: look at the outputs.",
            like=lambda kernel, bias, inputs: np.sum(bias < 0),
        ),
    )
    alternatives = (
        """
def count_dead_units(layer, inputs):
    outputs = ops.reshape(layer(inputs), (-1, layer.units))
    return int(ops.sum(ops.max(outputs, axis=0) == 0))
""",
        """
def count_dead_units(layer, inputs):
    outputs = ops.convert_to_numpy(layer(inputs))
    return sum(1 for unit in range(outputs.shape[-1]) if not outputs[..., unit].any())
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(*shape: int, dead: int, units: int = 7, note: str = "") -> Case:
            while True:
                kernel, inputs = _normal(rng, shape[-1], units), _normal(rng, *shape)
                bias = rng.uniform(-0.7, 0.7, size=units).astype(np.float32)
                bias[rng.permutation(units)[:dead]] = -100
                given = {"kernel": kernel, "bias": bias, "inputs": inputs}
                wrong = [int(miss.like(**given)) for miss in self.near_misses if miss.like]
                right = self.expected(**given)
                # The wrong ways must give wrong numbers, each its own, for its own message.
                if note or (right == dead and len({right, wrong[0], wrong[1], wrong[3]}) == 4):
                    return Case(given, note)

        yield case(6, 3, dead=2)
        for _ in range(4):
            three_axes = case(4, 5, 3, dead=2, note="three axes: batch, steps, features")
            misses = [int(miss.like(**three_axes.inputs)) for miss in self.near_misses if miss.like]
            if misses[2] not in (self.expected(**three_axes.inputs), misses[0], misses[1]):
                break
        yield three_axes
        yield case(9, 4, dead=0, note="no unit was killed on purpose")
        yield case(1, 3, dead=1, units=5, note="one example")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        kernel, bias, data = inputs["kernel"], inputs["bias"], inputs["inputs"]
        layer = keras.layers.Dense(bias.size, activation="relu")
        layer.build((None, kernel.shape[0]))
        layer.set_weights([kernel, bias])
        result = submission(layer, keras.ops.convert_to_tensor(data))
        if result is None or isinstance(result, int):
            return result
        return np.asarray(keras.ops.convert_to_numpy(result))

    def expected(self, kernel: np.ndarray, bias: np.ndarray, inputs: np.ndarray) -> int:
        rows = inputs.reshape(-1, inputs.shape[-1])
        dead = 0
        for unit in range(bias.size):
            dead += all(float(row @ kernel[:, unit] + bias[unit]) <= 0 for row in rows)
        return dead


def _relu_layer(kernel: np.ndarray, bias: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.maximum(inputs @ kernel + bias, 0)
    return result


@register
class EluByHand(Exercise):
    """An activation of two branches whose slope is finite for every input."""

    name = "elu_by_hand"
    title = "elu, with finite slopes"
    points = 3
    see = "Write an activation yourself"
    hints = (
        "`ops.where` computes both branches for every element, and their slopes too. For which x "
        "does the branch for negative numbers overflow?",
        "Limit what goes into `exp` before you call it: the branch for negative numbers needs "
        "no positive ones.",
        "`negative = ops.minimum(x, 0.0)`, then `ops.where(x > 0, x, alpha * ops.expm1(negative))`.",
    )
    why = (
        "The slope of `where` is 1 times the slope of the branch taken plus 0 times the slope of "
        "the other; exp(1000) is inf, and 0 · inf is nan. `minimum` keeps large numbers away from "
        "exp, so both slopes are finite. `expm1(x)` is exp(x) − 1 without losing the digits of a "
        "tiny x."
    )
    near_misses = (
        NearMiss(
            code="""
def elu_by_hand(x, alpha):
    return ops.where(x > 0, x, alpha * (ops.exp(x) - 1))
""",
            because="The slope of the branch that is not taken is inf, and 0 · inf is nan.",
            says="0 · inf is nan",
        ),
        NearMiss(
            code="""
def elu_by_hand(x, alpha):
    return ops.where(x > 0, x, ops.expm1(ops.minimum(x, 0.0)))
""",
            because="`alpha` is missing in the branch for negative numbers.",
            like=lambda x, alpha: _elu(x, 1.0),
        ),
        NearMiss(
            code="""
def elu_by_hand(x, alpha):
    return ops.where(x > 0, x, alpha * ops.exp(ops.minimum(x, 0.0)))
""",
            because="exp(x) is 1 at 0, so this jumps there; elu has exp(x) − 1.",
            like=lambda x, alpha: {
                "values": np.where(x > 0, x, _elu(x, alpha)["values"] + alpha),
                "slopes": _elu(x, alpha)["slopes"],
            },
        ),
        NearMiss(
            code="""
def elu_by_hand(x, alpha):
    return ops.where(x > 0, x, alpha * x)
""",
            because="This is leaky_relu: a straight line for negative numbers.",
            like=lambda x, alpha: {
                "values": np.where(x > 0, x, alpha * x),
                "slopes": np.where(x > 0, 1, alpha).astype(np.float32),
            },
        ),
    )
    alternatives = (
        """
def elu_by_hand(x, alpha):
    return ops.maximum(x, 0.0) + alpha * (ops.exp(ops.minimum(x, 0.0)) - 1.0)
""",
        """
def elu_by_hand(x, alpha):
    safe = ops.where(x > 0, 0.0, x)
    return ops.where(x > 0, x, alpha * (ops.exp(safe) - 1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def away_from_zero(*shape: int) -> np.ndarray:
            sign = rng.choice([-1, 1], size=shape)
            sign.flat[:2] = 1, -1
            return (sign * rng.uniform(0.2, 3, size=shape)).astype(np.float32)

        yield Case({"x": away_from_zero(6), "alpha": float(rng.uniform(1.2, 2))})
        large = away_from_zero(5)
        large[:3] = 1000, -1000, 100
        yield Case({"x": large, "alpha": float(rng.uniform(0.3, 0.8))}, "large numbers among them")
        yield Case({"x": away_from_zero(2, 3), "alpha": 1.0}, "a matrix, alpha 1")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Return values and slopes; the slopes by the backend's automatic differentiation."""
        import keras

        backend = keras.config.backend()
        x, alpha = keras.ops.convert_to_tensor(inputs["x"]), inputs["alpha"]
        if backend == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(x)
                values = submission(x, alpha)
            slopes = tape.gradient(values, x) if tf.is_tensor(values) else None
        elif backend == "jax":
            import jax

            values = submission(x, alpha)
            slopes = None
            if isinstance(values, jax.Array):
                slopes = jax.grad(lambda t: submission(t, alpha).sum())(x)
        else:
            x.requires_grad_(True)
            values = submission(x, alpha)
            if getattr(values, "requires_grad", False):
                values.sum().backward()
            slopes = x.grad
        return {
            "values": None if values is None else keras.ops.convert_to_numpy(values),
            "slopes": None if slopes is None else keras.ops.convert_to_numpy(slopes),
        }

    def judge(self, case: Case, observation: Observation) -> None:
        expected = self.expected(**case.inputs)
        got = observation.value
        if type(got) is dict and difference(got["values"], expected["values"]) is None:
            if got["slopes"] is None:
                raise Wrong("The values are right, but no slope flows from them back to x.")
            unknown = np.isnan(np.asarray(got["slopes"], float))
            if unknown.any():
                at = case.inputs["x"][unknown][0]
                raise Wrong(
                    f"The values are right, but the slope at x = {at:g} is nan: `where` multiplies "
                    "the slope of the branch that is not taken by 0, and 0 · inf is nan. One step "
                    "of training would turn every weight into nan.",
                    expected=expected,
                )
        super().judge(case, observation)

    def expected(self, x: np.ndarray, alpha: float) -> dict[str, np.ndarray]:
        return _elu(x, alpha)


def _elu(x: np.ndarray, alpha: float) -> dict[str, np.ndarray]:
    values, slopes = np.empty_like(x), np.empty_like(x)
    for place in np.ndindex(x.shape):
        t = float(x[place])
        values[place] = t if t > 0 else alpha * (np.exp(t) - 1)
        slopes[place] = 1 if t > 0 else alpha * np.exp(t)
    return {"values": values, "slopes": slopes}


@register
class ChannelScale(Exercise):
    """A layer with two weights whose shape depends on the input."""

    name = "ChannelScale"
    title = "A layer with weights of its own"
    points = 3
    see = "The silent trap: attributes that are not weights"
    hints = (
        "`build` gets the shape of the input, the batch axis included. Which entry of it is the "
        "number of channels?",
        "Make each weight with `self.add_weight(shape=…, initializer=…, name=…)` in `build`. The "
        "names of the initializers are `ones` and `zeros`.",
        "`shape=(input_shape[-1],)`; in `call`: `inputs * self.scale + self.shift`. Broadcasting "
        "does the rest.",
    )
    why = (
        "`build` runs once, at the first call, when the number of channels is known. `add_weight` "
        "makes a variable and hands it to the layer, so that `fit` trains it, `count_params` counts "
        "it and `save` stores it. An array or tensor in an attribute computes the same result and "
        "has none of this."
    )
    near_misses = (
        NearMiss(
            code="""
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = ops.ones((input_shape[-1],))
        self.shift = ops.zeros((input_shape[-1],))

    def call(self, inputs):
        return inputs * self.scale + self.shift
""",
            because="A tensor in an attribute is no weight.",
            says="it is not trained and not saved",
        ),
        NearMiss(
            code="""
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[1:], initializer="ones")
        self.shift = self.add_weight(shape=input_shape[1:], initializer="zeros")

    def call(self, inputs):
        return inputs * self.scale + self.shift
""",
            because="One weight for each channel was asked for, not one for each place.",
            says="a weight for each channel, and for nothing else",
        ),
        NearMiss(
            code="""
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],))
        self.shift = self.add_weight(shape=(input_shape[-1],))

    def call(self, inputs):
        return inputs * self.scale + self.shift
""",
            because="Without `initializer` the weights start at random numbers.",
            says="A new layer must change nothing",
        ),
        NearMiss(
            code="""
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=False)
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)

    def call(self, inputs):
        return inputs * self.scale + self.shift
""",
            because="`trainable=False` keeps the weights from being trained.",
            says="none of them is trainable",
        ),
    )
    alternatives = (
        """
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = keras.Variable(ops.ones(input_shape[-1:]))
        self.shift = keras.Variable(ops.zeros(input_shape[-1:]))

    def call(self, inputs):
        return ops.add(ops.multiply(inputs, self.scale), self.shift)
""",
        """
class ChannelScale(keras.layers.Layer):
    def build(self, input_shape):
        *_, channels = input_shape
        self.factors = self.add_weight(shape=[channels], initializer="ones")
        self.summands = self.add_weight(shape=[channels], initializer="zeros")

    def call(self, inputs):
        return self.summands + self.factors * inputs
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(*shape: int, note: str = "") -> Case:
            scale, shift = rng.uniform(2, 5, shape[-1]), rng.uniform(6, 9, shape[-1])
            given = {"inputs": _normal(rng, *shape), "scale": scale, "shift": shift}
            return Case({k: v.astype(np.float32) for k, v in given.items()}, note)

        yield case(2, 5, 3, note="three axes")
        yield case(4, 2, 3, 6, note="a batch of images")
        yield case(3, 4)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras

        layer = submission()
        data, scale, shift = (inputs[name] for name in ("inputs", "scale", "shift"))
        data = keras.ops.convert_to_tensor(data)
        seen = {
            "new layer": keras.ops.convert_to_numpy(layer(data)),
            "weights": [[int(n) for n in weight.shape] for weight in layer.weights],
            "trainable": len(layer.trainable_weights),
        }
        if seen["weights"] == [[scale.size], [shift.size]]:
            layer.set_weights([scale, shift])
            seen["after setting"] = keras.ops.convert_to_numpy(layer(data))
        return seen

    def judge(self, case: Case, observation: Observation) -> None:
        inputs, scale, shift = (case.inputs[name] for name in ("inputs", "scale", "shift"))
        seen, channels = observation.value, inputs.shape[-1]
        if type(seen) is not dict:
            raise Wrong("The layer could not be examined.")
        if not seen["weights"]:
            raise Wrong(
                "The layer owns no weight. What stands in an attribute without `add_weight` (or "
                "`keras.Variable`) is a constant for Keras: it is not trained and not saved.",
                expected=[[channels], [channels]],
            )
        if seen["weights"] != [[channels], [channels]]:
            raise Wrong(
                f"The layer owns weights of the shapes {seen['weights']}. Asked for: scale and "
                "shift, each with a weight for each channel, and for nothing else.",
                expected=[[channels], [channels]],
            )
        if reason := difference(seen["new layer"], inputs):
            raise Wrong(
                "A new layer must change nothing (scale 1, shift 0); this one does. " + reason,
                expected=inputs,
            )
        if seen["trainable"] != 2:
            few = "none of them is" if not seen["trainable"] else "only one of them is"
            raise Wrong(f"The layer owns two weights, but {few} trainable.")
        expected = inputs * scale + shift
        if reason := difference(seen["after setting"], expected):
            raise Wrong(
                f"With scale {scale.round(2)} and shift {shift.round(2)} as its weights, in this order, the layer "
                "gives something else than inputs · scale + shift. " + reason,
                expected=expected,
            )


@register
class GatedLinear(Exercise):
    """A layer that can be copied and saved with all its arguments."""

    name = "GatedLinear"
    title = "A layer that survives copying and saving"
    points = 3
    see = "A layer that survives saving"
    hints = (
        "Whoever copies the layer calls `GatedLinear(**config)`. Which arguments does `__init__` "
        "need to make the same layer again?",
        "`get_config` returns `super().get_config()`, which has the name and the dtype, together "
        "with `units` and `activation`.",
        "A function becomes data by `keras.activations.serialize(self.activation)`, and "
        "`keras.activations.get` in `__init__` understands that form as well.",
    )
    why = (
        "Saving stores the configuration and the weights, never the code of your class. "
        "`get_config` must say every argument of `__init__` in plain data; the `**kwargs` hand name "
        "and dtype on to `Layer`. A missing argument with a default is the dangerous one: "
        "the copy is made without an error, and computes something else."
    )
    _HEAD: str = """
class GatedLinear(keras.layers.Layer):
    def __init__(self, units, activation="sigmoid", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units))
        self.gate = self.add_weight(shape=(input_shape[-1], self.units))

    def call(self, inputs):
        gate = self.activation(ops.matmul(inputs, self.gate))
        return ops.matmul(inputs, self.kernel) * gate
"""
    near_misses = (
        NearMiss(
            code=_HEAD
            + """
    def get_config(self):
        return super().get_config()
""",
            because="`units` is missing in the configuration.",
            says="missing 1 required positional argument: 'units'",
        ),
        NearMiss(
            code=_HEAD
            + """
    def get_config(self):
        return {**super().get_config(), "units": self.units}
""",
            because="`activation` is missing in the configuration: the copy uses its default.",
            says="`activation` is missing in its configuration",
        ),
        NearMiss(
            code=_HEAD
            + """
    def get_config(self):
        return {"units": self.units, "activation": keras.activations.serialize(self.activation)}
""",
            because="Without `super().get_config()` the copy loses its name.",
            says="super().get_config()",
        ),
        NearMiss(
            code=_HEAD.replace(") * gate", ") + gate")
            + """
    def get_config(self):
        config = {"units": self.units, "activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **config}
""",
            because="The gate multiplies; here it is added.",
            says="(inputs @ kernel) * activation(inputs @ gate)",
        ),
    )
    alternatives = (
        _HEAD
        + """
    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, activation=self.activation.__name__)
        return config
""",
        """
class GatedLinear(keras.layers.Layer):
    def __init__(self, units, activation="sigmoid", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation

    def build(self, input_shape):
        self.kernel, self.gate = (
            self.add_weight(shape=(input_shape[1], self.units), name=name)
            for name in ("kernel", "gate")
        )

    def call(self, inputs):
        return (inputs @ self.kernel) * keras.activations.get(self.activation)(inputs @ self.gate)

    def get_config(self):
        return super().get_config() | {"units": self.units, "activation": self.activation}
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(features: int, units: int, activation: str, function: bool, note: str) -> Case:
            given = {
                "units": units,
                "activation": activation,
                "as_function": function,
                "inputs": _normal(rng, 3, features),
                "kernel": _normal(rng, features, units) + 2,
                "gate": _normal(rng, features, units),
            }
            return Case(given, note)

        yield case(4, 2, "tanh", False, "activation given by name")
        yield case(2, 5, "relu", True, "activation given as a function, keras.activations.relu")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Describe the layer as a file does, in JSON, and make it again from that."""
        import json

        import keras

        activation, weights = inputs["activation"], [inputs["kernel"], inputs["gate"]]
        if inputs["as_function"]:
            activation = getattr(keras.activations, activation)
        data = keras.ops.convert_to_tensor(inputs["inputs"])
        layer = submission(inputs["units"], activation=activation, name="gated")
        layer(data)
        seen: dict[str, Any] = {"weights": [[int(n) for n in w.shape] for w in layer.weights]}
        if seen["weights"] != [list(weight.shape) for weight in weights]:
            return seen
        layer.set_weights(weights)
        seen["output"] = keras.ops.convert_to_numpy(layer(data))
        try:
            text = json.dumps(keras.saving.serialize_keras_object(layer))
            known = {submission.__name__: submission}
            copy = keras.saving.deserialize_keras_object(json.loads(text), custom_objects=known)
        except Exception as error:
            text = str(error).split("Exception encountered: ")[-1].strip()
            seen["problem"] = text.splitlines()[0]
            return seen
        copy(data)
        copy.set_weights(weights)
        seen["copied output"] = keras.ops.convert_to_numpy(copy(data))
        seen["copied name"] = str(copy.name)
        return seen

    def judge(self, case: Case, observation: Observation) -> None:
        given, seen = case.inputs, observation.value
        shapes = [list(given["kernel"].shape), list(given["gate"].shape)]
        if type(seen) is not dict:
            raise Wrong("The layer could not be examined.")
        if seen["weights"] != shapes:
            raise Wrong(
                f"The layer owns weights of the shapes {seen['weights']}. Asked for: kernel and "
                "gate, each of shape (features, units).",
                expected=shapes,
            )
        expected = _gated(given, given["activation"])
        if reason := difference(seen["output"], expected, atol=1e-4):
            raise Wrong(
                "The result is not (inputs @ kernel) * activation(inputs @ gate). " + reason,
                expected=expected,
            )
        if "problem" in seen:
            raise Wrong(f"The layer cannot be made again from its configuration: {seen['problem']}")
        if reason := difference(seen["copied output"], expected, atol=1e-4):
            if not difference(seen["copied output"], _gated(given, "sigmoid"), atol=1e-4):
                reason = "It uses sigmoid: `activation` is missing in its configuration."
            raise Wrong(
                "The layer can be copied without an error, but its copy with the same weights "
                "computes something else. " + reason,
                expected=expected,
            )
        if seen["copied name"] != "gated":
            raise Wrong(
                f"The layer is named 'gated', its copy {seen['copied name']!r}. "
                "Name, dtype and trainable stand in `super().get_config()`."
            )


def _gated(given: Any, activation: str) -> np.ndarray:
    functions: dict[str, Any] = {
        "tanh": np.tanh,
        "relu": lambda t: np.maximum(t, 0),
        "sigmoid": lambda t: 1 / (1 + np.exp(-t)),
    }
    gate = functions[activation](given["inputs"] @ given["gate"])
    result: np.ndarray = given["inputs"] @ given["kernel"] * gate
    return result


@register
class InvertedDropout(Exercise):
    """A layer that behaves differently in training, with random numbers of its own."""

    name = "InvertedDropout"
    title = "Dropout by hand"
    points = 3
    see = "A layer that behaves differently in training"
    hints = (
        "Without `training` the inputs go back as they came. In training, draw one number between "
        "0 and 1 for each element with `keras.random.uniform`.",
        "An element is kept when its number is at least `rate`. What must you divide by, so that "
        "the mean stays the same?",
        "Make `keras.random.SeedGenerator(seed)` once, in `__init__`, and pass it as `seed=` at "
        "every draw. Kept elements become `inputs / (1 - self.rate)`.",
    )
    why = (
        "Dividing by 1 − rate keeps the mean, so that nothing needs to change after training; that "
        "is what “inverted” means. The generator is state of the layer: it moves on at every call, "
        "starts again with the same seed, and Keras carries it through compiled training steps."
    )
    _INIT: str = """
class InvertedDropout(keras.layers.Layer):
    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)
"""
    near_misses = (
        NearMiss(
            code=_INIT
            + """
    def call(self, inputs, training=False):
        if not training:
            return inputs
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) >= self.rate
        return ops.where(kept, inputs, 0.0)
""",
            because="The kept elements must be divided by 1 − rate, or the mean shrinks.",
            says="were not enlarged",
        ),
        NearMiss(
            code=_INIT
            + """
    def call(self, inputs, training=False):
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) >= self.rate
        return ops.where(kept, inputs / (1 - self.rate), 0.0)
""",
            because="`training` is ignored: predictions would be random.",
            says="Outside training the layer must change nothing",
        ),
        NearMiss(
            code="""
class InvertedDropout(keras.layers.Layer):
    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def call(self, inputs, training=False):
        if not training:
            return inputs
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seed) >= self.rate
        return ops.where(kept, inputs / (1 - self.rate), 0.0)
""",
            because="A number as seed gives the same draw at every call.",
            says="Two calls drop the same elements",
        ),
        NearMiss(
            code="""
class InvertedDropout(keras.layers.Layer):
    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.rng = np.random.default_rng(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        kept = self.rng.uniform(size=inputs.shape) >= self.rate
        return ops.where(kept, inputs / (1 - self.rate), 0.0)
""",
            because="NumPy draws once, while Keras compiles the training step.",
            says="no random state that Keras knows",
        ),
        NearMiss(
            code=_INIT
            + """
    def call(self, inputs, training=False):
        if not training:
            return inputs
        kept = keras.random.uniform((inputs.shape[0], 1), seed=self.seed_generator) >= self.rate
        return ops.where(kept, inputs / (1 - self.rate), 0.0)
""",
            because="One number for each row drops whole rows.",
            says="draw one number for each element",
        ),
        NearMiss(
            code=_INIT
            + """
    def call(self, inputs, training=False):
        if not training:
            return inputs
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) >= self.rate
        return ops.where(kept, inputs / self.rate, 0.0)
""",
            because="Divided by the rate instead of 1 − rate.",
            says="must be 0 or the input divided by 1 - rate",
        ),
    )
    alternatives = (
        _INIT
        + """
    def call(self, inputs, training=False):
        if training:
            return keras.random.dropout(inputs, self.rate, seed=self.seed_generator)
        return inputs
""",
        _INIT
        + """
    def call(self, inputs, training=None):
        if not training:
            return inputs
        kept = keras.random.uniform(inputs.shape, seed=self.seed_generator) < 1 - self.rate
        return inputs * ops.cast(kept, inputs.dtype) / (1 - self.rate)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(*shape: int, rate: float, note: str = "") -> Case:
            inputs = rng.choice([-1, 1], size=shape) * rng.uniform(1, 2, size=shape)
            seed = int(rng.integers(1, 10_000))
            return Case({"inputs": inputs.astype(np.float32), "rate": rate, "seed": seed}, note)

        yield case(30, 20, rate=round(float(rng.uniform(0.2, 0.35)), 2))
        yield case(40, 5, 3, rate=0.75, note="three axes, most elements dropped")
        yield case(6, 4, rate=0.0, note="rate 0: nothing is dropped")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras

        data, rate, seed = inputs["inputs"], inputs["rate"], inputs["seed"]
        layer, twin = submission(rate, seed=seed), submission(rate, seed=seed)
        data = keras.ops.convert_to_tensor(data)
        seen = {
            "not training": layer(data, training=False),
            "training not said": layer(data),
            "training": layer(data, training=True),
            "training again": layer(data, training=True),
            "another layer, same seed": twin(data, training=True),
        }
        seen = {name: keras.ops.convert_to_numpy(value) for name, value in seen.items()}
        return {**seen, "variables": len(layer.variables)}

    def judge(self, case: Case, observation: Observation) -> None:
        seen = observation.value
        if type(seen) is not dict:
            raise Wrong("The layer could not be examined.")
        inputs, rate = case.inputs["inputs"], case.inputs["rate"]
        for name in ("not training", "training not said"):
            if reason := difference(seen[name], inputs):
                raise Wrong(
                    f"Outside training the layer must change nothing ({name}). " + reason,
                    expected=inputs,
                )
        out = seen["training"]
        if getattr(out, "shape", None) != inputs.shape:
            raise Wrong("In training the result has not the shape of the input.")
        kept = out != 0
        if rate and kept.all():
            raise Wrong("In training nothing was set to 0.")
        if difference(out[kept], (inputs / (1 - rate))[kept]):
            if difference(out[kept], inputs[kept]) is None:
                raise Wrong(
                    f"The elements that are kept were not enlarged: divide them by 1 - {rate}, or "
                    "the mean is smaller in training than afterwards."
                )
            raise Wrong(
                f"In training an element must be 0 or the input divided by 1 - rate, {1 - rate:g}."
            )
        if rate and ((kept == kept[:1]).all() or (kept == kept[..., :1]).all()):
            raise Wrong(
                "Elements are dropped together, along a whole axis: draw one number for each "
                "element, so as many as the input has."
            )
        share, spread = 1 - kept.mean(), np.sqrt(rate * (1 - rate) / inputs.size)
        if abs(share - rate) > 6 * spread:
            raise Wrong(f"{share:.0%} of the elements were dropped, with a rate of {rate:.0%}.")
        if rate and not difference(seen["training again"], out):
            raise Wrong(
                "Two calls drop the same elements. Every call must draw anew: make one "
                "SeedGenerator in `__init__`, and use it in every call."
            )
        if difference(seen["another layer, same seed"], out):
            raise Wrong("Two layers with the same seed drop different elements.")
        if not seen["variables"]:
            raise Wrong(
                "The layer has no random state that Keras knows. When `fit` compiles the training "
                "step, random numbers of NumPy or Python are drawn once and then stay the same; "
                "use a `keras.random.SeedGenerator`."
            )


@register
class KernelForChannelsFirst(Exercise):
    """The rows of a Dense kernel in the order of the other layout."""

    name = "kernel_for_channels_first"
    title = "Carry a kernel over to the other layout"
    points = 3
    see = "Channels first or last"
    hints = (
        "Row r of the kernel belongs to one height, one width and one channel. Which `reshape` "
        "gives each of them an axis of its own again, and in which order?",
        "`ops.reshape(kernel, (height, width, channels, -1))`; the last axis holds the units. Now "
        "move the channels to the front.",
        "`ops.transpose(unfolded, (2, 0, 1, 3))`, and back to the shape of the kernel by `reshape`.",
    )
    why = (
        "`reshape` never moves a number, it counts on through memory; so the first one must use "
        "the order in which the rows were flattened. `transpose` then moves the axis. Weights from "
        "PyTorch, which flattens with channels first, need the way back."
    )
    near_misses = (
        NearMiss(
            code="""
def kernel_for_channels_first(kernel, image_shape):
    height, width, channels = image_shape
    unfolded = ops.reshape(kernel, (channels, height, width, -1))
    return ops.reshape(ops.transpose(unfolded, (1, 2, 0, 3)), kernel.shape)
""",
            because=(
                "This is the way back: it reads the rows as channels first. They are flattened "
                "from (height, width, channels)."
            ),
            like=lambda kernel, image_shape: _rows_moved(
                kernel, (image_shape[2], *image_shape[:2]), (1, 2, 0)
            ),
        ),
        NearMiss(
            code="""
def kernel_for_channels_first(kernel, image_shape):
    height, width, channels = image_shape
    unfolded = ops.reshape(kernel, (height, width, channels, -1))
    return ops.reshape(ops.transpose(unfolded, (2, 1, 0, 3)), kernel.shape)
""",
            because="Height and width changed places: `(2, 1, 0, 3)` should be `(2, 0, 1, 3)`.",
            like=lambda kernel, image_shape: _rows_moved(kernel, image_shape, (2, 1, 0)),
        ),
        NearMiss(
            code="""
def kernel_for_channels_first(kernel, image_shape):
    height, width, channels = image_shape
    unfolded = ops.reshape(kernel, (height, width, channels, -1))
    return ops.reshape(unfolded, (channels * height * width, -1))
""",
            because="No row moved: `reshape` alone keeps the order.",
            like=lambda kernel, image_shape: kernel,
        ),
    )
    alternatives = (
        """
def kernel_for_channels_first(kernel, image_shape):
    rows = np.arange(kernel.shape[0]).reshape(image_shape)
    return ops.take(kernel, np.moveaxis(rows, -1, 0).ravel(), axis=0)
""",
        """
def kernel_for_channels_first(kernel, image_shape):
    height, width, channels = image_shape
    pixels = ops.reshape(kernel, (height * width, channels, -1))
    return ops.reshape(ops.swapaxes(pixels, 0, 1), (height * width * channels, -1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(height: int, width: int, channels: int, units: int, note: str = "") -> Case:
            shape = [height, width, channels]
            kernel = _normal(rng, height * width * channels, units)
            return Case({"kernel": kernel, "image_shape": shape}, note)

        yield case(2, 3, 4, 2)
        yield case(3, 3, 3, 3, "all lengths equal")
        yield case(4, 2, 3, 1, "one unit")
        yield case(3, 5, 1, 2, "one channel: nothing moves")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        import keras
        import numpy as np

        kernel = keras.ops.convert_to_tensor(inputs["kernel"])
        result = submission(kernel, tuple(inputs["image_shape"]))
        return None if result is None else np.asarray(keras.ops.convert_to_numpy(result))

    def expected(self, kernel: np.ndarray, image_shape: list[int]) -> np.ndarray:
        height, width, channels = image_shape
        rows = [
            kernel[(h * width + w) * channels + c]
            for c in range(channels)
            for h in range(height)
            for w in range(width)
        ]
        return np.array(rows)


def _rows_moved(kernel: np.ndarray, shape: Any, axes: tuple[int, int, int]) -> np.ndarray:
    result: np.ndarray = kernel.reshape(*shape, -1).transpose(*axes, 3).reshape(kernel.shape)
    return result
