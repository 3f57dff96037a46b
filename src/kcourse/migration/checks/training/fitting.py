"""Checks for fitting, evaluating and predicting: what goes in and what comes out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import (
    calls_no_init,
    crossentropy,
    end,
    loss,
    metrics,
    model_of,
    name_of,
    written,
)
from kcourse.migration.resolving import Reader
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

_DATASET, _PYDATASET = "tensorflow.data.Dataset", "keras.utils.PyDataset"
_OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD"),
)
#: The losses that measure a distance between numbers.
_DISTANCES = {
    *("mse", "MSE", "mean_squared_error", "MeanSquaredError"),
    *("mae", "MAE", "mean_absolute_error", "MeanAbsoluteError"),
    *("mape", "MAPE", "mean_absolute_percentage_error", "MeanAbsolutePercentageError"),
    *("msle", "MSLE", "mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"),
    *("huber", "Huber", "log_cosh", "LogCosh"),
}
_ONE_HOT = {
    "keras.utils.to_categorical",
    "keras.utils.np_utils.to_categorical",
    "tensorflow.one_hot",
}


# What is given to them.


@registry.of_call("compile")
def metrics_in_third_place(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``compile("adam", "mse", ["mae"])``."""
    if model_of(call) is None or len(call.positional) < 3 or call.open:
        return
    third = call.positional[2]
    for one in third.values if isinstance(third, Items) else (third,):
        theirs = isinstance(one, Named) and one.path.startswith(("keras.", "tensorflow."))
        if (
            theirs
            or _is_one_of(one, "keras.metrics.Metric")
            or isinstance(one, Text | UserFunction)
        ):
            yield call.node.args[2]
            return


