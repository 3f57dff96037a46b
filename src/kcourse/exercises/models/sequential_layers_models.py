"""Exercises of the lesson on Sequential, layers and when weights exist."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register
from kcourse.plain import Plain


def _shapes(stack: Sequence[Sequence[Any]], input_shape: Sequence[int]) -> list[list[int]]:
    """Return the weights' shapes of layers given as [kind, *arguments], one layer at a time."""
    shape, found = list(input_shape), []
    for kind, *arguments in stack:
        if kind == "Flatten":
            shape = [int(np.prod(shape))]
        elif kind == "Dense":
            (units,) = arguments
            found += [[shape[-1], units], [units]]
            shape[-1] = units
        elif kind == "Conv2D":
            filters, window = arguments
            found += [[window, window, shape[2], filters], [filters]]
            shape = [shape[0] - window + 1, shape[1] - window + 1, filters]
        elif kind == "Embedding":
            vocabulary, length = arguments
            found += [[vocabulary, length]]
            shape = [*shape, length]
        elif kind == "LSTM":
            (units,) = arguments
            found += [[shape[-1], 4 * units], [units, 4 * units], [4 * units]]
            shape = [units]
    return found


@register
class WeightShapes(Exercise):
    """The shapes of the weights that a pipe of layers gets for a given input shape."""

    name = "weight_shapes"
    title = "The shapes of all weights"
    points = 1
    see = "When weights exist"
    hints = (
        "The layers have no weights yet. What must a `keras.Sequential` begin with, so that all "
        "weights are made at once?",
        "`keras.Input(input_shape)` takes the shape of one example, without the batch axis; "
        "`*stack` puts the layers after it into the same list.",
        "`model = keras.Sequential([keras.Input(input_shape), *stack])`, then read "
        "`weight.shape` of every weight of `model.weights`.",
    )
    why = (
        "A layer makes its weights when it learns the shape of its input. `keras.Input` gives that "
        "shape to the first layer, each layer passes the shape of its output on, and so all "
        "weights exist before any data is seen. `keras.Input` adds the batch axis itself; `build` "
        "and a call need it from you."
    )
    near_misses = (
        NearMiss(
            code="""
def weight_shapes(stack, input_shape):
    return [tuple(weight.shape) for weight in keras.Sequential(stack).weights]
""",
            because=(
                "The list is empty: these layers have not seen an input shape yet, so they have no "
                "weights."
            ),
            like=lambda stack, input_shape: [],
        ),
        NearMiss(
            code="""
def weight_shapes(stack, input_shape):
    model = keras.Sequential(stack)
    model.build(input_shape)
    return [tuple(weight.shape) for weight in model.weights]
""",
            because=(
                "The first axis of the input shape was taken for the batch axis. `build` and a call "
                "need a batch axis in front, such as `(None, *input_shape)`; `keras.Input` adds it."
            ),
            like=lambda stack, input_shape: _shapes(stack, input_shape[1:]),
        ),
        NearMiss(
            code="""
def weight_shapes(stack, input_shape):
    model = keras.Sequential([keras.Input(input_shape), *stack])
    return [tuple(layer.kernel.shape) for layer in model.layers if layer.weights]
""",
            because="The biases are weights, too: read the shapes of all of `model.weights`.",
            like=lambda stack, input_shape: [s for s in _shapes(stack, input_shape) if len(s) > 1],
        ),
    )
    alternatives = (
        """
def weight_shapes(stack, input_shape):
    model = keras.Sequential(stack)
    model.build((None, *input_shape))
    return [weight.shape for weight in model.weights]
""",
        """
def weight_shapes(stack, input_shape):
    x = np.zeros((1, *input_shape))
    shapes = []
    for layer in stack:
        x = layer(x)
        shapes += [list(weight.shape) for weight in layer.weights]
    return shapes
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def pick(low: int, high: int) -> int:
            return int(rng.integers(low, high))

        stack: list[list[Any]] = [["Flatten"], ["Dense", pick(3, 9)], ["Dense", pick(2, 9)]]
        image = [pick(4, 6), pick(6, 9)]
        yield Case({"stack": stack, "input_shape": image}, "grey images")
        yield Case({"stack": [["Dense", pick(1, 9)]], "input_shape": [pick(1, 9)]}, "one layer")
        stack = [["Conv2D", pick(2, 5), 3], ["Flatten"], ["Dense", 1]]
        yield Case({"stack": stack, "input_shape": [pick(4, 6), 7, pick(2, 4)]}, "colour images")
        stack = [["Embedding", pick(9, 20), pick(2, 5)], ["LSTM", pick(2, 6)]]
        yield Case({"stack": stack, "input_shape": [pick(2, 6)]}, "sequences of word numbers")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make the layers and hand them to the answer."""
        import keras

        made = [getattr(keras.layers, kind)(*arguments) for kind, *arguments in inputs["stack"]]
        return submission(made, tuple(inputs["input_shape"]))

    def expected(self, stack: Any, input_shape: Any) -> Any:
        return _shapes(stack, input_shape)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say so if the weights came back instead of their shapes."""
        items = got if isinstance(got, list) else []
        if any(isinstance(item, np.ndarray) and item.ndim > 1 for item in items):
            return "These are the weights themselves. Return the `shape` of each."
        return super().differs(got, expected)


def _count(
    kind: str,
    inputs: int,
    units: int,
    window: Sequence[int],
    use_bias: bool,
    *,
    gates: dict[str, int] | None = None,
    gru_biases: int = 2,
) -> int:
    """Count a layer's numbers by making every array that it holds, gate by gate."""
    held = []
    if kind == "Dense":
        held = [(inputs, units), (units,)]
    elif kind == "Conv2D":
        held = [(*window, inputs, units), (units,)]
    elif kind == "Embedding":
        held = [(inputs, units)]
    else:
        for _ in range((gates or {"SimpleRNN": 1, "GRU": 3, "LSTM": 4})[kind]):
            held += [(inputs, units), (units, units), (units,)]
            if kind == "GRU" and gru_biases == 2:
                held.append((units,))
    return sum(np.zeros(shape).size for shape in held if use_bias or len(shape) > 1)


@register
class CountParameters(Exercise):
    """How many parameters a layer has, from a description, without making it."""

    name = "count_parameters"
    title = "Count parameters without Keras"
    points = 3
    see = "Count before you read"
    hints = (
        "The first three kinds have one formula each. Write them first; `bool` counts as 0 or 1, "
        "so `(inputs + use_bias) * units` covers Dense with and without a bias.",
        "One gate of a recurrent layer has three parts: input to units, units to units, and the "
        "bias. How many gates has each of the three kinds?",
        "A GRU of Keras has two biases in each of its 3 gates: "
        "`3 * (inputs + units + 2 * use_bias) * units`. An LSTM has one in each of its 4 gates.",
    )
    why = (
        "Every unit has one weight for each number that it reads, and one bias. A Dense unit reads "
        "all inputs, a filter reads a window of all channels, a recurrent unit reads the inputs "
        "and the last state, once for each gate. An embedding is a table: a row for each word, no "
        "bias. Two biases a gate are a habit of GRU layers for graphics cards, which Keras "
        "follows by default (`reset_after=True`)."
    )
    near_misses = (
        NearMiss(
            code="""
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    if kind == "Embedding":
        return inputs * units
    if kind == "Dense":
        return inputs * units
    if kind == "Conv2D":
        return window[0] * window[1] * inputs * units
    return {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind] * (inputs + units) * units
""",
            because="The biases are missing: with `use_bias` each unit has one more parameter.",
            like=lambda kind, inputs, units, window, use_bias: _count(
                kind, inputs, units, window, False
            ),
        ),
        NearMiss(
            code="""
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    if kind == "Dense":
        return (inputs + use_bias) * units
    if kind == "Conv2D":
        return (window[0] * window[1] + use_bias) * units
    if kind == "Embedding":
        return inputs * units
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    return gates * (inputs + units + use_bias) * units
""",
            because=(
                "A filter reaches through all channels of its input: multiply the window by "
                "`inputs`."
            ),
            like=lambda kind, inputs, units, window, use_bias: _count(
                kind, 1, units, window, use_bias
            ),
        ),
        NearMiss(
            code="""
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    if kind == "Dense":
        return (inputs + use_bias) * units
    if kind == "Conv2D":
        return (window[0] * window[1] * inputs + use_bias) * units
    if kind == "Embedding":
        return (inputs + use_bias) * units
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    return gates * (inputs + units + use_bias) * units
""",
            because="An Embedding is a table with a row for each word. It has no bias.",
            like=lambda kind, inputs, units, window, use_bias: (
                (inputs + use_bias) * units if kind == "Embedding" else -1
            ),
        ),
        NearMiss(
            code="""
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    if kind == "Dense":
        return (inputs + use_bias) * units
    if kind == "Conv2D":
        return (window[0] * window[1] * inputs + use_bias) * units
    if kind == "Embedding":
        return inputs * units
    return (inputs + units + use_bias) * units
""",
            because=(
                "That counts one gate, which is right for SimpleRNN only. An LSTM has 4 and a GRU "
                "has 3."
            ),
            like=lambda kind, inputs, units, window, use_bias: _count(
                kind,
                inputs,
                units,
                window,
                use_bias,
                gates={"SimpleRNN": 1, "GRU": 1, "LSTM": 1},
                gru_biases=1,
            ),
        ),
        NearMiss(
            code="""
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    if kind == "Dense":
        return (inputs + use_bias) * units
    if kind == "Conv2D":
        return (window[0] * window[1] * inputs + use_bias) * units
    if kind == "Embedding":
        return inputs * units
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    return gates * (inputs + units + use_bias) * units
""",
            because=(
                "This is the GRU of the textbooks, with one bias a gate. The GRU of Keras has two "
                "biases a gate (`reset_after=True` is the default)."
            ),
            like=lambda kind, inputs, units, window, use_bias: _count(
                kind, inputs, units, window, use_bias, gru_biases=1
            ),
        ),
    )
    alternatives = (
        """
def count_parameters(kind, inputs, units, window=(1, 1), use_bias=True):
    shapes = {
        "Dense": [(inputs, units), (units,)],
        "Conv2D": [(*window, inputs, units), (units,)],
        "Embedding": [(inputs, units)],
        "SimpleRNN": [(inputs, units), (units, units), (units,)],
        "GRU": [(inputs, 3 * units), (units, 3 * units), (3 * units,), (3 * units,)],
        "LSTM": [(inputs, 4 * units), (units, 4 * units), (4 * units,)],
    }[kind]
    return sum(int(np.prod(shape)) for shape in shapes if use_bias or len(shape) > 1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        kinds = ("Dense", "Conv2D", "Embedding", "SimpleRNN", "LSTM", "GRU")
        for use_bias in (True, False):
            for kind in kinds:
                inputs, units = (int(n) for n in rng.integers(2, 30, 2))
                window = rng.permutation([2, 3, 5])[:2].tolist() if kind == "Conv2D" else [1, 1]
                note = "" if use_bias else "use_bias=False"
                description = {"kind": kind, "inputs": inputs, "units": units, "window": window}
                yield Case({**description, "use_bias": use_bias}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Pass a window to Conv2D only, as a caller would."""
        window = tuple(inputs.pop("window"))
        return submission(**inputs, **({"window": window} if inputs["kind"] == "Conv2D" else {}))

    def expected(self, kind: Any, inputs: Any, units: Any, window: Any, use_bias: Any) -> Any:
        return _count(kind, inputs, units, window, use_bias)


def _fixed_weights(shapes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Return what ``observe`` writes into the weights, so that an output can be foretold."""
    return [
        np.sin(1.3 * np.arange(int(np.prod(shape))) + place).reshape(shape)
        for place, shape in enumerate(shapes)
    ]


@register
class BuildMlp(Exercise):
    """An MLP from a list of widths."""

    name = "build_mlp"
    title = "An MLP from a list of widths"
    points = 2
    see = "The first MLP"
    hints = (
        "Collect the layers in a list: first `keras.Input(input_shape)` and "
        '`layers.Flatten(name="flatten")`, then one Dense for each width, then the last Dense.',
        "`for number, width in enumerate(widths, start=1)` gives both what the name needs and the "
        'number of units; `name=f"hidden_{number}"`.',
        'The last layer is `layers.Dense(classes, name="logits")`, without an activation. Hand '
        "the whole list to `keras.Sequential`.",
    )
    why = (
        "`keras.Input` fixes all shapes, so the model can be counted, drawn and inspected before "
        "training. Relu between the layers makes the model more than one linear map. The last "
        "layer returns logits: the loss applies the softmax itself (`from_logits=True`), which is "
        "more exact than a softmax in the model followed by a logarithm in the loss."
    )
    near_misses = (
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([layers.Flatten(name="flatten")])
    for number, width in enumerate(widths, start=1):
        model.add(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    model.add(layers.Dense(classes, name="logits"))
    return model
""",
            because="No `keras.Input`, so the model has no weights before its first call.",
            says="has no weights yet",
        ),
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([keras.Input(input_shape), layers.Flatten(name="flatten")])
    for number, width in enumerate(widths):
        model.add(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    model.add(layers.Dense(classes, name="logits"))
    return model
""",
            because="`enumerate` counts from 0; the names begin with hidden_1.",
            says="The layers are named ['flatten', 'hidden_0'",
        ),
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([keras.Input(input_shape)])
    for number, width in enumerate(widths, start=1):
        model.add(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    model.add(layers.Dense(classes, name="logits"))
    return model
""",
            because="Without Flatten, Dense works on the last axis of the image only.",
            says="The layers are named ['hidden_1'",
        ),
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([keras.Input(input_shape), layers.Flatten(name="flatten")])
    for number, width in enumerate(widths, start=1):
        model.add(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    model.add(layers.Dense(classes, activation="softmax", name="logits"))
    return model
""",
            because=(
                "The outputs are probabilities. Logits are asked for: the last layer has no "
                "activation."
            ),
            like=lambda **inputs: _mlp(**inputs, last="softmax"),
        ),
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([keras.Input(input_shape), layers.Flatten(name="flatten")])
    for number, width in enumerate(widths, start=1):
        model.add(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    model.add(layers.Dense(classes, activation="relu", name="logits"))
    return model
""",
            because=(
                "The last layer has a relu, which cuts every negative logit to 0. It must have no "
                "activation."
            ),
            like=lambda **inputs: _mlp(**inputs, last="relu"),
        ),
        NearMiss(
            code="""
def build_mlp(input_shape, widths, classes):
    model = keras.Sequential([keras.Input(input_shape), layers.Flatten(name="flatten")])
    for number, width in enumerate(widths, start=1):
        model.add(layers.Dense(width, name=f"hidden_{number}"))
    model.add(layers.Dense(classes, name="logits"))
    return model
""",
            because=(
                "The hidden layers have no relu. Several linear maps in a row are one linear map: "
                "the model gains nothing by them."
            ),
            like=lambda **inputs: _mlp(**inputs, hidden="linear"),
        ),
    )
    alternatives = (
        """
def build_mlp(input_shape, widths, classes):
    hidden = [
        layers.Dense(width, activation=keras.ops.relu, name=f"hidden_{place + 1}")
        for place, width in enumerate(widths)
    ]
    ends = [layers.Flatten(name="flatten")], [layers.Dense(classes, name="logits")]
    model = keras.Sequential([*ends[0], *hidden, *ends[1]])
    model.build((None, *input_shape))
    return model
""",
    )
    rtol = 1e-3
    atol = 1e-3

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(input_shape: list[int], widths: list[int], note: str = "") -> Case:
            x = rng.normal(size=(6, *input_shape)).astype(np.float32)
            classes = int(rng.integers(3, 7))
            given = {"input_shape": input_shape, "widths": widths, "classes": classes}
            return Case({**given, "x": x}, note)

        yield case([4, 5], [int(n) for n in rng.integers(4, 9, 2)], "grey images")
        yield case([int(rng.integers(2, 9))], [5], "a table, one hidden layer")
        yield case([3, 2, 3], [6, 4, 3], "colour images, three hidden layers")
        yield case([4], [], "no hidden layer")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Read names and shapes, then write fixed weights and call the model on ``x``."""
        import contextlib

        import keras
        import numpy as np

        model = submission(tuple(inputs["input_shape"]), inputs["widths"], inputs["classes"])
        if not isinstance(model, keras.Model):
            return model
        named = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        seen: dict[str, Any] = {
            "layers": [layer.name for layer in named],
            "weights": [[int(n) for n in weight.shape] for weight in model.weights],
            "output": None,
        }
        for place, weight in enumerate(model.weights):
            numbers = np.sin(1.3 * np.arange(int(np.prod(weight.shape))) + place)
            weight.assign(numbers.reshape(weight.shape))
        if model.weights:
            # A model for other inputs refuses x; the shapes of its weights say why.
            with contextlib.suppress(ValueError):
                output = model(keras.ops.convert_to_tensor(inputs["x"]))
                seen["output"] = keras.ops.convert_to_numpy(output)
        return seen

    def expected(self, input_shape: Any, widths: Any, classes: Any, x: np.ndarray) -> Any:
        return _mlp(input_shape, widths, classes, x)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say which of the three wishes is not met: the names, the weights or the output."""
        if type(got) is not dict or "layers" not in got:
            return f"Return the model. What came back is {got!r}."
        if got["layers"] != expected["layers"]:
            return f"The layers are named {got['layers']}, expected {expected['layers']}."
        if not got["weights"]:
            return (
                "The model has no weights yet: nothing has told it the shape of its input. Begin "
                "it with `keras.Input(input_shape)`."
            )
        if got["weights"] != expected["weights"]:
            return f"The weights have shapes {got['weights']}, expected {expected['weights']}."
        return super().differs(got["output"], expected["output"])


def _mlp(
    input_shape: Sequence[int],
    widths: Sequence[int],
    classes: int,
    x: np.ndarray,
    *,
    hidden: str = "relu",
    last: str = "linear",
) -> dict[str, Plain]:
    """Return what ``observe`` sees of an MLP with the given activations, by NumPy."""
    names = ["flatten", *(f"hidden_{n + 1}" for n in range(len(widths))), "logits"]
    sizes = [int(np.prod(input_shape)), *widths, classes]
    shapes = [s for i, u in itertools.pairwise(sizes) for s in ([i, u], [u])]
    weights = _fixed_weights(shapes)
    output = x.reshape(len(x), -1).astype(np.float64)
    activations = [hidden] * len(widths) + [last]
    for place, activation in enumerate(activations):
        output = output @ weights[2 * place] + weights[2 * place + 1]
        if activation == "relu":
            output = np.maximum(output, 0)
        elif activation == "softmax":
            powers = np.exp(output - output.max(-1, keepdims=True))
            output = powers / powers.sum(-1, keepdims=True)
    return {"layers": names, "weights": shapes, "output": output}


@register
class DenseWithPenalty(Exercise):
    """A Dense layer with an initialiser for each weight and a penalty on the kernel."""

    name = "dense_with_penalty"
    title = "A Dense layer with its own start and a penalty"
    points = 2
    see = "How weights start, and what keeps them small"
    hints = (
        "Four arguments besides the units: `activation`, `kernel_initializer`, "
        "`bias_initializer`, `kernel_regularizer`.",
        'He\'s normal rule has a name that you can pass as a string, `"he_normal"`. The bias and '
        "the penalty need an object, because they hold a number of yours.",
        "`keras.initializers.Constant(bias)` and `keras.regularizers.L2(strength / 2)`.",
    )
    why = (
        'Strings such as `"l2"` stand for objects with default numbers: `"l2"` is '
        "`keras.regularizers.L2(0.01)`. As soon as the number matters, make the object. Books often "
        "write ½·λ·Σw², Keras writes λ·Σw²: compare the formulas before you copy a λ. The bias is "
        "left out of the penalty, as usual: it moves the output without making it any steeper."
    )
    near_misses = (
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="The kernel starts by Dense's default rule, glorot_uniform.",
            says="The kernel does not start by He's normal rule",
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_uniform",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="he_uniform has the same spread, but draws from a uniform distribution.",
            says="The kernel does not start by He's normal rule",
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="The bias starts at 0, the default.",
            says="The bias starts at",
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength),
    )
