"""Solutions of the lesson on the functional API."""

import keras


def average_of(members: list[keras.Model]) -> keras.Model:
    """Return a model whose output is the mean of the outputs of its members.

    members: one or more models, all with one input of the same shape (batch, …) and one output of
    the same shape. Result: a model with one such input; it uses the members' own weights.
    """
    # One input for all: every member is called on it as a layer would be.
    inputs = keras.Input(members[0].input_shape[1:])
    return keras.Model(inputs, keras.layers.average([member(inputs) for member in members]))


def similarity_model(vocabulary: int, width: int) -> keras.Model:
    """Return a model that scores how alike two texts are.

    Inputs, in this order: two texts as word numbers below vocabulary, int32, shapes (batch, m)
    and (batch, n) with any m and n. Output: float32, shape (batch, 1), the dot product of the two
    mean word vectors. Its only weight is one table of shape (vocabulary, width).
    """
    left = keras.Input((None,), dtype="int32", name="left")
    right = keras.Input((None,), dtype="int32", name="right")
    # Made once and called twice: both texts use the same table.
    embedding = keras.layers.Embedding(vocabulary, width)
    pool = keras.layers.GlobalAveragePooling1D()
    a, b = pool(embedding(left)), pool(embedding(right))
    return keras.Model([left, right], keras.layers.Dot(axes=1)([a, b]))


def two_branch_model(table_features: int, series_channels: int, units: int) -> keras.Model:
    """Return a model that predicts two things from a table row and a time series.

    Inputs: "table", shape (batch, table_features), and "series", shape
    (batch, steps, series_channels) with any number of steps; both float32.
    Outputs: a dictionary with "risk", shape (batch, 1), in 0 … 1, and "stay", shape (batch, 1),
    any number. The layers of the two heads have the same names.
    """
    table = keras.Input((table_features,), name="table")
    series = keras.Input((None, series_channels), name="series")
    left = keras.layers.Dense(units, activation="relu")(table)
    right = keras.layers.GlobalAveragePooling1D()(series)
    right = keras.layers.Dense(units, activation="relu")(right)
    both = keras.layers.concatenate([left, right])
    # Both heads start from the concatenation, so each of them sees both inputs.
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(both)
    stay = keras.layers.Dense(1, name="stay")(both)
    return keras.Model([table, series], {"risk": risk, "stay": stay})


def residual_block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Return relu(shortcut + y), where y is x after two 3×3 convolutions.

    x: symbolic tensor, shape (batch, height, width, channels).
    Result: symbolic tensor, shape (batch, height, width, filters).
    The first convolution has a relu, the second none. The shortcut is x itself, or a 1×1
    convolution of x without activation if x has not as many channels as filters.
    """
    y = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(filters, 3, padding="same")(y)
    shortcut = x
    if x.shape[-1] != filters:
        # A 1×1 kernel mixes channels and moves nothing: enough to make the shapes equal.
        shortcut = keras.layers.Conv2D(filters, 1)(x)
    return keras.layers.Activation("relu")(keras.layers.add([shortcut, y]))


def trace_layers(
    size: int,
    channels: int,
    layers: list[dict],  # type: ignore[type-arg]
) -> list[list[int]]:
    """Return [size, channels, parameters] behind each layer, for square images.

    size, channels: of the image that the first layer gets.
    layers: dictionaries, either {"kind": "conv" or "transpose", "filters": int, "kernel": int,
    "stride": int, "padding": "valid" or "same"}, for Conv2D or Conv2DTranspose with biases,
    or {"kind": "pool" or "upsample", "factor": int}, for MaxPooling2D or UpSampling2D.
    """
    rows = []
    for layer in layers:
        parameters = 0
        if layer["kind"] == "pool":
            size = size // layer["factor"]
        elif layer["kind"] == "upsample":
            size = size * layer["factor"]
        else:
            kernel, stride, valid = layer["kernel"], layer["stride"], layer["padding"] == "valid"
            if layer["kind"] == "conv":
                # -(-a // b) is a / b rounded up.
                size = (size - kernel) // stride + 1 if valid else -(-size // stride)
            else:
                size = size * stride + (max(kernel - stride, 0) if valid else 0)
            # The channels in front of the layer count; only then do they change.
            parameters = (kernel * kernel * channels + 1) * layer["filters"]
            channels = layer["filters"]
        rows.append([size, channels, parameters])
    return rows


def split_at(model: keras.Model, name: str) -> tuple[keras.Model, keras.Model]:
    """Cut a functional model that is a chain of layers behind the layer with the given name.

    Result: two models. The first goes from the model's input to the named layer, that layer
    included; the second from the output of that layer to the output of the model. Both use the
    weights of the given model.
    """
    first = keras.Model(model.inputs, model.get_layer(name).output)
    code = x = keras.Input(first.output_shape[1:])
    place = [layer.name for layer in model.layers].index(name)
    # The layers themselves are called once more, so the trained weights come along.
    for layer in model.layers[place + 1 :]:
        x = layer(x)
    return first, keras.Model(code, x)
