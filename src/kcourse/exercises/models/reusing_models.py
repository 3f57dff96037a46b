"""Exercises of the lesson on reusing models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register
from kcourse.plain import Plain


def _scaled(low: Any, span: Any) -> np.ndarray:
    """Return maps, low and span already combined, with 0 where the span is 0."""
    return np.divide(low, span, out=np.zeros_like(low), where=span > 0)


def _scaled_over(maps: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    low = maps.min(axes, keepdims=True)
    return _scaled(maps - low, np.broadcast_to(maps.max(axes, keepdims=True) - low, maps.shape))


@register
class ScaleFeatureMaps(Exercise):
    """Each channel of each image scaled to the range from 0 to 1."""

    name = "scale_feature_maps"
    title = "Make feature maps visible"
    points = 1
    see = "See what a layer sees"
    hints = (
        "Which axes belong to one map? The minimum of each map has shape "
        "`(batch, 1, 1, channels)`.",
        "`keras.ops.min(maps, axis=(1, 2), keepdims=True)`, and `keras.ops.max` in the same way. "
        "Subtract the minimum, divide by the span, which is maximum minus minimum.",
        "Where the span is 0, divide by 1: `keras.ops.where(span > 0, span, 1.0)`.",
    )
    why = (
        "Axes 1 and 2 are the map, so every image and every channel gets its own scale, and "
        "`keepdims=True` makes minimum and span broadcast. A constant map has span 0: dividing "
        "by 1 instead gives 0 and not NaN. Adding a small number to every span would be safe "
        "too, but would leave faint maps faint."
    )
    near_misses = (
        NearMiss(
            code="""
def scale_feature_maps(maps):
    low, high = keras.ops.min(maps), keras.ops.max(maps)
    return (maps - low) / (high - low)
""",
            because="All maps were given one common scale. Each needs its own: use `axis=(1, 2)`.",
            like=lambda maps: _scaled_over(maps, (0, 1, 2, 3)),
        ),
        NearMiss(
            code="""
def scale_feature_maps(maps):
    low = keras.ops.min(maps, axis=(0, 1, 2), keepdims=True)
    span = keras.ops.max(maps, axis=(0, 1, 2), keepdims=True) - low
    return (maps - low) / keras.ops.where(span > 0, span, 1.0)
""",
            because=(
                "Here all images share a scale for each channel. Axis 0 is the batch: leave it out "
                "of the minimum and the maximum."
            ),
            like=lambda maps: _scaled_over(maps, (0, 1, 2)),
        ),
        NearMiss(
            code="""
def scale_feature_maps(maps):
    high = keras.ops.max(maps, axis=(1, 2), keepdims=True)
    return maps / keras.ops.where(high == 0, 1.0, high)
""",
            because="The minimum was not subtracted, so the darkest point of a map is not 0.",
            like=lambda maps: (
                maps
                / np.where(maps.max((1, 2), keepdims=True) == 0, 1, maps.max((1, 2), keepdims=True))
            ),
        ),
        NearMiss(
            code="""
def scale_feature_maps(maps):
    low = keras.ops.min(maps, axis=(1, 2), keepdims=True)
    high = keras.ops.max(maps, axis=(1, 2), keepdims=True)
    return (maps - low) / (high - low + 1e-7)
""",
            because=(
                "A small number added to the span saves constant maps, but a faint map no longer "
                "reaches 1. Replace the span only where it is 0."
            ),
            like=lambda maps: (
                (maps - maps.min((1, 2), keepdims=True))
                / (np.ptp(maps, axis=(1, 2), keepdims=True) + np.float32(1e-7))
            ),
        ),
        NearMiss(
            code="""
def scale_feature_maps(maps):
    return maps / 255
""",
            because="255 is the maximum of a photograph's pixels; feature maps have no fixed range.",
            like=lambda maps: maps / 255,
        ),
        NearMiss(
            code="""
def scale_feature_maps(maps):
    low = keras.ops.min(maps, axis=(1, 2), keepdims=True)
    high = keras.ops.max(maps, axis=(1, 2), keepdims=True)
    return (maps - low) / (high - low)
""",
            because="A constant map became NaN: 0 was divided by 0.",
            says="nan",
        ),
    )
    alternatives = (
        """
def scale_feature_maps(maps):
    lifted = maps - keras.ops.amin(maps, axis=[1, 2], keepdims=True)
    top = keras.ops.amax(lifted, axis=[1, 2], keepdims=True)
    return keras.ops.divide_no_nan(lifted, top)
""",
        """
