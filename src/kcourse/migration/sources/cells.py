"""Scan the JSON of a notebook for its cells, and where in the file their sources stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")

DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Cell:
    """A notebook's cell, and where in the file the JSON of its source stands."""

    number: int
    content: dict[str, Any]
    source: str
    #: Start and end of the value; ``None`` where there is no source to read.
    span: tuple[int, int] | None
    #: Start and end of every string of a list, empty for a single string.
    items: tuple[tuple[int, int], ...]


def cells_of(text: str) -> Iterator[Cell]:
    """Scan the JSON of a notebook for its cells and where their sources stand."""
    number = 0
    for key, start in _members(text, _skip(text, 0)):
        if key == "cells":
            starts: Iterable[int] = _elements(text, start)
        elif key == "worksheets":
            starts = [
                cell
                for sheet in _elements(text, start)
                for name, cells in _members(text, sheet)
                if name == "cells"
                for cell in _elements(text, cells)
            ]
        else:
            continue
        for begin in starts:
            number += 1
            yield _cell(text, begin, number)


def _cell(text: str, start: int, number: int) -> Cell:
    content: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    for key, begin in _members(text, start):
        content[key], end = DECODER.raw_decode(text, begin)
        spans[key] = (begin, end)
    # nbformat 3 calls the source of a code cell its input.
    key = "source" if "source" in content else "input"
    value = content.get(key)
    if isinstance(value, str):
        return Cell(number, content, value, spans[key], ())
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        items = tuple(
            (begin, scanstring(text, begin + 1, False)[1])
            for begin in _elements(text, spans[key][0])
        )
        return Cell(number, content, "".join(value), spans[key], items)
    return Cell(number, content, "", None, ())


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Yield the keys of the JSON object that starts here, and where their values start."""
    if text[start] != "{":
        return
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = scanstring(text, position + 1, False)
        value = _skip(text, _skip(text, position) + 1)
        yield key, value
        position = _skip(text, _end_of_value(text, value))
        if text[position] == ",":
            position = _skip(text, position + 1)


def _elements(text: str, start: int) -> Iterator[int]:
    """Yield where the elements of the JSON array that starts here start."""
    if text[start] != "[":
        return
    position = _skip(text, start + 1)
    while text[position] != "]":
        yield position
        position = _skip(text, _end_of_value(text, position))
        if text[position] == ",":
            position = _skip(text, position + 1)


def _end_of_value(text: str, start: int) -> int:
    return DECODER.raw_decode(text, start)[1]


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match
    return match.end()
