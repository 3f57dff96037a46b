"""Build the book: a static site of the lessons as stored and the pages in this folder.

``python book/build.py`` checks that every lesson was run, lays pages and lessons side by side in
a temporary folder, and has Jupyter Book build that. Every warning is an error, missing
references too. Nothing is executed, and nothing is fetched. Links to the outside follow from
``site.toml`` and ``--site``; ``--launch`` writes the copies of the lessons that Colab opens.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import launch_copies
import lesson_pages
import nbformat
import previews
import publishing
import replacing

from kcourse.backends import BACKENDS
from kcourse.cli import run
from kcourse.errors import KcourseError

BOOK = Path(__file__).resolve().parent
NOTEBOOKS = BOOK.parent / "notebooks"
BUILT = BOOK.parent / "build"
_LESSONS = "lessons"
_PAGES = ("*.md", "solutions/*.md")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: MyST-NB's line N of cell I of a notebook is number 10,000 I + N + 1.
_LINES_OF_A_CELL = 10_000


def build(out: Path, reports: Sequence[Path], site: publishing.Site) -> int:
    """Build the book into ``out`` and return its number of pages.

    Args:
        out: the folder of the site; a book that is there already is replaced when all went well.
        reports: what ``kcourse verify --report`` wrote, one file or one for each backend; none
            for a book that says that it was not measured.
        site: where the book and its course are published.
    """
    replacing.refuse_a_checkout(out)
    if out.exists() and not _is_a_book(out):
        raise KcourseError(f"{out} is there and is no book. Name another folder with --out.")
    with tempfile.TemporaryDirectory(prefix="kcourse-book-") as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "site")
        lay_out(source)
        if site.url:
            previews.draw(source / "_static" / "previews")
        measured = Path(scratch, "measured.json") if reports else None
        if measured:
            entries = [entry for report in reports for entry in _read(report)]
            _check(entries, reports, source / _LESSONS)
            measured.write_text(json.dumps(entries), encoding="utf-8")
        _check_contents(source)
        _run_sphinx(source, made, measured, site)
        replacing.replace(out, made)
    return sum("_static" not in page.parts for page in out.rglob("*.html"))


def lay_out(source: Path) -> None:
    """Copy the book's pages and the lessons to where Sphinx reads them."""
    for pattern in _PAGES:
        for page in BOOK.glob(pattern):
            target = source / page.relative_to(BOOK)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, target)
    shutil.copytree(BOOK / "_static", source / "_static")
    lesson_pages.lay_out(NOTEBOOKS, source / _LESSONS)


def launch(out: Path, site: publishing.Site) -> int:
    """Write the copies of the lessons for Colab into ``out`` and return their number."""
    launch_copies.require_colab(site)
    replacing.refuse_a_checkout(out)
    if out.exists() and any(out.iterdir()) and not launch_copies.are_copies(out):
        raise KcourseError(f"{out} is there and holds no copies. Name another with --launch.")
    with tempfile.TemporaryDirectory(prefix="kcourse-launch-") as scratch:
        count = launch_copies.write_copies(NOTEBOOKS, Path(scratch), site)
        replacing.replace(out, Path(scratch))
    return count


_AGAIN = "Run `kcourse verify --report` with this path, or build --without-verification."


def _read(report: Path) -> list[dict[str, Any]]:
    """Return the lessons of a report of ``kcourse verify``, each with all that is told of it."""
    try:
        measured = json.loads(report.read_text(encoding="utf-8"))
        for entry in measured["lessons"]:
            _ = entry["key"], BACKENDS.index(entry["backend"]), entry["problems"]
            # Where outputs are not compared, there is no time of the run as shipped.
            _ = float(entry["seconds_solved"]), float(entry["seconds_shipped"] or 0)
            _ = entry["cells"], entry["exercises"]
            # A report may tell of lessons that were measured at different times.
            for name in ("date", "scale", "environment"):
                entry.setdefault(name, measured[name])
            _ = entry["environment"].items(), *entry["devices"]
            entry["report"] = str(report)
    except FileNotFoundError:
        raise KcourseError(f"There is no report {report}. {_AGAIN}", exit_code=1) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise KcourseError(f"{report} is no report of kcourse. {_AGAIN}", exit_code=1) from None
    return list(measured["lessons"])


