"""Checks for callbacks: classes of one's own, what is monitored, what is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import metrics, model_of, written
from kcourse.migration.checks.training.fitted import (
    CALLBACK,
    callback_name,
    callbacks,
    callbacks_of_keras,
    function_of,
)
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
    Constant,
    Instance,
    Text,
    UserClass,
    UserFunction,
)

registry = Registry()

_BATCH_HOOKS = {
    f"on_{phase}batch_{end}"
    for phase in ("", "train_", "test_", "predict_")
    for end in ("begin", "end")
}
_HOOKS = _BATCH_HOOKS | {
    f"on_{phase}_{end}"
    for phase in ("epoch", "train", "test", "predict")
    for end in ("begin", "end")
}
#: What ``params`` held in Keras 2 and does not hold now.
_LOST_PARAMS = {
    "batch_size",
    "do_validation",
    "metrics",
    "nb_epoch",
    "nb_sample",
    "samples",
    "size",
}
#: The callbacks that monitor a metric, and the positions of ``monitor`` and ``mode``.
_MONITORS = {"EarlyStopping": (0, 4), "ReduceLROnPlateau": (0, 4), "ModelCheckpoint": (1, 5)}
_OTHER_NAME = {"acc": "accuracy", "accuracy": "acc"}


# A class of callback.


@registry.of_class(CALLBACK)
def misspelt_hook(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``def on_epoch_beign``: one letter, or the underscores, away from a hook."""
    for name, method in user.methods.items():
        if not name.startswith("on") or name in _HOOKS or name in reader.words:
            continue
        if name.startswith(tuple(f"{hook}_" for hook in _HOOKS)):
            continue  # `on_epoch_end_` may be a hook that is switched off
        if any(_misspells(name, hook) for hook in _HOOKS):
            yield method


def _misspells(name: str, hook: str) -> bool:
    """Whether two names differ by the order of letters, by one letter too many, or by case."""
    one, other = name.lower().replace("_", ""), hook.replace("_", "")
    if sorted(one) == sorted(other):
        return True
    short, long = sorted((one, other), key=len)
    return any(short == long[:index] + long[index + 1 :] for index in range(len(long)))


@registry.of_node(ast.Assign, ast.AnnAssign)
def callback_assigns_model(node: ast.Assign | ast.AnnAssign, reader: Reader) -> Iterator[ast.AST]:
    """``self.model = model``, where ``model`` is the property of ``Callback``."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Attribute) and target.attr == "model" and node.value:
            user = _callback(target.value, reader)
            if user is not None and not _declares(user, {"model", "__setattr__"}):
                yield node


def _callback(node: ast.expr, reader: Reader) -> UserClass | None:
    """Return the class of a callback of the audited code, if all above it is known."""
    owner = reader.standing_for(node)
    user = owner.user if isinstance(owner, Instance) and owner.of(CALLBACK) else None
    one = user
    while one is not None:
        if len(one.node.bases) != 1:
            return None
        one = one.parents[0] if one.parents else None
    return user


def _declares(user: UserClass, names: set[str]) -> bool:
    """Whether a class, or one above it, has one of these names in its body."""
    own = not names.isdisjoint({*user.methods, *user.names})
    return own or any(_declares(parent, names) for parent in user.parents)


@registry.of_node(ast.Attribute)
def callback_validation_data(node: ast.Attribute, reader: Reader) -> Iterator[ast.AST]:
    """``self.validation_data`` of a callback, which nothing here sets."""
    if node.attr != "validation_data" or not isinstance(node.ctx, ast.Load):
        return
    user = _callback(node.value, reader)
    if user is None or user.defines(node.attr) or user.defines("__getattr__"):
        return
    if not any(
        one.attr == node.attr and isinstance(one.ctx, ast.Store)
        for one in reader.everything(ast.Attribute)
    ):
        yield node


@registry.of_node(ast.Subscript)
def callback_params_key(node: ast.Subscript, reader: Reader) -> Iterator[ast.AST]:
    """``self.params["metrics"]`` of a callback."""
    params, key = node.value, node.slice
    if not isinstance(params, ast.Attribute) or params.attr != "params":
        return
    known = isinstance(key, ast.Constant) and key.value in _LOST_PARAMS
    user = _callback(params.value, reader) if known and isinstance(node.ctx, ast.Load) else None
    if user is None or user.defines("params") or user.defines("set_params"):
        return
    for one in ast.walk(user.node):
        if isinstance(one, ast.Compare) and ast.unparse(one.comparators[0]) == ast.unparse(params):
            return  # `if "metrics" in self.params`
    yield node


@registry.of_class(CALLBACK)
def batch_hook_without_logs(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``def on_batch_end(self, batch, log)``."""
    for name, method in user.methods.items():
        if name in _BATCH_HOOKS and not method.decorator_list and not _takes_logs(method):
            yield method


