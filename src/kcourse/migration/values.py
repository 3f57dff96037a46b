"""What an expression is, as far as that is plain from the code alone."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from kcourse.migration import namespaces

#: Stands in a ``Text`` for a part that is known only when the code runs.
UNKNOWN_PART = "\ufffc"


@dataclass(frozen=True, slots=True)
class Named:
    """A module, class or function that is known by its resolved dotted name."""

    path: str
    #: A finding told of this name or of one that it stands below; once is enough.
    reported: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Either:
    """One of several names, as after ``try: import keras`` with a fallback."""

    names: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a boolean or ``None``."""

    value: Any


@dataclass(frozen=True, slots=True)
class Text:
    """A string, with ``UNKNOWN_PART`` where it is computed."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list or tuple that is written out."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A dict that is written out with strings as keys."""

    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements are of a known class, such as ``model.layers``."""

    element: str


class Instance:
    """An object of a known class."""

    __slots__ = (
        *("call", "classes", "compiled", "frame", "layers"),
        *("outputs", "producer", "user"),
    )

    def __init__(
        self,
        classes: tuple[str, ...],
        *,
        user: UserClass | None = None,
        call: Call | None = None,
        producer: Instance | None = None,
    ) -> None:
        #: Its class and the classes above it, as they stand in ``keras``.
        self.classes = classes
        #: The class in the audited code, if it is of one.
        self.user = user
        #: The call that made it.
        self.call = call
        #: The layer that a symbolic tensor comes out of.
        self.producer = producer
        #: The layers of a Sequential model in order, ``None`` where one is not known.
        self.layers: list[Instance | None] | None = None
        #: The outputs that a functional model was made with.
        self.outputs: Value = None
        #: The last call of a model's ``compile``.
        self.compiled: Call | None = None
        #: Where it was made: the function and how deep in branches and loops.
        self.frame: tuple[object, int] | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Instance)
            and self.classes == other.classes
            and self.user is other.user
            and self.call is other.call
        )

    def __hash__(self) -> int:
        return hash(self.classes)

    def of(self, path: str) -> bool:
        """Whether it is an object of this class."""
        return path in self.classes


@dataclass(frozen=True, slots=True)
class Bound:
    """A method or attribute of an object; the object is ``None`` where it is not known."""

    owner: Instance | Text | None
    name: str


@dataclass(eq=False, slots=True)
class UserClass:
    """A class of the audited code."""

    node: ast.ClassDef
    #: The known classes above it.
    classes: tuple[str, ...]
    #: The classes of the audited code above it.
    parents: tuple[UserClass, ...]
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    #: What its methods assign to ``self``; ``None`` until somebody asks.
    attributes: dict[str, Value] | None = None
    #: Whether all of its methods were read for that.
    complete: bool = False
    #: The functions to read when somebody asks.
    functions: list[UserFunction] = field(default_factory=list)
    #: Names that the class body binds other than by ``def``.
    names: set[str] = field(default_factory=set)

    def defines(self, name: str) -> bool:
        """Whether it, or a class of the audited code above it, defines or assigns this name."""
        return (
            name in self.methods
            or name in self.names
            or name in (self.attributes or ())
            or any(parent.defines(name) for parent in self.parents)
        )

    def method(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Return the definition of a method, here or above."""
        if name in self.methods:
            return self.methods[name]
        return next((found for parent in self.parents if (found := parent.method(name))), None)


@dataclass(eq=False, slots=True)
class UserFunction:
    """A function of the audited code."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Any
    owner: UserClass | None
    #: What its decorators are, in order.
    decorators: tuple[Value, ...] = ()
    #: What it returns; ``None`` where that is not known, or nobody has asked.
    returns: Value = None
    asked: bool = False
    #: The exceptions that it handles when it calls an argument; ``None`` until somebody asks.
    tries: frozenset[str] | None = None


@dataclass(eq=False, slots=True)
class Call:
    """A call, with what is known of its arguments."""

    node: ast.Call
    callee: Value
    positional: list[Value]
    keywords: dict[str, Value]
    #: Arguments are given by ``*`` or ``**``: what is not seen may be given all the same.
    open: bool

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """Return the argument with this name, or at this position."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None

    def gives(self, name: str, position: int | None = None) -> bool:
        """Whether the argument is given."""
        given = position is not None and position < len(self.positional)
        return name in self.keywords or given


#: ``None`` is what nothing is known of.
Value = (
    Named
    | Either
    | Constant
    | Text
    | Items
    | Mapping
    | ListOf
    | Instance
    | Bound
    | UserClass
    | UserFunction
    | None
)


def instance(path: str, call: Call | None = None) -> Instance | None:
    """Return an object of this class, or ``None`` for no class."""
    return Instance(namespaces.classes_or_itself(path), call=call) if path else None


def joined(one: Value, other: Value) -> Value:
    """Return what holds for both, where code may come from either of two ways."""
    if one == other:
        return one
    if isinstance(one, Constant) and one.value is None:
        return other  # `model = None` before the model is made
    if isinstance(other, Constant) and other.value is None:
        return one
    names = _names(one) + _names(other)
    if names and _names(one) and _names(other):
        return Either(tuple(dict.fromkeys(names)))
    if isinstance(one, Instance) and isinstance(other, Instance):
        if one.user is not None and one.user is other.user:
            return Instance(one.classes, user=one.user)
        common = [path for path in one.classes if path in other.classes]
        return Instance(tuple(common)) if common else None
    return None


def _names(value: Value) -> tuple[Named, ...]:
    if isinstance(value, Named):
        return (value,)
    return value.names if isinstance(value, Either) else ()
