"""Solutions of the lesson on Sequential, layers and when weights exist."""

import keras
from keras import layers


def weight_shapes(stack: list[keras.Layer], input_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of all weights of a pipe of layers, in the order of the layers.

    stack: list of layers without weights so far. input_shape: shape of one example, without the
    batch axis. Result: list of tuples.
    """
    # keras.Input tells the first layer its input shape; each layer tells the next one.
    model = keras.Sequential([keras.Input(input_shape), *stack])
    shapes = []
    for weight in model.weights:
        shapes.append(tuple(weight.shape))
    return shapes


def count_parameters(
    kind: str,
    inputs: int,
    units: int,
    window: tuple[int, int] = (1, 1),
    use_bias: bool = True,
) -> int:
    """Return the number of parameters of a layer, by formula.

    kind: "Dense", "Conv2D", "Embedding", "SimpleRNN", "LSTM" or "GRU".
    inputs: features, channels or (Embedding) words. units: units, filters or (Embedding) length
    of a vector. window: height and width of a Conv2D window. use_bias: whether there are biases;
    an Embedding has none. Result: int.
    """
    if kind == "Dense":
        return (inputs + use_bias) * units
    if kind == "Conv2D":
        height, width = window
        return (height * width * inputs + use_bias) * units
    if kind == "Embedding":
        return inputs * units
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    # A GRU of Keras adds one bias to the inputs' part and one to the state's part.
    biases = {"SimpleRNN": 1, "GRU": 2, "LSTM": 1}[kind] * use_bias
    return gates * (inputs + units + biases) * units


def build_mlp(input_shape: tuple[int, ...], widths: list[int], classes: int) -> keras.Model:
    """Return a Sequential model: flatten, hidden_1, hidden_2, … with relu, logits.

    input_shape: shape of one example, without the batch axis. widths: units of each hidden layer,
    may be empty. classes: units of the last layer. Result: a model that has all its weights.
    """
    stack = [keras.Input(input_shape), layers.Flatten(name="flatten")]
    for number, width in enumerate(widths, start=1):
        stack.append(layers.Dense(width, activation="relu", name=f"hidden_{number}"))
    # No activation: the loss takes logits and applies the softmax itself.
    stack.append(layers.Dense(classes, name="logits"))
    return keras.Sequential(stack)


def dense_with_penalty(units: int, bias: float, strength: float) -> keras.Layer:
    """Return a Dense layer with relu, He's normal start, a constant bias and an L2 penalty.

    units: int. bias: float, what every bias starts with. strength: float, at least 0; the penalty
    is strength / 2 times the sum of the squares of the kernel.
    """
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        # Objects, because the strings "constant" and "l2" stand for default numbers.
        bias_initializer=keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(strength / 2),
    )


class ExampleCounter(keras.layers.Layer):
    """Pass x on unchanged; count in the weight ``seen`` the examples seen in training.

    x: tensor, shape (batch, features). seen: int32, shape (), not trainable, 0 at the start.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        # int32 counts exactly; float32, the default, stops at 2**24.
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )

    def call(self, x: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Count the examples of x if training is true, and return x as it is."""
        if training:
            # Not x.shape[0], which may be None inside fit.
            self.seen.assign_add(keras.ops.shape(x)[0])
        return x


def copy_matching_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy each layer's weights from source to target where the name and all shapes agree.

    source, target: models whose weights exist. Result: names of the layers copied, in the order
    of source; layers without weights are not among them. source stays as it is.
    """
    by_name = {layer.name: layer for layer in target.layers}
    copied = []
    for layer in source.layers:
        twin = by_name.get(layer.name)
        if twin is None or not layer.weights:
            continue
        # set_weights raises when a shape differs, so ask first.
        if [w.shape for w in layer.weights] == [w.shape for w in twin.weights]:
            twin.set_weights(layer.get_weights())
            copied.append(layer.name)
    return copied
