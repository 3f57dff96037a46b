"""Tell by its first word what a statement is, and try it without the statements around it."""

from __future__ import annotations

import ast
import re

from kcourse.migration.recovery.trying import ERRORS, tree_of

_WORD = re.compile(r"(?:async\s+)?(@|\w+)")

#: What goes on with a compound statement.
FOLLOWS = {"elif", "else", "except", "finally"}

#: What begins a statement that has a body.
HEADERS = FOLLOWS | {"if", "for", "while", "with", "try", "def", "class", "match", "case"}

#: What makes a part of a compound statement a program.
_BEFORE = {
    "elif": "if 1: pass\n",
    "else": "if 1: pass\n",
    "except": "try: pass\n",
    "finally": "try: pass\n",
    "case": "match 1:\n ",
}
_AFTER = {"try": "\nfinally: pass", "@": "\ndef _(): pass"}


def word_of(code: str) -> str:
    """Return the word, or the ``@``, that a statement begins with."""
    match = _WORD.match(code)
    return match[1] if match else ""


def is_header(code: str, word: str) -> bool:
    """Tell whether a body has to follow a statement."""
    return code.endswith(":") and word in HEADERS


def is_good(code: str, word: str) -> bool:
    """Tell whether a statement or the header of one is Python."""
    if is_header(code, word):
        code += "\n case _: pass" if word == "match" else " pass"
    return tree_of(_BEFORE.get(word, "") + code + _AFTER.get(word, "")) is not None


def line_of_error(code: str, word: str) -> int:
    """Return on which line, from 0, a statement is no Python; -1 if that cannot be told."""
    before = _BEFORE.get(word, "")
    try:
        ast.parse(before + code + _AFTER.get(word, ""))
    except SyntaxError as error:
        return (error.lineno or 0) - 1 - before.count("\n")
    except ERRORS:
        pass
    return -1
