"""Solutions of the lesson on reusing models."""

from collections.abc import Callable

import keras
import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler


def scale_feature_maps(maps: keras.KerasTensor) -> keras.KerasTensor:
    """Scale each channel of each image to the range from 0 to 1.

    maps: floating tensor, shape (batch, height, width, channels).
    Result: same shape. A map whose values are all equal becomes 0 everywhere.
    """
    # Axes 1 and 2 are the map itself: each image and each channel has its own minimum and span.
    low = keras.ops.min(maps, axis=(1, 2), keepdims=True)
    span = keras.ops.max(maps, axis=(1, 2), keepdims=True) - low
    return (maps - low) / keras.ops.where(span > 0, span, 1.0)


def named_feature_extractor(model: keras.Model, names: list[str]) -> keras.Model:
    """Return a model that gives the outputs of the named layers of ``model``, in that order.

    model: a functional model with one input. names: list of str, at least one.
    Result: a model that takes the same input, shares all layers with ``model``, and gives one
    output for each name, without a warning when it is called.
    """
    outputs = []
    for name in names:
        outputs.append(model.get_layer(name).output)
    # model.input is the tensor itself; model.inputs, a list, would ask for a list at every call.
    return keras.Model(model.input, outputs)


def freeze_all_but_head(model: keras.Model, learning_rate: float) -> keras.Model:
    """Freeze every layer but the last, in place, and compile the model for training.

    model: a Sequential or functional model; any of its layers may be frozen already.
    learning_rate: float, for Adam; the loss is "sparse_categorical_crossentropy".
    Result: the same model.
    """
    # The model as a whole must be trainable, or it reports no trainable weight at all.
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.layers[-1].trainable = True
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def new_head_on_frozen(backbone: keras.Model, classes: int) -> keras.Model:
    """Put a new classifier on a frozen backbone.

    backbone: a model from images (height, width, channels) to feature maps (rows, columns, k).
    classes: int. Result: a model from images to class probabilities, shape (batch, classes):
    the frozen backbone, the mean of each feature map, one Dense layer with softmax.
    """
    # Frozen as a whole: its weights stay, and its BatchNormalization runs in inference mode.
    backbone.trainable = False
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.GlobalAveragePooling2D()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax")(features))


def copy_weights_by_name(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy weights from ``source`` into the layers of ``target`` that have the same name.

    source, target: built models. A layer is copied if the other model has a layer of that name
    whose weights are as many and of the same shapes; layers without weights do not count.
    Result: list of the names copied, in the order of ``target.layers``.
    """
    known = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        if not layer.weights or layer.name not in known:
            continue
        # weights, not trainable_weights: the moving statistics of BatchNormalization move too.
        weights = known[layer.name].get_weights()
        if [w.shape for w in weights] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(weights)
            copied.append(layer.name)
    return copied


def cross_validated_scores(
    build: "Callable[[], keras.Model]",
    features: np.ndarray,
    labels: np.ndarray,
    folds: int,
    epochs: int,
) -> list[float]:
    """Return the accuracy on each of ``folds`` stratified folds.

    build: function without arguments that returns a new, compiled model. features: array,
    shape (n, d). labels: int array, shape (n,). folds, epochs: int.
    Result: list of ``folds`` floats: for each fold of StratifiedKFold(n_splits=folds,
    shuffle=True, random_state=0) the share of its test rows that a model predicts rightly
    which was trained for ``epochs`` epochs on the other rows, features scaled by a
    StandardScaler.
    """
    scores = []
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        # Model and scaler are made inside the loop: neither has seen a row of this test part.
        model, scaler = build(), StandardScaler()
        model.fit(scaler.fit_transform(features[train]), labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(scaler.transform(features[test]), verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