def scale_feature_maps(maps):
    maps = np.array(keras.ops.convert_to_numpy(maps))
    for image in maps:
        for channel in range(image.shape[-1]):
            one = image[..., channel]
            one -= one.min()
            if one.max() > 0:
                one /= one.max()
    return maps
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with a tensor of the backend and return an array."""
        maps = inputs["maps"]
        import keras

        scaled = submission(keras.ops.convert_to_tensor(maps))
        return keras.ops.convert_to_numpy(scaled) if keras.ops.is_tensor(scaled) else scaled

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def maps(*shape: int) -> np.ndarray:
            sizes = rng.uniform(0.5, 4, size=(shape[0], 1, 1, shape[3]))
            return (sizes * (rng.normal(size=shape) + 1)).astype(np.float32)

        yield Case({"maps": maps(2, 3, 4, 3)})
        faint = maps(2, 4, 3, 2)
        faint[1] *= 1e-4
        yield Case({"maps": faint}, "the second image is ten thousand times fainter")
        dead = maps(2, 3, 3, 3)
        dead[..., 1] = 0
        dead[1, :, :, 2] = rng.uniform(1, 2)
        yield Case({"maps": dead}, "three of the maps are constant")
        yield Case({"maps": maps(1, 1, 1, 2)}, "maps of one point, which is constant")

    def expected(self, maps: np.ndarray) -> Any:
        result = np.zeros_like(maps)
        for image in range(maps.shape[0]):
            for channel in range(maps.shape[3]):
                one = maps[image, :, :, channel]
                if one.max() > one.min():
                    result[image, :, :, channel] = (one - one.min()) / (one.max() - one.min())
        return result


@register
class NamedFeatureExtractor(Exercise):
    """A model that gives the outputs of named layers."""

    name = "named_feature_extractor"
    title = "A feature extractor for named layers"
    points = 2
    see = "Cut a model open"
    hints = (
        "`model.get_layer(name).output` is the symbolic output of one layer. You need a list of "
        "them, in the order of `names`.",
        "`keras.Model(inputs, outputs)` makes the model. Which of `model.input` and "
        "`model.inputs` is a list?",
        "`keras.Model(model.input, [model.get_layer(name).output for name in names])`",
    )
    why = (
        "The new model is another way through the same layers: nothing is copied, and training "
        "one changes the other. `model.input` is a tensor, so the extractor takes an array; made "
        "of `model.inputs`, a list, it takes a list and warns at every array."
    )
    near_misses = (
        NearMiss(
            code="""
def named_feature_extractor(model, names):
    return keras.Model(model.inputs, [model.get_layer(name).output for name in names])
""",
            because=(
                "The outputs are right, but each call warns that the structure of the inputs does "
                "not match: `model.inputs` is a list. Use `model.input`."
            ),
            says="`model.inputs` is a list",
        ),
        NearMiss(
            code="""
def named_feature_extractor(model, names):
    return keras.Model(model.input, [layer.output for layer in model.layers])
""",
            because="These are the outputs of all layers. Only those in `names` are wanted.",
            says="outputs, expected",
        ),
        NearMiss(
            code="""
def named_feature_extractor(model, names):
    return keras.Model(model.input, [x.output for x in model.layers if x.name in names])
""",
            because="The outputs came in the order of the model's layers and not in that of `names`.",
            says="in the order of the model's layers",
        ),
        NearMiss(
            code="""
def named_feature_extractor(model, names):
    model = keras.models.clone_model(model)
    return keras.Model(model.input, [model.get_layer(name).output for name in names])
""",
            because="`clone_model` makes new layers with new random weights.",
            says="does not share",
        ),
    )
    alternatives = (
        """
def named_feature_extractor(model, names):
    outputs = {layer.name: layer.output for layer in model.layers}
    return keras.Model(inputs=model.inputs[0], outputs=[outputs[name] for name in names])
""",
        """
