"""What reading a text gives: a tree, where its nodes stand, and what could not be read."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass
class Parsed:
    """A syntax tree of as much of a text as can be read."""

    #: Lines and columns are those of the text, as ``ast`` counts them.
    tree: ast.Module
    #: First line, last line and reason of what could not be read.
    skipped: list[tuple[int, int, str]]
    #: Whether the text is Python as it stands, apart from magics and a common indent.
    whole: bool
    #: The text, line by line.
    lines: list[str] = field(repr=False)

    def place(self, node: ast.AST) -> tuple[int, int, int, int]:
        """Return line, column, end line and end column of a node, the columns in characters.

        Lines count from 1 and columns from 0: what ``fixing.Edit`` takes.
        """
        line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        return (
            line,
            self.characters(line, node.col_offset),  # type: ignore[attr-defined]
            end_line,
            self.characters(end_line, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def characters(self, line: int, column: int) -> int:
        """Return a column of ``ast``, which counts bytes of UTF-8, in characters."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        if text.isascii():
            return column
        return len(text.encode("utf-8", "replace")[:column].decode("utf-8", "ignore"))
