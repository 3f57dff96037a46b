"""Checks for modules and layers with their variables, for summaries, and for predictions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.tensors import called
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Instance, Items, UserClass, Value

registry = Registry()


@registry.of_node(ast.Attribute)
def keras_layer_in_tf_module(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``module.trainable_variables`` of a ``tf.Module`` that holds a layer of Keras."""
    if node.attr not in {"trainable_variables", "variables"}:
        return
    owner = reader.standing_for(node.value)
    if not isinstance(owner, Instance) or owner.user is None or not owner.of("tensorflow.Module"):
        return
    user = owner.user
    if owner.of("keras.layers.Layer") or user.defines(node.attr):
        return
    layers = {name for name, value in (user.attributes or {}).items() if _is_layer(value)}
    if layers and not _gathers(layers, reader):
        yield node


def _is_layer(value: Value) -> bool:
    if isinstance(value, Items):
        return any(map(_is_layer, value.values))
    return isinstance(value, Instance) and value.of("keras.layers.Layer")


def _gathers(layers: set[str], reader: Reader) -> bool:
    """Whether the file asks these attributes for their variables: then they are not forgotten."""
    lists = {"trainable_variables", "trainable_weights", "variables", "weights"}
    return any(
        node.attr in lists and isinstance(node.value, ast.Attribute) and node.value.attr in layers
        for node in reader.everything(ast.Attribute)
    )


@registry.of_class("keras.layers.Layer")
def tf_variable_in_keras_layer(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``self.x = tf.Variable(…)`` in a layer or a model of Keras."""
    if {"trainable_variables", "trainable_weights"} & user.methods.keys():
        return
    # A class that lists its variables itself, for a tape, trains them.
    listed = {
        one.attr
        for node in ast.walk(user.node)
        if isinstance(node, ast.List | ast.Tuple)
        for one in node.elts
        if isinstance(one, ast.Attribute)
    }
    for method in user.methods.values():
        for node in ast.walk(method):
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)):
                continue
            target = node.targets[0]
            of_self = isinstance(target.value, ast.Name) and target.value.id == "self"
            if of_self and target.attr not in listed and _makes_weight(node.value, reader):
                yield node


def _makes_weight(node: ast.expr, reader: Reader) -> bool:
    if isinstance(node, ast.List):
        return any(_makes_weight(one, reader) for one in node.elts)
    if isinstance(node, ast.ListComp):
        return _makes_weight(node.elt, reader)
    if not isinstance(node, ast.Call):
        return False
    # What is not to be trained may be a count that nobody saves.
    fixed = len(node.args) > 1 or any(
        one.arg is None or (one.arg == "trainable" and not _is_true(one.value))
        for one in node.keywords
    )
    return not fixed and called(reader.standing_for(node.func)) == "tensorflow.Variable"


@registry.of_call("scalar", "image", "histogram", "text", "audio")
def summary_without_step(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.summary.scalar(name, value)`` in a file that makes a writer and sets no step."""
    module, _, name = called(call.callee).rpartition(".")
    if module != "tensorflow.summary" or call.open:
        return
    if call.gives("step", 3 if name == "audio" else 2) or "set_step" in reader.words:
        return
    writes = {"create_file_writer", "FileWriter", "merge_all"} & reader.words
    if writes and not any(map(_sets_step, reader.everything(ast.Call))):
        yield call.node


def _sets_step(node: ast.Call) -> bool:
    """Whether this is ``writer.as_default(step)``."""
    named = isinstance(node.func, ast.Attribute) and node.func.attr == "as_default"
    return named and bool(node.args or node.keywords)


@registry.of_call("float", "int")
def float_of_one_row(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``float(model.predict(x)[0])`` of a model that ends in a ``Dense`` layer."""
    if not isinstance(call.node.func, ast.Name) or len(call.node.args) != 1:
        return
    array = call.node.args[0]
    if isinstance(array, ast.Subscript):
        index = array.slice.operand if isinstance(array.slice, ast.UnaryOp) else array.slice
        if not (isinstance(index, ast.Constant) and type(index.value) is int):
            return
        array = array.value
    value = reader.standing_for(array)
    if not isinstance(value, Instance) or value.call is None:
        return
    predict = value.call.callee
    if not isinstance(predict, Bound) or predict.name != "predict" or call.callee is not None:
        return
    if _ends_in_dense(predict.owner):
        yield call.node


def _ends_in_dense(model: Value) -> bool:
    if not isinstance(model, Instance):
        return False
    if model.layers:
        last = model.layers[-1]
    else:
        outputs = model.outputs
        if isinstance(outputs, Items) and len(outputs.values) == 1:
            outputs = outputs.values[0]
        last = outputs.producer if isinstance(outputs, Instance) else None
    return last is not None and last.of("keras.layers.Dense")


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
