"""The table of changes: what it holds, and how it is read.

One ``[[change]]`` in ``changes/CHAPTER.toml`` is one thing that TensorFlow or Keras removed or
changed, or that never was right:

==========  ==========================================================================
``rule``    its name in findings, such as ``optimizer-lr``
``old``     code in the old form, complete with its imports
``raises``  what ``old`` raises today, as ``"Type: part of the message"``; or
``warns``   the warning or log line it gives, as ``"UserWarning: part"`` or ``"log: part"``; or
``shows``   Python that runs after ``old`` and asserts what it does today
``new``     code that does the job today
``proves``  Python that runs after ``new``, and after ``old`` as ``--fix`` rewrites it, and
            asserts that the job is done
``call``    the old call as a reader would look for it; ``kind``, ``since``, ``now``,
            ``instead`` and ``lesson`` tell the rest
``find``    how the audit knows the old form: a list of patterns, any of which is enough
``fix``     how ``--fix`` rewrites it, where that is safe
==========  ==========================================================================

Every entry is run: ``tests/migration/test_table.py``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["removed", "changed", "deprecated", "mistake"]

#: What each kind means, in the words of the reports and of the book.
KINDS: dict[str, str] = {
    "removed": "raises an error today",
    "changed": "runs, but does something else than it did",
    "deprecated": "works, with a warning",
    "mistake": "was never right",
}


@dataclass(frozen=True)
class Pattern:
    """One way to know an old form. Exactly one of the first five is set.

    Dotted names are resolved names: imports and aliases are followed. A name that starts with
    ``keras.`` stands for ``tensorflow.keras.`` as well, unless ``only`` says otherwise.
    """

    #: Any use of this name. ``tensorflow.contrib.*`` is everything below ``tensorflow.contrib``.
    name: str = ""
    #: A call of this function, or of this class or a subclass of it.
    call: str = ""
    #: An attribute of an object of this class or a subclass, as ``keras.Model.predict_classes``.
    method: str = ""
    #: A method with this name, defined in a subclass of this class.
    define: str = ""
    #: A function of ``checks``, for what takes more than one call to see.
    check: str = ""

    #: One of these keyword arguments is given.
    keyword: tuple[str, ...] = ()
    #: None of these arguments is given, by keyword or by the position in ``argument``.
    without: tuple[str, ...] = ()
    #: The argument at this position, or with this keyword (``("filepath", 0)``), is given; and:
    argument: tuple[str | int, ...] = ()
    #: … it is a string in which this regular expression is found,
    matches: str = ""
    #: … or it is this constant,
    equals: Any = None
    #: … or it is an object of this class.
    type: str = ""
    #: The name is meant as it stands: ``keras`` alone, not ``tensorflow.keras`` too.
    only: bool = False
    #: Code cannot tell for certain, so this is reported with ``--pedantic`` alone.
    pedantic: bool = False

    @property
    def target(self) -> str:
        """The dotted name that the pattern is about; empty for a check."""
        return self.name or self.call or self.method or self.define


@dataclass(frozen=True)
class Fix:
    """A rewrite that is proved safe. Exactly one is set."""

    #: The new dotted name, in place of the name that was found.
    name: str = ""
    #: The new keyword, in place of the one that was found.
    keyword: str = ""
    #: The new name of the attribute or method that was found.
    method: str = ""
    #: Leave out the keyword argument that was found.
    drop: bool = False


@dataclass(frozen=True)
class Change:
    """One entry of the table; the module tells what each part is."""

    rule: str
    call: str
    kind: Kind
    since: str
    now: str
    instead: str
    lesson: str
    find: tuple[Pattern, ...]
    old: str
    new: str
    proves: str
    raises: str = ""
    warns: str = ""
    shows: str = ""
    fix: Fix | None = None


@cache
def changes() -> tuple[Change, ...]:
    """Return the whole table, in the order of the chapters."""
    entries = []
    for chapter in CHAPTERS:
        text = files("kcourse.migration").joinpath(f"changes/{chapter}.toml").read_text("utf-8")
        entries += parse(text)
    return tuple(entries)


@cache
def change(rule: str) -> Change:
    """Return the entry of this rule; ``KeyError`` if there is none."""
    return {one.rule: one for one in changes()}[rule]


CHAPTERS = ("tensors", "autograph", "models", "training", "data", "saving")


def parse(text: str) -> list[Change]:
    """Return the entries of one file; ``ValueError`` says which entry is not as it must be."""
    return [_change(entry) for entry in tomllib.loads(text)["change"]]


def _change(entry: dict[str, Any]) -> Change:
    rule = entry.get("rule", "?")
    try:
        find = tuple(Pattern(**_tuples(pattern)) for pattern in entry.pop("find"))
        fix = Fix(**entry.pop("fix")) if "fix" in entry else None
        read = Change(find=find, fix=fix, **entry)
        _check(read)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"change {rule!r}: {error}") from None
    return read


def _tuples(pattern: dict[str, Any]) -> dict[str, Any]:
    lists = ("keyword", "without", "argument")
    return {
        key: value
        if key not in lists
        else (value,)
        if isinstance(value, str | int)
        else tuple(value)
        for key, value in pattern.items()
    }


def _check(one: Change) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.rule):
        raise ValueError("a rule is named in kebab-case")
    if one.kind not in KINDS:
        raise ValueError(f"kind {one.kind!r} is none of {', '.join(KINDS)}")
    if sum(map(bool, (one.raises, one.warns, one.shows))) != 1:
        raise ValueError("exactly one of raises, warns and shows tells what happens today")
    if not one.find:
        raise ValueError("find is empty")
    for pattern in one.find:
        anchors = (pattern.name, pattern.call, pattern.method, pattern.define, pattern.check)
        if sum(map(bool, anchors)) != 1:
            raise ValueError(
                f"{pattern} must have exactly one of name, call, method, define, check"
            )
    if one.fix and sum(bool(getattr(one.fix, field.name)) for field in fields(Fix)) != 1:
        raise ValueError("a fix is exactly one of name, keyword, method and drop")
