"""Solutions of the lesson on subclassed models, masks and recurrent cells."""

import keras
from keras import layers, ops


class WordAverage(keras.Model):
    """Score a sentence by the average of its words' embeddings.

    Input: integers, shape (batch, steps). Result: logits, shape (batch, classes).
    """

    def __init__(
        self, vocabulary: int = 1000, width: int = 16, classes: int = 2, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary = vocabulary
        self.width = width
        self.classes = classes
        # Layers made here exist when a loaded model looks for the places of its weights.
        self.embedding = layers.Embedding(vocabulary, width)
        self.average = layers.GlobalAveragePooling1D()
        self.scores = layers.Dense(classes)

    def call(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        """Return logits (batch, classes) for integers (batch, steps)."""
        return self.scores(self.average(self.embedding(ids)))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that make a model of the same form."""
        # Without these three a saved model would come back with the default sizes.
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "width": self.width,
            "classes": self.classes,
        }


def mask_from_lengths(lengths: keras.KerasTensor, steps: int) -> keras.KerasTensor:
    """Return the mask of sequences that were padded at the end to the same number of steps.

    lengths: integers, shape (batch,). steps: int. Result: boolean, shape (batch, steps), True
    at the steps that are real.
    """
    # (steps,) meets (batch, 1): step t of a sequence is real if t is smaller than its length.
    return ops.arange(steps, dtype=lengths.dtype) < lengths[:, None]


class AddPositions(layers.Layer):
    """Add a learned vector for each position to a sequence, and pass its mask on.

    Input and result: floating, shape (batch, steps, width), steps at most max_steps.
    """

    def __init__(self, max_steps: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.max_steps = max_steps
        # Each step of the result belongs to the same step of the input, so its mask holds.
        self.supports_masking = True

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Create the table of positions, shape (max_steps, width)."""
        self.positions = self.add_weight(shape=(self.max_steps, input_shape[-1]), name="positions")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the inputs plus the vectors of their positions."""
        return inputs + self.positions[: ops.shape(inputs)[1]]


class MaskedMean(layers.Layer):
    """Average a sequence over its real steps.

    Input: floating, shape (batch, steps, width). Result: shape (batch, width), zeros where
    every step is masked. Without a mask every step counts. The result has no mask.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        """Return the mean over the steps where mask, boolean (batch, steps), is True."""
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)[:, :, None]
        total = ops.sum(inputs * weights, axis=1)
        # At least 1, so that a sequence of padding alone gives 0 / 1 and not 0 / 0.
        return total / ops.maximum(ops.sum(weights, axis=1), 1)

    def compute_mask(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None
    ) -> None:
        """Return None: the time axis is gone, and the mask with it."""
        return


class MaskedAttention(layers.Layer):
    """Scaled dot-product attention that gives masked positions no weight.

    query: floating, shape (batch, queries, width). value: shape (batch, steps, width).
    Result: shape (batch, queries, width), zeros where every step of value is masked.
    """

    def call(
        self,
        query: keras.KerasTensor,
        value: keras.KerasTensor,
        value_mask: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """Return the averages of value; value_mask is boolean, (batch, steps), True if real."""
        scores = query @ ops.swapaxes(value, 1, 2) / query.shape[-1] ** 0.5
        if value_mask is None:
            return ops.softmax(scores, axis=-1) @ value
        allowed = value_mask[:, None, :]
        # A score so low that softmax gives it 0; finite, as softmax of -inf alone is NaN.
        weights = ops.softmax(ops.where(allowed, scores, -1e30), axis=-1)
        # In a row without any allowed position all scores were equal: set those weights to 0.
        return ops.where(allowed, weights, 0.0) @ value


class MinimalGatedUnit(layers.Layer):
    """One step of a minimal gated unit, for keras.layers.RNN.

    inputs: floating, shape (batch, features). states: a list with the old state h, (batch, units).
    Result: the new state, and a list that holds it.
    """

    def __init__(self, units: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        # From this keras.layers.RNN learns how large a state of zeros it has to begin with.
        self.state_size = units

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Create the weights of the gate and of the candidate."""
        shapes = {"kernel": (input_shape[-1], self.units), "recurrent": (self.units, self.units)}
        self.gate_kernel = self.add_weight(shape=shapes["kernel"], name="gate_kernel")
        self.gate_recurrent = self.add_weight(shape=shapes["recurrent"], name="gate_recurrent")
        self.gate_bias = self.add_weight(shape=(self.units,), initializer="zeros", name="gate_bias")
        self.kernel = self.add_weight(shape=shapes["kernel"], name="kernel")
        self.recurrent = self.add_weight(shape=shapes["recurrent"], name="recurrent")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(
        self, inputs: keras.KerasTensor, states: list[keras.KerasTensor]
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """Return the new state, shape (batch, units), and [the new state]."""
        h = states[0]
        gate = ops.sigmoid(inputs @ self.gate_kernel + h @ self.gate_recurrent + self.gate_bias)
        # The gate comes in twice: what the candidate sees of the old state, and what replaces it.
        candidate = ops.tanh(inputs @ self.kernel + (gate * h) @ self.recurrent + self.bias)
        h = (1 - gate) * h + gate * candidate
        return h, [h]
