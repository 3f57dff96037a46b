"""Put new code in the place of blocks, and leave every other byte of the file as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kcourse.errors import KcourseError
from kcourse.migration.sources.blocks import Block
from kcourse.migration.sources.cells import cells_of
from kcourse.migration.sources.lines import lines_of, same_at_start
from kcourse.migration.sources.reading import Source, blocks_of
from kcourse.migration.sources.splicing import json_of_source


def rewritten(source: Source, new_texts: Mapping[int, str]) -> str:
    """Return the text of the whole file with the code of some blocks replaced.

    ``new_texts`` maps the index of a block in ``source.blocks`` to its new code. ``KcourseError``
    if a block is not rewritable, or if more than these blocks would change.
    """
    changed = {
        index: text for index, text in new_texts.items() if text != source.blocks[index].text
    }
    for index in changed:
        if not source.blocks[index].rewritable:
            raise KcourseError(
                f"{source.path}: code behind prompts or broken tabs cannot be rewritten"
            )
    if source.kind == "notebook":
        text = _rewritten_notebook(source, changed)
    else:
        text = _rewritten_document(source.text, source.blocks, changed)
    again = blocks_of(source.path, text, source.kind)
    if [block.text for block in again] != [
        changed.get(index, block.text) for index, block in enumerate(source.blocks)
    ]:
        raise KcourseError(f"{source.path}: the new code cannot stand where the old stood")
    return text


def _rewritten_document(text: str, blocks: Sequence[Block], changed: Mapping[int, str]) -> str:
    for index in sorted(changed, key=lambda index: blocks[index].start, reverse=True):
        block = blocks[index]
        text = text[: block.start] + _in_place(block, changed[index]) + text[block.end :]
    return text


def _in_place(block: Block, code: str) -> str:
    """Return new code with what stands before its lines in the file, and with its head."""
    lines = lines_of(code)
    head = lines_of(block.head)
    if [line.strip() for line in lines[: len(head)]] != [""] * len(head):
        raise KcourseError("the first lines of the block are not code and cannot be rewritten")
    old = lines_of(block.text)
    prefixes = list(block.prefixes) or [""] * len(old)
    if len(lines) != len(old):
        # Lines were added or lost: what is the same before and after keeps what it had.
        same = same_at_start(old, lines)
        after = same_at_start(old[same:][::-1], lines[same:][::-1])
        usual = max(prefixes, key=prefixes.count) if prefixes else ""
        middle = [usual] * (len(lines) - same - after)
        prefixes = prefixes[:same] + middle + prefixes[len(prefixes) - after :]
    lines[: len(head)] = head
    return "".join(prefix + line for prefix, line in zip(prefixes, lines, strict=True))


def _rewritten_notebook(source: Source, changed: Mapping[int, str]) -> str:
    cells = {cell.number: cell for cell in cells_of(source.text)}
    sources: dict[int, str] = {}
    for number in {source.blocks[index].cell for index in changed}:
        assert number is not None
        mine = {i: text for i, text in changed.items() if source.blocks[i].cell == number}
        sources[number] = _rewritten_document(cells[number].source, source.blocks, mine)
    text = source.text
    ascii_only = text.isascii()
    for number in sorted(sources, reverse=True):
        cell = cells[number]
        assert cell.span
        value = json_of_source(text, cell, sources[number], ascii_only=ascii_only)
        text = text[: cell.span[0]] + value + text[cell.span[1] :]
    _check_notebook(source, text, sources)
    return text


def _check_notebook(source: Source, text: str, sources: Mapping[int, str]) -> None:
    """Raise ``KcourseError`` unless only these sources differ."""
    old, new = _loaded(source.text), _loaded(text)
    for number, (before, after) in enumerate(zip(_all_cells(old), _all_cells(new), strict=True), 1):
        if number in sources:
            key = "source" if "source" in before else "input"
            value = after[key]
            joined = "".join(value) if isinstance(value, list) else value
            if joined != sources[number] or type(before[key]) is not type(value):
                raise KcourseError(f"{source.path}: cell {number} did not take the new code")
            before[key] = value
    if old != new:
        raise KcourseError(f"{source.path}: more than the code of the cells would change")


def _loaded(text: str) -> Any:
    # Numbers stay as they are written: NaN is not equal to itself.
    return json.loads(text, strict=False, parse_constant=str, parse_float=str, parse_int=str)


def _all_cells(notebook: Mapping[str, Any]) -> list[Any]:
    cells: list[Any] = []
    for key, value in notebook.items():
        if key == "cells":
            cells += value
        elif key == "worksheets":
            cells += [cell for sheet in value for cell in sheet.get("cells", [])]
    return cells
