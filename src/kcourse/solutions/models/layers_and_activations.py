"""Solutions of the lesson on layers and activations."""

import keras
from keras import ops


def count_dead_units(layer: keras.layers.Dense, inputs: keras.KerasTensor) -> int:
    """Return how many units of a relu layer give 0 for every input.

    layer: a built Dense layer with relu. inputs: shape (batch, features) or
    (batch, steps, features). Result: an int.
    """
    outputs = layer(inputs)
    # A unit is one place on the last axis; all other axes count examples and steps.
    silent = ops.all(outputs == 0, axis=tuple(range(len(outputs.shape) - 1)))
    return int(ops.sum(silent))


def elu_by_hand(x: keras.KerasTensor, alpha: float) -> keras.KerasTensor:
    """Return elu: x where x > 0, alpha * (exp(x) - 1) elsewhere.

    x: float32 tensor of any shape. alpha: a positive float. Result: same shape and dtype.
    Values and slopes must be finite for every x, such as -1000 or 1000.
    """
    # exp never sees a large number, so the branch that is not taken has a finite slope too.
    negative = ops.minimum(x, 0.0)
    return ops.where(x > 0, x, alpha * ops.expm1(negative))


class ChannelScale(keras.layers.Layer):
    """Multiply each channel (last axis) by a weight and add another: a new layer changes nothing.

    Inputs: shape (batch, ..., channels). Result: the same shape.
    Two trained weights of shape (channels,), in this order: scale, at first 1; shift, at first 0.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        # add_weight makes the layer own the variable: it is trained, counted and saved.
        self.scale = self.add_weight(shape=(channels,), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(channels,), initializer="zeros", name="shift")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return inputs scaled and shifted, in the shape of inputs."""
        return inputs * self.scale + self.shift


class GatedLinear(keras.layers.Layer):
    """Return (inputs @ kernel) * activation(inputs @ gate); survives copying and saving.

    units: width of the result. activation: a name or a function, as keras.activations.get
    takes it. Inputs: shape (batch, features). Result: shape (batch, units).
    Two trained weights of shape (features, units), in this order: kernel, gate.
    """

    def __init__(self, units: int, activation: object = "sigmoid", **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.gate = self.add_weight(shape=shape, name="gate")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        gate = self.activation(ops.matmul(inputs, self.gate))
        return ops.matmul(inputs, self.kernel) * gate

    def get_config(self) -> dict[str, object]:
        """Return all that the layer needs to be made again."""
        # Every argument of __init__ must be here: a missing one silently becomes its default.
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


class InvertedDropout(keras.layers.Layer):
    """In training set a share of the elements to 0 and enlarge the others; else change nothing.

    rate: probability of an element to become 0, at least 0 and below 1; the others are divided
    by 1 - rate. seed: an int or None. Inputs: floating, any shape. Result: the same shape.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        # The generator is state of the layer: every call draws new numbers.
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Return inputs, in training with a random share set to 0 and the others enlarged."""
        if not training:
            return inputs
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) >= self.rate
        return ops.where(kept, inputs / (1 - self.rate), 0.0)


def kernel_for_channels_first(
    kernel: keras.KerasTensor, image_shape: tuple[int, int, int]
) -> keras.KerasTensor:
    """Reorder the rows of a Dense kernel for inputs that were flattened with channels first.

    kernel: shape (height * width * channels, units), its rows in the order in which images of
    shape (height, width, channels) are flattened. image_shape: (height, width, channels).
    Result: the same shape, rows in the order of flattened (channels, height, width).
    """
    height, width, channels = image_shape
    # Unfold the rows in the order they were folded, move the axis, fold again.
    unfolded = ops.reshape(kernel, (height, width, channels, -1))
    return ops.reshape(ops.transpose(unfolded, (2, 0, 1, 3)), kernel.shape)
