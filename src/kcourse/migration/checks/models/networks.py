"""Checks of how models are made, called and cut."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Constant, Instance, ListOf, Named, Value

registry = Registry()

_LAYER, _MODEL, _SEQUENTIAL = "keras.layers.Layer", "keras.Model", "keras.Sequential"
_ARRAYS = ("keras.KerasTensor", "tensorflow.Tensor", "numpy.ndarray")


@registry.of_call()
def second_argument_of_model_call(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model(x, y)``: the second argument of a Sequential or functional model is ``training``."""
    if len(call.positional) < 2:
        return
    model = call.callee
    if isinstance(model, Instance) and (_is_functional(model) or _is_sequential(model)):
        yield call.node


@registry.of_call()
def one_input_in_a_list(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model(x)`` with one tensor, where the model was made for a list of one."""
    model = call.callee
    if not isinstance(model, Instance) or model.call is None or not _is_functional(model):
        return
    inputs = _written(model.call, "inputs", 0)
    alone = len(call.node.args) == len(call.positional) == 1
    if alone and _is_array(call.positional[0]) and _is_list_of_one(inputs, reader):
        yield call.node


def _is_list_of_one(inputs: ast.expr | None, reader: Reader) -> bool:
    """Whether a model's ``inputs`` are a list of one: written out, or those of another model."""
    if isinstance(inputs, ast.List | ast.Tuple):
        return len(inputs.elts) == 1 and not isinstance(inputs.elts[0], ast.Starred)
    if not isinstance(inputs, ast.Attribute) or inputs.attr != "inputs":
        return False
    other = reader.standing_for(inputs.value)
    return isinstance(other, Instance) and (_is_sequential(other) or _is_application(other))


@registry.of_call("Convolution1D", "Convolution2D", "Convolution3D")
def keras1_three_numbers(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Convolution2D(32, 3, 3)``, where the third number was a width."""
    if not isinstance(call.callee, Named) or _LAYER not in namespaces.classes(call.callee.path):
        return
    numbers = [one.value for one in call.positional[:3] if isinstance(one, Constant)]
    # The old name is still there, and a third number of 1 or 2 may be meant as a stride.
    if len(numbers) == 3 and type(numbers[2]) is int and numbers[2] > 2:
        yield call.node


@registry.of_call("build")
def subclassed_model_build(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model.build(shape)`` of a subclassed model that has no ``build``: it builds no layer."""
    callee = call.callee
    if not isinstance(callee, Bound) or not isinstance(callee.owner, Instance):
        return
    user = callee.owner.user
    if user is None or not callee.owner.of(_MODEL) or callee.owner.of(_SEQUENTIAL):
        return
    if user.defines("build") or user.method("call") is None or len(user.node.bases) != 1:
        return  # without `call` it may be a functional model
    attributes = (user.attributes or {}).values()
    layers = any(isinstance(one, Instance) and one.of(_LAYER) for one in attributes)
    if layers and (call.node.args or call.node.keywords):
        yield call.node


@registry.of_call("get_initial_state")
def initial_state_of_inputs(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``self.gru.get_initial_state(x)``: the argument is the size of the batch."""
    callee = call.callee
    if not isinstance(callee, Bound) or not isinstance(callee.owner, Instance):
        return
    if not callee.owner.of("keras.layers.RNN") or len(call.node.args) != 1:
        return
    given = call.positional[0] if call.positional else None
    if _is_array(given) or _comes_out_of_a_layer(call.node.args[0], call.node, reader):
        yield call.node


def _comes_out_of_a_layer(node: ast.expr, place: ast.Call, reader: Reader) -> bool:
    """Whether a name was last assigned, in its function, what a layer returns."""
    functions = [
        one
        for one in reader.everything(ast.FunctionDef)
        if any(inner is place for inner in ast.walk(one))
    ]
    if not functions or not isinstance(node, ast.Name):
        return False
    assigned = [
        one
        for one in ast.walk(functions[-1])  # the innermost is met last
        if isinstance(one, ast.Assign) and one.lineno < place.lineno
        if any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
    ]
    last = max(assigned, key=lambda one: one.lineno).value if assigned else None
    callee = reader.standing_for(last.func) if isinstance(last, ast.Call) else None
    return isinstance(callee, Instance) and callee.of(_LAYER)


@registry.of_call("set_value")
def keras_variable_in_set_value(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.keras.backend.set_value`` of a variable of a layer or of an optimizer."""
    variable = _written(call, "x", 0)
    if not isinstance(call.callee, Named) or not isinstance(variable, ast.Attribute):
        return
    if call.callee.path != "tensorflow.keras.backend.set_value":
        return
    owner = reader.standing_for(variable.value)
    if not isinstance(owner, Instance) or owner.user is not None:
        return  # a class of the audited code may hold a variable of TensorFlow's own
    if owner.of(_LAYER) or owner.of("keras.optimizers.Optimizer"):
        yield call.node


@registry.of_call("pop", "append", "insert", "remove", "extend", "clear")
def pop_from_model_layers(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model.layers.pop()`` changes a copy."""
    func = call.node.func
    layers = func.value if isinstance(func, ast.Attribute) else None
    if not isinstance(layers, ast.Attribute) or layers.attr != "layers":
        return
    owner = reader.standing_for(layers.value)
    of_model = isinstance(owner, Instance) and owner.of(_MODEL)
    if of_model and isinstance(reader.standing_for(layers), ListOf):
        yield call.node


@registry.of_node(ast.Attribute)
def sequential_input(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``input`` or ``output`` of a Sequential model that is never called on a symbol."""
    if node.attr not in {"input", "output"} or not isinstance(node.value, ast.Name):
        return
    model = reader.standing_for(node.value)
    if not isinstance(model, Instance) or not _is_sequential(model):
        return
    name = node.value.id
    owners = {
        id(one.value)
        for one in reader.everything(ast.Attribute)
        if one.attr not in {"call", "__call__"}
    }
    loads = [
        one
        for one in reader.everything(ast.Name)
        if one.id == name and isinstance(one.ctx, ast.Load)
    ]
    # Where the model itself goes somewhere, it may be called there.
    if all(id(one) in owners for one in loads):
        yield node


@registry.of_node(ast.Attribute)
def layer_output_shape(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``output_shape`` or ``input_shape`` of a layer that is no model."""
    if node.attr not in {"input_shape", "output_shape"}:
        return
    owner = reader.standing_for(node.value)
    if not isinstance(owner, Instance) or not owner.of(_LAYER) or owner.of(_MODEL):
        return
    if owner.user is not None:
        certain = not _is_self(node.value) and not owner.user.defines(node.attr)
    elif owner.classes[0] != _LAYER:
        certain = True
    elif isinstance(node.value, ast.Subscript):  # model.layers[0].output_shape
        certain = _has_plain_layers(_owner_of_layers(node.value.value, reader))
    else:
        certain = _is_in_loop_over_layers(node, reader)
    if certain:
        yield node


def _is_in_loop_over_layers(node: ast.Attribute, reader: Reader) -> bool:
    """Whether this is asked of each of ``model.layers``, which cannot all be models."""
    if not isinstance(node.value, ast.Name):
        return False
    for loop in reader.everything(ast.For, *_COMPREHENSIONS):
        generator = loop if isinstance(loop, ast.For) else _generator(loop)
        if generator is None or not isinstance(generator.target, ast.Name):
            continue
        if generator.target.id != node.value.id:
            continue
        inside = list(ast.walk(loop))
        if not any(one is node for one in inside):
            continue
        model = _owner_of_layers(generator.iter, reader)
        # A functional model begins with an `InputLayer`.
        fits = _has_plain_layers(model) or (model is not None and _is_functional(model))
        # A condition, or the like, may pick out the models among the layers.
        return fits and not any(isinstance(one, _CONDITIONS) for one in inside)
    return False


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_CONDITIONS = (ast.If, ast.IfExp, ast.BoolOp, ast.Try)


def _generator(node: ast.AST) -> ast.comprehension | None:
    """Return the loop of a comprehension that has one, without a condition."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        first = node.generators[0]
        return first if len(node.generators) == 1 and not first.ifs else None
    return None


def _owner_of_layers(node: ast.expr, reader: Reader) -> Instance | None:
    """Return the model whose ``layers`` this is."""
    if not isinstance(node, ast.Attribute) or node.attr != "layers":
        return None
    model = reader.standing_for(node.value)
    return model if isinstance(model, Instance) and model.of(_MODEL) else None


def _has_plain_layers(model: Instance | None) -> bool:
    """Whether all layers of a Sequential model are known, and none is a model."""
    known = model.layers if model is not None else None
    return bool(known) and all(
        isinstance(layer, Instance) and not layer.of(_MODEL) for layer in known or ()
    )


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _made_by(model: Instance) -> str:
    """Return the name of the class or function of Keras that made a model."""
    callee = model.call.callee if model.call is not None else None
    return namespaces.standing(callee.path) if isinstance(callee, Named) else ""


def _is_sequential(model: Instance) -> bool:
    return _SEQUENTIAL in namespaces.classes(_made_by(model))


def _is_application(model: Instance) -> bool:
    return _made_by(model).startswith("keras.applications.")


def _is_functional(model: Instance) -> bool:
    """Whether a model was made by ``keras.Model(inputs, outputs)``, or is one of Keras's own."""
    call = model.call
    given = call is not None and call.gives("inputs", 0) and call.gives("outputs", 1)
    of_model = namespaces.classes(_made_by(model))[:1] == (_MODEL,)
    return (given and of_model) or _is_application(model)


def _is_array(value: Value) -> bool:
    """Whether this is plainly one array or tensor, and no list of them."""
    return isinstance(value, Instance) and any(map(value.of, _ARRAYS))


def _written(call: Call, name: str, position: int) -> ast.expr | None:
    """Return an argument as it is written."""
    for keyword in call.node.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.node.args[position] if position < len(call.node.args) else None
