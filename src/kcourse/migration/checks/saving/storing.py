"""Checks for what is saved and loaded: whole models, weights, custom objects."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from weakref import WeakSet

from kcourse.migration import installed, namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
    Constant,
    Either,
    Instance,
    Named,
    Text,
    UserClass,
    Value,
)

registry = Registry()

#: Names of files that hold a whole model.
_WHOLE_MODEL = (".keras", ".h5", ".hdf5")
#: What the config of every layer and model holds, for its ``__init__`` to take.
_IN_EVERY_CONFIG = {"name", "trainable", "dtype"}
_WEIGHTS = {
    *("weights", "trainable_weights", "non_trainable_weights"),
    *("variables", "trainable_variables", "non_trainable_variables"),
}
#: Methods of what ``load_weights`` returned for a checkpoint.
_STATUS = {
    "assert_consumed",
    "assert_existing_objects_matched",
    "assert_nontrivial_match",
    "expect_partial",
}
#: Layers with an activation, and its position in their arguments.
_ACTIVATED: dict[str, int | None] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose")),
    **dict.fromkeys(("Conv3DTranspose", "SeparableConv1D", "SeparableConv2D", "EinsumDense")),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "LSTM", "GRU", "SimpleRNN")),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTM2D")),
    "Activation": 0,
    "Dense": 1,
}
#: Functions of TensorFlow whose own name is none that Keras loads them by.
_NOT_LOADED = {
    *("tensorflow.nn.softmax", "tensorflow.nn.log_softmax", "tensorflow.math.log_softmax"),
    *("tensorflow.nn.silu", "tensorflow.nn.swish", "tensorflow.nn.crelu"),
}
#: Readers that have met ``model.save(folder, zipped=False)``.
_SAVING_FOLDERS: WeakSet[Reader] = WeakSet()


# How a model is saved.


@registry.of_call("save", "save_model")
def save_format_refused(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``save_format``, unless the name's ending tells the format of a file."""
    if (saved := _saved(call)) is None or "save_format" not in call.keywords:
        return
    if path := _text(saved[1]):
        refused = not path.endswith(_WHOLE_MODEL)
    else:  # a SavedModel is a folder, and folders seldom have an ending
        refused = _text(call.keywords["save_format"]) == "tf"
    if refused:
        yield _keyword(call, "save_format")


