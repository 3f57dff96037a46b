"""Checks for losses: what they are, whether the last layer suits them, and several outputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import (
    Crossentropy,
    End,
    calls_no_init,
    crossentropy,
    end,
    input_names,
    is_functional,
    layer_end,
    loss,
    metrics,
    model_of,
    name_of,
    output_names,
    several_outputs,
    written,
)
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import (
    Bound,
    Call,
    Constant,
    Instance,
    Items,
    Mapping,
    Named,
    Text,
    UserClass,
    UserFunction,
    Value,
)

registry = Registry()

#: Means and sums, which leave the sign as it is.
_MEANS = {"mean", "reduce_mean", "reduce_sum", "sum"}


# Whether the last layer suits the loss.


def _judged(call: Call) -> Iterator[tuple[End, Crossentropy, ast.AST]]:
    """Yield the end of a model and its loss with its place, if that is a cross-entropy."""
    model, node = model_of(call), written(call, "loss", 1)
    last = end(model) if model is not None else None
    told = crossentropy(loss(call))
    if last is not None and told is not None and node is not None:
        yield last, told, node


@registry.of_call("compile")
def from_logits_missing(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A cross-entropy of probabilities, where the last layer gives logits."""
    for last, told, node in _judged(call):
        if last.activation == "linear" and told.from_logits is False:
            yield node
    model = model_of(call)
    last_of_all = end(model) if model is not None else None
    if last_of_all is not None and last_of_all.activation == "linear":
        for value, node in metrics(call):
            metric = crossentropy(value, "keras.metrics") if isinstance(value, Instance) else None
            if metric is not None and metric.from_logits is False:
                yield node


