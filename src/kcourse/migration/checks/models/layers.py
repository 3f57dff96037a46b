"""Checks of how classes of layers and models are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.models.symbols import OF_TENSOR_SHAPE
from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import Bound, Call, Instance, Named, Text, UserClass

registry = Registry()

_LAYER = "keras.layers.Layer"

#: Layers that have weights whatever they are given.
_WITH_WEIGHTS = {
    *("Dense", "EinsumDense", "Embedding", "PReLU", "Bidirectional"),
    *("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    *("BatchNormalization", "LayerNormalization", "GroupNormalization"),
    *("MultiHeadAttention", "GroupQueryAttention"),
    *(f"{name}{n}D" for name in ("Conv", "Convolution") for n in (1, 2, 3)),
    *(f"{name}{n}DTranspose" for name in ("Conv", "Convolution") for n in (2, 3)),
    *("Conv1DTranspose", "SeparableConv1D", "SeparableConv2D"),
    *("DepthwiseConv1D", "DepthwiseConv2D"),
}

_COMPARISONS = {
    *("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"),
    *("logical_and", "logical_or", "logical_not", "logical_xor"),
}
#: Functions whose result is a tensor while a graph is made, by the module they are known in.
_TENSOR_VALUED = {
    "tensorflow": {"rank", "shape", "size", *_COMPARISONS},
    "tensorflow.math": {"is_finite", "is_inf", "is_nan", "count_nonzero", *_COMPARISONS},
    "keras.ops": {
        *("all", "any", "count_nonzero", "max", "mean", "min", "norm", "prod", "std", "sum", "var"),
        *("isfinite", "isinf", "isnan", *_COMPARISONS),
    },
}


@registry.of_class(_LAYER)
def missing_super_init(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """An ``__init__`` that never comes to that of the class above."""
    init = user.methods.get("__init__")
    if init is None or isinstance(init.body[-1], ast.Raise):
        return
    calls = (one.attr for one in ast.walk(user.node) if isinstance(one, ast.Attribute))
    if "__init__" not in calls:
        yield init


@registry.of_call("__init__")
def super_init_of_self(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``super().__init__(self)``, which gives a layer itself as an argument."""
    callee, func, first = call.callee, call.node.func, next(iter(call.node.args), None)
    if not isinstance(callee, Bound) or not isinstance(callee.owner, Instance):
        return
    of_super = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call)
    known = callee.owner.classes[:1] in ((_LAYER,), ("keras.Model",))
    if of_super and known and isinstance(first, ast.Name) and first.id == "self":
        yield call.node


