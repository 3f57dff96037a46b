"""What the audit says of one place in somebody's code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """One old or wrong call at one place."""

    file: Path
    #: The number of the notebook's cell, from 1 and counting all cells; ``None`` elsewhere.
    cell: int | None
    #: Line in the file, or in the cell, from 1.
    line: int
    #: Column in characters, from 1.
    column: int
    end_line: int
    end_column: int
    #: The name of the entry in the table of changes.
    rule: str
    #: What was written, and what happens today, in one sentence.
    message: str
    #: What to write instead.
    replacement: str
    #: Whether ``--fix`` rewrites it.
    fixable: bool


@dataclass(frozen=True, order=True)
class Skipped:
    """Lines that could not be read as Python, or a file that could not be read at all."""

    file: Path
    cell: int | None
    #: First and last line; ``None`` if the whole file was skipped.
    lines: tuple[int, int] | None
    reason: str