@registry.of_call("LambdaCallback")
def batch_lambda_without_logs(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``LambdaCallback(on_train_batch_end=lambda batch, l: …)``."""
    if callback_name(call) != "LambdaCallback":
        return
    for keyword in call.node.keywords:
        function = function_of(keyword.value, call.keywords.get(keyword.arg or ""))
        if keyword.arg in _BATCH_HOOKS and function is not None and not _takes_logs(function):
            yield keyword


def _takes_logs(function: Function | ast.Lambda) -> bool:
    arguments = function.args
    given = [*arguments.args, *arguments.kwonlyargs]
    return arguments.kwarg is not None or any(one.arg == "logs" for one in given)


# What is monitored.


@registry.of_call(*_MONITORS)
def monitor_of_no_metric(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``monitor="val_acc"`` where every model here is compiled with ``"accuracy"``."""
    if (name := callback_name(call)) not in _MONITORS or call.open:
        return
    position = _MONITORS[name][0]
    monitor, node = call.argument("monitor", position), written(call, "monitor", position)
    key = monitor.text.removeprefix("val_") if isinstance(monitor, Text) else ""
    if key not in _OTHER_NAME or node is None:
        return
    names = _compiled_names(reader)
    if names is not None and _OTHER_NAME[key] in names and key not in names:
        yield node


def _compiled_names(reader: Reader) -> set[str] | None:
    """Return the names of all metrics in the file; ``None`` where one of them is not plain."""
    names: set[str] = set()
    steps = {"train_step", "test_step"}
    if any(one.name in steps for one in reader.everything(ast.FunctionDef)):
        return None  # its logs may have any names
    for node in reader.everything(ast.Call):
        if not isinstance(node.func, ast.Attribute) or node.func.attr != "compile":
            continue
        given = [one.value for one in node.keywords if one.arg in {None, "metrics"}]
        for listed in [*given, *node.args[2:]]:
            elements = listed.elts if isinstance(listed, ast.List | ast.Tuple) else [listed]
            for name in map(_metric_name, elements):
                if name is None:
                    return None
                names.add(name)
    return names


def _metric_name(node: ast.expr) -> str | None:
    """Return the name that a metric has in the logs, where that is plain."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    for keyword in node.keywords:
        if keyword.arg in {None, "name"}:
            return _metric_name(keyword.value) if isinstance(keyword.value, ast.Constant) else None
    module, _, name = ast.unparse(node.func).rpartition(".")
    return name.lower() if module.rpartition(".")[2] == "metrics" and name[0].isupper() else None


@registry.of_call("fit")
def monitor_without_mode(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``EarlyStopping(monitor="val_f1")`` for a function ``f1`` as a metric."""
    model = model_of(call)
    if model is None or model.compiled is None:
        return
    given = [one for one, _ in metrics(model.compiled)]
    functions = {one.node.name for one in given if isinstance(one, UserFunction)}
    for callback in callbacks(call):
        made, name = callback.call, callback.classes[0].rpartition(".")[2]
        if made is None or made.open or callback.user is not None or name not in _MONITORS:
            continue
        at, mode_at = _MONITORS[name]
        monitor = made.argument("monitor", at)
        known = isinstance(monitor, Text) and monitor.text.removeprefix("val_") in functions
        if known and not made.gives("mode", mode_at):
            yield call.node
            return


@registry.of_call("fit")
def early_stopping_without_validation(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``fit(x, y, callbacks=[EarlyStopping()])``."""
    model = model_of(call)
    if model is None or call.open or len(call.positional) > 6:
        return
    if model.user is not None and model.user.defines("train_step"):
        return  # its logs may hold anything
    if call.gives("validation_data") or call.gives("validation_split"):
        return
    for callback in callbacks_of_keras(call, reader):
        made = callback.call
        if not callback.of("keras.callbacks.EarlyStopping") or made is None or made.open:
            continue
        monitor = made.argument("monitor", 0)
        of_validation = isinstance(monitor, Text) and monitor.text.startswith("val_")
        if of_validation or not made.gives("monitor", 0):
            yield call.node
            return


@registry.of_node(ast.Subscript)
def history_lr(node: ast.Subscript, reader: Reader) -> Iterator[ast.AST]:
    """``history.history["lr"]``, where only callbacks of Keras can have written it."""
    if not isinstance(node.slice, ast.Constant) or node.slice.value != "lr":
        return
    of = reader.standing_for(node.value)
    history = of.owner if isinstance(of, Bound) and of.name == "history" else None
    fit = history.call if isinstance(history, Instance) else None
    if fit is None or not isinstance(node.ctx, ast.Load) or not callbacks_of_keras(fit, reader):
        return
    # A metric may be called so: `def lr(y_true, y_pred): return optimizer.learning_rate`.
    if all(one.name != "lr" for one in reader.everything(ast.FunctionDef)):
        yield node


# Checkpoints.


@registry.of_call("ModelCheckpoint")
def checkpoint_of_weights(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``ModelCheckpoint("best.h5", save_weights_only=True)``."""
    path = call.argument("filepath", 0)
    if callback_name(call) != "ModelCheckpoint" or not isinstance(path, Text):
        return
    only_weights = call.argument("save_weights_only", 4) == Constant(True)
    known = path.text.endswith((".keras", ".h5")) and not path.text.endswith(f"{UNKNOWN_PART}.h5")
    if only_weights and known and not path.text.endswith(".weights.h5"):
        yield call.node
