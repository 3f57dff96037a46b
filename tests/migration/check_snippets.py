"""How the checks of a chapter are tested: by snippets whose marked lines are reported."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from kcourse.migration import table
from kcourse.migration.auditing import audit
from kcourse.migration.table import Change

#: At the end of the lines that a check reports.
MARK = "  # <-"


def entries_of(chapter: str) -> list[Change]:
    """Return the entries of a chapter's part of the table."""
    file = files("kcourse.migration").joinpath(f"changes/{chapter}.toml")
    return table.parse(file.read_text(encoding="utf-8"))


def assert_marked_lines(rule: str, code: str, entries: Sequence[Change], folder: Path) -> None:
    """Assert that the rule is reported at the marked lines, and at no others.

    A rule that is for ``--pedantic`` alone is tested with it.
    """
    code = textwrap.dedent(code)
    file = folder / "snippet.py"
    file.write_text(code.replace(MARK, ""), encoding="utf-8")
    entry = next(one for one in entries if one.rule == rule)
    pedantic = all(pattern.pedantic for pattern in entry.find)
    result = audit(file, pedantic=pedantic, entries=[entry])
    assert not result.skipped
    marked = [number for number, line in enumerate(code.splitlines(), 1) if line.endswith(MARK)]
    assert [one.line for one in result.findings] == marked