@registry.of_call("fit", "evaluate", "predict")
def list_of_numbers_as_data(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``predict([10.0])``, and labels, weights and data for validation of the same kind."""
    if model_of(call) is None:
        return
    places: list[tuple[str, int | None]] = [("x", 0), ("y", 1), ("sample_weight", None)]
    if _called(call) == "fit":
        places.append(("validation_data", 7))
    if _called(call) == "predict":
        places = places[:1]
    for name, position in places:
        node = written(call, name, position)
        if node is not None and _is_of_numbers(call.argument(name, position), node):
            yield node


def _is_of_numbers(value: Value, node: ast.expr) -> bool:
    """Whether a list, as long as it is one, holds a number or a string in the end."""
    if isinstance(value, Items):
        return any(map(_holds_number, value.values))
    if isinstance(value, Mapping):
        return any(isinstance(one, Items) and _holds_number(one) for one in value.values.values())
    method = node.func if isinstance(node, ast.Call) and not node.args else None
    return isinstance(method, ast.Attribute) and method.attr == "tolist"


def _holds_number(value: Value) -> bool:
    if isinstance(value, Items):
        return any(map(_holds_number, value.values))
    number = isinstance(value, Constant) and isinstance(value.value, int | float)
    return number or isinstance(value, Text)


@registry.of_call("fit", "evaluate", "predict")
def iterator_as_data(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(zip(images, masks))``, and ``iter(dataset)``."""
    if model_of(call) is None:
        return
    for name, position in (("x", 0), ("validation_data", 7)):
        node, value = written(call, name, position), call.argument(name, position)
        if node is not None and (_is_one_of(value, "map", "zip") or _is_iterator(node, reader)):
            yield node


def _is_iterator(node: ast.expr, reader: Reader) -> bool:
    """Whether it is ``iter(dataset)`` or ``dataset.as_numpy_iterator()``."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr == "as_numpy_iterator":
        return _is_one_of(reader.standing_for(node.func.value), _DATASET)
    called_iter = isinstance(node.func, ast.Name) and node.func.id == "iter" and node.args
    return bool(called_iter) and _is_one_of(reader.standing_for(node.args[0]), _DATASET)


@registry.of_call("fit", "evaluate", "predict")
def batch_size_with_dataset(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(dataset, batch_size=32)``."""
    node, value = written(call, "batch_size"), call.argument("batch_size")
    number = isinstance(value, Constant) and value.value is not None
    batches = _is_one_of(call.argument("x", 0), _DATASET, _PYDATASET)
    if model_of(call) is not None and node is not None and number and batches:
        yield node


@registry.of_call("fit")
def split_of_batches(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(dataset, validation_split=0.2)``."""
    split = call.argument("validation_split", 6)
    if model_of(call) is None or not isinstance(split, Constant) or not split.value:
        return
    if _is_one_of(call.argument("x", 0), _DATASET, _PYDATASET, "generator"):
        yield written(call, "validation_split", 6) or call.node


@registry.of_call("fit", "evaluate", "predict")
def float_steps(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(x, y, steps_per_epoch=len(x) / 32)``, and ``np.ceil``, which gives a float."""
    if model_of(call) is None:
        return
    for name in ("steps_per_epoch", "validation_steps", "steps"):
        node, value = written(call, name), call.argument(name)
        if node is None:
            continue
        quotient = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        number = isinstance(value, Constant) and isinstance(value.value, float)
        if quotient or number or _rounds_to_float(node, reader):
            yield node


def _rounds_to_float(node: ast.expr, reader: Reader) -> bool:
    function = reader.standing_for(node.func) if isinstance(node, ast.Call) else None
    return isinstance(function, Named) and function.path in {
        "numpy.ceil",
        "numpy.floor",
        "numpy.round",
    }


@registry.of_call("fit")
def class_weight_not_a_dict(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(x, y, class_weight=np.array([1, 9]))``."""
    given = call.argument("class_weight", 9)
    wrong = isinstance(given, Items | Text) or _is_one_of(given, "numpy.ndarray")
    if model_of(call) is not None and wrong:
        yield written(call, "class_weight", 9) or call.node


@registry.of_call("fit", "train_on_batch")
def class_and_sample_weight(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(x, y, class_weight={0: 1, 1: 3}, sample_weight=weights)``, where both are something."""
    places = (9, 10) if _called(call) == "fit" else (3, 2)
    if model_of(call) is not None and all(
        _is_something(call, name, position)
        for name, position in zip(("class_weight", "sample_weight"), places, strict=True)
    ):
        yield call.node


def _is_something(call: Call, name: str, position: int) -> bool:
    """Whether an argument is certainly not ``None``."""
    node, value = written(call, name, position), call.argument(name, position)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return True
    return isinstance(node, ast.Dict | ast.DictComp) or isinstance(
        value, Items | Mapping | Instance
    )


@registry.of_call(*_OPTIMIZERS)
def clipped_twice(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``SGD(0.01, clipnorm=1.0, clipvalue=0.5)``."""
    callee = call.callee
    if not isinstance(callee, Named) or not namespaces.classes(callee.path):
        return
    given = [
        name
        for name in ("clipnorm", "clipvalue", "global_clipnorm")
        if isinstance(value := call.argument(name), Constant) and value.value is not None
    ]
    if len(given) > 1:
        yield call.node


@registry.of_class("keras.utils.PyDataset")
def dataset_without_super_init(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A constructor of a ``PyDataset`` that does not call the one above it."""
    if (init := calls_no_init(user)) is not None:
        yield init


# What comes out of them.


@registry.of_node(ast.Subscript)
def history_subscript(node: ast.Subscript, reader: Reader) -> Iterator[ast.AST]:
    """``model.fit(x, y)["loss"]``."""
    named = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    if named and isinstance(node.ctx, ast.Load) and _is_history(reader.standing_for(node.value)):
        yield node


@registry.of_call("get", "items", "keys", "values")
def history_asked_as_a_dict(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``model.fit(x, y).keys()``."""
    if isinstance(call.callee, Bound) and _is_history(call.callee.owner):
        yield call.node.func


def _is_history(value: Value) -> bool:
    plain = isinstance(value, Instance) and value.user is None
    return plain and _is_one_of(value, "keras.callbacks.History")


@registry.of_node(ast.Subscript)
def history_acc_key(node: ast.Subscript, reader: Reader) -> Iterator[ast.AST]:
    """``history.history["acc"]`` after ``compile(metrics=["accuracy"])``, or the reverse."""
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    metric = key.removeprefix("val_") if isinstance(key, str) else ""
    other = {"acc": "accuracy", "accuracy": "acc"}.get(metric)
    of = reader.standing_for(node.value) if other else None
    history = of.owner if isinstance(of, Bound) and of.name == "history" else None
    if not isinstance(history, Instance) or history.compiled is None:
        return
    compiled = history.compiled
    names = [one.text for one, _ in metrics(compiled) if isinstance(one, Text)]
    certain = len(names) == len(metrics(compiled)) and not compiled.gives("weighted_metrics", 4)
    if certain and not compiled.open and other in names and metric not in names:
        yield node


# Whether the labels and the metrics suit the loss.


@registry.of_call("fit")
def accuracy_of_numbers(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``"accuracy"`` of a model that gives one number and learns a distance.

    It is told where the model is fitted: one that only learns batch by batch may be the critic of
    a GAN, whose labels are 0 and 1.
    """
    model = model_of(call)
    last = end(model) if model is not None else None
    if model is None or model.compiled is None or last is None or last.units != 1:
        return
    distance = name_of(loss(model.compiled), "keras.losses") in _DISTANCES
    names = {one.text for one, _ in metrics(model.compiled) if isinstance(one, Text)}
    if distance and last.activation in {"linear", "relu"} and names & {"acc", "accuracy"}:
        yield call.node


@registry.of_call("fit", "evaluate")
def one_hot_labels_with_sparse_loss(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``y = to_categorical(y)`` for a loss that takes class numbers."""
    model, labels = model_of(call), call.argument("y", 1)
    if model is None or model.compiled is None or not isinstance(labels, Instance):
        return
    made = labels.call.callee if labels.call is not None else None
    told = crossentropy(loss(model.compiled))
    one_hot = isinstance(made, Named) and namespaces.standing(made.path) in _ONE_HOT
    if one_hot and told is not None and told.kind == "sparse":
        yield written(call, "y", 1) or call.node


def _called(call: Call) -> str:
    return call.callee.name if isinstance(call.callee, Bound) else ""


def _is_one_of(value: Value, *classes: str) -> bool:
    return isinstance(value, Instance) and any(map(value.of, classes))
