"""What the code around a call knows of it: that it may fail, or that it is for another version."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kcourse.migration.values import UserFunction

#: Stands for all exceptions among those that are handled.
EVERY_ERROR = "*"

#: Exceptions that tell that a name is not there.
NOT_THERE = {"AttributeError", "ImportError", "ModuleNotFoundError"}


def asks_for_a_version(test: ast.expr) -> bool:
    """Whether a condition asks which version runs, or whether a name is there."""
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name == "hasattr" or (name and _VERSION.search(name)):
            return True
    return False


#: Names that stand for a version: ``__version__``, ``IS_TF2``, ``tf_v1``, ``keras_3``.
_VERSION = re.compile(r"version|(^|_)(tf|tensorflow|keras)_?v?[123](_|$)", re.IGNORECASE)


def exceptions(node: ast.expr | None, body: list[ast.stmt]) -> Iterator[str]:
    """Yield the exceptions that a handler names.

    A handler for every exception does not know what it handles, unless it imports another way.
    """
    if node is None:
        names = ["Exception"]
    elif isinstance(node, ast.Tuple):
        names = [last_name(one) for one in node.elts]
    else:
        names = [last_name(node)]
    imports = any(isinstance(one, ast.Import | ast.ImportFrom) for one in body)
    for name in names:
        if name in {"Exception", "BaseException"}:
            if imports:
                yield from ("ImportError", "ModuleNotFoundError", "AttributeError")
        elif name:
            yield name


def tried(function: UserFunction) -> frozenset[str]:
    """Return the exceptions that a function handles when it calls one of its arguments.

    What is handed to such a function is meant to fail: ``attempt(lambda: model.fit(...))``.
    """
    if function.tries is None:
        arguments = function.node.args
        names = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)}
        tried: set[str] = set()
        for node in ast.walk(function.node):
            if not isinstance(node, ast.Try):
                continue
            calls = (one for part in node.body for one in ast.walk(part))
            if any(isinstance(one, ast.Call) and last_name(one.func) in names for one in calls):
                for handler in node.handlers:
                    named = set(exceptions(handler.type, []))
                    tried |= named if named and not named & names else {EVERY_ERROR}
        function.tries = frozenset(tried)
    return function.tries


def expected(node: ast.expr) -> Iterator[str]:
    """Yield the exceptions that a ``with`` statement expects, as ``pytest.raises`` does."""
    if isinstance(node, ast.Call) and last_name(node.func) in {
        "raises",
        "suppress",
        "assertRaises",
        "assertRaisesRegex",
    }:
        for argument in node.args:
            parts = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            yield from filter(None, map(last_name, parts))


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name as it is written; empty for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
