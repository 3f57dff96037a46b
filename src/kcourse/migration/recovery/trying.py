"""Try whether a text is Python, and say why it is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

#: What ``ast.parse`` raises: bad syntax, null bytes and lone surrogates, too deep a nesting.
ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


def tree_of_whole(text: str) -> ast.Module | None:
    """Return the tree of a text that is Python, or would be if it were not indented as a whole."""
    return tree_of(text) or _tree_of_indented(text)


def tree_of(text: str) -> ast.Module | None:
    """Return the tree of a text, ``None`` if it is no Python."""
    try:
        return ast.parse(text)
    except ERRORS:
        return None


def _tree_of_indented(text: str) -> ast.Module | None:
    """Parse a text that is indented as a whole."""
    first = re.search(r"^[^\S\r\n]*[^\s#]", text, re.MULTILINE)
    if first is None or not first.group()[:1].isspace():
        return None
    try:
        tree = ast.parse(f"if 1:\n{text}\n")
    except ERRORS:
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.If) or tree.body[0].orelse:
        return None
    module = ast.Module(tree.body[0].body, [])
    ast.increment_lineno(module, -1)
    return module


def reason_of(texts: Sequence[str]) -> str:
    """Say why lines are no Python."""
    try:
        ast.parse("\n".join(texts).strip())
    except SyntaxError as error:
        return f"not Python: {error.msg}"
    except ERRORS as error:
        return f"cannot be read: {type(error).__name__}"
    return "not Python where it stands"
