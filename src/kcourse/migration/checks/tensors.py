"""Checks of chapter tensors: shapes, items and numbers of single tensors."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Constant, Instance, Items, Named, Text, Value

registry = Registry()

#: Statements in which nothing is done under a condition, or later.
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Assert)

#: What NumPy's arrays have and tensors have not.
_ARRAY_ATTRIBUTES = {
    *("T", "all", "any", "argmax", "argmin", "astype", "clip", "copy", "cumsum", "dot", "flatten"),
    *("item", "max", "mean", "min", "prod", "ravel", "reshape", "size", "squeeze", "std", "sum"),
    *("tolist", "transpose", "detach", "unsqueeze", "view"),
}


def called(value: Value) -> str:
    """Return the name of a function of TensorFlow, which ``tf.math`` may hold as well as ``tf``."""
    if not isinstance(value, Named):
        return ""
    path = value.path
    for module in ("tensorflow.math.", "tensorflow.linalg."):
        if path.startswith(module):
            return f"tensorflow.{path.removeprefix(module)}"
    return path


@registry.of_call("eval")
def eval_of_tensor(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``x.eval()``, unless the file computes with the sessions of ``tf.compat.v1``."""
    callee = call.callee
    if isinstance(callee, Bound) and is_tensor(callee.owner) and "compat" not in reader.words:
        yield call.node


def is_tensor(value: Value) -> bool:
    """Whether this is a tensor or a variable of TensorFlow."""
    return isinstance(value, Instance) and (
        value.of("tensorflow.Tensor") or value.of("tensorflow.Variable")
    )


def holds_integers(value: Value) -> bool:
    """Whether this is a ``tf.constant`` or a ``tf.Variable`` of integers that are written out."""
    if not isinstance(value, Instance) or value.call is None or value.call.open:
        return False
    call = value.call
    if called(call.callee) == "tensorflow.constant":
        typed = call.gives("dtype", 1)
        numbers = call.argument("value", 0)
    elif called(call.callee) == "tensorflow.Variable":
        typed = call.gives("dtype") or len(call.positional) > 1
        numbers = call.argument("initial_value", 0)
    else:
        return False
    return not typed and _are_integers(numbers)


def _are_integers(value: Value) -> bool:
    if isinstance(value, Items):
        return bool(value.values) and all(map(_are_integers, value.values))
    return isinstance(value, Constant) and type(value.value) is int


@registry.of_call("zeros", "ones")
def shape_in_two_arguments(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.zeros(3, 5)``, whose 5 is a dtype."""
    makes = called(call.callee) in {"tensorflow.zeros", "tensorflow.ones"} and not call.open
    if makes and len(call.positional) > 1 and _are_integers(call.positional[1]):
        yield call.node


@registry.of_node(ast.Attribute)
def shape_dimension_value(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``x.shape[0].value``, unless the shapes of TensorFlow 1 are switched on."""
    if node.attr != "value" or not isinstance(node.value, ast.Subscript):
        return
    shape = node.value.value
    if isinstance(node.value.slice, ast.Slice):
        return
    if isinstance(shape, ast.Call):
        found = isinstance(shape.func, ast.Attribute) and shape.func.attr == "get_shape"
    else:
        # The entries of other libraries' shapes may be objects with a value.
        found = isinstance(shape, ast.Attribute) and shape.attr == "shape"
        found = found and bool({"tensorflow", "keras"} & reader.words)
    if found and not {"disable_v2_behavior", "disable_v2_tensorshape"} & reader.words:
        yield node


@registry.of_node(ast.Assign)
def tensor_shape_assigned(node: ast.Assign, reader: Reader) -> Iterator[ast.AST]:
    """``t.shape = (5, 5)`` of a tensor."""
    for target in node.targets:
        owner = target.value if isinstance(target, ast.Attribute) else None
        named = isinstance(target, ast.Attribute) and target.attr == "shape"
        if named and owner and is_tensor(reader.standing_for(owner)):
            yield node


@registry.of_node(ast.Assign, ast.AugAssign)
def tensor_item_assignment(node: ast.Assign | ast.AugAssign, reader: Reader) -> Iterator[ast.AST]:
    """``x[0] = 1`` of a tensor, and ``x[0] += 1``."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(one, ast.Subscript) and is_tensor(reader.standing_for(one.value)):
                yield node


@registry.of_node(ast.Attribute)
def numpy_method_of_tensor(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``x.reshape`` of a tensor, unless the file gives tensors the methods of arrays."""
    if node.attr not in _ARRAY_ATTRIBUTES or not is_tensor(reader.standing_for(node.value)):
        return
    if "experimental_enable_numpy_behavior" not in reader.words:
        yield node


@registry.of_call("reduce_mean")
def mean_of_integers(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.reduce_mean`` of what is cast to integers, or of integers that are written out."""
    if called(call.callee) != "tensorflow.reduce_mean" or call.open:
        return
    if holds_integers(call.argument("input_tensor", 0)):
        yield call.node
    elif call.node.args and isinstance(cast := call.node.args[0], ast.Call):
        is_cast = called(reader.standing_for(cast.func)) == "tensorflow.cast"
        dtype = cast.args[1] if len(cast.args) == 2 else None
        dtype = next((one.value for one in cast.keywords if one.arg == "dtype"), dtype)
        if is_cast and dtype is not None:
            kind = reader.standing_for(dtype)
            path = kind.path if isinstance(kind, Named) else ""
            name = kind.text if isinstance(kind, Text) else ""
            if path.startswith(("tensorflow.int", "numpy.int")) or name.startswith("int"):
                yield call.node


@registry.of_node(ast.Assign)
def svd_factor_not_transposed(node: ast.Assign, reader: Reader) -> Iterator[ast.AST]:
    """``u @ … @ v`` after ``s, u, v = tf.linalg.svd(m)``, with ``v`` as it came."""
    target, value = node.targets[0], node.value
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Call)):
        return
    if called(reader.standing_for(value.func)) != "tensorflow.svd" or len(target.elts) != 3:
        return
    s, u, v = (one.id if isinstance(one, ast.Name) else "" for one in target.elts)
    for statement in reader.following:
        nodes = list(ast.walk(statement))
        if not isinstance(statement, SIMPLE) or any(_assigns(one, v) for one in nodes):
            return
        for product in nodes:
            if _is_product_with(product, v) and {u, s} & _names(product):
                yield product
                return


def _is_product_with(node: ast.AST, name: str) -> bool:
    """Whether this is a matrix product whose right side is this name, not transposed."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        right: ast.AST = node.right
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "matmul":
        if len(node.args) != 2 or node.keywords:
            return False
        right = node.args[1]
    else:
        return False
    return isinstance(right, ast.Name) and right.id == name


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name
