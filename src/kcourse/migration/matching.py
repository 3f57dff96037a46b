"""Hold what a reader meets against the table of changes."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from kcourse.migration import installed, namespaces
from kcourse.migration.checks import ALL
from kcourse.migration.checks.registry import Check
from kcourse.migration.fixing import Edit
from kcourse.migration.handling import EVERY_ERROR, last_name
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import Function
from kcourse.migration.table import Change, Pattern, changes
from kcourse.migration.values import (
    UNKNOWN_PART,
    Bound,
    Call,
    Constant,
    Either,
    Instance,
    Named,
    Text,
    UserClass,
    UserFunction,
    Value,
)


@dataclass(frozen=True)
class Hit:
    """A change of the table, met in a block of code."""

    change: Change
    block: Any
    #: What was found.
    node: ast.AST
    #: How ``--fix`` rewrites it, where it does.
    edit: Edit | None
    #: What happens today, where that is more than the entry says.
    detail: str = ""


class Index:
    """The table, by what its patterns are about."""

    def __init__(self, table: Iterable[Change], *, pedantic: bool) -> None:
        self.pedantic = pedantic
        self.names: dict[str, list[tuple[Change, Pattern]]] = defaultdict(list)
        self.below: dict[str, list[tuple[Change, Pattern]]] = defaultdict(list)
        #: What the names of the table stand below.
        self.on_the_way: set[str] = set()
        self.calls: dict[str, list[tuple[Change, Pattern]]] = defaultdict(list)
        self.methods: dict[str, list[tuple[Change, Pattern]]] = defaultdict(list)
        self.defines: dict[str, list[tuple[Change, Pattern]]] = defaultdict(list)
        self.checks: dict[str, Change] = {}
        for change in table:
            for pattern in change.find:
                if pedantic or not pattern.pedantic:
                    self._add(change, pattern)

    def _add(self, change: Change, pattern: Pattern) -> None:
        if pattern.check:
            self.checks[pattern.check] = change
        elif pattern.define:
            self.defines[pattern.target.rpartition(".")[2]].append((change, pattern))
        elif pattern.method:
            self.methods[pattern.target.rpartition(".")[2]].append((change, pattern))
        elif pattern.call:
            self.calls[pattern.call].append((change, pattern))
        else:
            for name in _spellings(pattern):
                index = self.below if name.endswith(".*") else self.names
                index[name.removesuffix(".*")].append((change, pattern))
                while name := name.rpartition(".")[0]:
                    self.on_the_way.add(name)


@cache
def whole_table(*, pedantic: bool) -> Index:
    """Return the index of the whole table, which is the same for every file."""
    return Index(changes(), pedantic=pedantic)


class Matcher:
    """Listens to a reader and collects what the table tells of."""

    def __init__(self, index: Index) -> None:
        self.hits: list[Hit] = []
        self.reader: Reader | None = None
        self._index = index
        self._kinds = ALL.kinds
        self._met: set[tuple[str, int]] = set()
        self._told: set[int] = set()
        #: Names of an import statement that have moved to another module, and where to.
        self._moved: dict[ast.ImportFrom, list[tuple[Hit, str]]] = defaultdict(list)

    # What the reader tells.

    def knows(self, path: str) -> bool:
        """Return whether a change tells of this name."""
        return next(self._of_name(path), None) is not None or self._missing(path) is not None

    def _missing(self, path: str) -> tuple[str, str] | None:
        """Return where a dotted name stops to be there, unless the file puts it there itself."""
        lost = installed.missing(path)
        assert self.reader is not None
        return None if lost and lost[1] in self.reader.assigned else lost

    def name(self, node: ast.AST, path: str, statement: ast.ImportFrom | None = None) -> bool:
        """Hear of a use or an import of a name."""
        found = False
        for change, pattern in self._of_name(path):
            found = True
            if statement is not None:
                self._meet_import(change, pattern, node, path, statement)
            else:
                self._meet(change, node, self._new_name(change, pattern, node, path))
        if found or isinstance(node, ast.Name) or path in self._index.on_the_way:
            return found
        if lost := self._missing(path):
            self._meet_missing("no_such_name", node, *lost, sorted(installed.names()[lost[0]]))
            return True
        return found

    def attribute(self, node: ast.Attribute, owner: Instance | None) -> None:
        """Hear of an attribute of an object."""
        for change, pattern in self._index.methods.get(node.attr, ()):
            if not _has_conditions(pattern) and self._is_of(owner, pattern):
                # Of an object that nothing is known of, nothing is rewritten.
                self._meet(change, node, _new_attribute(change, node) if owner else None)

    def call(self, call: Call) -> None:
        """Hear of a call."""
        call = _without_partial(call)
        for change, pattern in self._of_call(call):
            if pattern.only and not _is_spelled(call.callee, pattern.target):
                continue
            known = not (isinstance(call.callee, Bound) and call.callee.owner is None)
            for node in _fits(pattern, call):
                self._meet(change, node, _new_call(change, call, node) if known else None)
        self._check_arguments(call)
        self._check(ALL.for_call(_called(call)), call)

    def node(self, node: ast.AST) -> None:
        """Hear of a statement, a subscript, an attribute or a comparison."""
        if type(node) in self._kinds:
            self._check(ALL.for_node(type(node)), node)

    def class_(self, user: UserClass) -> None:
        """Hear of a class definition."""
        for name, method in user.methods.items():
            for change, pattern in self._index.defines.get(name, ()):
                if pattern.target.rpartition(".")[0] in user.classes:
                    self._meet(change, method, _new_definition(change, method))
        self._check(ALL.for_class(user.classes), user)

    def function(self, function: UserFunction) -> None:
        """Hear of a function definition."""
        self._check(ALL.for_function(), function)

    # What that means.

    def _of_name(self, path: str) -> Iterator[tuple[Change, Pattern]]:
        yield from self._index.names.get(path, ())
        above = path
        while above:
            yield from self._index.below.get(above, ())
            above = above.rpartition(".")[0]

    def _of_call(self, call: Call) -> Iterator[tuple[Change, Pattern]]:
        callee = call.callee
        if isinstance(callee, Bound) and callee.name == "__init__":
            owner = callee.owner
            if isinstance(owner, Instance):  # super().__init__(…)
                for path in owner.classes:
                    yield from self._index.calls.get(path, ())
            return
        if isinstance(callee, Bound):
            owner = callee.owner if isinstance(callee.owner, Instance) else None
            if owner and owner.user and owner.user.defines(callee.name):
                return  # a method of the audited code's own
            for change, pattern in self._index.methods.get(callee.name, ()):
                if _has_conditions(pattern) and self._is_of(owner, pattern):
                    yield change, pattern
        elif isinstance(callee, Instance):
            for change, pattern in self._index.methods.get("__call__", ()):
                if callee.of(pattern.target.rpartition(".")[0]):
                    yield change, pattern
        elif isinstance(callee, Named | Either):
            names = callee.names if isinstance(callee, Either) else (callee,)
            if any(one.reported for one in names):
                return
            paths = [(one.path, *_above(one.path)) for one in names]
            for path in dict.fromkeys(paths[0]):
                if all(path in others or len(paths) == 1 for others in paths):
                    yield from self._index.calls.get(path, ())
        elif isinstance(callee, UserClass):
            for path in callee.classes:
                for change, pattern in self._index.calls.get(path, ()):
                    if _passes_on(callee, pattern):
                        yield change, pattern
        elif callee is None and self._index.pedantic and isinstance(call.node.func, ast.Name):
            for path, entries in self._index.calls.items():
                if path.rpartition(".")[2] == call.node.func.id:
                    yield from entries

    def _is_of(self, owner: Instance | None, pattern: Pattern) -> bool:
        """Whether a pattern for a method is about an object of this class."""
        if owner is None:
            return self._index.pedantic
        return owner.of(pattern.target.rpartition(".")[0])

    def _check(self, checks: Iterable[Check], thing: Any) -> None:
        assert self.reader is not None
        for check in checks:
            if (change := self._index.checks.get(check.__name__)) is not None:
                for node in check(thing, self.reader):
                    self._meet(change, node, _new_of_check(change, thing, node), elsewhere=True)

    def _check_arguments(self, call: Call) -> None:
        """Tell of keyword arguments that a function does not take and the table does not know."""
        for path in _paths(call.callee):
            taken = installed.arguments().get(path)
            if taken is None:
                continue
            for keyword in call.node.keywords:
                known = keyword.arg is None or keyword.arg in taken
                if not known and id(keyword) not in self._told and id(call.node) not in self._told:
                    self._meet_missing(
                        "no_such_argument", keyword, path, str(keyword.arg), sorted(taken)
                    )
            return

    def _meet_missing(
        self, check: str, node: ast.AST, where: str, name: str, there: list[str]
    ) -> None:
        """Tell of a name or an argument that is not there, and of the nearest one that is."""
        if check not in self._index.checks:
            return
        what = "argument" if check == "no_such_argument" else "name"
        detail = f"`{where}` has no {what} `{name}` in {installed.versions()}."
        if near := difflib.get_close_matches(name, there, n=1, cutoff=0.75):
            detail += f" The nearest is `{near[0]}`."
        self._meet(self._index.checks[check], node, None, detail)

    def _meet(
        self,
        change: Change,
        node: ast.AST,
        edit: Edit | None,
        detail: str = "",
        *,
        elsewhere: bool = False,
    ) -> Hit | None:
        reader = self.reader
        assert reader is not None
        if (change.rule, id(node)) in self._met or _is_expected(change, reader):
            return None
        self._met.add((change.rule, id(node)))
        self._told.add(id(node))
        block = reader.block_of(node) if elsewhere else reader.block
        hit = Hit(change, block, node, edit, detail)
        self.hits.append(hit)
        return hit

    def _meet_import(
        self, change: Change, pattern: Pattern, node: ast.AST, path: str, statement: ast.ImportFrom
    ) -> None:
        """Note a name that is imported; the statement is rewritten if all its names moved alike."""
        hit = self._meet(change, node, None)
        target = _target(change, pattern, path)
        module, _, name = target.rpartition(".")
        if hit is None or name != path.rpartition(".")[2]:
            return
        if module.rpartition(".")[2][:1].isupper():
            return  # nothing can be imported from a class
        moved = self._moved[statement]
        moved.append((hit, module))
        if len(moved) == len(statement.names) and len({where for _, where in moved}) == 1:
            edit = Edit("import", *_span(statement), old=statement.module or "", new=module)
            for one, _ in moved:
                self.hits[self.hits.index(one)] = Hit(one.change, one.block, one.node, edit)

    def _new_name(self, change: Change, pattern: Pattern, node: ast.AST, path: str) -> Edit | None:
        """Return the edit that writes the new name by what the file calls its modules."""
        target = _target(change, pattern, path)
        if not target or not isinstance(node, ast.Attribute):
            return None
        assert self.reader is not None
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        own = root.id if isinstance(root, ast.Name) else ""
        aliases = sorted(self.reader.aliases, key=lambda alias: (alias[0] != own, -len(alias[1])))
        for alias, module in aliases:
            if target.startswith(module + ".") or target == module:
                new = alias + target[len(module) :]
                return Edit("expression", *_span(node), old="", new=new)
        return None


def _called(call: Call) -> str:
    """Return the last part of the name of what is called."""
    callee, func = call.callee, call.node.func
    if isinstance(callee, Either):
        callee = callee.names[0]
    if isinstance(callee, Named):
        return callee.path.rpartition(".")[2]
    if isinstance(callee, Bound):
        return callee.name
    return last_name(func)


def _paths(callee: Value) -> Iterator[str]:
    """Yield the names that a function, a class or a method is listed by."""
    if isinstance(callee, Named) and not callee.reported:
        yield namespaces.standing(callee.path)
    elif isinstance(callee, Bound) and isinstance(callee.owner, Instance):
        user = callee.owner.user
        if user is not None and user.defines(callee.name):
            return
        yield from (f"{path}.{callee.name}" for path in callee.owner.classes)


def _spellings(pattern: Pattern) -> Iterator[str]:
    yield pattern.name
    if pattern.name.startswith("keras.") and not pattern.only:
        yield f"tensorflow.{pattern.name}"


def _above(path: str) -> tuple[str, ...]:
    return namespaces.classes(path) or (namespaces.standing(path),)


def _is_spelled(callee: Value, target: str) -> bool:
    return isinstance(callee, Named) and callee.path == target


def _target(change: Change, pattern: Pattern, path: str) -> str:
    """Return the new dotted name, in ``tensorflow.keras`` for a name that was found there."""
    new = change.fix.name if change.fix else ""
    moved = path.startswith("tensorflow.keras.") and pattern.name.startswith("keras.")
    return f"tensorflow.{new}" if new.startswith("keras.") and moved else new


def _has_conditions(pattern: Pattern) -> bool:
    return bool(pattern.keyword or pattern.without or pattern.argument)


def _passes_on(user: UserClass, pattern: Pattern) -> bool:
    """Whether a class of the audited code hands an argument on to the class above it."""
    init = user.method("__init__")
    if init is None:
        return True
    arguments = init.args
    own = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return arguments.kwarg is not None and bool(pattern.keyword) and not own & set(pattern.keyword)


def _fits(pattern: Pattern, call: Call) -> list[ast.AST]:
    """Return what of a call the pattern is about; nothing if it is not about this call."""
    nodes: list[ast.AST] = [call.node]
    if pattern.keyword:
        nodes = [one for one in call.node.keywords if one.arg in pattern.keyword]
    name, position = _argument(pattern)
    if pattern.without:
        if call.open or any(one in call.keywords for one in pattern.without):
            return []
        if name in pattern.without:
            return [] if call.gives(name, position) else nodes
    if pattern.argument and not _argument_fits(pattern, call, name, position):
        return []
    if pattern.argument and not pattern.keyword:
        nodes = [one for one in call.node.keywords if one.arg == name] or nodes
    return nodes


def _without_partial(call: Call) -> Call:
    """Return what ``functools.partial(f, x)`` will call: ``f(x)``, and perhaps with more."""
    given = call.positional[0] if call.positional else None
    partial = isinstance(call.callee, Named) and call.callee.path == "functools.partial"
    if partial and isinstance(given, Named):
        return Call(call.node, given, call.positional[1:], call.keywords, open=True)
    return call


def _argument(pattern: Pattern) -> tuple[str, int | None]:
    names = [part for part in pattern.argument if isinstance(part, str)]
    positions = [part for part in pattern.argument if isinstance(part, int)]
    return (names[0] if names else "", positions[0] if positions else None)


def _argument_fits(pattern: Pattern, call: Call, name: str, position: int | None) -> bool:
    if not call.gives(name, position):
        return False
    value = call.argument(name, position)
    if pattern.matches:
        if not isinstance(value, Text) or value.text.endswith(UNKNOWN_PART):
            return False
        return re.search(pattern.matches, value.text) is not None
    if pattern.equals is not None:
        if isinstance(value, Text):
            return bool(value.text == pattern.equals)
        same = isinstance(value, Constant) and type(value.value) is type(pattern.equals)
        return same and isinstance(value, Constant) and bool(value.value == pattern.equals)
    if pattern.type:
        if isinstance(value, Named):  # a function or class that is handed on
            return pattern.type in (value.path, namespaces.standing(value.path))
        return isinstance(value, Instance) and value.of(pattern.type)
    return True


def _is_expected(change: Change, reader: Reader) -> bool:
    """Whether the code around handles what the old form raises, or asks for the version first."""
    if not change.raises:
        return False
    if reader.guarded:
        return True
    name = change.raises.partition(":")[0]
    known = getattr(builtins, name, None)
    raised = {one.__name__ for one in known.__mro__} if isinstance(known, type) else {name}
    if name == "ModuleNotFoundError":
        raised.add("ImportError")
    raised -= {"Exception", "BaseException", "object"}
    raised.add(EVERY_ERROR)
    if any(pattern.check.startswith("no_such") for pattern in change.find):
        raised |= {"AttributeError", "ImportError", "TypeError", "ValueError"}
    # An import of a name that is gone fails as an import.
    if any(pattern.name for pattern in change.find) and name == "AttributeError":
        raised |= {"ImportError", "ModuleNotFoundError"}
    return any(raised & handled for handled in reader.handled)


def _span(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _new_attribute(change: Change, node: ast.Attribute) -> Edit | None:
    if change.fix and change.fix.method:
        return Edit("attribute", *_span(node), old=node.attr, new=change.fix.method)
    return None


def _new_definition(change: Change, node: Function) -> Edit | None:
    if change.fix and change.fix.method:
        return Edit("definition", *_span(node), old=node.name, new=change.fix.method)
    return None


def _new_of_check(change: Change, thing: Any, node: ast.AST) -> Edit | None:
    """Return the edit of what a check found: an argument of a call, or a definition."""
    if isinstance(thing, Call) and isinstance(node, ast.keyword):
        return _new_call(change, thing, node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _new_definition(change, node)
    return None


def _new_call(change: Change, call: Call, node: ast.AST) -> Edit | None:
    fix = change.fix
    if fix is None:
        return None
    if isinstance(node, ast.keyword) and node.arg and fix.keyword:
        if fix.keyword in call.keywords:
            return None  # both are given: which one is meant is not ours to say
        return Edit("keyword", *_span(call.node), old=node.arg, new=fix.keyword)
    if isinstance(node, ast.keyword) and node.arg and fix.drop:
        return Edit("drop", *_span(call.node), old=node.arg, new="")
    if fix.method and isinstance(call.node.func, ast.Attribute):
        func = call.node.func
        return Edit("attribute", *_span(func), old=func.attr, new=fix.method)
    return None
