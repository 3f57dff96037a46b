"""Write the JSON of a cell's new source as that of the old one was written."""

from __future__ import annotations

import json
import re

from kcourse.migration.sources.cells import Cell
from kcourse.migration.sources.lines import lines_of, same_at_start

#: One character of a JSON string; two escapes may make up one.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u.{4}|\\.|.", re.DOTALL
)


def json_of_source(text: str, cell: Cell, new: str, *, ascii_only: bool) -> str:
    """Return the JSON of a cell's new source, written as the old one was."""
    assert cell.span
    # After a comma stands what stands after the colon before the value, or a new line.
    space = " " if text[cell.span[0] - 1] == " " else ""
    if not cell.items:
        if text[cell.span[0]] == '"':
            return _spliced(text[slice(*cell.span)], cell.source, new, ascii_only=ascii_only)
        lines = [_encoded(line, ascii_only=ascii_only) for line in lines_of(new)]
        return f"[{f',{space}'.join(lines)}]"
    old: list[str] = [json.loads(text[start:end], strict=False) for start, end in cell.items]
    raw = [text[start:end] for start, end in cell.items]
    before = 0
    while before < len(old) and new.startswith(old[before]):
        # The last line has no newline: it must be the last again to be the same.
        if before == len(old) - 1 and not old[before].endswith("\n") and new != old[before]:
            break
        new = new[len(old[before]) :]
        before += 1
    after = len(old)
    while after > before and new.endswith(old[after - 1]) and old[after - 1]:
        rest = new[: len(new) - len(old[after - 1])]
        previous = old[after - 2] if after - 2 >= before else "\n"
        if rest and not rest.endswith(("\n", "\r", previous)):
            break
        new = rest
        after -= 1
    middle = [_encoded(line, ascii_only=ascii_only) for line in lines_of(new)]
    lead = text[cell.span[0] + 1 : cell.items[0][0]]
    between = text[cell.items[0][1] : cell.items[1][0]] if len(old) > 1 else f",{lead or space}"
    tail = text[cell.items[-1][1] : cell.span[1]]
    return "[" + lead + between.join(raw[:before] + middle + raw[after:]) + tail


def _spliced(raw: str, old: str, new: str, *, ascii_only: bool) -> str:
    """Return the JSON of a new string in which what did not change is written as it was."""
    # Where each character of the string stands in its JSON.
    places = [match.start() for match in _CHARACTER.finditer(raw, 1, len(raw) - 1)]
    places.append(len(raw) - 1)
    before = same_at_start(old, new)
    after = same_at_start(old[before:][::-1], new[before:][::-1])
    middle = _encoded(new[before : len(new) - after], ascii_only=ascii_only)[1:-1]
    return raw[: places[before]] + middle + raw[places[len(old) - after] :]


def _encoded(text: str, *, ascii_only: bool) -> str:
    encoded = json.dumps(text, ensure_ascii=ascii_only)
    # Half of a surrogate pair can be written as an escape alone.
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", encoded)
