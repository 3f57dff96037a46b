"""How findings are told: as text for people, as JSON and SARIF for programs, and to GitHub."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from kcourse import __version__
from kcourse.migration import sources, table
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.sources import Source

_COLOURS = {"removed": "red", "changed": "yellow", "deprecated": "cyan", "mistake": "yellow"}
#: SARIF's levels; those of GitHub's annotations differ in one word.
_LEVELS = {"removed": "error", "changed": "warning", "mistake": "warning", "deprecated": "note"}
_ANNOTATIONS = _LEVELS | {"deprecated": "notice"}
_SEVERITIES = _LEVELS | {"deprecated": "recommendation"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
#: The ends of lines as Python counts them: a form feed or U+2028 ends none.
_LINE_ENDS = re.compile(r"\r\n|\r|\n")

#: Controls, marks of direction, halves of surrogate pairs, and ends of lines that are none.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Report:
    """What one run of the audit found, in the order in which it is told."""

    findings: Sequence[Finding]
    skipped: Sequence[Skipped]
    #: How many files were read.
    files: int
    #: The files that findings and skipped places are in, as they were when they were audited.
    sources: Mapping[Path, Source] = field(default_factory=dict)


def as_text(report: Report) -> str:
    """Return the findings for people; colours are taken out where there is no terminal."""
    code = _Code(report.sources)
    parts = [_paragraph(finding, code) for finding in report.findings]
    parts.append(_count(report))
    return "\n\n".join(parts) + "\n"


def as_json(report: Report) -> str:
    """Return the findings as a list of objects."""
    return json.dumps([_entry(finding) for finding in report.findings], indent=2) + "\n"


def as_sarif(report: Report) -> str:
    """Return the findings as SARIF 2.1.0, which code hosts show beside the lines."""
    code = _Code(report.sources)
    found = {finding.rule for finding in report.findings}
    rules = [change for change in table.changes() if change.rule in found]
    places = {change.rule: place for place, change in enumerate(rules)}
    prints = _Fingerprints(code)
    run = {
        "tool": {
            "driver": {
                "name": "kcourse audit",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(change) for change in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": all(skipped.lines for skipped in report.skipped),
                "toolExecutionNotifications": [
                    _notification(skipped, code) for skipped in report.skipped
                ],
            }
        ],
        "results": [
            _result(finding, places[finding.rule], code, prints) for finding in report.findings
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_github(report: Report) -> str:
    """Return the findings as commands to a runner of GitHub, which annotates the lines."""
    code = _Code(report.sources)
    return "".join(_annotation(finding, code) + "\n" for finding in report.findings)


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def tell_skipped(skipped: Skipped) -> str:
    """Return one line on a place that could not be read."""
    where = _place(skipped.file, skipped.cell, skipped.lines)
    return printable(f"{where} {_why(skipped)}")


def as_rules(changes: Iterable[table.Change]) -> str:
    """Return the rules of the table for people, one a line."""
    entries = list(changes)
    widths = [
        max((len(column) for column in columns), default=0)
        for columns in zip(*((one.rule, one.kind) for one in entries), strict=True)
    ]
    lines = []
    for one in entries:
        rule = click.style(one.rule.ljust(widths[0]), bold=True)
        kind = click.style(one.kind.ljust(widths[1]), fg=_COLOURS[one.kind])
        lines.append(f"{rule}  {kind}  {_one_line(one.call)}")
    lines.append("")
    lines.append(f"{_counted(len(entries), 'rule')}. `kcourse audit --explain RULE` tells more.")
    return "\n".join(lines) + "\n"


def as_explanation(change: table.Change) -> str:
    """Return one entry of the table for people."""
    kind = click.style(change.kind, fg=_COLOURS[change.kind], bold=True)
    told = [
        ("Since", change.since),
        ("Now", change.now),
        ("Instead", change.instead),
        ("Lesson", change.lesson),
        ("--fix", "rewrites this." if change.fix else "leaves this to you."),
    ]
    lines = [
        f"{click.style(change.rule, bold=True)}: {change.call}",
        f"{kind}: {table.KINDS[change.kind]}",
        "",
        *(f"{name + ':':<9}{' '.join(text.split())}" for name, text in told),
        "",
        click.style("Old:", fg="red"),
        *_indented(change.old),
        "",
        click.style("New:", fg="green"),
        *_indented(change.new),
    ]
    return "\n".join(lines) + "\n"


def printable(text: str) -> str:
    """Return anybody's text with escapes for what would steer a terminal or reorder words."""
    if text.isprintable():
        return text
    return "".join(
        one.encode("unicode_escape").decode("ascii")
        if one != "\t" and unicodedata.category(one) in _UNSEEN
        else one
        for one in text
    )