def _check(entries: Sequence[dict[str, Any]], reports: Sequence[Path], lessons: Path) -> None:
    """See that every lesson of the book was proved, in the form it has now."""
    for path in sorted(lessons.glob("*/*.ipynb")):
        key = path.relative_to(lessons).with_suffix("").as_posix()
        its_own = [entry for entry in entries if entry["key"] == key]
        if BACKENDS[0] not in (entry["backend"] for entry in its_own):
            raise KcourseError(
                f"{key} on {BACKENDS[0]} is not in {_listed(reports)}. {_AGAIN}", exit_code=1
            )
        cells = sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)
        for entry in its_own:
            if problems := entry["problems"]:
                where = f"{key} is not proved on {entry['backend']}"
                raise KcourseError(f"{where}: {problems[0]}", exit_code=1)
            if entry["cells"] != cells:
                raise KcourseError(
                    f"{entry['report']} is about another {key}: {entry['cells']} code cells, "
                    f"now there are {cells}. {_AGAIN}",
                    exit_code=1,
                )


def _listed(files: Sequence[Path | str]) -> str:
    return " and ".join(dict.fromkeys(map(str, files)))


def _check_contents(source: Path) -> None:
    """See that the table of contents names every page, and no other."""
    from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml
    from yaml import YAMLError

    try:
        named = set(parse_toc_yaml(BOOK / "_toc.yml"))
    except (OSError, ValueError, MalformedError, YAMLError) as error:
        why = " ".join(str(error).split())  # YAML's own words fill several lines
        raise KcourseError(f"book/_toc.yml cannot be read: {why}", exit_code=1) from None
    there = {
        path.relative_to(source).with_suffix("").as_posix()
        for path in source.rglob("*")
        if path.suffix in {".md", ".ipynb"}
    }
    for page in sorted(named - there):
        raise KcourseError(f"book/_toc.yml names {page}, but there is no such page.", exit_code=1)
    for page in sorted(there - named):
        raise KcourseError(f"{page} is a page, but not in book/_toc.yml.", exit_code=1)


def _run_sphinx(source: Path, out: Path, report: Path | None, site: publishing.Site) -> None:
    """Have Jupyter Book build the site; every warning is shown, and any of them is fatal."""
    from jupyter_book.sphinx import build_sphinx

    overrides: dict[str, Any] = {
        "external_toc_path": str(BOOK / "_toc.yml"),
        "kcourse_verification": str(report or ""),
        "kcourse_site": site,
        "latex_individualpages": False,
    }
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        result = build_sphinx(
            source,
            out,
            noconfig=True,
            path_config=BOOK / "_config.yml",
            confoverrides=overrides,
            quiet=True,
            warningiserror=True,
            keep_going=True,
            jobs=os.cpu_count(),
        )
    if result:
        lines = [_readable(line, source) for line in said.getvalue().splitlines() if line.strip()]
        raise KcourseError(
            "\n".join(["warnings are errors, so there is no new book:", *lines]), exit_code=1
        )


def _readable(line: str, source: Path) -> str:
    """Return a warning without colours, with the cell's id for a notebook's line number."""
    line = _ANSI.sub("", line)
    located = re.match(rf"{re.escape(str(source))}/(?P<file>.+?\.ipynb):(?P<line>\d+)", line)
    if located:
        cells = nbformat.read(source / located["file"], as_version=4).cells
        index, within = divmod(int(located["line"]), _LINES_OF_A_CELL)
        if 0 < index <= len(cells):
            place = f"{located['file']}, cell {cells[index - 1].id}, line {within - 1}"
            line = place + line[located.end() :]
    return line.replace(f"{source}/", "")


def _is_a_book(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "searchindex.js").exists() or not any(folder.iterdir()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--out", type=click.Path(path_type=Path), default=BUILT / "book")
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    multiple=True,
    default=[BUILT / "verification.json"],
    help="What `kcourse verify --report` wrote; once more for another backend.",
)
@click.option(
    "--without-verification",
    is_flag=True,
    help="Build without a report; every lesson then says so.",
)
@click.option(
    "--site",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of book/site.toml, for this build; may be given again.",
)
@click.option(
    "--launch",
    "copies",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write copies of the lessons that install the course, for Colab, into this folder too.",
)
def command(
    out: Path,
    reports: Sequence[Path],
    without_verification: bool,
    assignments: Sequence[str],
    copies: Path | None,
) -> None:
    """Build the book as a static site into the folder --out (default: build/book)."""
    started = time.monotonic()
    site = publishing.read_site(BOOK / "site.toml", assignments)
    if copies:
        click.echo(f"{launch(copies.resolve(), site)} lessons for Colab: {copies}")
    measured = [] if without_verification else [report.resolve() for report in reports]
    pages = build(out.resolve(), measured, site)
    click.echo(f"{pages} pages in {time.monotonic() - started:.0f} s: {out / 'index.html'}")


if __name__ == "__main__":
    run(command, "book")