@registry.of_call("compile")
def from_logits_after_softmax(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A cross-entropy of logits, where the last layer gives probabilities."""
    for last, told, node in _judged(call):
        if last.activation in {"sigmoid", "softmax"} and told.from_logits:
            yield node


@registry.of_call("compile")
def relu_before_crossentropy(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Dense(10, activation="relu")`` as the last layer before a cross-entropy."""
    for last, _, node in _judged(call):
        if last.activation == "relu":
            yield node


@registry.of_call("compile")
def sigmoid_before_categorical_crossentropy(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Dense(10, activation="sigmoid")`` with ``"categorical_crossentropy"``."""
    for last, told, node in _judged(call):
        several = last.units is not None and last.units > 1
        of_probabilities = told.kind != "binary" and not told.from_logits
        if last.activation == "sigmoid" and several and of_probabilities:
            yield node


@registry.of_call("Dense")
def softmax_on_one_unit(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Dense(1, activation="softmax")``."""
    callee = call.callee
    dense = isinstance(callee, Named) and namespaces.standing(callee.path) == "keras.layers.Dense"
    if dense and layer_end(call) == End("softmax", 1):
        yield call.node


@registry.of_call("compile")
def metric_threshold_on_logits(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``metrics=["accuracy"]`` with ``BinaryCrossentropy(from_logits=True)``."""
    for last, told, _ in _judged(call):
        if last.activation != "linear" or told.kind != "binary" or not told.from_logits:
            continue
        for value, node in metrics(call):
            if _wants_probabilities(value, one_unit=last.units == 1):
                yield node


def _wants_probabilities(value: Value, *, one_unit: bool) -> bool:
    """Whether a metric compares what it is given with numbers from 0 to 1."""
    name = name_of(value, "keras.metrics")
    if isinstance(value, Text):
        plain = {"AUC", "Precision", "Recall", "auc", "binary_accuracy", "precision", "recall"}
        return name in plain or (one_unit and name in {"acc", "accuracy"})
    call = value.call if isinstance(value, Instance) else None
    if call is None or call.open or call.positional:
        return False
    if name == "AUC":
        return not call.keywords.keys() & {"from_logits", "thresholds"}
    given = call.keywords.keys() & {"threshold", "thresholds", "top_k"}
    return name in {"BinaryAccuracy", "Precision", "Recall"} and not given


@registry.of_call("compile")
def binary_metric_with_sparse_loss(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``metrics=["AUC"]`` with ``loss="sparse_categorical_crossentropy"``."""
    told = crossentropy(loss(call))
    if model_of(call) is None or told is None or told.kind != "sparse":
        return
    for value, node in metrics(call):
        made = value.call if isinstance(value, Instance) else None
        of_one_class = made is None or made.open or made.gives("class_id", 2)
        known = isinstance(value, Text) or not of_one_class
        if known and name_of(value, "keras.metrics").lower() in {"auc", "precision", "recall"}:
            yield node


# What a loss is.


@registry.of_call("compile")
def loss_value_in_compile(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``compile(loss=keras.losses.mean_squared_error(y, y_hat))``."""
    node = written(call, "loss", 1)
    function = reader.standing_for(node.func) if isinstance(node, ast.Call) else None
    if model_of(call) is None or node is None or not isinstance(function, Named):
        return
    module, _, name = namespaces.standing(function.path).rpartition(".")
    if module == "keras.losses" and name.islower() and name not in {"get", "deserialize"}:
        yield node


@registry.of_call("compile")
def signed_loss(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``return tf.reduce_mean(y_true - y_pred)`` in the function that is the loss."""
    node, value = written(call, "loss", 1), call.argument("loss", 1)
    function: Function | ast.Lambda | None = value.node if isinstance(value, UserFunction) else None
    if isinstance(node, ast.Lambda):
        function = node
    if model_of(call) is None or node is None or function is None:
        return
    given = _returned(function)
    parameters = [one.arg for one in function.args.args]
    if isinstance(given, ast.Call) and len(given.args) >= 1:
        mean = reader.standing_for(given.func)
        averaged = isinstance(mean, Named) and mean.path.rpartition(".")[2] in _MEANS
        given = given.args[0] if averaged else None
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Sub):
        sides = [one.id for one in (given.left, given.right) if isinstance(one, ast.Name)]
        if len(parameters) == 2 and sorted(sides) == sorted(parameters):
            yield node


def _returned(function: Function | ast.Lambda) -> ast.expr | None:
    """Return what a function returns that does nothing else."""
    if isinstance(function, ast.Lambda):
        return function.body
    *before, last = function.body
    text = all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in before)
    return last.value if text and isinstance(last, ast.Return) else None


@registry.of_class("keras.losses.Loss")
def loss_without_super_init(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A constructor of a ``Loss`` that does not call the one above it."""
    init = calls_no_init(user)
    if init is not None and not user.defines("__call__"):
        yield init


@registry.of_call("add_loss")
def add_loss_outside_call(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model.add_loss(…)`` of a functional model, and ``add_loss(lambda: …)`` of anything."""
    owner = call.callee.owner if isinstance(call.callee, Bound) else None
    if not isinstance(owner, Instance) or not owner.of("keras.layers.Layer"):
        return
    if owner.user is not None and owner.user.defines("add_loss"):
        return
    if is_functional(owner) or isinstance(written(call, "loss", 0), ast.Lambda):
        yield call.node


# Several inputs and outputs.


@registry.of_call("fit")
def class_weight_by_output(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``class_weight={"kind": {0: 1, 1: 5}}``, and any for a model with several outputs."""
    model, node = model_of(call), written(call, "class_weight", 9)
    values = node.values if isinstance(node, ast.Dict) else []
    if model is None or node is None:
        return
    nested = bool(values) and all(isinstance(one, ast.Dict) for one in values)
    given = values or isinstance(call.argument("class_weight", 9), Mapping)
    if nested or (given and several_outputs(model)):
        yield node


@registry.of_call("compile")
def one_loss_with_several_weights(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``compile(loss="mse", loss_weights=[1.0, 0.2])``."""
    one = loss(call)
    known = bool(name_of(one, "keras.losses")) or isinstance(one, UserFunction)
    weights = call.argument("loss_weights", 2)
    node = written(call, "loss_weights", 2)
    if model_of(call) is None or node is None or not known:
        return
    if isinstance(weights, Items | Mapping) and len(weights.values) > 1:
        yield node


@registry.of_call("compile")
def loss_list_with_weights_dict(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A list of losses with a dict of weights, where sorting its keys exchanges them."""
    model, weights = model_of(call), call.argument("loss_weights", 2)
    node = written(call, "loss_weights", 2)
    if model is None or node is None or not isinstance(weights, Mapping):
        return
    names, values = output_names(model), list(weights.values.values())
    exchanged = names != sorted(names) and sorted(names) == sorted(weights.values)
    if not exchanged or not isinstance(call.argument("loss", 1), Items):
        return
    if all(isinstance(one, Constant) for one in values) and any(one != values[0] for one in values):
        yield node


@registry.of_call("compile")
def partial_loss_dict(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``loss={"kind": "mse"}`` where the outputs are ``kind`` and ``price``."""
    model, losses = model_of(call), call.argument("loss", 1)
    names = output_names(model) if model is not None else []
    node = written(call, "loss", 1)
    if (
        names
        and node is not None
        and isinstance(losses, Mapping)
        and set(losses.values) != set(names)
    ):
        yield node


def _metrics_in_a_list(call: Call) -> tuple[tuple[Value, ...], ast.AST, int] | None:
    """Return the list of metrics, its place and the number of outputs, if there are several."""
    model, given = model_of(call), call.argument("metrics", 3)
    node = written(call, "metrics", 3)
    count = len(several_outputs(model)) if model is not None else 0
    if not count or node is None or not isinstance(given, Items) or not given.values:
        return None
    return given.values, node, count


@registry.of_call("compile")
def metrics_list_for_several_outputs(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``metrics=["mae"]`` for two outputs."""
    told = _metrics_in_a_list(call)
    if told is not None and len(told[0]) != told[2]:
        yield told[1]


@registry.of_call("compile")
def metrics_list_dealt_out(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``metrics=["mae", "mse"]`` for two outputs, which gives each of them one."""
    told = _metrics_in_a_list(call)
    if told is not None and len(told[0]) == told[2] and _are_texts(told[0]):
        yield told[1]


def _are_texts(values: tuple[Value, ...]) -> bool:
    return all(isinstance(one, Text) for one in values)


@registry.of_call("fit", "evaluate", "predict")
def wrong_input_names(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit({"image_input": x}, y)`` for a model with ``Input(name="img_input")``."""
    model, given, node = model_of(call), call.argument("x", 0), written(call, "x", 0)
    if model is None or node is None or not isinstance(given, Mapping):
        return
    if set(input_names(model)) - set(given.values):
        yield node