class _Code:
    """The lines of the files that findings are in."""

    def __init__(self, of: Mapping[Path, Source]) -> None:
        self._sources = of
        self._lines: dict[tuple[Path, int | None], dict[int, str]] = {}
        self._physical: dict[Path, dict[tuple[int, int], int]] = {}

    def line(self, finding: Finding) -> str:
        """Return the first line of what was found, as it is written; empty if it is not known."""
        place = finding.file, finding.cell
        if place not in self._lines:
            self._lines[place] = self._read(*place)
        return self._lines[place].get(finding.line, "")

    def _read(self, file: Path, cell: int | None) -> dict[int, str]:
        source = self._sources.get(file)
        if source is None:
            return {}
        if cell is None:
            return dict(enumerate(_LINE_ENDS.split(source.text), 1))
        return {
            number: line
            for block in source.blocks
            if block.cell == cell
            for number, line in enumerate(_LINE_ENDS.split(block.text), block.offset + 1)
        }

    def physical_line(self, file: Path, cell: int | None, line: int) -> int:
        """Return the line in the file, also for a line in a cell of a notebook."""
        if cell is None:
            return line
        if file not in self._physical:
            source = self._sources.get(file)
            self._physical[file] = sources.lines_of_cells(source.text) if source else {}
        known = self._physical[file]
        return known.get((cell, line)) or known.get((cell, 1)) or 1


def _paragraph(finding: Finding, code: _Code) -> str:
    kind = _kind(finding)
    place = click.style(printable(_place_of(finding)), bold=True)
    lines = [f"{place}: {click.style(kind, fg=_COLOURS[kind], bold=True)} {finding.rule}"]
    if written := code.line(finding):
        lines.append(f"    {_marked(written, finding)}")
    lines.append(f"  Now:     {_one_line(finding.message)}")
    lines.append(f"  Instead: {_one_line(finding.replacement)}")
    if finding.fixable:
        lines.append("  [--fix rewrites this]")
    return "\n".join(lines)


def _marked(line: str, finding: Finding) -> str:
    """Return the line without its indent, with what was found underlined on a terminal."""
    start = finding.column - 1
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line)
    before, found, after = line[:start], line[start:end], line[end:]
    marked = click.style(printable(found), underline=True) if found else ""
    return printable(before.lstrip()) + marked + printable(after.rstrip())


def _count(report: Report) -> str:
    findings, files = report.findings, _counted(report.files, "file")
    if not report.files:
        return "No file could be read."
    if not findings:
        return f"No findings in {files}."
    kinds = Counter(_kind(finding) for finding in findings)
    words = {kind: f"{kinds[kind]} {kind}" for kind in table.KINDS if kinds[kind]}
    if "mistake" in words:  # the one kind that is a noun
        words["mistake"] = _counted(kinds["mistake"], "mistake")
    told = ", ".join(words.values())
    affected = len({finding.file for finding in findings})
    line = f"{_counted(len(findings), 'finding')} in {affected} of {files}: {told}."
    if fixable := sum(finding.fixable for finding in findings):
        line += (
            f" --fix rewrites {fixable} of them."
            if fixable < len(findings)
            else (" --fix rewrites it." if fixable == 1 else " --fix rewrites all of them.")
        )
    return f"{line}\n`kcourse audit --explain RULE` tells more of a rule."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _place_of(finding: Finding) -> str:
    if finding.cell is None:
        return f"{finding.file}:{finding.line}:{finding.column}"
    return _place(finding.file, finding.cell, (finding.line, finding.line))


def _place(file: Path, cell: int | None, lines: tuple[int, int] | None) -> str:
    if lines is None:
        return f"{file}" if cell is None else f"{file}: cell {cell}"
    first, last = lines
    told = f"line {first}" if first == last else f"lines {first} to {last}"
    return f"{file}: {told}" if cell is None else f"{file}: cell {cell}, {told}"


def _why(skipped: Skipped) -> str:
    reason = " ".join(skipped.reason.split())
    several = skipped.lines and skipped.lines[0] != skipped.lines[1]
    verb = "were" if several else "was"
    return f"{verb} not read: {reason.removeprefix(f'{skipped.file}: ')}"


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "file": str(finding.file),
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "cell": finding.cell,
        "rule": finding.rule,
        "kind": _kind(finding),
        "message": finding.message,
        "replacement": finding.replacement,
        "fixable": finding.fixable,
        "lesson": table.change(finding.rule).lesson,
    }