""",
            because=(
                "The penalty is twice what was asked for. Keras multiplies by the number as it "
                "stands; the ½ of the formula is up to you."
            ),
            like=lambda units, bias, strength, features: _dense(
                units, bias, 2 * strength, features
            ),
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer="l2",
    )
""",
            because='The string "l2" means a strength of 0.01. Make the object to set your own.',
            like=lambda units, bias, strength, features: _dense(units, bias, 0.02, features),
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L1(strength / 2),
    )
""",
            because="This penalty sums absolute values (L1). Asked for is a sum of squares (L2).",
            like=lambda units, bias, strength, features: _dense(
                units, bias, strength, features, power=1
            ),
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength / 2),
        bias_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="The bias is penalised too. The penalty is asked for the kernel alone.",
            like=lambda units, bias, strength, features: _dense(
                units, bias, strength, features, bias_too=True
            ),
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        activity_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="`activity_regularizer` penalises the outputs of the layer, not its kernel.",
            says="The penalty is",
        ),
        NearMiss(
            code="""
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength / 2),
    )
""",
            because="The relu is missing: negative outputs come through.",
            says="Negative outputs come through",
        ),
    )
    alternatives = (
        """
def dense_with_penalty(units, bias, strength):
    return layers.Dense(
        units,
        activation=keras.activations.relu,
        kernel_initializer=keras.initializers.HeNormal(),
        bias_initializer=lambda shape, dtype=None: keras.ops.full(shape, bias, dtype=dtype),
        kernel_regularizer=lambda kernel: strength / 2 * keras.ops.sum(kernel**2),
    )
