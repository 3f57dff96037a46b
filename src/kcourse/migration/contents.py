"""All that stands in a file, looked up in one index that is made when somebody asks."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any


class Contents:
    """The code of a whole file: a module, or the cells of a notebook in order."""

    def __init__(self) -> None:
        #: For who gives it before the file is read.
        self.trees: Sequence[ast.Module] = ()

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[Any]]:
        found: dict[type[ast.AST], list[Any]] = defaultdict(list)
        for tree in self.trees:
            for node in ast.walk(tree):
                found[type(node)].append(node)
        return found

    def everything(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Yield all that stands in the whole file and is of one of these kinds."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name, attribute and imported name or module of the whole file."""
        found = {node.id for node in self.everything(ast.Name)}
        found |= {node.attr for node in self.everything(ast.Attribute)}
        for node in self.everything(ast.alias):
            found.update(node.name.split("."))
        for node in self.everything(ast.ImportFrom):
            found.update((node.module or "").split("."))
        return frozenset(found)

    @cached_property
    def assigned(self) -> frozenset[str]:
        """Every attribute that the file assigns, of any object or module."""
        attributes = self.everything(ast.Attribute)
        return frozenset(node.attr for node in attributes if isinstance(node.ctx, ast.Store))

    @cached_property
    def bindings(self) -> dict[str, list[ast.expr | None]]:
        """What the whole file binds each name to; ``None`` where that is no plain assignment."""
        found: dict[str, list[ast.expr | None]] = defaultdict(list)
        plain: set[int] = set()
        for node in self.everything(ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    plain.add(id(target))
                    found[target.id].append(node.value)
        for node in self.everything(ast.Name):
            if isinstance(node.ctx, ast.Store) and id(node) not in plain:
                found[node.id].append(None)
        for node in self.everything(ast.arg):
            found[node.arg].append(None)
        return found

    def tree_of(self, node: ast.AST) -> int | None:
        """Return the index of the tree that a node stands in; ``None`` if it is in none."""
        for index, tree in enumerate(self.trees):
            if any(one is node for one in ast.walk(tree)):
                return index
        return None