def named_feature_extractor(model, names):
    return keras.models.Model(model.layers[0].output, [model.get_layer(n).output for n in names])
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build a model with a branch, cut it, and run what came back."""
        x, first, second, third, names = (
            inputs["x"],
            inputs["first"],
            inputs["second"],
            inputs["third"],
            inputs["names"],
        )
        import warnings

        import keras

        def dense(kernel: Any, name: str) -> Any:
            activation = "tanh" if name == "second" else "relu"
            return keras.layers.Dense(
                kernel.shape[1], activation=activation, use_bias=False, name=name
            )

        inputs = keras.Input((x.shape[1],), name="features")
        low = dense(first, "first")(inputs)
        high = dense(second, "second")(low)
        joined = keras.layers.Add(name="joined")([low, high])
        model = keras.Model(inputs, dense(third, "third")(joined), name="branching")
        for name, kernel in (("first", first), ("second", second), ("third", third)):
            model.get_layer(name).set_weights([kernel])

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            extractor = submission(model, names)
            if not isinstance(extractor, keras.Model):
                return {"type": type(extractor).__name__}
            outputs = extractor(x)  # an array: a tensor would not earn the warning
        if isinstance(outputs, dict):
            return {"named": list(outputs)}
        known = {id(variable) for variable in model.variables}
        return {
            "shares": all(id(variable) in known for variable in extractor.variables),
            "outputs": [
                keras.ops.convert_to_numpy(output)
                for output in (outputs if isinstance(outputs, list | tuple) else [outputs])
            ],
            "warned": any("structure of `inputs`" in str(one.message) for one in caught),
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(names: list[str], note: str = "") -> Case:
            n, d, k, last = rng.integers(2, 6, size=4)
            return Case(
                {
                    "x": rng.normal(size=(n, d)).astype(np.float32),
                    "first": rng.normal(size=(d, k)).astype(np.float32),
                    "second": rng.normal(size=(k, k)).astype(np.float32),
                    "third": rng.normal(size=(k, last)).astype(np.float32),
                    "names": names,
                },
                note,
            )

        yield case(["joined", "first"], "not in the order of the layers")
        yield case(["first", "second", "third"])
        yield case(["second"], "one layer")

    def expected(
        self,
        x: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        third: np.ndarray,
        names: list[str],
    ) -> Any:
        low = np.maximum(x @ first, 0)
        high = np.tanh(low @ second)
        joined = low + high
        outputs = {"first": low, "second": high, "joined": joined}
        return [({**outputs, "third": np.maximum(joined @ third, 0)})[name] for name in names]

    def judge(self, case: Case, observation: Observation) -> None:
        got, expected = observation.value, self.expected(**case.inputs)
        names = case.inputs["names"]
        if "type" in got:
            raise Wrong(f"The result is of type {got['type']}, not a model.")
        if "named" in got:
            raise Wrong("The outputs came as a dict. Give `keras.Model` a list of them, in order.")
        if not got["shares"]:
            raise Wrong(
                "The extractor does not share its layers with the model: it has weights of its "
                "own. `clone_model` makes new layers with new random weights."
            )
        if len(got["outputs"]) != len(names):
            raise Wrong(f"The model has {len(got['outputs'])} outputs, expected {len(names)}.")
        in_layer_order = self.expected(**{**case.inputs, "names": self._in_layer_order(names)})
        if self.differs(got["outputs"], expected):
            if self.differs(got["outputs"], in_layer_order) is None:
                raise Wrong(
                    "The outputs came in the order of the model's layers and not in that of "
                    "`names`.",
                    expected=expected,
                )
            raise Wrong(str(self.differs(got["outputs"], expected)), expected=expected)
        if got["warned"]:
            raise Wrong(
                "The outputs are right, but the call warns that the structure of the inputs does "
                "not match: `model.inputs` is a list, `model.input` a tensor."
            )

    def _in_layer_order(self, names: list[str]) -> list[str]:
        return sorted(names, key=["first", "second", "joined", "third"].index)


@register
class FreezeAllButHead(Exercise):
    """Freeze all layers but the last, and compile."""

    name = "freeze_all_but_head"
    title = "Freeze all layers but the last"
    points = 2
    see = "Freeze layers"
    hints = (
        "`model.layers[:-1]` are all layers but the last, in every kind of model.",
        "A loop sets `layer.trainable = False`. The whole model may come frozen, or the head alone: "
        "set `model.trainable = True` first, and `model.layers[-1].trainable = True` as well.",
        "The last step is `model.compile(keras.optimizers.Adam(learning_rate), "
        '"sparse_categorical_crossentropy")`; then return the model.',
    )
    why = (
        "Setting `trainable` on a model sets it on all layers below; set on the model itself to "
        "`False`, it hides the trainable weights of a trainable head. `compile` comes last because "
        "it is the moment at which the training step learns what is frozen. A frozen "
        "`BatchNormalization` also stops updating its statistics."
    )
    near_misses = (
        NearMiss(
            code="""
def freeze_all_but_head(model, learning_rate):
    model.trainable = True
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model
""",
            because="`compile` came first. Freeze, then compile.",
            says="compiled before",
        ),
        NearMiss(
            code="""
def freeze_all_but_head(model, learning_rate):
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model
""",
            because="The model was frozen but not compiled again.",
            says="not compiled",
        ),
        NearMiss(
            code="""
def freeze_all_but_head(model, learning_rate):
    model.trainable = False
    model.layers[-1].trainable = True
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model
""",
            because="The model itself is frozen, so it has no trainable weight.",
            says="`model.trainable` is False",
        ),
        NearMiss(
            code="""
def freeze_all_but_head(model, learning_rate):
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model
""",
            because="The head was frozen before, and nobody unfroze it.",
            says="head",
        ),
        NearMiss(
            code="""
def freeze_all_but_head(model, learning_rate):
    model.trainable = True
    model.layers[0].trainable = False
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model
""",
            because="Only the first layer was frozen, which may be the InputLayer.",
            says="still trainable",
        ),
    )
    alternatives = (
        """
def freeze_all_but_head(model, learning_rate):
    model.trainable = True
    head = model.layers[-1]
    for layer in model.layers:
        layer.trainable = layer is head
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
    )
    return model
""",
        """
