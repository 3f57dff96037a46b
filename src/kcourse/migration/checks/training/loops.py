"""Checks for steps of one's own, and for models that are trained by turns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import model_of, written
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Call, Instance, UserClass, Value

registry = Registry()

_TRAINING = ("fit", "train_on_batch")
#: What a model may have of its own that decides what ``fit`` reports.
_REPORTING = ("compile", "compute_metrics", "get_metrics_result", "make_train_function", "metrics")


@registry.of_call("fit")
def loss_tracker_left_out(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``return {"loss": loss}`` from ``train_step``, where nothing updates the mean of ``fit``."""
    model = model_of(call)
    user = model.user if model is not None else None
    compiled = model.compiled if model is not None else None
    if user is None or compiled is None or compiled.open or len(compiled.positional) > 2:
        return
    if compiled.keywords.keys() & {"metrics", "weighted_metrics"} or len(user.node.bases) != 1:
        return
    if user.parents or any(map(user.defines, _REPORTING)) or not _returns_the_loss(user):
        return
    metric = any(
        isinstance(one, Instance) and one.of("keras.metrics.Metric")
        for one in (user.attributes or {}).values()
    )
    if not metric:
        yield call.node


def _returns_the_loss(user: UserClass) -> bool:
    """Whether ``train_step`` returns the loss alone, and no code of the class is about metrics."""
    step = user.methods.get("train_step")
    for node in ast.walk(user.node):
        if isinstance(node, ast.Attribute) and node.attr in {"_loss_tracker", "metrics", "result"}:
            return False
    returned = [one.value for one in ast.walk(step) if isinstance(one, ast.Return)] if step else []
    return bool(returned) and all(
        isinstance(one, ast.Dict) and [ast.unparse(key) for key in one.keys if key] == ["'loss'"]
        for one in returned
    )


# Models that are trained by turns.


@registry.of_node(ast.Assign)
def frozen_after_compile(node: ast.Assign, reader: Reader) -> Iterator[ast.AST]:
    """``discriminator.trainable = False`` between its ``compile`` and its training, for good."""
    target = node.targets[0]
    if not isinstance(target, ast.Attribute) or not _sets_trainable(node, to_false=True):
        return
    model = reader.standing_for(target.value)
    if not isinstance(model, Instance) or not model.of("keras.Model"):
        return
    others = reader.everything(ast.Assign, ast.Name)
    if any(_sets_trainable(one, to_false=False) for one in others):
        return
    here, name = (reader.block, node.lineno), ast.unparse(target.value)
    trained = [place for place, model, _ in _calls(reader, *_TRAINING) if model == name]
    compiled = [(place, model == name) for place, model, _ in _calls(reader, "compile")]
    before = any(its_own and place < here for place, its_own in compiled)
    another_later = any(not its_own and place > here for place, its_own in compiled)
    if before and another_later and trained and min(trained) > here:
        yield node


def _sets_trainable(node: ast.AST, *, to_false: bool) -> bool:
    """Whether it is ``….trainable = False``, or gives it any other value."""
    if isinstance(node, ast.Name) and node.id == "setattr":
        return not to_false
    if not isinstance(node, ast.Assign):
        return False
    false = isinstance(node.value, ast.Constant) and node.value.value is False
    named = (isinstance(one, ast.Attribute) and one.attr == "trainable" for one in node.targets)
    return any(named) and false == to_false


def _calls(reader: Reader, *methods: str) -> Iterator[tuple[tuple[int, int], str, ast.Call]]:
    """Yield the calls of these methods in the file: where, of what as it is written, the call."""
    for block, tree in enumerate(reader.trees):
        for node in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
            method = node.func
            if isinstance(method, ast.Attribute) and method.attr in methods:
                yield (block, method.lineno), ast.unparse(method.value), node


@registry.of_call("compile")
def optimizer_of_two_models(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """The optimizer of one Sequential model in ``compile`` of another, where both are trained."""
    value, node = call.argument("optimizer", 0), written(call, "optimizer", 0)
    if not isinstance(value, Instance) or not value.of("keras.optimizers.Optimizer"):
        return
    if not isinstance(node, ast.Name) or not isinstance(call.node.func, ast.Attribute):
        return
    names = [one for one in reader.everything(ast.Name) if one.id == node.id]
    if sum(isinstance(one.ctx, ast.Store) for one in names) != 1:
        return
    trained = {receiver for _, receiver, _ in _calls(reader, *_TRAINING)}
    own = ast.unparse(call.node.func.value)
    for place, receiver, other in _calls(reader, "compile"):
        earlier = place < (reader.block, call.node.lineno) and receiver != own
        if not earlier or not {own, receiver} <= trained:
            continue
        given = [*other.args[:1], *(one.value for one in other.keywords if one.arg == "optimizer")]
        if [ast.unparse(one) for one in given] == [node.id]:
            model = reader.standing_for(ast.parse(receiver, mode="eval").body)
            if _share_no_layer(model_of(call), model):
                yield node
                return


def _share_no_layer(one: Value, other: Value) -> bool:
    """Whether two models are Sequential ones of which every layer is known, and none is in both."""
    layers = []
    for model in (one, other):
        if not isinstance(model, Instance) or not model.layers or model.user is not None:
            return False
        layers.append({id(layer) for layer in model.layers})
        if any(layer is None or layer.of("keras.Model") for layer in model.layers):
            return False
    return layers[0].isdisjoint(layers[1])
