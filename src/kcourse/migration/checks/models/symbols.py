"""Checks of the symbols that functional models are made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Constant, Instance, Items, Named, Value

registry = Registry()

_SYMBOL = "keras.KerasTensor"

#: Modules of TensorFlow all of whose functions compute, but for the exceptions.
_MODULES = {f"tensorflow.{name}" for name in ("image", "linalg", "math", "nn", "signal", "strings")}
_COMPUTES_WITH_PYTHON = {"tensorflow.nn.batch_normalization"}
#: The functions of ``tensorflow`` itself that compute.
_FUNCTIONS = {
    *("abs", "add", "add_n", "argmax", "argmin", "argsort", "boolean_mask", "broadcast_to", "cast"),
    *("clip_by_norm", "clip_by_value", "concat", "convert_to_tensor", "cos", "cumsum", "divide"),
    *("einsum", "ensure_shape", "equal", "exp", "expand_dims", "floor", "gather", "gather_nd"),
    *("greater", "greater_equal", "identity", "less", "less_equal", "logical_and", "logical_not"),
    *("logical_or", "matmul", "maximum", "minimum", "multiply", "negative", "norm", "not_equal"),
    *("one_hot", "ones_like", "pad", "pow", "reduce_all", "reduce_any", "reduce_logsumexp"),
    *("reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape"),
    *("reverse", "roll", "round", "shape", "sigmoid", "sign", "sin", "size", "slice", "sort"),
    *("split", "sqrt", "square", "squeeze", "stack", "stop_gradient", "subtract", "tanh"),
    *("tensordot", "tile", "transpose", "truediv", "unstack", "where", "zeros_like"),
}
#: The functions of ``tf.keras.backend`` that compute.
_OF_BACKEND = {
    *("abs", "all", "any", "argmax", "argmin", "batch_dot", "batch_flatten", "bias_add", "cast"),
    *("clip", "concatenate", "conv1d", "conv2d", "conv3d", "cos", "cumprod", "cumsum", "dot"),
    *("dropout", "elu", "equal", "exp", "expand_dims", "flatten", "gather", "greater"),
    *("greater_equal", "hard_sigmoid", "l2_normalize", "less", "less_equal", "log", "max"),
    *("maximum", "mean", "min", "minimum", "not_equal", "one_hot", "ones_like"),
    *("permute_dimensions", "pool2d", "pool3d", "pow", "prod", "relu", "repeat"),
    *("repeat_elements", "reshape", "resize_images", "reverse", "round", "shape", "sigmoid"),
    *("sign", "sin", "softmax", "softplus", "softsign", "spatial_2d_padding"),
    *("spatial_3d_padding", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "sum"),
    *("tanh", "temporal_padding", "tile", "transpose", "var", "zeros_like"),
}

_INPUTS = {"keras.Input", "keras.layers.Input", "keras.layers.InputLayer"}

#: What a ``tf.TensorShape`` has and a tuple has not.
OF_TENSOR_SHAPE = {"as_list", "rank", "ndims", "dims", "num_elements", "is_fully_defined"}


@registry.of_call()
def tf_function_on_keras_tensor(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A function of TensorFlow's own is given a symbol."""
    if isinstance(call.callee, Named) and _is_given_a_symbol(call):
        path = call.callee.path
        module, _, name = path.rpartition(".")
        of_module = module in _MODULES and path not in _COMPUTES_WITH_PYTHON
        if of_module or (module == "tensorflow" and name in _FUNCTIONS):
            yield call.node


@registry.of_call(*sorted(_OF_BACKEND))
def backend_function_on_keras_tensor(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A function of ``tf.keras.backend`` is given a symbol."""
    if isinstance(call.callee, Named) and _is_given_a_symbol(call):
        module, _, name = call.callee.path.rpartition(".")
        if module == "tensorflow.keras.backend" and name in _OF_BACKEND:
            yield call.node


@registry.of_node(ast.Attribute)
def keras_tensor_get_shape(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``x.get_shape()`` of a symbol, which tensors alone have."""
    asks = node.attr in {"get_shape", "set_shape", "_keras_shape"}
    if asks and _is_symbol(reader.standing_for(node.value)):
        yield node


@registry.of_node(ast.Attribute)
def keras_tensor_shape_as_list(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``x.shape.as_list()`` of a symbol, whose shape is a tuple."""
    if node.attr in OF_TENSOR_SHAPE:
        shape = reader.standing_for(node.value)
        if isinstance(shape, Bound) and shape.name == "shape" and _is_symbol(shape.owner):
            yield node


@registry.of_call("Input", "InputLayer")
def input_shape_number(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Input(shape=(784))``, where the parentheses make no tuple."""
    if not isinstance(call.callee, Named):
        return
    if namespaces.standing(call.callee.path) not in _INPUTS:
        return
    shape = call.argument("shape", 0)
    if isinstance(shape, Constant) and type(shape.value) is int:
        yield call.node


def _is_given_a_symbol(call: Call) -> bool:
    return any(map(_is_symbol, (*call.positional, *call.keywords.values())))


def _is_symbol(value: Value) -> bool:
    if isinstance(value, Items):
        return any(map(_is_symbol, value.values))
    return isinstance(value, Instance) and value.of(_SYMBOL)