def freeze_all_but_head(model, learning_rate):
    model.trainable = False
    model.trainable = True
    *body, head = model.layers
    for layer in body:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy")
    return model
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the answer a model that remembers what was trainable when it was compiled."""
        kind, frozen_before, x, learning_rate = (
            inputs["kind"],
            inputs["frozen_before"],
            inputs["x"],
            inputs["learning_rate"],
        )
        import keras

        def trainable(model: Any) -> list[str]:
            """Names of the layers of the model with weights that would be trained."""
            kept = {id(variable) for variable in model.trainable_weights}
            return [
                layer.name
                for layer in model.layers
                if any(id(variable) in kept for variable in layer.weights)
            ]

        class Remembering:
            remembered = None

            def compile(self, *args: Any, **kwargs: Any) -> None:
                self.remembered = trainable(self)
                super().compile(*args, **kwargs)  # type: ignore[misc]

        class RememberingModel(Remembering, keras.Model):
            pass

        class RememberingSequential(Remembering, keras.Sequential):
            pass

        body = [
            keras.layers.Dense(3, activation="relu", name="hidden"),
            keras.layers.BatchNormalization(name="normalise"),
        ]
        head = keras.layers.Dense(2, activation="softmax", name="head")
        inputs = keras.Input((x.shape[1],), name="features")
        if kind == "sequential":
            model = RememberingSequential([inputs, *body, head])
        else:
            flowing = inputs
            for layer in body:
                flowing = layer(flowing)
            if kind == "nested":
                flowing = keras.Model(inputs, flowing, name="backbone")(inputs)
            model = RememberingModel(inputs, head(flowing))
        if frozen_before == "head":
            head.trainable = False
        elif frozen_before == "all":
            model.trainable = False
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.remembered = None  # that was ours

        returned = submission(model, learning_rate)
        statistic = body[1].moving_mean
        before = keras.ops.convert_to_numpy(statistic).copy()
        model(keras.ops.convert_to_tensor(x), training=True)
        moved = bool(abs(keras.ops.convert_to_numpy(statistic) - before).max() > 0)
        return {
            "same": returned is model,
            "model": bool(model.trainable),
            "now": trainable(model),
            "compiled": model.remembered,
            "moved": moved,
            "optimizer": type(model.optimizer).__name__,
            "rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
            "loss": getattr(model.loss, "name", model.loss),
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        cases = (
            ("functional", "nothing", "layers[0] is the InputLayer"),
            ("sequential", "head", "the head comes frozen"),
            ("nested", "all", "a backbone inside a model, all frozen"),
        )
        for kind, frozen, note in cases:
            yield Case(
                {
                    "kind": kind,
                    "frozen_before": frozen,
                    "x": rng.normal(size=(6, int(rng.integers(2, 5)))).astype(np.float32) + 2,
                    "learning_rate": float(np.round(rng.uniform(0.001, 0.1), 4)),
                },
                note,
            )

    def judge(self, case: Case, observation: Observation) -> None:
        got = observation.value
        if not got["same"]:
            raise Wrong("The same model should come back; another object, or nothing, did.")
        if not got["model"]:
            raise Wrong(
                "`model.trainable` is False, and then a model counts none of its weights as "
                "trainable, whatever its layers say. Set it to True first, then freeze layers."
            )
        if "head" not in got["now"]:
            raise Wrong("The head is still frozen: nothing would be trained.")
        if still := [name for name in got["now"] if name != "head"]:
            raise Wrong(f"These layers are still trainable: {', '.join(still)}.")
        if got["compiled"] is None:
            raise Wrong(
                "The model was not compiled after freezing: a training step that exists already "
                "need not notice."
            )
        if got["compiled"] != ["head"]:
            raise Wrong("The model was compiled before its layers were frozen. Compile last.")
        if got["moved"]:
            raise Wrong("The moving mean of the frozen BatchNormalization still moves.")
        if got["optimizer"] != "Adam":
            raise Wrong(f"The optimizer is {got['optimizer']}, expected Adam.")
        if not np.isclose(got["rate"], case.inputs["learning_rate"]):
            rate = case.inputs["learning_rate"]
            raise Wrong(f"The learning rate is {got['rate']:.4g}, expected {rate}.")
        if got["loss"] != "sparse_categorical_crossentropy":
            raise Wrong(f"The loss is {got['loss']}, expected sparse_categorical_crossentropy.")


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


@register
class NewHeadOnFrozen(Exercise):
    """A new head on the mean of each feature map of a frozen backbone."""

    name = "new_head_on_frozen"
    title = "A new head on a frozen backbone"
    points = 2
    see = "Transfer: from 0–4 to 5–9"
    hints = (
        "Four steps: freeze the backbone; `keras.Input` of its shape without the batch axis; call "
        "the backbone on it; pool and classify.",
        "`backbone.input_shape[1:]` is the shape for `keras.Input`, and "
        "`GlobalAveragePooling2D` gives the mean of each map.",
        'The head is `keras.layers.Dense(classes, activation="softmax")`; `keras.Model` joins '
        "`images` and its result.",
    )
    why = (
        "Only the kernel and the bias of the new Dense layer are trainable. `trainable = False` on "
        "the backbone goes down to all its layers, and a frozen `BatchNormalization` uses its "
        "stored statistics in training too. The mean of each map makes the head small, and "
        "independent of the size of the images."
    )
    near_misses = (
        NearMiss(
            code="""
def new_head_on_frozen(backbone, classes):
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.GlobalAveragePooling2D()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax")(features))
""",
            because="The backbone is not frozen.",
            says="not frozen",
        ),
        NearMiss(
            code="""
def new_head_on_frozen(backbone, classes):
    for weight in backbone.trainable_weights:
        weight.trainable = False
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.GlobalAveragePooling2D()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax")(features))
""",
            because="The weights are frozen one by one; their BatchNormalization layer is not.",
            says="not in inference mode",
        ),
        NearMiss(
            code="""
def new_head_on_frozen(backbone, classes):
    backbone.trainable = False
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.Flatten()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax")(features))
""",
            because="Flatten keeps every position; wanted is the mean of each map.",
            says="the mean of each map",
        ),
        NearMiss(
            code="""
def new_head_on_frozen(backbone, classes):
    backbone.trainable = False
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.GlobalAveragePooling2D()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes)(features))
""",
            because="The head has no softmax, so these are logits and not probabilities.",
            says="logits",
        ),
        NearMiss(
            code="""
