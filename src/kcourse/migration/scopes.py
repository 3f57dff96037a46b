"""Scopes of names, and who hears of what is read."""

from __future__ import annotations

import ast
from typing import Protocol

from kcourse.migration.values import Call, Instance, UserClass, UserFunction, Value, joined

#: Names that a text may use without showing the import.
CONVENTIONAL = {"tf": "tensorflow", "keras": "keras", "np": "numpy"}
#: Those that are assumed only when asked for.
PEDANTIC = {
    "K": "keras.backend",
    "layers": "keras.layers",
    "models": "keras.models",
    "optimizers": "keras.optimizers",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "callbacks": "keras.callbacks",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Listener(Protocol):
    """Hears what a reader meets, in no particular order."""

    def name(self, node: ast.AST, path: str, statement: ast.ImportFrom | None = None) -> bool:
        """Hear of a use or an import of a resolved name; return whether a change tells of it."""

    def knows(self, path: str) -> bool:
        """Return whether a change tells of this name."""

    def attribute(self, node: ast.Attribute, owner: Instance | None) -> None:
        """Hear of an attribute of an object; ``None`` is an object that nothing is known of."""

    def call(self, call: Call) -> None:
        """Hear of a call."""

    def node(self, node: ast.AST) -> None:
        """Hear of a statement, a subscript, an attribute or a comparison, after it was read."""

    def class_(self, user: UserClass) -> None:
        """Hear of a class definition."""

    def function(self, function: UserFunction) -> None:
        """Hear of a function definition."""


class Scope:
    """The names of a module, class or function."""

    __slots__ = ("inline", "is_class", "module", "names", "parent", "seen")

    def __init__(self, parent: Scope | None, *, inline: bool = False, is_class: bool = False):
        self.parent = parent
        #: Read where it stands: a comprehension, a lambda.
        self.inline = inline
        self.is_class = is_class
        #: What names stand for now.
        self.names: dict[str, Value] = {}
        #: What names stand for at any time: what a function sees that is called later.
        self.seen: dict[str, Value] = {}
        #: Names that this scope says belong to the module.
        self.module: set[str] = set()

    def bind(self, name: str, value: Value) -> None:
        """Let a name stand for a value from here on."""
        self.names[name] = value
        self.seen[name] = joined(self.seen[name], value) if name in self.seen else value


def merged(ends: list[dict[str, Value]]) -> dict[str, Value]:
    """Return what names stand for after ways of which one was taken."""
    first, *others = ends
    for other in others:
        merged = dict(first)
        for name, value in other.items():
            merged[name] = joined(merged[name], value) if name in merged else value
        first = merged
    return first