""",
    )
    rtol = 1e-3

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for features in (400, 500):
            units = int(rng.integers(100, 130))
            bias, strength = (float(np.round(n, 3)) for n in rng.uniform(0.1, 0.9, 2))
            given = {"units": units, "bias": bias, "strength": strength}
            yield Case({**given, "features": features})

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Measure how the weights start; then write known ones and read penalty and output."""
        import keras
        import numpy as np

        length = inputs.pop("features")
        layer = submission(**inputs)
        if not isinstance(layer, keras.layers.Dense):
            return layer
        layer.build((None, length))
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        spread = float(kernel.std())
        seen = {
            "units": int(kernel.shape[1]),
            "spread": round(spread / float(np.sqrt(2 / length)), 1),
            "normal": bool(np.abs(kernel).max() > 2 * spread),
            "bias": np.unique(keras.ops.convert_to_numpy(layer.bias)),
        }
        known = np.cos(np.arange(kernel.size)).reshape(kernel.shape)
        layer.kernel.assign(known)
        layer.bias.assign(np.linspace(-1, 1, kernel.shape[1]))
        output = keras.ops.convert_to_numpy(layer(np.eye(3, length, dtype="float32")))
        terms = [float(keras.ops.convert_to_numpy(loss)) for loss in layer.losses]
        return {**seen, "penalty": sum(terms), "negative": bool((output < 0).any())}

    def expected(self, units: Any, bias: Any, strength: Any, features: Any) -> Any:
        return _dense(units, bias, strength, features)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say in words which of the wishes is not met."""
        if type(got) is not dict or "units" not in got:
            return f"Return a `keras.layers.Dense`. What came back is {got!r}."
        if got["units"] != expected["units"]:
            return f"The layer has {got['units']} units, expected {expected['units']}."
        if (got["spread"], got["normal"]) != (1.0, True):
            drawn = "normal" if got["normal"] else "uniform or constant"
            return (
                "The kernel does not start by He's normal rule: its numbers look "
                f"{drawn}, with {got['spread']} times the spread of that rule."
            )
        if reason := super().differs(got["bias"], expected["bias"]):
            return f"The bias starts at {got['bias']}, expected {expected['bias']}: {reason}"
        if super().differs(got["penalty"], expected["penalty"]):
            return (
                f"The penalty is {got['penalty']:.4f}, expected {expected['penalty']:.4f}, "
                "which is half the strength times the sum of the squares of the kernel."
            )
        return "Negative outputs come through: the relu is missing." if got["negative"] else None


def _dense(
    units: int,
    bias: float,
    strength: float,
    features: int,
    *,
    power: int = 2,
    bias_too: bool = False,
) -> dict[str, Plain]:
    """Return what ``observe`` sees of a layer with the given penalty, by NumPy."""
    penalised = np.abs(np.cos(np.arange(features * units))) ** power
    total = penalised.sum() + bias_too * np.square(np.linspace(-1, 1, units)).sum()
    start = {"units": units, "spread": 1.0, "normal": True, "bias": np.array([bias])}
    return {**start, "penalty": float(strength / 2 * total), "negative": False}


@register
class ExampleCounterLayer(Exercise):
    """A layer that counts the examples that it is trained on."""

    name = "ExampleCounter"
    title = "A layer that counts examples"
    points = 3
    see = "Write a layer"
    hints = (
        "In `__init__` call `super().__init__(**kwargs)` first; then make the count with "
        "`self.add_weight`. Which arguments make it one whole number that starts at 0 and that no "
        "optimizer touches?",
        '`self.seen = self.add_weight(shape=(), initializer="zeros", dtype="int32", '
        'trainable=False, name="seen")`.',
        "In `call`: `if training:` add `keras.ops.shape(x)[0]` by `self.seen.assign_add(…)`, and in "
        "every case return `x`.",
    )
    why = (
        "A count is state, but nothing to learn, so it is a weight with `trainable=False`: it is "
        "saved and moved with the model, and only `assign` changes it. `int32` counts exactly; "
        "float32 stops at 16,777,216, where adding 1 changes nothing. `keras.ops.shape(x)[0]` is "
        "right inside `fit` as well, where `x.shape[0]` may be None."
    )
    near_misses = (
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(1)
        return x
""",
            because="This counts batches. Add the number of examples, the length of axis 0.",
            like=lambda batches, training: _counter(np.cumsum(training).tolist()),
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )

    def call(self, x, training=False):
        self.seen.assign_add(keras.ops.shape(x)[0])
        return x
