"""The checks for saving report what never works, and are silent where they cannot be certain."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_snippets import assert_marked_lines, entries_of

from kcourse.migration import installed

ENTRIES = entries_of("saving")

#: What stands before each snippet.
PRELUDE = """\
import keras
import tensorflow as tf
from keras import layers
from tensorflow.keras.models import load_model, save_model

model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(2)])
"""

NET = """\
class Net(keras.Model):
    def __init__(self, {parameters}):
        super().__init__()
"""
KEEPING = """\
    def get_config(self):
        return {"rate": self.rate}
"""
SCALE = """\
class Scale(layers.Layer):
    def __init__(self, {parameters}):  # <-
        super().__init__()

    def get_config(self):
        {body}
"""
WHOLE = "return {**super().get_config(), 'rate': self.rate}"


def net(parameters: str, *lines: str) -> str:
    """Return a class of model whose ``__init__`` has these parameters, and what is done with it."""
    return NET.format(parameters=parameters) + "\n".join(lines)


def scale(parameters: str, body: str = WHOLE) -> str:
    """Return a class of layer with a ``get_config``; its ``__init__`` is marked."""
    return SCALE.format(parameters=parameters, body=body)


def fine(code: str) -> str:
    """Return the snippet without its marks: nothing of it is reported."""
    return code.replace("# <-", "")


#: Snippets for each rule; what is reported stands in the lines that are marked.
SNIPPETS = {
    "model-save-format-tf": [
        'model.save("digits", save_format="tf")  # <-',
        'model.save("digits", save_format="h5")  # <-',
        'def keep(folder):\n    model.save(folder, save_format="tf")  # <-',
        'save_model(model, "digits", save_format="tf")  # <-',
        'keras.saving.save_model(build(), "digits", save_format="tf")  # <-',
        'model.save("digits.keras", save_format="tf")',
        'model.save("digits.h5", save_format="h5")',
        'def keep(path):\n    model.save(path, save_format="h5")',
        'table.save("digits", save_format="tf")',
    ],
    "model-from-config-of-sequential": [
        "keras.Model.from_config(model.get_config())  # <-",
        "config = model.get_config()\nkeras.models.Model.from_config(config)  # <-",
        "config = model.get_config()\ntf.keras.Model.from_config(config=config)  # <-",
        "keras.Sequential.from_config(model.get_config())",
        "functional = keras.Model(a, b)\nkeras.Model.from_config(functional.get_config())",
        "keras.Model.from_config(build().get_config())",
        "layers.Dense.from_config(model.get_config())",
    ],
    "load-model-except-value-error": [
        "try:\n    load_model(path)  # <-\nexcept ValueError:\n    pass",
        "try:\n    m = load_model(path)  # <-\nexcept (ValueError, OSError) as error:\n    pass",
        "try:\n    keras.saving.load_model(path)  # <-\nexcept ValueError as error:\n    raise",
        "try:\n    load_model(path)\nexcept (TypeError, ValueError):\n    pass",
        "try:\n    load_model(path)\nexcept Exception:\n    pass",
        "try:\n    load_model(path, custom_objects=known)\nexcept ValueError:\n    pass",
        "try:\n    load_model(path)\nexcept:\n    pass",
        "try:\n    number = int(text)\nexcept ValueError:\n    load_model(path)",
    ],
    "model-save-include-optimizer": [
        'model.save("digits.keras", include_optimizer=False)  # <-',
        'save_model(model, "digits.keras", include_optimizer=False)  # <-',
        'path = f"{folder}/digits.keras"\nmodel.save(path, include_optimizer=False)  # <-',
        'model.save("digits.keras", include_optimizer=True)',
        'model.save("digits.h5", include_optimizer=False)',
        "def keep(path):\n    model.save(path, include_optimizer=False)",
    ],
    "load-model-folder": [
        'load_model("digits")  # <-',
        'load_model("models/digits/1/")  # <-',
        'import os\nkeras.saving.load_model(os.path.join(folder, "digits"))  # <-',
        'load_model("digits.keras")',
        'load_model("digits.h5", compile=False)',
        "load_model(path)",
        'load_model("hf://somebody/digits")',
        'load_model("models/orbax/digits")',
        'model.save("digits", zipped=False)\nload_model("digits")',
        'tf.saved_model.load("digits")',
    ],
    "config-batch-input-shape": [
        'model.layers[0].get_config()["batch_input_shape"]  # <-',
        'config = model.get_config()\nconfig["layers"][0]["config"]["batch_input_shape"]  # <-',
        'def shape(layer: layers.Layer):\n    return layer.get_config()["batch_input_shape"]  # <-',
        'model.get_config()["layers"][0]["config"]["batch_shape"]',
        'config = {"batch_input_shape": (None, 3)}\nconfig["batch_input_shape"]',
        'config = model.get_config()\nconfig["batch_input_shape"] = (None, 3)',
        'import json\njson.loads(text)["config"]["batch_input_shape"]',
    ],
    "load-weights-status": [
        'model.load_weights("w.weights.h5").expect_partial()  # <-',
        'status = model.load_weights("w.weights.h5")\nstatus.assert_consumed()  # <-',
        "load_model(path).load_weights(path).assert_existing_objects_matched()  # <-",
        "tf.train.Checkpoint(model=model).restore(path).expect_partial()",
        "status = build().load_weights(path)\nstatus.assert_consumed()",
        net("", "    def load_weights(self, path):", "        return restored(path)")
        + "\n\nNet().load_weights(path).expect_partial()",
    ],
    "weights-by-short-name": [
        "found = {weight.name: weight for weight in model.weights}  # <-",
        "def kept():\n    return {one.name: one.numpy() for one in model.variables}  # <-",
        "kept = {}\nfor weight in model.weights:\n    kept[weight.name] = weight.numpy()  # <-",
        "found = {weight.path: weight for weight in model.weights}",
        "found = {layer.name: layer for layer in model.layers}",
        "found = {weight.name: weight for weight in model.layers[0].weights}",
        "names = [weight.name for weight in model.weights]",
        "found = {one.name: one for one in tf.Module().variables}",
        "found = {other.name: weight for weight in model.weights}",
    ],
    "tf-keras-saving-attribute": [
        "@tf.keras.saving.register_keras_serializable()  # <-\ndef double(x):\n    return 2 * x",
        "known = tf.keras.saving.get_custom_objects()  # <-",
        "from tensorflow import keras as k\nk.saving.load_model('m.keras')  # <-",
        "keras.saving.load_model('m.keras')",
        "from tensorflow.keras import saving\nsaving.load_model('m.keras')",
        "from tensorflow.keras.saving import get_registered_name\ntf.keras.saving.load_model(path)",
        "import tensorflow.keras.saving\ntensorflow.keras.saving.get_custom_objects()",
        "try:\n    tf.keras.saving.load_model\nexcept AttributeError:\n    pass",
    ],
    "activation-unknown-name": [
        'layers.Dense(2, activation="my_swish")  # <-',
        'layers.Dense(2, "LeakyReLU")  # <-',
        'tf.keras.layers.Activation("my_swish")  # <-',
        'layers.LSTM(2, recurrent_activation="hard")  # <-',
        'layers.Conv2D(2, 3, activation="Relu")  # <-',
        'layers.Dense(2, activation="hard_silu")',
        "layers.Dense(2, activation=my_swish)",
        "layers.Dense(2, activation=None)",
        'layers.Dense(2, activation=f"{kind}_relu")',
        'layers.Dense(2, *given, activation="swish")',
        'class Own(layers.Layer):\n    pass\n\nOwn(activation="my_swish")',
    ],
    "activation-tf-softmax-object": [
        "layers.Dense(2, activation=tf.nn.softmax)  # <-",
        "tf.keras.layers.Dense(2, tf.nn.softmax)  # <-",
        "layers.Activation(tf.nn.swish)  # <-",
        "from tensorflow.nn import silu\nlayers.Conv2D(2, 3, activation=silu)  # <-",
        "layers.Dense(2, activation=tf.nn.relu)",
        "layers.Dense(2, activation=tf.keras.activations.softmax)",
        'layers.Dense(2, activation="softmax")',
        "layers.Lambda(tf.nn.softmax)",
        "tf.nn.softmax(model(x))",
    ],
    "lambda-layer-in-saved-model": [
        "layers.Lambda(lambda x: 2 * x)  # <-",
        "tf.keras.layers.Lambda(function=lambda x: 2 * x, name='double')  # <-",
        "again = keras.Sequential([layers.Lambda(lambda x: x)])  # <-",
        "layers.Lambda(double)",
        "layers.Lambda(tf.nn.relu)",
        "model.fit(map(lambda x: x, rows))",
    ],
    "model-without-get-config": [
        net("rate, **kwargs", 'Net(rate=0.5).save("net.keras")  # <-'),
        net("rate=0.1, **kwargs", "one = Net(0.5)", 'one.save("net.h5")  # <-'),
        net("rate=0.1", 'save_model(Net(rate=0.5), "net.keras")  # <-'),
        net("rate=0.1, **kwargs", 'Net().save("net.keras")'),
        net("rate=0.1, **kwargs", 'Net(name="one").save("net.keras")'),
        net("rate, **kwargs", KEEPING, 'Net(rate=0.5).save("net.keras")'),
        net("rate, **kwargs", "Net(rate=0.5).save(path)"),
        net("rate, **kwargs", 'Net(**given).save("net.keras")'),
        net("rate, **kwargs", 'Net(rate=0.5).save_weights("net.weights.h5")'),
        net(
            "rate, **kwargs", "class More(Other, Net):", "    pass", 'More(rate=1).save("n.keras")'
        ),
        net("inputs, outputs", 'Net(inputs=x, outputs=y).save("net.keras")'),
    ],
    "model-without-kwargs": [
        net("", 'Net().save("net.keras")  # <-'),
        net("name=None", "one = Net(name='one')", 'one.save("net.h5")  # <-'),
        net("rate=1", 'keras.saving.save_model(Net(), "net.keras")  # <-'),
        "class Own(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
        'keras.Sequential([layers.Dense(2), Own()]).save("net.keras")  # <-',
        net("**kwargs", 'Net().save("net.keras")'),
        net("name=None, trainable=True, dtype=None", 'Net().save("net.keras")'),
        net("", KEEPING, 'Net().save("net.keras")'),
        net("", "    @classmethod", "    def from_config(cls, config):", "        return cls()")
        + '\n\nNet().save("net.keras")',
        net("", "    def save(self, path):", "        keep(path)") + '\n\nNet().save("net.keras")',
        net("", 'Net().save_weights("net.weights.h5")'),
        "class Net(keras.Model):\n    def call(self, x):\n        return x\n"
        'Net().save("net.keras")',
        "class Net(Other):\n    def __init__(self):\n        super().__init__()\n"
        'Net().save("net.keras")',
    ],
    "get-config-without-kwargs": [
        scale("rate"),
        scale("rate, name=None"),
        scale("rate", "config = super(Scale, self).get_config()\n        return config"),
        scale("rate").replace("layers.Layer", "keras.Model"),
        fine(scale("rate, **kwargs")),
        fine(scale("rate, name=None, trainable=True, dtype=None")),
        fine(scale("rate", "return {'rate': self.rate}")),
        fine(scale("rate", "config = super().get_config()\n        config.pop('name')")),
        fine(scale("rate"))
        + "    @classmethod\n    def from_config(cls, config):\n        return 1\n",
        fine(scale("rate")).replace("layers.Layer", "Other, layers.Layer"),
        fine(scale("rate")).replace("layers.Layer", "Other"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "snippet"), [(rule, one) for rule, several in SNIPPETS.items() for one in several]
)
def test_what_is_marked_is_reported_and_nothing_else(
    rule: str, snippet: str, tmp_path: Path
) -> None:
    assert_marked_lines(rule, PRELUDE + snippet, ENTRIES, tmp_path)


def test_each_check_has_its_snippets() -> None:
    checked = {one.rule for one in ENTRIES if any(pattern.check for pattern in one.find)}
    assert checked == set(SNIPPETS)


def test_the_names_of_activations_are_those_that_a_layer_takes() -> None:
    import keras

    for name in sorted(
        installed.names()["keras.activations"] - {"get", "serialize", "deserialize"}
    ):
        assert keras.layers.Dense(2, activation=name).activation is not None