def _rule(change: table.Change) -> dict[str, Any]:
    told = (
        f"{table.KINDS[change.kind].capitalize()}. {change.since}: {change.now}\n\n"
        f"Instead: {change.instead}"
    )
    examples = (
        f"Old:\n\n```python\n{change.old.strip()}\n```\n\n"
        f"New:\n\n```python\n{change.new.strip()}\n```\n\n"
        f"The lesson `{change.lesson}` teaches it."
    )
    plain = (
        f"{told}\n\nOld:\n\n{change.old.strip()}\n\nNew:\n\n{change.new.strip()}\n\n"
        f"The lesson {change.lesson} teaches it."
    )
    return {
        "id": change.rule,
        "name": "".join(word.capitalize() for word in change.rule.split("-")),
        "shortDescription": {"text": f"{_one_line(change.call)}: {table.KINDS[change.kind]}"},
        "fullDescription": {"text": _one_line(change.now)},
        "help": {"text": plain, "markdown": f"{told}\n\n{examples}"},
        "defaultConfiguration": {"level": _LEVELS[change.kind]},
        "properties": {
            "tags": [change.kind, "keras", "tensorflow"],
            "precision": "high",
            "problem.severity": _SEVERITIES[change.kind],
        },
    }


def _result(
    finding: Finding, place_of_rule: int, code: _Code, prints: _Fingerprints
) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": place_of_rule,
        "level": _LEVELS[_kind(finding)],
        "message": {"text": _without_links(_told(finding))},
        "locations": [_location(finding.file, finding.cell, _region(finding, code))],
        "partialFingerprints": {"kcourseFindingHash/v1": prints.of(finding)},
    }


def _notification(skipped: Skipped, code: _Code) -> dict[str, Any]:
    region = None
    if skipped.lines:
        region = {
            "startLine": code.physical_line(skipped.file, skipped.cell, skipped.lines[0]),
            "endLine": code.physical_line(skipped.file, skipped.cell, skipped.lines[1]),
        }
    return {
        "level": "warning" if skipped.lines else "error",
        "message": {"text": _without_links(tell_skipped(skipped))},
        "locations": [_location(skipped.file, skipped.cell, region)],
    }


def _location(file: Path, cell: int | None, region: dict[str, int] | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(file)}
    if region:
        physical["region"] = region
    location: dict[str, Any] = {"physicalLocation": physical}
    if cell is not None:
        location["logicalLocations"] = [{"name": f"cell {cell}", "kind": "cell"}]
    return location


def _artifact(file: Path) -> dict[str, str]:
    """Return where a file is: relative to the current folder if it is below it."""
    absolute = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow links
    if absolute.is_relative_to(Path.cwd()):
        inside = absolute.relative_to(Path.cwd())
        return {"uri": quote(os.fsencode(inside.as_posix())), "uriBaseId": "%SRCROOT%"}
    return {"uri": absolute.as_uri()}


def _region(finding: Finding, code: _Code) -> dict[str, int]:
    """Return the lines and columns in the file.

    A line of a notebook stands there as a JSON string, so its columns are others: all of the
    line is meant.
    """
    if finding.cell is not None:
        return {
            "startLine": code.physical_line(finding.file, finding.cell, finding.line),
            "endLine": code.physical_line(finding.file, finding.cell, finding.end_line),
        }
    return {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }


class _Fingerprints:
    """Names for findings that stay when lines above them come and go.

    GitHub's own ``primaryLocationLineHash`` is left to the action that uploads the report: it
    adds it, and warns of one that another program computed.
    """

    def __init__(self, code: _Code) -> None:
        self._code = code
        self._seen: Counter[str] = Counter()

    def of(self, finding: Finding) -> str:
        """Return the hash of the rule, the file and the line's text, and a count of equal ones."""
        line = "".join(self._code.line(finding).split())
        parts = (finding.rule, _artifact(finding.file)["uri"], line)
        digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}:{self._seen[digest]}"


def _without_links(text: str) -> str:
    """Return the text so that ``layers[0](x)`` is not read as one of SARIF's links."""
    return re.sub(r"\](?=\()", r"\\]", " ".join(text.split()))


def _told(finding: Finding) -> str:
    """Return what happens today and the cure, one sentence after the other."""
    ends = finding.message.rstrip().endswith((".", "!", "?", "。"))
    return f"{finding.message}{'' if ends else '.'} {finding.replacement}"


def _annotation(finding: Finding, code: _Code) -> str:
    first = code.physical_line(finding.file, finding.cell, finding.line)
    last = code.physical_line(finding.file, finding.cell, finding.end_line)
    properties: dict[str, str | int] = {
        "file": finding.file.as_posix(),
        "line": first,
        "endLine": last,
    }
    # GitHub takes columns on one line alone; those of a notebook's JSON are others.
    if finding.cell is None and first == last:
        properties |= {"col": finding.column, "endColumn": finding.end_column}
    properties["title"] = f"{_kind(finding)} {finding.rule}"
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = _one_line(_told(finding))
    if finding.cell is not None:
        message = f"Cell {finding.cell}, line {finding.line}: {message}"
    return f"::{_ANNOTATIONS[_kind(finding)]} {told}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str | int) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")


def _kind(finding: Finding) -> str:
    return table.change(finding.rule).kind


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _indented(code: str) -> list[str]:
    return [f"    {line}".rstrip() for line in code.strip("\n").splitlines()]