""",
            because="This counts in prediction too. Count only `if training:`.",
            like=lambda batches, training: _counter(np.cumsum(batches).tolist()),
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = 0

    def call(self, x, training=False):
        if training:
            self.seen += keras.ops.shape(x)[0]
        return x
""",
            because="A plain number is not tracked.",
            says="The layer has no weight",
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )

    def call(self, x, training=False):
        if training:
            self.seen = self.seen + keras.ops.shape(x)[0]
        return x
""",
            because="An assignment to the attribute replaces the weight by a tensor.",
            says="`seen` is no longer the weight",
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(keras.ops.cast(keras.ops.shape(x)[0], "float32"))
        return x
""",
            because="The count is trainable.",
            says="The count is a trainable weight",
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="seen"
        )

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(keras.ops.cast(keras.ops.shape(x)[0], "float32"))
        return x
""",
            because="The default dtype of a weight is float32, which cannot count far.",
            says="The count has dtype float32",
        ),
        NearMiss(
            code="""
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(x.shape[0])
        return x
""",
            because="Inside `fit` the shape of x may have None in the place of the batch axis.",
            says="`keras.ops.shape(x)[0]`",
        ),
    )
    alternatives = (
        """
class ExampleCounter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = keras.Variable(0, dtype="int32", trainable=False)

    def call(self, x, training=False):
        if training:
            self.seen.assign(self.seen + keras.ops.shape(x)[0])
        return x
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        batches = [int(n) for n in rng.integers(2, 9, 4)]
        yield Case({"batches": batches, "training": [True, False, True, True]})
        yield Case({"batches": [3, 0, 1], "training": [False, True, True]}, "an empty batch")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call a new layer on batches of the given lengths, and before that without data."""
        import keras
        import numpy as np

        layer = submission()
        try:
            layer(keras.Input((3,)), training=True)
            without_data = ""
        except NotImplementedError:
            raise
        except Exception as error:
            without_data = type(error).__name__
        layer = submission()
        counts, unchanged = [], True
        for length, flag in zip(inputs["batches"], inputs["training"], strict=True):
            x = np.arange(3 * length, dtype="float32").reshape(length, 3) - 4
            y = layer(keras.ops.convert_to_tensor(x), training=flag)
            unchanged = y is not None and unchanged
            unchanged = unchanged and np.array_equal(keras.ops.convert_to_numpy(y), x)
            counts.append(float(keras.ops.convert_to_numpy(layer.seen)))
        return {
            "trainable": len(layer.trainable_weights),
            "non_trainable": len(layer.non_trainable_weights),
            "is_weight": any(weight is layer.seen for weight in layer.weights),
            "dtype": str(getattr(layer.seen, "dtype", "")),
            "without_data": without_data,
            "unchanged": bool(unchanged),
            "seen": counts,
        }

    def expected(self, batches: Any, training: Any) -> Any:
        total, counts = 0, []
        for length, flag in zip(batches, training, strict=True):
            total += length if flag else 0
            counts.append(total)
        return _counter(counts)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Say in words which of the wishes is not met."""
        if type(got) is not dict:
            return super().differs(got, expected)
        if got["trainable"]:
            return "The count is a trainable weight: an optimizer would change it."
        if not got["non_trainable"]:
            return (
                "The layer has no weight: a plain number is not tracked, so it would be neither "
                "saved nor counted on inside `fit`. Use `self.add_weight`."
            )
        if not got["is_weight"]:
            return (
                "`seen` is no longer the weight: `self.seen = …` in `call` put another object in "
                "its place. Change the weight itself, by `self.seen.assign_add(…)`."
            )
        if got["dtype"] != expected["dtype"]:
            return f"The count has dtype {got['dtype']}, expected int32."
        if not got["unchanged"]:
            return "`call` must return its input unchanged."
        if got["without_data"]:
            return (
                f"Called on a batch of unknown length, the layer raises {got['without_data']}. "
                "Keras calls it so when it builds a model, and with TensorFlow inside `fit`: "
                "`x.shape[0]` is no number there. Use `keras.ops.shape(x)[0]`."
            )
        reason = super().differs(got["seen"], expected["seen"])
        return reason and f"`seen` after each call is not as expected. {reason}"


