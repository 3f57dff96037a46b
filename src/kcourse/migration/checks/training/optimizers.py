"""Checks for optimizers, their learning rates and schedules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kcourse.migration import namespaces
from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.training.compiled import model_of, written
from kcourse.migration.checks.training.fitted import (
    callback_name,
    callbacks,
    function_of,
    is_in_a_branch,
)
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Call, Constant, Instance, Named, UserClass

registry = Registry()

_OPTIMIZER = "keras.optimizers.Optimizer"
_SCHEDULE = "keras.optimizers.schedules.LearningRateSchedule"
#: The optimizers whose first argument is the learning rate.
_OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD"),
)
#: Methods that stand between ``apply_gradients`` and ``update_step``.
_APPLYING = ("apply", "apply_gradients", "_backend_apply_gradients", "_backend_update_step")
#: Functions of TensorFlow and Keras that give a tensor for a number.
_GIVES_TENSOR = re.compile(
    r"keras\.ops\.(?!convert_to_numpy|is_tensor|shape)\w+"
    r"|tensorflow\.(math\.\w+|cast|constant|convert_to_tensor|cos|exp|maximum|minimum|pow|sin|sqrt)"
)
#: Functions of TensorFlow that take no integers.
_OF_FLOATS = re.compile(r"tensorflow\.(math\.)?(cos|exp|log|rsqrt|sigmoid|sin|sqrt|tanh)")


# An optimizer and what it is made with.


def _makes_optimizer(call: Call) -> bool:
    """Whether a call makes one of Keras's optimizers."""
    callee = call.callee
    return isinstance(callee, Named) and _OPTIMIZER in namespaces.classes(callee.path)


@registry.of_call(*_OPTIMIZERS)
def epsilon_none(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``Adam(epsilon=None)``."""
    if _makes_optimizer(call) and call.keywords.get("epsilon") == Constant(None):
        yield from (one for one in call.node.keywords if one.arg == "epsilon")


@registry.of_call(*_OPTIMIZERS)
def integer_learning_rate(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``SGD(learning_rate=1)``."""
    rate, node = call.argument("learning_rate", 0), written(call, "learning_rate", 0)
    number = isinstance(rate, Constant) and type(rate.value) is int
    if number and node is not None and _makes_optimizer(call):
        yield node


@registry.of_call("variables")
def optimizer_variables_called(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``optimizer.variables()``."""
    if _is_read_of_optimizer(call.node.func, reader):
        yield call.node


@registry.of_call("learning_rate")
def learning_rate_called(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``optimizer.learning_rate(step)``."""
    if _is_read_of_optimizer(call.node.func, reader):
        yield call.node


def _is_read_of_optimizer(node: ast.expr, reader: Reader) -> bool:
    """Whether an expression is an attribute that an optimizer has from Keras."""
    owner = reader.standing_for(node.value) if isinstance(node, ast.Attribute) else None
    if not isinstance(node, ast.Attribute) or not isinstance(owner, Instance):
        return False
    own = owner.user is not None and owner.user.defines(node.attr)
    return owner.of(_OPTIMIZER) and not own


@registry.of_node(ast.Assign, ast.AugAssign)
def assigned_iterations(node: ast.Assign | ast.AugAssign, reader: Reader) -> Iterator[ast.AST]:
    """``optimizer.iterations = 100``."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Attribute) and target.attr == "iterations":
            owner = reader.standing_for(target.value)
            if isinstance(owner, Instance) and owner.of(_OPTIMIZER) and owner.user is None:
                yield node


@registry.of_class(_OPTIMIZER)
def update_step_without_learning_rate(user: UserClass, reader: Reader) -> Iterator[ast.AST]:
    """``def update_step(self, gradient, variable)``."""
    step = user.methods.get("update_step")
    if step is None or step.args.vararg is not None or step.decorator_list:
        return
    if len(step.args.args) == 3 and not any(map(user.defines, _APPLYING)):
        yield step


# Learning rates that change.


@registry.of_call(*_OPTIMIZERS)
def schedule_of_integer_steps(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """A schedule whose ``__call__`` takes ``tf.math.rsqrt(step)`` and leaves ``step`` as it is."""
    rate, node = call.argument("learning_rate", 0), written(call, "learning_rate", 0)
    user = rate.user if isinstance(rate, Instance) and rate.of(_SCHEDULE) else None
    method = user.method("__call__") if user is not None else None
    if node is None or method is None or len(method.args.args) != 2 or not _makes_optimizer(call):
        return
    step, nodes = method.args.args[1].arg, list(ast.walk(method))
    if any(isinstance(one, ast.Name) and one.id == step and _is_bound(one) for one in nodes):
        return
    calls = [one for one in nodes if isinstance(one, ast.Call) and len(one.args) == 1]
    functions = [reader.standing_for(one.func) for one in calls if _is_whole(one.args[0], step)]
    if any(isinstance(one, Named) and _OF_FLOATS.fullmatch(one.path) for one in functions):
        yield node


def _is_bound(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def _is_whole(node: ast.expr, step: str) -> bool:
    """Whether it is the step, or the step and a whole number."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
        other = node.right
        number = isinstance(other, ast.Constant) and type(other.value) is int
        return number and _is_whole(node.left, step)
    return isinstance(node, ast.Name) and node.id == step


@registry.of_call("LearningRateScheduler")
def scheduler_returns_tensor(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``LearningRateScheduler(lambda epoch, lr: lr * tf.math.exp(-0.1))``."""
    node = written(call, "schedule", 0)
    if callback_name(call) != "LearningRateScheduler" or node is None:
        return
    function = function_of(node, call.argument("schedule", 0))
    if isinstance(function, ast.Lambda):
        returned: list[ast.expr | None] = [function.body]
    else:
        nodes = ast.walk(function) if function is not None else ()
        returned = [one.value for one in nodes if isinstance(one, ast.Return)]
    if any(one is not None and _is_tensor(one, reader) for one in returned):
        yield node


def _is_tensor(node: ast.expr, reader: Reader) -> bool:
    """Whether an expression is certainly a tensor."""
    if isinstance(node, ast.BinOp):
        return _is_tensor(node.left, reader) or _is_tensor(node.right, reader)
    function = reader.standing_for(node.func) if isinstance(node, ast.Call) else None
    return isinstance(function, Named) and bool(_GIVES_TENSOR.fullmatch(function.path))


@registry.of_call("fit")
def schedule_and_callback(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``ReduceLROnPlateau`` for a model whose optimizer has a schedule."""
    model = model_of(call)
    compiled = model.compiled if model is not None else None
    optimizer = compiled.argument("optimizer", 0) if compiled is not None else None
    made = optimizer.call if isinstance(optimizer, Instance) and optimizer.user is None else None
    rate = made.argument("learning_rate", 0) if made is not None else None
    scheduled = isinstance(rate, Instance) and rate.of(_SCHEDULE)
    if compiled is None or not scheduled or is_in_a_branch(compiled.node, reader):
        return
    setting = ("keras.callbacks.LearningRateScheduler", "keras.callbacks.ReduceLROnPlateau")
    if any(one.user is None and any(map(one.of, setting)) for one in callbacks(call)):
        yield call.node
