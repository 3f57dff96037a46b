"""The command ``kcourse audit``: read, report, and rewrite what can be rewritten."""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.migration import reporting, table
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.reporting import Report, printable, tell_skipped

if TYPE_CHECKING:
    from kcourse.migration.sources import Source

CLEAN, FOUND, UNREADABLE = 0, 1, 2


@dataclass(frozen=True)
class Options:
    """How to audit, and what to do with what is found."""

    form: str = "text"
    fix: bool = False
    #: Write fixes without asking.
    yes: bool = False
    pedantic: bool = False
    #: The file to which the report goes, instead of standard output.
    output: Path | None = None


def audit(paths: Sequence[Path], options: Options) -> int:
    """Audit files and folders, tell what was found, and return the exit code."""
    from kcourse.migration import sources

    files = list(sources.find_files(paths))
    done = _audit(files, options, fix=options.fix)
    if done.fixed and _fix(done, options):
        # What a fix leaves is found anew: lines and columns are those of the new text.
        done = _audit(files, options, fix=False)
    for skipped in done.skipped:
        _complain(tell_skipped(skipped))
    unreadable = sum(skipped.lines is None for skipped in done.skipped)
    report = Report(done.findings, done.skipped, len(files) - unreadable, done.sources)
    _deliver(reporting.FORMATS[options.form](report), options.output)
    if done.findings:
        return FOUND
    return UNREADABLE if unreadable else CLEAN


def explain(rule: str, *, form: str, output: Path | None) -> int:
    """Tell all that the table says of one rule."""
    known = {one.rule: one for one in table.changes()}
    if rule not in known:
        near = difflib.get_close_matches(rule, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "`kcourse audit --list` lists the rules."
        raise KcourseError(f"There is no rule {rule!r}. {hint}")
    change = known[rule]
    _deliver(
        _as_json(_data(change)) if _wants_json(form) else reporting.as_explanation(change), output
    )
    return CLEAN


def list_rules(*, form: str, output: Path | None) -> int:
    """Tell which rules there are."""
    changes = table.changes()
    _deliver(
        _as_json([_data(one) for one in changes])
        if _wants_json(form)
        else reporting.as_rules(changes),
        output,
    )
    return CLEAN


def _wants_json(form: str) -> bool:
    if form not in ("text", "json"):
        raise click.UsageError(f"The rules are told as text or json, not as {form}.")
    return form == "json"


@dataclass
class _Done:
    """What all files together gave."""

    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    #: The files in which something was found or skipped, as they were read.
    sources: dict[Path, Source] = field(default_factory=dict)
    #: The new texts of those in which something can be rewritten.
    fixed: dict[Path, str] = field(default_factory=dict)


def _audit(files: Sequence[Path], options: Options, *, fix: bool) -> _Done:
    from kcourse.migration import auditing
    from kcourse.migration.fixing import Unfixable

    done = _Done()
    for file in files:
        try:
            found = auditing.audit(file, pedantic=options.pedantic)
        except Exception as error:  # one file's strange code must not hide what is in the others
            done.skipped.append(Skipped(file, None, None, _fault(error)))
            continue
        done.findings += found.findings
        done.skipped += found.skipped
        if found.source and (found.findings or found.skipped):
            done.sources[file] = found.source
        try:
            if fix and (fixed := found.fixed) is not None:
                done.fixed[file] = fixed
        except Unfixable as error:
            _complain(f"{file} was not rewritten: {error}")
        except Exception as error:
            _complain(f"{file} was not rewritten: {_fault(error)}")
    return done


def _fault(error: Exception) -> str:
    """Return one line on an exception that should not be: what, and where in kcourse."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = "".join(traceback.format_exception_only(error)).strip()
    return (
        f"a fault of kcourse, please report it: {said} ({Path(place.filename).name}:{place.lineno})"
    )


def _fix(done: _Done, options: Options) -> bool:
    """Show the changes, ask if somebody is there to answer, and write; whether that was tried."""
    # Standard output is the report's alone, unless the report is for people too.
    aside = options.form != "text"
    for path, text in done.fixed.items():
        _say("".join(_diff(path, done.sources[path].text, text)), nl=False, err=aside)
    number = "1 file" if len(done.fixed) == 1 else f"{len(done.fixed)} files"
    ask = sys.stdin.isatty() and not options.yes
    if ask and not click.confirm(f"Write these changes to {number}?", err=aside):
        _say("Nothing was written.", err=aside)
        return False
    for path, text in done.fixed.items():
        try:
            kept = _write(path, done.sources[path].text, text)
        except KcourseError as error:  # the others can be written
            _complain(f"{error}")
        else:
            _say(printable(f"Written: {path}. The file as it was: {kept}"), err=aside)
    return True


def _write(path: Path, old: str, new: str) -> Path:
    """Write a file unless somebody changed it since it was shown; return where the old one is."""
    from kcourse.migration import fixing, sources

    if sources.read(path).text != old:
        raise KcourseError(f"{path}: changed while the audit ran, so not written; run it again")
    kept = fixing.write(path, new)
    beside = path.with_name(kept.name)
    return beside if beside.exists() else kept  # a link's file and its backup are elsewhere


def _diff(path: Path, old: str, new: str) -> Iterator[str]:
    """Yield the unified diff of one file, line by line and with the colours of a terminal."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = difflib.unified_diff(_lines(old), _lines(new), f"{path}", f"{path}")
    for line in lines:
        bold = line.startswith(("--- ", "+++ "))
        colour = None if bold else colours.get(line[0])
        yield click.style(printable(line.rstrip("\r\n")), fg=colour, bold=bold or None) + "\n"
        if not line.endswith("\n"):
            yield "\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        _say(text, nl=False)
        return
    try:
        write_text(output, _encodable(click.unstyle(text), "utf-8"))
    except OSError as error:
        raise KcourseError(f"{output} cannot be written: {error.strerror or error}.") from None


def _complain(text: str) -> None:
    _say(f"kcourse: {printable(text)}", err=True)


def _say(text: str, *, nl: bool = True, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    # click leaves colours out where there is no terminal, but does not know this variable.
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(_encodable(text, stream.encoding or "utf-8"), nl=nl, err=err, color=colour)


def _encodable(text: str, encoding: str) -> str:
    """Return the text with escapes for what this encoding has no characters for."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _data(change: table.Change) -> dict[str, Any]:
    """Return an entry as data; a pattern without what is not set in it."""
    data = asdict(change)
    data["find"] = [
        {name: value for name, value in pattern.items() if value not in ("", (), None, False)}
        for pattern in data["find"]
    ]
    if change.fix:
        data["fix"] = {name: value for name, value in data["fix"].items() if value}
    return data


def _as_json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"
