"""Read a file, and cut it into blocks of Python."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from kcourse.migration.sources.blocks import Block
from kcourse.migration.sources.cells import cells_of
from kcourse.migration.sources.fences import fences
from kcourse.migration.sources.files import Kind, Unreadable, decode, kind_of, wrong_kind
from kcourse.migration.sources.lines import NEWLINE
from kcourse.migration.sources.notebooks import blocks_of_cell, is_python


@dataclass(frozen=True)
class Source:
    """A file, and the Python in it."""

    path: Path
    #: The whole file, decoded; without its byte-order mark, with its own newlines.
    text: str = field(repr=False)
    kind: Kind
    blocks: list[Block]
    encoding: str = "utf-8"
    #: The newline of its first line.
    newline: str = "\n"


def read(path: Path) -> Source:
    """Read a file and find the Python in it; ``Unreadable`` says why that cannot be done."""
    kind = kind_of(path)
    if kind is None:
        raise Unreadable(wrong_kind(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    text, encoding = decode(path, data)
    newline = NEWLINE.search(text)
    return Source(
        path,
        text,
        kind,
        blocks_of(path, text, kind),
        encoding,
        newline.group() if newline else "\n",
    )


def blocks_of(path: Path, text: str, kind: Kind) -> list[Block]:
    """Return the blocks of Python in the text of a file."""
    if kind == "module":
        return [Block(text, None, 0, end=len(text))]
    if kind == "text":
        return list(fences(text, None, unlabelled=True))
    try:
        notebook = json.loads(text, strict=False)
        cells = list(cells_of(text))
    except (ValueError, RecursionError, IndexError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"{path}: not a notebook, its JSON is broken{where}") from None
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise Unreadable(f"{path}: not a notebook, it has no cells")
    if not is_python(notebook):
        return []
    return [block for cell in cells for block in blocks_of_cell(cell)]
