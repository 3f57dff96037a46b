"""Checks for gradients: of graphs, of integers, and twice of one tape."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kcourse.migration.checks.registry import Registry
from kcourse.migration.checks.tensors import SIMPLE, called, holds_integers
from kcourse.migration.resolving import Reader
from kcourse.migration.values import Bound, Call, Instance, Items, Mapping, Value

registry = Registry()

#: What a tape is asked for.
_ASKED = ("gradient", "jacobian", "batch_jacobian")


@registry.of_call("gradients", "hessians")
def gradients_outside_functions(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tf.gradients`` in the body of the module, in a file without graphs."""
    if called(call.callee) not in {"tensorflow.gradients", "tensorflow.hessians"}:
        return
    graphs = {"Graph", "disable_eager_execution", "disable_v2_behavior"}
    if not reader.runs_later and not graphs & reader.words:
        yield call.node.func


@registry.of_call("gradient", "jacobian", "watch")
def gradient_of_integer(call: Call, reader: Reader) -> Iterator[ast.AST]:
    """``tape.gradient(y, x)`` of an ``x`` that holds integers."""
    callee = call.callee
    if not (isinstance(callee, Bound) and _is_tape(callee.owner)):
        return
    watched = callee.name == "watch"
    sources = call.argument("tensor", 0) if watched else call.argument("sources", 1)
    values: Sequence[Value] = (sources,)
    if isinstance(sources, Items):
        values = sources.values
    elif isinstance(sources, Mapping):
        values = list(sources.values.values())
    if any(map(holds_integers, values)):
        yield call.node


def _is_tape(value: Value) -> bool:
    return isinstance(value, Instance) and value.of("tensorflow.GradientTape")


@registry.of_node(ast.With)
def tape_asked_twice(node: ast.With, reader: Reader) -> Iterator[ast.AST]:
    """A second ``tape.gradient`` of a tape that is not persistent, one line after the other."""
    name = next(filter(None, (_single_tape(item, reader) for item in node.items)), "")
    if not name:
        return
    asked = False
    for statement in (*node.body, *reader.following):
        uses = sum(_is_named(one, name) for one in ast.walk(statement))
        asks = [one for one in ast.walk(statement) if _asks(one, name, _ASKED)]
        if isinstance(statement, ast.Expr) and _asks(statement.value, name, ["watch"]):
            continue
        if uses and (len(asks) != uses or not _is_plain(statement)):
            return  # handed on, made anew, asked under a condition: that may be right
        for ask in asks:
            if asked:
                yield ask
                return
            asked = True


def _single_tape(item: ast.withitem, reader: Reader) -> str:
    """Return the name of a tape that can be asked once."""
    tape, name = item.context_expr, item.optional_vars
    if not (isinstance(tape, ast.Call) and isinstance(name, ast.Name)):
        return ""
    if tape.args or any(one.arg in {None, "persistent"} for one in tape.keywords):
        return ""
    return name.id if called(reader.standing_for(tape.func)) == "tensorflow.GradientTape" else ""


def _asks(node: ast.AST, tape: str, methods: Sequence[str]) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in methods and _is_named(node.func.value, tape)


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_plain(statement: ast.stmt) -> bool:
    """Whether each part of a statement runs exactly once."""
    otherwise = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.comprehension)
    parts = ast.walk(statement)
    return isinstance(statement, SIMPLE) and not any(isinstance(one, otherwise) for one in parts)
