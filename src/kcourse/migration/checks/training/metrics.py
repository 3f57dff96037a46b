"""Checks for metrics of one's own, and for the metrics that a model is compiled with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import end, metrics, model_of, name_of
from kcourse.migration.handling import last_name
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import Call, Instance, Named, UserClass

registry = Registry()

_METRIC = "keras.metrics.Metric"
_DTYPE = re.compile(r"(mixed_)?b?float\d+|u?int\d+|bool|string")
#: Functions and methods that give a tensor another shape.
_SHAPING = {"expand_dims", "flatten", "ravel", "reshape", "squeeze"}


# A class of metric.


@registry.of_class(_METRIC)
def metric_without_super_init(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A constructor of a ``Metric`` that does not call the one above it."""
    init = user.methods.get("__init__")
    if init is None or isinstance(init.body[-1], ast.Raise):
        return
    nodes = ast.walk(user.node)  # a method that the constructor calls may call it
    if not any(isinstance(one, ast.Attribute) and one.attr == "__init__" for one in nodes):
        yield init


@registry.of_class(_METRIC)
def metric_name_first(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``super().__init__(name, **kwargs)`` directly below ``Metric``, which takes a dtype first."""
    direct = set(user.classes) <= {_METRIC, "keras.Metric"} and len(user.node.bases) == 1
    init = user.methods.get("__init__") if direct and not user.parents else None
    for node in ast.walk(init) if init is not None else ():
        if not isinstance(node, ast.Call) or not node.args or not _is_super_init(node.func):
            continue
        first = node.args[0]
        text = first.value if isinstance(first, ast.Constant) else None
        name = isinstance(first, ast.Name) and first.id == "name"
        if name or (isinstance(text, str) and not _DTYPE.fullmatch(text)):
            yield node


def _is_super_init(node: ast.expr) -> bool:
    """Whether it is ``super().__init__`` or ``super(Hits, self).__init__``."""
    above = node.value if isinstance(node, ast.Attribute) and node.attr == "__init__" else None
    called = above.func if isinstance(above, ast.Call) else None
    return isinstance(called, ast.Name) and called.id == "super"


@registry.of_class(_METRIC)
def reset_states_defined(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """A ``reset_states`` that nothing here calls, without a ``reset_state`` beside it."""
    reset = user.methods.get("reset_states")
    called = "reset_states" in reader.words
    if reset is not None and not called and not user.defines("reset_state"):
        yield reset


@registry.of_node(ast.Assign, ast.AnnAssign)
def variable_in_metric(node: ast.Assign | ast.AnnAssign, reader: Reader) -> Iterator[ast.AST]:
    """``self.total = tf.Variable(0.0)``, which the class changes and does not reset itself."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if not isinstance(target, ast.Attribute) or not isinstance(node.value, ast.Call):
        return
    owner, made = reader.standing_for(target.value), reader.standing_for(node.value.func)
    user = owner.user if isinstance(owner, Instance) and owner.of(_METRIC) else None
    if user is None or made != Named("tensorflow.Variable"):
        return
    resets = user.defines("reset_state") or user.defines("reset_states")
    if not resets and any(_assigns(one, target.attr) for one in ast.walk(user.node)):
        yield node


def _assigns(node: ast.AST, name: str) -> bool:
    """Whether it is ``….total.assign``, ``assign_add`` or the like, for the name ``total``."""
    if not isinstance(node, ast.Attribute) or not node.attr.startswith("assign"):
        return False
    return isinstance(node.value, ast.Attribute) and node.value.attr == name


@registry.of_class(_METRIC)
def labels_against_column(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``y_pred = tf.reshape(y_pred, (-1, 1))`` beside labels that keep the shape they come in."""
    update = user.methods.get("update_state")
    names = [one.arg for one in update.args.args] if update is not None else []
    if update is None or len(names) < 3 or _shapes(update, names[1]):
        return
    for node in ast.walk(update):
        targets = node.targets if isinstance(node, ast.Assign) and _is_column(node.value) else []
        if any(isinstance(one, ast.Name) and one.id == names[2] for one in targets):
            yield node


def _shapes(method: Function, name: str) -> bool:
    """Whether a method gives what has this name another shape."""
    for node in ast.walk(method):
        shaped: ast.AST | None = node if isinstance(node, ast.Subscript) else None
        if isinstance(node, ast.Call) and last_name(node.func) in _SHAPING:
            shaped = node
        if shaped and any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(shaped)):
            return True
    return False


def _is_column(node: ast.expr) -> bool:
    """Whether it is ``reshape(…, (-1, 1))``."""
    if not isinstance(node, ast.Call) or last_name(node.func) != "reshape":
        return False
    given = [*node.args[-1:], *(one.value for one in node.keywords)]
    return any(ast.unparse(one) in {"(-1, 1)", "[-1, 1]"} for one in given)


# Metrics that a model is compiled with.


@registry.of_call("compile")
def update_state_without_sample_weight(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``compile(metrics=[Hits()])`` with ``def update_state(self, y_true, y_pred)`` in ``Hits``."""
    if model_of(call) is None:
        return
    for value, _ in metrics(call):
        user = value.user if isinstance(value, Instance) and value.of(_METRIC) else None
        update = user.method("update_state") if user is not None else None
        if update is None or update.args.kwarg is not None:
            continue
        given = [*update.args.args, *update.args.kwonlyargs]
        if all(one.arg != "sample_weight" for one in given):
            yield update


@registry.of_call("compile")
def mean_iou_of_probabilities(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``metrics=[MeanIoU(num_classes=2)]`` after a sigmoid or a softmax."""
    model = model_of(call)
    last = end(model) if model is not None else None
    if last is None or last.activation not in {"sigmoid", "softmax"}:
        return
    for value, node in metrics(call):
        made = value.call if isinstance(value, Instance) else None
        if made is None or made.open or name_of(value, "keras.metrics") not in {"IoU", "MeanIoU"}:
            continue
        if "sparse_y_pred" not in made.keywords and len(made.positional) < 6:
            yield node