def _counter(counts: list[int]) -> dict[str, Plain]:
    """Return what ``observe`` sees of a layer that counted so."""
    state = {"trainable": 0, "non_trainable": 1, "is_weight": True, "dtype": "int32"}
    return {**state, "without_data": "", "unchanged": True, "seen": counts}


@register
class CopyMatchingWeights(Exercise):
    """Weights from one model to another, where name and shapes agree."""

    name = "copy_matching_weights"
    title = "Copy what fits from one model to another"
    points = 3
    see = "Read, copy and freeze weights"
    hints = (
        "Look the layers of `target` up by name: "
        "`by_name = {layer.name: layer for layer in target.layers}`, then go through "
        "`source.layers`.",
        "A layer is copied if a layer of that name exists, if it has weights at all, and if the "
        "lists of their weights' shapes are equal.",
        "`twin.set_weights(layer.get_weights())` copies kernel and bias at once; remember the name.",
    )
    why = (
        "Names say which layers mean the same thing; positions do not, as soon as one layer is "
        "inserted. Comparing shapes first makes the copy safe, and returning the names makes it "
        "visible: a copy that silently matched nothing looks like one that worked."
    )
    near_misses = (
        NearMiss(
            code="""
def copy_matching_weights(source, target):
    copied = []
    for layer, twin in zip(source.layers, target.layers):
        if layer.weights and [w.shape for w in layer.weights] == [w.shape for w in twin.weights]:
            twin.set_weights(layer.get_weights())
            copied.append(layer.name)
    return copied
""",
            because="The layers were paired by their position. Pair them by name.",
            like=lambda **inputs: _copied(**inputs, by_name=False),
        ),
        NearMiss(
            code="""
def copy_matching_weights(source, target):
    by_name = {layer.name: layer for layer in target.layers}
    copied = []
    for layer in source.layers:
        twin = by_name.get(layer.name)
        if twin and [w.shape for w in layer.weights] == [w.shape for w in twin.weights]:
            twin.set_weights(layer.get_weights())
            copied.append(layer.name)
    return copied
""",
            because="A layer without weights, such as Dropout, has nothing to copy: do not name it.",
            like=lambda **inputs: _copied(**inputs, weightless=True),
        ),
        NearMiss(
            code="""
def copy_matching_weights(source, target):
    by_name = {layer.name: layer for layer in target.layers}
    copied = []
    for layer in source.layers:
        twin = by_name.get(layer.name)
        if twin is None or not layer.weights:
            continue
        if layer.kernel.shape == twin.kernel.shape:
            twin.kernel.assign(layer.kernel)
            copied.append(layer.name)
    return copied
""",
            because="The kernels were copied, the biases were not.",
            like=lambda **inputs: _copied(**inputs, biases=False),
        ),
        NearMiss(
            code="""
def copy_matching_weights(source, target):
    by_name = {layer.name: layer for layer in target.layers}
    copied = []
    for layer in source.layers:
        twin = by_name.get(layer.name)
        if twin is None or not layer.weights:
            continue
        if [w.shape for w in layer.weights] == [w.shape for w in twin.weights]:
            layer.set_weights(twin.get_weights())
            copied.append(layer.name)
    return copied
""",
            because="The weights went from `target` to `source`, the wrong way.",
            says="`source` has been changed",
        ),
    )
    alternatives = (
        """
def copy_matching_weights(source, target):
    copied = []
    for layer in source.layers:
        for twin in target.layers:
            same = [tuple(w.shape) for w in layer.weights] == [tuple(w.shape) for w in twin.weights]
            if layer.name == twin.name and layer.weights and same:
                for old, new in zip(twin.weights, layer.weights):
                    old.assign(new)
                copied.append(layer.name)
    return copied
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        first, second, third = (int(n) for n in rng.permutation(np.arange(3, 8))[:3])
        start = float(rng.uniform(0, 1))
        source: list[list[Any]] = [
            ["stem", first],
            ["drop", 0],
            ["middle", second],
            ["top", second],
            ["head", third],
        ]
        target: list[list[Any]] = [
            ["stem", first],
            ["drop", 0],
            ["middle", second],
            ["inserted", second],
            ["top", second],
            ["head", third + 1],
        ]
        yield Case({"source": source, "target": target, "start": start}, "one layer inserted")
        source = [["old", first], ["drop", 0], ["body", first], ["head", third]]
        target = [["new", first], ["body", first], ["drop", 0], ["head", third]]
        yield Case({"source": source, "target": target, "start": start}, "one layer renamed")
        yield Case(
            {"source": [["a", first]], "target": [["b", first]], "start": start},
            "no name in common",
        )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Make both models with known weights, hand them over, and read all weights again."""
        import keras
        import numpy as np

        def made(description: Any, first: float) -> Any:
            stack: list[Any] = []
            width = 4
            for name, units in description:
                kind, size = (keras.layers.Dense, units) if units else (keras.layers.Dropout, 0.5)
                stack.append(kind(size, name=name))
                stack[-1].build((None, width))
                width = units or width
            model = keras.Sequential(stack)
            for place, weight in enumerate(model.weights):
                numbers = np.sin(first + place + np.arange(int(np.prod(weight.shape))))
                weight.assign(numbers.reshape(weight.shape))
            return model

        start = inputs["start"]
        models = made(inputs["source"], start), made(inputs["target"], start + 0.5)
        copied = submission(*models)
        read = [[keras.ops.convert_to_numpy(w) for w in model.weights] for model in models]
        return {"copied": copied, "source": read[0], "target": read[1]}

    def expected(self, source: Any, target: Any, start: Any) -> Any:
        return _copied(source, target, start)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Look at the source first: it must not change; then at the target and the names."""
        for before, after in zip(expected["source"], got["source"], strict=True):
            if super().differs(after, before):
                return "`source` has been changed: the weights go from `source` to `target`."
        for key in ("target", "copied"):
            if reason := super().differs(got[key], expected[key]):
                what = {"target": "The weights of `target`", "copied": "The list of names"}[key]
                return f"{what} are not as expected. {reason}".replace("names are", "names is")
        return None


def _copied(
    source: Any,
    target: Any,
    start: float,
    *,
    by_name: bool = True,
    weightless: bool = False,
    biases: bool = True,
) -> dict[str, Plain]:
    """Return names and weights after the copy, with dictionaries of arrays for models."""

    def made(description: Any, first: float) -> dict[str, list[np.ndarray]]:
        model: dict[str, list[np.ndarray]] = {}
        inputs, place = 4, 0
        for name, units in description:
            model[name] = []
            for shape in ((inputs, units), (units,)) if units else ():
                numbers = np.sin(first + place + np.arange(int(np.prod(shape))))
                model[name].append(numbers.reshape(shape))
                place += 1
            inputs = units or inputs
        return model

    def flat(model: dict[str, list[np.ndarray]]) -> list[np.ndarray]:
        return [array for arrays in model.values() for array in arrays]

    old, new = made(source, start), made(target, start + 0.5)
    names = []
    for name, other in zip(old, list(new) if not by_name else old, strict=False):
        if other not in new or not (old[name] or weightless):
            continue
        if [a.shape for a in old[name]] == [a.shape for a in new[other]]:
            new[other] = old[name] if biases else [*old[name][:1], *new[other][1:]]
            names.append(name)
    return {"copied": names, "source": flat(old), "target": flat(new)}
