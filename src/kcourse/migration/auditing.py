"""Audit a file: read its code, hold it against the table of changes, tell what was found."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kcourse.migration import fixing, recovery, sources
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.fixing import Edit
from kcourse.migration.matching import Hit, Index, Matcher, whole_table
from kcourse.migration.recovery import Parsed
from kcourse.migration.resolving import Reader
from kcourse.migration.scopes import CONVENTIONAL, PEDANTIC
from kcourse.migration.sources import Block, Source
from kcourse.migration.table import Change

#: A comment that says: this line is meant. ``# audit: allow`` or ``# audit: allow rule, rule``.
_ALLOWED = re.compile(r"#\s*audit:\s*allow\b[ \t]*(?P<rules>[a-z0-9, \t-]*)")
#: The tag that says the same of a notebook's cell; ``audit-allow-RULE`` says it of one rule.
_TAG = "audit-allow"
_LONGEST = 60
#: The variable that has ``tf.keras`` be Keras 2.
_LEGACY = "TF_USE_LEGACY_KERAS"


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
    known = whole_table(pedantic=pedantic) if entries is None else Index(entries, pedantic=pedantic)
    matcher = Matcher(known)
    assumed = CONVENTIONAL | PEDANTIC if pedantic else CONVENTIONAL
    legacy = any(_LEGACY in block.text for block in source.blocks)
    reader = Reader(matcher, assumed, legacy=legacy)
    matcher.reader = reader
    parts = [recovery.parse(block.text) for block in source.blocks]
    reader.trees = [parsed.tree for parsed in parts]
    for index, parsed in enumerate(parts):
        reader.read(parsed.tree, index)
    reader.finish()
    findings, edits = [], []
    for hit in matcher.hits:
        block, parsed = source.blocks[hit.block], parts[hit.block]
        if _is_allowed(hit, block, parsed):
            continue
        edit = hit.edit if block.rewritable and parsed.whole else None
        findings.append(_finding(source.path, block, hit, parsed, fixable=edit is not None))
        if edit is not None:
            edits.append((hit.block, _in_characters(edit, parsed)))
    skipped = [
        Skipped(source.path, block.cell, (block.offset + first, block.offset + last), reason)
        for block, parsed in zip(source.blocks, parts, strict=True)
        if block.labelled  # a fence without a label need not be Python
        for first, last, reason in parsed.skipped
    ]
    return Audit(sorted(findings), skipped, source, tuple(dict.fromkeys(edits)))


def _finding(path: Path, block: Block, hit: Hit, parsed: Parsed, *, fixable: bool) -> Finding:
    line, column, end_line, end_column = parsed.place(hit.node)
    if isinstance(hit.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        # The line that names it says enough.
        end_line, end_column = line, column + len(_written(hit.node))
    line, column = block.place(line, column + 1)
    end_line, end_column = block.place(end_line, end_column + 1)
    return Finding(
        file=path,
        cell=block.cell,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        rule=hit.change.rule,
        message=f"`{_written(hit.node)}`: {hit.detail or hit.change.now}",
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


def _is_allowed(hit: Hit, block: Block, parsed: Parsed) -> bool:
    """Whether the line says that it is meant, or the notebook's cell does by a tag."""
    if {_TAG, f"{_TAG}-{hit.change.rule}"} & set(block.tags):
        return True
    line: int = hit.node.lineno  # type: ignore[attr-defined]
    allowed = _ALLOWED.search(parsed.lines[line - 1])
    if allowed is None:
        return False
    rules = allowed["rules"].replace(",", " ").split()
    return not rules or hit.change.rule in rules


def _in_characters(edit: Edit, parsed: Parsed) -> Edit:
    return replace(
        edit,
        column=parsed.characters(edit.line, edit.column),
        end_column=parsed.characters(edit.end_line, edit.end_column),
    )
