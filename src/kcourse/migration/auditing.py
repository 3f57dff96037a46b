"""Audit a file: read its code, hold it against the table of changes, tell what was found."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kcourse.migration import fixing, recovery, sources, table
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.fixing import Edit
from kcourse.migration.matching import Hit, Matcher
from kcourse.migration.resolving import CONVENTIONAL, PEDANTIC, Reader
from kcourse.migration.sources import Block, Source
from kcourse.migration.table import Change

#: A comment that says: this line is meant. ``# audit: allow`` or ``# audit: allow rule, rule``.
_ALLOWED = re.compile(r"#\s*audit:\s*allow\b[ \t]*(?P<rules>[a-z0-9, \t-]*)")
_LONGEST = 60


@dataclass(frozen=True)
class Audit:
    """What was found in one file."""

    findings: list[Finding]
    skipped: list[Skipped]
    source: Source | None = None
    #: The edits of the findings that can be fixed, by the index of their block.
    edits: tuple[tuple[int, Edit], ...] = ()

    @cached_property
    def fixed(self) -> str | None:
        """The file's whole text with the fixable findings rewritten; ``None`` if there is none."""
        if self.source is None or not self.edits:
            return None
        texts: dict[int, str] = {}
        for index in sorted({index for index, _ in self.edits}):
            its_own = [edit for where, edit in self.edits if where == index]
            texts[index] = fixing.apply(self.source.blocks[index].text, its_own)
        return sources.rewritten(self.source, texts)


def audit(path: Path, *, pedantic: bool = False, entries: Iterable[Change] | None = None) -> Audit:
    """Audit one file.

    Args:
        path: a module, a notebook, or a text with fenced code.
        pedantic: report, too, what only may be an old call: methods of objects whose type is not
            plain, names that nothing imports, defaults that have changed.
        entries: the table to hold the code against (default: the whole table).
    """
    try:
        source = sources.read(path)
    except sources.Unreadable as error:
        return Audit([], [Skipped(path, None, None, str(error))])
    return audit_source(source, pedantic=pedantic, entries=entries)


def audit_source(
    source: Source, *, pedantic: bool = False, entries: Iterable[Change] | None = None
) -> Audit:
    """Audit a file that was read; the arguments are those of ``audit``."""
    matcher = Matcher(table.changes() if entries is None else entries, pedantic=pedantic)
    reader = Reader(matcher, CONVENTIONAL | PEDANTIC if pedantic else CONVENTIONAL)
    matcher.reader = reader
    skipped = []
    whole: set[int] = set()
    blocks = [recovery.parse(block.text) for block in source.blocks]
    reader.trees = [parsed.tree for parsed in blocks]
    for index, (block, parsed) in enumerate(zip(source.blocks, blocks, strict=True)):
        if parsed.whole:
            whole.add(index)
        for first, last, reason in parsed.skipped:
            where = (block.offset + first, block.offset + last)
            skipped.append(Skipped(source.path, block.cell, where, reason))
        reader.read(parsed.tree, index)
    reader.finish()
    findings, edits = [], []
    lines_of: dict[int, list[str]] = {}
    for hit in matcher.hits:
        block = source.blocks[hit.block]
        if hit.block not in lines_of:
            lines_of[hit.block] = block.text.splitlines()
        lines = lines_of[hit.block]
        if _is_allowed(hit, lines):
            continue
        edit = hit.edit if block.rewritable and hit.block in whole else None
        findings.append(_finding(source.path, block, hit, lines, fixable=edit is not None))
        if edit is not None:
            edits.append((hit.block, _in_characters(edit, lines)))
    return Audit(sorted(findings), skipped, source, tuple(dict.fromkeys(edits)))


def _finding(
    path: Path, block: Block, hit: Hit, lines: Sequence[str], *, fixable: bool
) -> Finding:
    node = hit.node
    line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        end_line, end = line, len(lines[line - 1])
    else:
        end = _characters(lines, end_line, node.end_col_offset)  # type: ignore[attr-defined]
    start = _characters(lines, line, node.col_offset)  # type: ignore[attr-defined]
    return Finding(
        file=path,
        cell=block.cell,
        line=block.offset + line,
        column=block.indent + start + 1,
        end_line=block.offset + end_line,
        end_column=block.indent + end + 1,
        rule=hit.change.rule,
        message=f"`{_written(node)}`: {hit.detail or hit.change.now}",
        replacement=hit.change.instead,
        fixable=fixable,
    )


def _written(node: ast.AST) -> str:
    """Return what was found, as short code."""
    if isinstance(node, ast.alias):
        text = node.name
    elif isinstance(node, ast.keyword):
        text = f"{node.arg}={ast.unparse(node.value)}"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        text = f"def {node.name}"
    elif isinstance(node, ast.ClassDef):
        text = f"class {node.name}"
    else:
        text = ast.unparse(node)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _is_allowed(hit: Hit, lines: Sequence[str]) -> bool:
    line: int = hit.node.lineno  # type: ignore[attr-defined]
    allowed = _ALLOWED.search(lines[line - 1]) if line <= len(lines) else None
    if allowed is None:
        return False
    rules = allowed["rules"].replace(",", " ").split()
    return not rules or hit.change.rule in rules


def _in_characters(edit: Edit, lines: Sequence[str]) -> Edit:
    return replace(
        edit,
        column=_characters(lines, edit.line, edit.column),
        end_column=_characters(lines, edit.end_line, edit.end_column),
    )


def _characters(lines: Sequence[str], line: int, column: int) -> int:
    """Return a column of Python's ``ast``, which counts bytes of UTF-8, in characters."""
    text = lines[line - 1] if line <= len(lines) else ""
    if text.isascii():
        return column
    return len(text.encode()[:column].decode(errors="ignore"))
