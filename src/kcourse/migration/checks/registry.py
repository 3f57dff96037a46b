"""How checks are registered, and found again for what a reader meets."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kcourse.migration.resolving import Reader

#: A check hears of one thing and yields the places it is about.
Check = Callable[[Any, Reader], Iterator[ast.AST]]


class Registry:
    """Checks by what they hear of."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._calls: dict[str, list[Check]] = defaultdict(list)
        self._classes: list[tuple[str, Check]] = []
        self._functions: list[Check] = []
        self._nodes: dict[type[ast.AST], list[Check]] = defaultdict(list)

    def of_call(self, *names: str) -> Callable[[Check], Check]:
        """Register a check that hears of calls, ``check(call, reader)``.

        Args:
            names: the last parts of the names that are called, such as ``fit``; none for all.
        """

        def register(check: Check) -> Check:
            for name in names or ("",):
                self._calls[name].append(check)
            return self._registered(check)

        return register

    def of_class(self, *bases: str) -> Callable[[Check], Check]:
        """Register a check that hears of classes below ``bases``, ``check(user, reader)``."""

        def register(check: Check) -> Check:
            self._classes += [(base, check) for base in bases]
            return self._registered(check)

        return register

    def of_function(self, check: Check) -> Check:
        """Register a check that hears of function definitions, ``check(function, reader)``."""
        self._functions.append(check)
        return self._registered(check)

    def of_node(self, *kinds: type[ast.AST]) -> Callable[[Check], Check]:
        """Register a check that hears of statements or expressions, ``check(node, reader)``.

        Args:
            kinds: kinds of statements, or ``ast.Subscript``, ``ast.Compare``, ``ast.Attribute``.
        """

        def register(check: Check) -> Check:
            for kind in kinds:
                self._nodes[kind].append(check)
            return self._registered(check)

        return register

    def _registered(self, check: Check) -> Check:
        self.names.add(check.__name__)
        return check

    def joined(self, others: Iterable[Registry]) -> Registry:
        """Return this registry with the checks of others."""
        for other in others:
            self.names |= other.names
            self._classes += other._classes
            self._functions += other._functions
            for name, checks in other._calls.items():
                self._calls[name] += checks
            for kind, checks in other._nodes.items():
                self._nodes[kind] += checks
        return self

    def for_call(self, name: str) -> Iterator[Check]:
        """Yield the checks that hear of a call of something with this last name."""
        yield from self._calls.get(name, ())
        yield from self._calls.get("", ())

    def for_class(self, classes: tuple[str, ...]) -> Iterator[Check]:
        """Yield the checks that hear of a class below these."""
        yield from dict.fromkeys(check for base, check in self._classes if base in classes)

    def for_function(self) -> Iterator[Check]:
        """Yield the checks that hear of functions."""
        yield from self._functions

    def for_node(self, kind: type[ast.AST]) -> Iterator[Check]:
        """Yield the checks that hear of this kind of statement or expression."""
        yield from self._nodes.get(kind, ())

    @property
    def kinds(self) -> set[type[ast.AST]]:
        """The kinds of statements and expressions that a check hears of."""
        return set(self._nodes)