def new_head_on_frozen(backbone, classes):
    backbone.trainable = False
    images = keras.Input(backbone.input_shape[1:])
    features = keras.layers.GlobalMaxPooling2D()(backbone(images))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax")(features))
""",
            because="This is the maximum of each map, not its mean.",
            says="not its mean",
        ),
    )
    alternatives = (
        """
def new_head_on_frozen(backbone, classes):
    x = images = keras.Input(backbone.input_shape[1:])
    x = backbone(x)
    x = keras.ops.mean(x, axis=(1, 2))
    x = keras.layers.Dense(classes)(x)
    model = keras.Model(images, keras.layers.Activation("softmax")(x))
    for layer in model.layers[:-2]:
        layer.trainable = False
    return model
""",
    )
    rtol = 1e-4
    atol = 1e-5

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the answer a backbone with BatchNormalization, and its head known weights."""
        classes, images, backbone, kernel = (
            inputs["classes"],
            inputs["images"],
            inputs["backbone"],
            inputs["kernel"],
        )
        import keras

        def array(tensor: Any) -> Any:
            return keras.ops.convert_to_numpy(tensor).copy()

        inputs = keras.Input(images.shape[1:])
        maps = keras.layers.Conv2D(backbone["conv"].shape[1], 1, use_bias=False)(inputs)
        normalise = keras.layers.BatchNormalization(epsilon=0.001, scale=False, center=False)
        given = keras.Model(inputs, keras.layers.ReLU()(normalise(maps)), name="backbone")
        given.layers[1].set_weights([backbone["conv"][None, None]])
        normalise.set_weights([backbone["mean"], backbone["variance"]])

        model = submission(given, classes)
        if not isinstance(model, keras.Model):
            return {"type": type(model).__name__}
        frozen = not given.trainable_weights
        trainable = model.trainable_variables
        shapes = [list(variable.shape) for variable in trainable]
        output = None
        if shapes == [list(kernel.shape), [kernel.shape[1]]]:
            trainable[0].assign(kernel)
            x = keras.ops.convert_to_tensor(images)
            output = array(model(x, training=True))
        return {
            "frozen": frozen,
            "trainable": shapes,
            "output": output,
            "moved": bool(abs(array(normalise.moving_mean) - backbone["mean"]).max() > 0),
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for height, width, channels, k, classes in ((3, 4, 1, 4, 3), (2, 2, 3, 2, 5)):
            yield Case(
                {
                    "classes": classes,
                    "images": rng.uniform(size=(3, height, width, channels)).astype(np.float32),
                    "backbone": {
                        "conv": rng.normal(size=(channels, k)).astype(np.float32),
                        "mean": rng.normal(size=k).astype(np.float32),
                        "variance": rng.uniform(1, 2, size=k).astype(np.float32),
                    },
                    "kernel": rng.normal(size=(k, classes)).astype(np.float32),
                }
            )

    def expected(
        self,
        classes: int,
        images: np.ndarray,
        backbone: dict[str, np.ndarray],
        kernel: np.ndarray,
    ) -> Any:
        return _softmax(self._maps(images, backbone).mean((1, 2)) @ kernel)

    def _maps(self, images: np.ndarray, backbone: dict[str, np.ndarray]) -> np.ndarray:
        normal = (images @ backbone["conv"] - backbone["mean"]) / np.sqrt(
            backbone["variance"] + 0.001
        )
        return np.maximum(normal, 0)

    def judge(self, case: Case, observation: Observation) -> None:
        got, expected = observation.value, self.expected(**case.inputs)
        if "type" in got:
            raise Wrong(f"The result is of type {got['type']}, not a model.")
        if not got["frozen"]:
            raise Wrong("The backbone is not frozen: its weights are still trainable.")
        if not got["trainable"]:
            raise Wrong("Nothing is trainable: the new head is frozen as well as the backbone.")
        k, classes = case.inputs["kernel"].shape
        if got["trainable"] != [[k, classes], [classes]]:
            raise Wrong(
                f"The trainable weights have the shapes {got['trainable']}, expected a kernel "
                f"{[k, classes]} and a bias {[classes]}: one Dense layer on the mean of each map."
            )
        maps = self._maps(case.inputs["images"], case.inputs["backbone"])
        if got["moved"]:
            raise Wrong(
                "In training the BatchNormalization of the backbone is not in inference mode: its "
                "statistics moved. Freeze the layers, by `trainable` on the backbone."
            )
        if reason := self.differs(got["output"], expected):
            kernel = case.inputs["kernel"]
            if self.differs(got["output"], maps.mean((1, 2)) @ kernel) is None:
                reason = "These are logits. The head needs a softmax to give probabilities."
            elif self.differs(got["output"], _softmax(maps.max((1, 2)) @ kernel)) is None:
                reason = "The head was given the maximum of each map, not its mean."
            raise Wrong(reason, expected=expected)


@register
class CopyWeightsByName(Exercise):
    """Weights moved from one model into another by the names of layers."""

    name = "copy_weights_by_name"
    title = "Load weights by layer name"
    points = 3
    see = "Move weights between models"
    hints = (
        "First make a dictionary from names to the layers of `source`.",
        "Go through `target.layers`. Skip a layer without weights, one whose name `source` does "
        "not have, and one whose shapes differ.",
        "`layer.get_weights()` gives arrays in a fixed order, moving statistics included; compare "
        "the lists of their shapes, then call `layer.set_weights(…)` and remember the name.",
    )
    why = (
        "Names say what belongs together; positions do not, as soon as one model has a layer "
        "more. The list that comes back is the safeguard: automatic names such as `dense_3` "
        "rarely agree, and then nothing is copied, without an error."
    )
    near_misses = (
        NearMiss(
            code="""
def copy_weights_by_name(source, target):
    copied = []
    for old, new in zip(source.layers, target.layers):
        if new.weights and [w.shape for w in old.weights] == [w.shape for w in new.weights]:
            new.set_weights(old.get_weights())
            copied.append(new.name)
    return copied
""",
            because="Layers were paired by position and not by name.",
            says="should not have been copied",
        ),
        NearMiss(
            code="""
def copy_weights_by_name(source, target):
    known = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        if layer.weights and layer.name in known:
            old = known[layer.name]
            if [w.shape for w in old.weights] == [w.shape for w in layer.weights]:
                for a, b in zip(old.trainable_weights, layer.trainable_weights):
                    b.assign(a)
                copied.append(layer.name)
    return copied
""",
            because="The moving statistics of BatchNormalization are weights too.",
            says="moving statistics",
        ),
        NearMiss(
            code="""
def copy_weights_by_name(source, target):
    known = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        if layer.name in known:
            weights = known[layer.name].get_weights()
            if [w.shape for w in weights] == [w.shape for w in layer.get_weights()]:
                layer.set_weights(weights)
                copied.append(layer.name)
    return copied
""",
            because="Layers without weights do not count as copied.",
            says="has no weights",
        ),
        NearMiss(
            code="""
def copy_weights_by_name(source, target):
    known = {layer.name: layer for layer in target.layers}
    copied = []
    for layer in source.layers:
        if layer.weights and layer.name in known:
            weights = known[layer.name].get_weights()
            if [w.shape for w in weights] == [w.shape for w in layer.get_weights()]:
                layer.set_weights(weights)
                copied.append(layer.name)
    return copied
""",
            because="The weights went from `target` to `source`.",
            says="`source` was changed",
        ),
    )
    alternatives = (
        """
def copy_weights_by_name(source, target):
    names = [layer.name for layer in source.layers]
    copied = []
    for layer in target.layers:
        if layer.name in names and layer.get_weights():
            old = source.get_layer(layer.name)
            if [w.shape for w in old.get_weights()] == [w.shape for w in layer.get_weights()]:
                layer.set_weights(old.get_weights())
                copied.append(layer.name)
    return copied
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Build two models of the given layers and compare their weights before and after."""
        source, target, seed = (inputs["source"], inputs["target"], inputs["seed"])
        import keras
        import numpy as np

        rng = np.random.default_rng(seed)

        def built(layers: Any) -> Any:
            model = keras.Sequential([keras.Input((3,))])
            for name, units in layers:
                if units == "norm":
                    model.add(keras.layers.BatchNormalization(name=name))
                elif units == "relu":
                    model.add(keras.layers.ReLU(name=name))
                else:
                    model.add(keras.layers.Dense(units, name=name))
            for layer in model.layers:
                layer.set_weights([rng.uniform(1, 2, size=w.shape) for w in layer.weights])
            return model

        def weights(model: Any) -> Any:
            return {layer.name: [w.copy() for w in layer.get_weights()] for layer in model.layers}

        models = built(source), built(target)
        before = [weights(model) for model in models]
        copied = submission(*models)
        return {"copied": copied, "before": before, "after": [weights(m) for m in models]}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(source: list[list[Any]], target: list[list[Any]], note: str = "") -> Case:
            seed = int(rng.integers(1, 10**6))
            return Case({"source": source, "target": target, "seed": seed}, note)

        a = int(rng.integers(2, 5))
        b, c = a + 2, a + 1
        yield case(
            [["stem", a], ["normalise", "norm"], ["relu", "relu"], ["old_head", c]],
            [["stem", a], ["normalise", "norm"], ["relu", "relu"], ["new_head", c]],
            "one layer has another name",
        )
        yield case(
            [["one", a], ["two", b], ["head", c]],
            [["extra", a], ["two", b], ["one", a], ["head", c + 1]],
            "other places, and shapes that differ",
        )
        yield case(
            [["one", 3], ["two", 3], ["three", 3]],
            [["three", 3], ["one", 3]],
            "the same names in another order",
        )

    def expected(self, source: list[Any], target: list[Any], seed: int) -> Any:
        """Return the names to copy, from the sizes that the layers must have."""
        old, new = self._sizes(source), self._sizes(target)
        return [name for name in new if new[name] and new[name] == old.get(name)]

    def _sizes(self, layers: list[Any]) -> dict[str, tuple[int, ...]]:
        sizes: dict[str, tuple[int, ...]] = {}
        width = 3
        for name, units in layers:
            if isinstance(units, int):
                sizes[name], width = (width, units), units
            else:
                sizes[name] = (width,) if units == "norm" else ()
        return sizes

    def judge(self, case: Case, observation: Observation) -> None:
        got, expected = observation.value, self.expected(**case.inputs)
        (source, before), (source_after, after) = got["before"], got["after"]
        if self.differs(source_after, source):
            raise Wrong("`source` was changed; the weights should go into `target`.")
        for name in after:
            want = source[name] if name in expected else before[name]
            if self.differs(after[name], want) is None:
                continue
            if name not in expected:
                raise Wrong(
                    f"The layer {name!r} of `target` was changed, but should not have been copied: "
                    "`source` has no layer of that name and these shapes."
                )
            if self.differs(after[name][:2], want[:2]) is None:
                raise Wrong(
                    f"Of {name!r} the trainable weights were copied but not the moving statistics."
                )
            raise Wrong(f"The layer {name!r} does not have the weights of its namesake.")
        if isinstance(got["copied"], list):
            sizes = self._sizes(case.inputs["target"])
            if empty := [name for name in got["copied"] if not sizes.get(name, True)]:
                raise Wrong(f"The layer {empty[0]!r} has no weights and does not count as copied.")
        if reason := self.differs(got["copied"], expected):
            raise Wrong(f"The weights are right, the names are not. {reason}", expected=expected)


@register
class CrossValidatedScores(Exercise):
    """Stratified cross-validation with a fresh model and a fresh scaler for each fold."""

    name = "cross_validated_scores"
    title = "Cross-validate a builder of models"
    points = 3
    see = "Cross-validation with an explicit loop"
    hints = (
        "What may a model that is tested on a fold not have seen before? Make everything that "
        "learns inside the loop.",
        "`for train, test in StratifiedKFold(…).split(features, labels):` gives row numbers. "
        "`StandardScaler().fit_transform` on the training rows, `transform` on the test rows.",
        "`model.fit(…, epochs=epochs, verbose=0)`, then "
        "`model.predict(…, verbose=0).argmax(axis=1) == labels[test]`, and its mean.",
    )
    why = (
        "The model and the scaler both learn from data, so both are made anew inside the loop and "
        "see the training rows only. Stratified folds keep the share of each class. A model that "
        "lives through all folds has seen every test row but those of the first fold."
    )
    near_misses = (
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores, model = [], build()
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        scaler = StandardScaler()
        model.fit(scaler.fit_transform(features[train]), labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(scaler.transform(features[test]), verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
""",
            because="One model was trained on several folds: it has seen the test rows before.",
            says="One model was trained on several folds",
        ),
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores = []
    features = StandardScaler().fit_transform(features)
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        model = build()
        model.fit(features[train], labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(features[test], verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
""",
            because="The scaler was fitted on all rows, test rows included.",
            says="fit the scaler on the training rows",
        ),
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores = []
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        model = build()
        model.fit(features[train], labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(features[test], verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
""",
            because="The features were not scaled.",
            says="not scaled",
        ),
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores = []
    size = len(labels) // folds
    for k in range(folds):
        test = np.arange(k * size, (k + 1) * size)
        train = np.setdiff1d(np.arange(len(labels)), test)
        model, scaler = build(), StandardScaler()
        model.fit(scaler.fit_transform(features[train]), labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(scaler.transform(features[test]), verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
""",
            because="The folds are blocks of rows and not stratified.",
            says="folds are not those",
        ),
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores = []
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        model, scaler = build(), StandardScaler()
        model.fit(scaler.fit_transform(features[train]), labels[train], verbose=0)
        probabilities = model.predict(scaler.transform(features[test]), verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[test]).mean()))
    return scores
""",
            because="`epochs` was not passed on, so each model was trained for one epoch.",
            says="epochs",
        ),
        NearMiss(
            code="""
def cross_validated_scores(build, features, labels, folds, epochs):
    scores = []
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, labels):
        model, scaler = build(), StandardScaler()
        x = scaler.fit_transform(features[train])
        model.fit(x, labels[train], epochs=epochs, verbose=0)
        probabilities = model.predict(x, verbose=0)
        scores.append(float((probabilities.argmax(axis=1) == labels[train]).mean()))
    return scores
""",
            because="These are scores on the rows the model was trained with.",
            says="but its fold has",
        ),
    )
    alternatives = (
        """
def cross_validated_scores(build, features, labels, folds, epochs):
    def score(train, test):
        scaler = StandardScaler().fit(features[train])
        model = build()
        model.fit(scaler.transform(features[train]), labels[train], epochs=epochs, verbose=0)
        guesses = np.argmax(model.predict(scaler.transform(features[test])), axis=-1)
        return np.mean(guesses == labels[test])

    splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
    return [score(train, test) for train, test in splitter.split(features, labels)]
""",
    )

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Give the answer a stand-in for Keras models that learns at once and keeps a record."""
        features, labels, folds, epochs = (
            inputs["features"],
            inputs["labels"],
            inputs["folds"],
            inputs["epochs"],
        )
        import numpy as np

        record: list[dict[str, Any]] = []

        class NearestMean:
            """Behaves like a compiled Keras classifier; fitting again goes on learning."""

            def __init__(self) -> None:
                self.fits = 0
                self.x: list[Any] = []
                self.y: list[Any] = []

            def fit(self, x: Any, y: Any, epochs: int = 1, **_: Any) -> None:
                self.fits += 1
                self.x, self.y = [*self.x, *np.asarray(x)], [*self.y, *np.asarray(y)]
                record.append(
                    {
                        "fits": self.fits,
                        "epochs": epochs,
                        "classes": np.bincount(np.asarray(y)),
                        "means": np.mean(x, axis=0),
                        "stds": np.std(x, axis=0),
                        "predicted": 0,
                        "sum": np.zeros(3),
                    }
                )

            def predict(self, x: Any, **_: Any) -> Any:
                x, known, y = np.asarray(x), np.asarray(self.x), np.asarray(self.y)
                record[-1]["predicted"] += len(x)
                record[-1]["sum"] = record[-1]["sum"] + x.sum(0)
                means = np.stack([known[y == k].mean(0) for k in range(y.max() + 1)])
                away = ((x[:, None] - means) ** 2).sum(-1)
                powers = np.exp(away.min(1, keepdims=True) - away)
                return powers / powers.sum(1, keepdims=True)

        return {
            "scores": submission(NearestMean, features, labels, folds, epochs),
            "record": record,
        }

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for counts, folds, note in (
            ((8, 16, 5), 4, "rows sorted by class, three classes of unlike size"),
            ((12, 9), 3, ""),
        ):
            labels = np.repeat(np.arange(len(counts)), counts)
            if not note:
                labels = rng.permutation(labels)
            centres = rng.normal(size=(len(counts), 3))
            noise = rng.normal(size=(len(labels), 3))
            features = (centres[labels] + noise) * np.array([1, 20, 300]) + 50
            yield Case(
                {
                    "features": features,
                    "labels": labels,
                    "folds": folds,
                    "epochs": int(rng.integers(2, 9)),
                },
                note,
            )

    def _folds(
        self, features: np.ndarray, labels: np.ndarray, folds: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        from sklearn.model_selection import StratifiedKFold

        splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)
        return list(splitter.split(features, labels))

    def expected(self, features: np.ndarray, labels: np.ndarray, folds: int, epochs: int) -> Any:
        scores = []
        for train, test in self._folds(features, labels, folds):
            mean, std = features[train].mean(0), features[train].std(0)
            scaled = (features - mean) / std
            centres = [scaled[train][labels[train] == k].mean(0) for k in range(labels.max() + 1)]
            right = 0
            for row in test:
                away = [((scaled[row] - centre) ** 2).sum() for centre in centres]
                right += int(np.argmin(away) == labels[row])
            scores.append(right / len(test))
        return scores

    def judge(self, case: Case, observation: Observation) -> None:
        record, folds = observation.value["record"], case.inputs["folds"]
        features, labels = case.inputs["features"], case.inputs["labels"]
        if any(entry["fits"] > 1 for entry in record):
            raise Wrong(
                "One model was trained on several folds: from the second fold on it is tested on "
                "rows that it was trained with. Call `build()` inside the loop."
            )
        if len(record) != folds:
            raise Wrong(f"{len(record)} models were trained, expected {folds}, one for each fold.")
        for entry, (train, test) in zip(record, self._folds(features, labels, folds), strict=True):
            wanted = np.bincount(labels[train])
            if self.differs(entry["classes"], wanted):
                raise Wrong(
                    f"A model was trained with {describe_counts(entry['classes'])} rows of the "
                    f"classes, expected {describe_counts(wanted)}: these folds are not those of "
                    "StratifiedKFold(n_splits=folds, shuffle=True, random_state=0)."
                )
            self._judge_scaling(entry)
            if entry["epochs"] != case.inputs["epochs"]:
                raise Wrong(
                    f"A model was trained for {entry['epochs']} epochs, expected "
                    f"{case.inputs['epochs']}: pass `epochs` on to `fit`."
                )
            if entry["predicted"] != len(test):
                raise Wrong(
                    f"A model predicted {entry['predicted']} rows, but its fold has {len(test)}. "
                    "Test it once, on the rows of `test`."
                )
            if np.allclose(entry["sum"], 0, atol=1e-3):
                raise Wrong(
                    "The test rows were scaled by their own mean. Use the scaler that was fitted "
                    "on the training rows: `transform`, not `fit_transform`."
                )
            if np.allclose(entry["sum"], features[test].sum(0), atol=1e-3):
                raise Wrong("The test rows were not scaled; the training rows were.")
            scaled = (features[test] - features[train].mean(0)) / features[train].std(0)
            if not np.allclose(entry["sum"], scaled.sum(0), atol=1e-3):
                raise Wrong(
                    "The rows that a model was tested on are not those of its fold, scaled like "
                    "its training rows. Check `random_state` and `transform`."
                )
        expected = self.expected(**case.inputs)
        if reason := self.differs(observation.value["scores"], expected):
            raise Wrong(reason, expected=expected)

    def _judge_scaling(self, entry: dict[str, Plain]) -> None:
        if np.abs(entry["means"]).max() < 1e-3 and np.abs(entry["stds"] - 1).max() < 1e-3:
            return
        if entry["stds"].max() > 5:
            raise Wrong("The features were not scaled: one column is far larger than another.")
        raise Wrong(
            "The training rows do not have mean 0 and standard deviation 1. In each fold, fit the "
            "scaler on the training rows only; fitted on all rows, it has seen the test rows."
        )


def describe_counts(counts: np.ndarray) -> str:
    """Return the numbers of rows of each class as words, such as ``8 and 6``."""
    return " and ".join(str(int(n)) for n in counts)