@registry.of_class(_LAYER)
def layer_made_in_call(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``call`` makes a layer with weights and calls it: new weights at every step."""
    method = user.methods.get("call")
    if method is None:
        return
    own = _own_names(method)
    called = {id(node.func) for node in ast.walk(method) if isinstance(node, ast.Call)}
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and id(node) in called:
            if _makes_weights(node, own, reader):
                yield node
        elif isinstance(node, ast.Assign) and _makes_weights(node.value, own, reader):
            target = node.targets[0]
            name = target.id if isinstance(target, ast.Name) and len(node.targets) == 1 else ""
            uses = [one for one in _loads(method) if one.id == name]
            # A name that is also kept somewhere, as in `self.dense = dense`, may be made once.
            if uses and all(id(one) in called for one in uses):
                yield node.value


@registry.of_call("add_weight", "add_variable")
def weight_name_first(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``add_weight("kernel", …)``: the first argument is the shape."""
    callee = call.callee
    if not isinstance(callee, Bound) or not isinstance(callee.owner, Instance):
        return
    owner = callee.owner
    if owner.user is not None and owner.user.defines(callee.name):
        return
    if owner.of(_LAYER) and call.positional and isinstance(call.positional[0], Text):
        yield call.node


@registry.of_class(_LAYER)
def tensor_shape_in_build(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``build`` and ``compute_output_shape`` use a shape as a ``tf.TensorShape``."""
    for name in ("build", "compute_output_shape"):
        method = user.methods.get(name)
        if method is None or len(method.args.args) < 2:
            continue
        shape = method.args.args[1].arg
        if shape in _stored(method) or any(
            one.id in {"isinstance", "hasattr"} for one in _loads(method)
        ):
            continue  # it may have been made one, or the code asks what it is
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and _is_of_tensor_shape(node, shape):
                yield node


@registry.of_class(_LAYER)
def tensor_if_in_call(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``call`` asks a tensor with ``if`` or ``while``, or iterates over ``tf.range``."""
    method = user.methods.get("call")
    if method is None or method.decorator_list:
        return
    own = _own_names(method)
    waiting: list[ast.AST] = list(method.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue  # it may be decorated, or handed to `tf.cond`
        waiting += ast.iter_child_nodes(node)
        test = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else None
        if test is not None and _is_tensor(test, own, reader):
            yield test
        turns = node.iter if isinstance(node, ast.For) else None
        if isinstance(turns, ast.Call) and _path(turns.func, own, reader) == "tensorflow.range":
            yield turns


@registry.of_class(_LAYER)
def nested_state_size(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A cell's ``state_size`` that is a ``tf.TensorShape``, or has shapes or lists in it."""
    for method in user.methods.values():
        own = _own_names(method)
        for node in ast.walk(method):
            if not isinstance(node, ast.Assign) or not _is_own(node.targets[0], "state_size"):
                continue
            sizes = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else ()
            calls = [one for one in (node.value, *sizes) if isinstance(one, ast.Call)]
            shapes = any(_path(one.func, own, reader) == "tensorflow.TensorShape" for one in calls)
            if shapes or any(isinstance(one, ast.List | ast.Tuple) for one in sizes):
                yield node


def _path(node: ast.expr, own: set[str], reader: Reader) -> str:
    """Return the dotted name of what a method uses, unless it begins with a name of its own."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id in own:
        return ""
    value = reader.standing_for(node)
    return namespaces.standing(value.path) if isinstance(value, Named) else ""


def _loads(method: Function) -> Iterator[ast.Name]:
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node


def _own_names(method: Function) -> set[str]:
    """Return the names that a method binds: they are not those of the module."""
    arguments = [node.arg for node in ast.walk(method) if isinstance(node, ast.arg)]
    return _stored(method).union(arguments)


def _stored(method: Function) -> set[str]:
    """Return the names that a method assigns to."""
    return {
        node.id
        for node in ast.walk(method)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _makes_weights(node: ast.expr, own: set[str], reader: Reader) -> bool:
    if not isinstance(node, ast.Call):
        return False
    module, _, name = _path(node.func, own, reader).rpartition(".")
    return module == "keras.layers" and name in _WITH_WEIGHTS


def _is_of_tensor_shape(node: ast.Attribute, shape: str) -> bool:
    owner = node.value
    of_entry = isinstance(owner, ast.Subscript) and not isinstance(owner.slice, ast.Slice)
    if isinstance(owner, ast.Subscript):
        owner = owner.value
    if not isinstance(owner, ast.Name) or owner.id != shape:
        return False
    return node.attr in OF_TENSOR_SHAPE or (of_entry and node.attr == "value")


def _is_tensor(test: ast.expr, own: set[str], reader: Reader) -> bool:
    """Whether the truth of a condition hangs on a tensor that is computed in it."""
    match test:
        case ast.BoolOp():
            parts = test.values
        case ast.Compare():
            if any(isinstance(one, ast.Is | ast.IsNot | ast.In | ast.NotIn) for one in test.ops):
                return False
            parts = [test.left, *test.comparators]
        case ast.UnaryOp():
            parts = [test.operand]
        case ast.BinOp():
            parts = [test.left, test.right]
        case ast.Subscript():
            parts = [test.value]
        case ast.Call():
            module, _, name = _path(test.func, own, reader).rpartition(".")
            reduces = name.startswith("reduce_") and module in ("tensorflow", "tensorflow.math")
            return reduces or name in _TENSOR_VALUED.get(module, ())
        case _:
            return False
    return any(_is_tensor(one, own, reader) for one in parts)


def _is_own(target: ast.expr, name: str) -> bool:
    """Whether this is ``self.name``."""
    return (
        isinstance(target, ast.Attribute)
        and target.attr == name
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    )
