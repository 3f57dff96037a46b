"""Tell how far a line is indented, and by what."""

from __future__ import annotations

import re

#: What people indent with; web pages add no-break, wide and zero-width spaces.
_INDENT = re.compile("[ \t\f\xa0\u3000\u200b\ufeff]*")


def indent_of(text: str, tab: int = 8) -> int:
    """Return the columns that a line is indented by."""
    match = _INDENT.match(text)
    assert match
    blank = match.group()
    if not blank.strip(" "):
        return len(blank)
    blank = blank.rsplit("\f", 1)[-1].replace("\u3000", "  ").replace("\u200b", "")
    return len(blank.replace("\ufeff", "").expandtabs(tab))


def without_indent(text: str) -> str:
    """Return a line without its indent."""
    match = _INDENT.match(text)
    assert match
    return text[match.end() :]
