"""Which callbacks a model is fitted with, as far as that is plain from the code."""

from __future__ import annotations

import ast

from kcourse.migration import namespaces
from kcourse.migration.checks.training.compiled import written
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.values import Call, Instance, Items, Named, UserFunction, Value

CALLBACK = "keras.callbacks.Callback"


def callback_name(call: Call) -> str:
    """Return the name of the callback of Keras that a call makes; else an empty one."""
    callee = call.callee
    path = namespaces.standing(callee.path) if isinstance(callee, Named) else ""
    module, _, name = path.rpartition(".")
    return name if module == "keras.callbacks" else ""


def callbacks(call: Call) -> list[Instance]:
    """Return the callbacks that ``fit`` is certainly given."""
    given = call.argument("callbacks", 5)
    values = given.values if isinstance(given, Items) else (given,)
    return [one for one in values if isinstance(one, Instance) and one.of(CALLBACK)]


def callbacks_of_keras(call: Call, reader: Reader) -> list[Instance]:
    """Return the callbacks that ``fit`` is given, if they are all of Keras; else none."""
    given, node = call.argument("callbacks", 5), written(call, "callbacks", 5)
    known = callbacks(call)
    if not isinstance(given, Items) or len(known) < len(given.values):
        return []
    if any(one.user is not None or one.classes[0] == CALLBACK for one in known):
        return []
    if isinstance(node, ast.Name):
        grown = {f"{node.id}.{method}" for method in ("append", "extend", "insert")}
        if any(ast.unparse(one) in grown for one in reader.everything(ast.Attribute)):
            return []
        if any(ast.unparse(one.target) == node.id for one in reader.everything(ast.AugAssign)):
            return []
    return known if isinstance(node, ast.Name | ast.List | ast.Tuple) else []


def function_of(node: ast.expr, value: Value) -> Function | ast.Lambda | None:
    """Return the function that an argument is, if the file shows it."""
    if isinstance(node, ast.Lambda):
        return node
    return value.node if isinstance(value, UserFunction) else None


def is_in_a_branch(call: ast.Call, reader: Reader) -> bool:
    """Whether a call stands below a condition, other than that the file is run as a program."""
    return any(
        any(one is call for one in ast.walk(branch)) and "__name__" not in ast.unparse(branch.test)
        for branch in reader.everything(ast.If)
    )