@registry.of_call("save", "save_model")
def optimizer_left_out_of_keras_file(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``include_optimizer=False`` for a file that heeds it no longer."""
    if (saved := _saved(call)) is None or not _text(saved[1]).endswith(".keras"):
        return
    if call.keywords.get("include_optimizer") == Constant(False):
        yield _keyword(call, "include_optimizer")


@registry.of_call("save", "save_model")
def model_without_get_config(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A model of a class that keeps nothing of the arguments it was made with."""
    if (saved := _saved(call)) is None or not _text(saved[1]).endswith(_WHOLE_MODEL):
        return
    if _loses_arguments(saved[0]):
        yield call.node


@registry.of_call("save", "save_model")
def saved_class_without_kwargs(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A model with a class that cannot be made of its own config."""
    if (saved := _saved(call)) is None or not _text(saved[1]).endswith(_WHOLE_MODEL):
        return
    model = saved[0]
    if _loses_arguments(model):
        return  # it is told of already
    for one in (model, *(model.layers or ())):
        user = one.user if one is not None else None
        if user is None or not _has_config_of_keras(user) or user.defines("get_config"):
            continue
        if not _takes(user, _IN_EVERY_CONFIG - {"name"}):  # without it the config has no name
            yield call.node
            return


def _loses_arguments(model: Instance) -> bool:
    """Whether a model was made with arguments of its own that its config will not have."""
    user, made = model.user, model.call
    if user is None or made is None or made.open or not model.of("keras.Model"):
        return False
    if not _has_config_of_keras(user) or user.defines("get_config"):
        return False
    init = user.method("__init__")
    if init is None:
        return False
    positional = [one.arg for one in (*init.args.posonlyargs, *init.args.args)][1:]
    names = {*positional, *(one.arg for one in init.args.kwonlyargs)} - _IN_EVERY_CONFIG
    if {"inputs", "outputs"} <= names:
        return False  # a functional model, which keeps its layers
    given = {*positional[: len(made.positional)], *made.keywords}
    return bool(names & given)


def _has_config_of_keras(user: UserClass) -> bool:
    """Whether what makes a config, and an object of it, is not of somebody else's making."""
    chain = [user]
    for one in chain:
        if len(one.node.bases) != 1:
            return False  # of another class above it nothing may be known
        chain += one.parents
    return "keras.Sequential" not in user.classes and not user.defines("from_config")


def _takes(user: UserClass, names: set[str]) -> bool:
    """Whether a class's ``__init__`` takes these keyword arguments."""
    init = user.method("__init__")
    if init is None or init.args.kwarg is not None:
        return True
    return names <= {one.arg for one in (*init.args.args, *init.args.kwonlyargs)}


def _saved(call: Call) -> tuple[Instance, Value] | None:
    """Return the model that a call saves, and where to."""
    callee = call.callee
    if _called(call) in {"keras.models.save_model", "keras.saving.save_model"}:
        model = call.argument("model", 0)
        # What is handed over is a model, of whatever class.
        owner = model if isinstance(model, Instance) else Instance(("keras.Model",))
        return owner, call.argument("filepath", 1)
    if isinstance(callee, Bound) and isinstance(callee.owner, Instance):
        owner = callee.owner
        own = owner.user is not None and owner.user.defines("save")
        if owner.of("keras.Model") and callee.name == "save" and not own:
            return owner, call.argument("filepath", 0)
    return None


def _called(call: Call) -> str:
    """Return the name of a function or class that is called; empty if it is not known."""
    callee = call.callee
    named = callee.names if isinstance(callee, Either) else (callee,)
    paths = {namespaces.standing(one.path) for one in named if isinstance(one, Named)}
    return paths.pop() if len(paths) == 1 else ""


def _text(value: Value) -> str:
    """Return a string whose end is known; else nothing."""
    known = isinstance(value, Text) and not value.text.endswith(UNKNOWN_PART)
    return value.text if known and isinstance(value, Text) else ""


def _keyword(call: Call, name: str) -> ast.AST:
    return next((one for one in call.node.keywords if one.arg == name), call.node)


# What is loaded.


@registry.of_call("load_model", "save", "save_model")
def load_model_of_folder(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``load_model("folder")``, in a file that saves no model as a folder of Keras's."""
    if call.keywords.get("zipped") == Constant(False):
        _SAVING_FOLDERS.add(reader)
    path = _text(call.argument("filepath", 0))
    if not path or _called(call) not in {"keras.models.load_model", "keras.saving.load_model"}:
        return
    # A remote file may have any name, and so may a folder of Orbax.
    other = path.endswith(_WHOLE_MODEL) or re.search("://|orbax", path)
    if not other and reader not in _SAVING_FOLDERS:
        yield call.node


@registry.of_node(ast.Attribute)
def status_of_load_weights(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``model.load_weights(path).expect_partial()``, which is asked of nothing."""
    if node.attr in _STATUS:
        status = reader.standing_for(node.value)
        if isinstance(status, Instance) and status.of("NoneType"):
            yield node


@registry.of_node(ast.Subscript)
def batch_input_shape_of_config(node: ast.Subscript, reader: Reader) -> Iterator[ast.AST]:
    """``config["layers"][0]["config"]["batch_input_shape"]`` of what Keras gives as a config."""
    key = node.slice
    if not isinstance(key, ast.Constant) or key.value != "batch_input_shape":
        return
    whole: ast.expr = node.value
    while isinstance(whole, ast.Subscript):
        whole = whole.value
    config = reader.standing_for(whole)
    read = isinstance(node.ctx, ast.Load)
    if read and isinstance(config, Instance) and config.of(namespaces.CONFIG):
        yield node


# Weights by their names.


@registry.of_node(ast.Assign, ast.Return, ast.For)
def weights_keyed_by_name(
    node: ast.Assign | ast.Return | ast.For, reader: Reader
) -> Iterator[ast.AST]:
    """``{weight.name: weight for weight in model.weights}``: names that many weights share."""
    if isinstance(node, ast.For):
        for one in node.body:
            filled = one.targets[0] if isinstance(one, ast.Assign) else None
            by_name = isinstance(filled, ast.Subscript) and _is_name_of(filled.slice, node.target)
            if by_name and _are_weights(node.iter, reader):
                yield one
    elif isinstance(node.value, ast.DictComp):
        first = node.value.generators[0]
        if _is_name_of(node.value.key, first.target) and _are_weights(first.iter, reader):
            yield node.value


def _is_name_of(node: ast.expr, weight: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "name"
        and isinstance(node.value, ast.Name)
        and isinstance(weight, ast.Name)
        and node.value.id == weight.id
    )


def _are_weights(node: ast.expr, reader: Reader) -> bool:
    """Whether an expression is the list of all weights of a model."""
    if not isinstance(node, ast.Attribute) or node.attr not in _WEIGHTS:
        return False
    model = reader.standing_for(node.value)
    own = isinstance(model, Instance) and model.user is not None and model.user.defines(node.attr)
    return isinstance(model, Instance) and model.of("keras.Model") and not own


# Custom objects.


@registry.of_node(ast.Attribute)
def tf_keras_saving_attribute(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``tf.keras.saving``, unless something here imports that module."""
    if node.attr != "saving" or reader.standing_for(node.value) != Named("tensorflow.keras"):
        return
    if ast.unparse(node.value) == "tensorflow.keras":
        return  # perhaps after `import tensorflow.keras.saving`
    if not any(path.startswith("tensorflow.keras.saving") for _, path in reader.aliases):
        yield node


@registry.of_call(*_ACTIVATED)
def activation_of_unknown_name(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """An activation by a name that is none of Keras's own."""
    known = installed.names()["keras.activations"] - {"get", "serialize", "deserialize"}
    for value, node in _activations(call):
        if isinstance(value, Text) and UNKNOWN_PART not in value.text and value.text not in known:
            yield node


@registry.of_call(*_ACTIVATED)
def tf_function_as_activation(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """An activation of TensorFlow's that a saved model is not loaded with."""
    for value, node in _activations(call):
        if isinstance(value, Named) and value.path in _NOT_LOADED:
            yield node


def _activations(call: Call) -> Iterator[tuple[Value, ast.AST]]:
    """Yield the activations that a layer of Keras is made with."""
    module, _, layer = _called(call).rpartition(".")
    if module != "keras.layers" or layer not in _ACTIVATED:
        return
    for name in ("activation", "recurrent_activation"):
        if name in call.keywords:
            yield call.keywords[name], _keyword(call, name)
    position = _ACTIVATED[layer]
    if position is not None and position < len(call.positional) and not call.open:
        yield call.positional[position], call.node.args[position]


@registry.of_call("Lambda")
def layer_of_a_lambda(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``keras.layers.Lambda(lambda …)``, which only an unsafe ``load_model`` loads."""
    function = call.node.args[0] if call.node.args else _keyword(call, "function")
    if isinstance(function, ast.keyword):
        function = function.value
    if _called(call) == "keras.layers.Lambda" and isinstance(function, ast.Lambda):
        yield call.node


@registry.of_class("keras.layers.Layer")
def config_that_init_refuses(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A config with what ``super()`` gives, for an ``__init__`` without ``**kwargs``."""
    config = user.methods.get("get_config")
    if config is None or not _has_config_of_keras(user) or _takes(user, _IN_EVERY_CONFIG):
        return
    above = False
    for node in ast.walk(config):
        if isinstance(node, ast.Delete | ast.DictComp):
            return  # it may leave out what __init__ does not take
        if isinstance(node, ast.Attribute) and node.attr in {"pop", "clear"}:
            return
        above |= isinstance(node, ast.Call) and _is_of_super(node.func)
    if above and not any(parent.defines("get_config") for parent in user.parents):
        yield user.methods.get("__init__", config)


def _is_of_super(node: ast.expr) -> bool:
    """Whether this is ``super().get_config``, in the long form or the short one."""
    if not isinstance(node, ast.Attribute) or node.attr != "get_config":
        return False
    above = node.value.func if isinstance(node.value, ast.Call) else None
    return isinstance(above, ast.Name) and above.id == "super"
