"""Split texts into lines that keep their newlines, and compare them."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: The newlines that Python, Markdown and editors agree on; ``str.splitlines`` knows many more.
NEWLINE = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """Split a text into lines that keep their newlines."""
    lines = []
    start = 0
    for match in NEWLINE.finditer(text):
        lines.append(text[start : match.end()])
        start = match.end()
    return [*lines, text[start:]] if start < len(text) else lines


def newline_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def same_at_start(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines, or characters, at the start are the same."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count
