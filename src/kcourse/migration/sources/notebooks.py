"""Tell which cells of a notebook hold Python, and on which lines of the file they stand."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kcourse.migration.sources.blocks import Block, block_of
from kcourse.migration.sources.cells import DECODER, Cell, cells_of
from kcourse.migration.sources.fences import fences
from kcourse.migration.sources.lines import NEWLINE, lines_of

#: Cell magics below which Python stands.
_PYTHON_MAGICS = {
    *("time", "timeit", "capture", "prun", "debug", "python", "python3", "py", "pypy", "px"),
    *("memit", "mprun", "lprun", "pyinstrument", "snakeviz", "heat", "scalene", "wandb"),
    *("ipytest", "run_pytest", "tb", "skip", "black", "nb_black", "blackcellmagic", "notify"),
    *("bash_timeit", "tensorboard", "cache", "local", "spark", "pyspark"),
}


def is_python(notebook: Mapping[str, Any]) -> bool:
    """Tell whether the code of a notebook is Python, as most of them say."""
    metadata = _mapping(notebook.get("metadata"))
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        language = _mapping(metadata.get(key)).get(name)
        if isinstance(language, str) and language:
            return "python" in language.lower()
    return True


def blocks_of_cell(cell: Cell) -> Iterator[Block]:
    """Yield the Python in a cell: a code cell, or the fences of a text."""
    kind = cell.content.get("cell_type")
    if cell.span is None:
        return
    if kind == "markdown":
        yield from fences(cell.source, cell.number, unlabelled=False)
    if kind != "code" or not _holds_python(cell.content):
        return
    lines = lines_of(cell.source)
    head = 0
    # IPython passes over blank lines; a magic below code is a mistake that the parser sees.
    for number, line in enumerate(lines):
        if line.lstrip().startswith("%%"):
            if not _is_python_magic(line.split()):
                return
            head = number + 1
        elif line.strip():
            break
    block = block_of(lines, [""] * len(lines), cell.number, 0, (0, len(cell.source)), head=head)
    yield replace(block, tags=_tags(cell.content))


def _tags(cell: Mapping[str, Any]) -> tuple[str, ...]:
    tags = _mapping(cell.get("metadata")).get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _holds_python(cell: Mapping[str, Any]) -> bool:
    """Tell whether a code cell is Python, as old notebooks and other editors write that down."""
    editor = _mapping(_mapping(cell.get("metadata")).get("vscode"))
    language = editor.get("languageId") or cell.get("language")
    return not isinstance(language, str) or "python" in language.lower() or not language


def _is_python_magic(words: Sequence[str]) -> bool:
    """Tell whether Python stands below a cell magic."""
    name = words[0][2:]
    if name in {"writefile", "file"}:
        return words[-1].strip("'\"").endswith(".py")
    if name == "script":
        return any(word.startswith("python") for word in words[1:])
    return name in _PYTHON_MAGICS


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def lines_of_cells(text: str) -> dict[tuple[int, int], int]:
    """Return the line in the .ipynb file of every line of every cell: ``{(cell, line): line}``.

    A source that is one long string stands on one line of the file, and so do all its lines.
    Broken JSON gives what was found before it broke.
    """
    ends = [match.end() for match in NEWLINE.finditer(text)]
    found: dict[tuple[int, int], int] = {}
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        for cell in cells_of(text):
            if cell.span is None:
                continue
            line = 1
            for start, _ in cell.items or (cell.span,):
                value = DECODER.raw_decode(text, start)[0] or ""
                physical = bisect_right(ends, start) + 1
                for number in range(max(1, len(lines_of(value)))):
                    found.setdefault((cell.number, line + number), physical)
                line += len(NEWLINE.findall(value))
    return found
