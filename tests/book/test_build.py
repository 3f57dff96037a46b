"""The book is built whole or not at all: whatever a reader would miss stops it in words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from replacing import replace

from kcourse.errors import KcourseError

BOOK = Path(__file__).parents[2] / "book"
ONE_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
CONTENTS = """format: jb-book
root: index
chapters:
  - file: lessons/01_small/01_lesson
  - file: verification
"""


class SmallBook:
    """A book of two pages and one lesson, with the real book's settings and build script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns("*.md", "solutions", "__pycache__")
        shutil.copytree(BOOK, folder / "book", ignore=ignored)
        self.write("book/_toc.yml", CONTENTS)
        self.write(
            "book/index.md", "# Welcome\n\nSee [the lesson](lessons/01_small/01_lesson.ipynb).\n"
        )
        self.write("book/verification.md", "# Measured\n")  # each lesson leads there
        self.lesson(run_cell())

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def lesson(self, *cells: NotebookNode) -> None:
        path = self.folder / "notebooks/01_small/01_lesson.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        title = new_markdown_cell("# A lesson\n\n**Time:** about 90 minutes", id="title")
        language = {"language_info": {"name": "python"}}
        nbformat.write(new_notebook(cells=[title, *cells], metadata=language), path)

    def build(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, self.folder / "book/build.py", *options],
            capture_output=True,
            text=True,
            cwd=self.folder,
        )

    def problem(self, *options: str) -> str:
        """Build in vain and return what was said: no traceback, and no book."""
        done = self.build(*options or ["--without-verification"])
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("book: ")
        assert not (self.folder / "build/book").exists()
        return done.stderr.strip()


@pytest.fixture
def small(tmp_path: Path) -> SmallBook:
    return SmallBook(tmp_path)


def run_cell(**changes: object) -> NotebookNode:
    return new_code_cell("1 + 1", id="sum", execution_count=1, **changes)


def figure(**metadata: object) -> NotebookNode:
    picture = new_output("display_data", {"image/png": ONE_PIXEL, "text/plain": "figure"})
    return run_cell(outputs=[picture], metadata=metadata)


def report(**changes: object) -> str:
    entry = {
        "key": "01_small/01_lesson",
        "cells": 1,
        "exercises": 0,
        "backend": "tensorflow",
        "devices": ["cpu:0"],
        "seconds_shipped": 1.0,
        "seconds_solved": 1.0,
        "problems": [],
    }
    whole = {"date": "2026-01-31", "scale": "quick", "environment": {"keras": "3.1.0", "cores": 2}}
    return json.dumps(whole | {"lessons": [entry | changes]})


def test_a_sound_book_is_built_where_asked(small: SmallBook) -> None:
    done = small.build("--without-verification", "--out", "site")
    assert done.returncode == 0, done.stderr
    assert "site/index.html" in done.stdout
    assert (small.folder / "site/lessons/01_small/01_lesson.html").is_file()


def test_a_cell_that_was_not_run_stops_it(small: SmallBook) -> None:
    small.lesson(new_code_cell("1 + 1", id="sum"))
    said = small.problem()
    assert said.startswith("book: 01_small/01_lesson.ipynb: cell sum was not run.")
    assert len(said.splitlines()) == 1


def test_a_cell_that_ended_with_an_error_stops_it(small: SmallBook) -> None:
    error = new_output("error", ename="ValueError", evalue="too small", traceback=[])
    small.lesson(run_cell(outputs=[error]))
    assert small.problem() == (
        "book: 01_small/01_lesson.ipynb: cell sum ended with ValueError: too small"
    )


def test_a_figure_without_alt_text_stops_it(small: SmallBook) -> None:
    small.lesson(figure())
    said = small.problem()
    assert "cell sum draws a figure without alt text." in said
    assert "mystnb.image.alt" in said


def test_a_figure_with_alt_text_does_not(small: SmallBook) -> None:
    small.lesson(figure(mystnb={"image": {"alt": "Two grids."}}))
    assert small.build("--without-verification").returncode == 0
    page = small.folder / "build/book/lessons/01_small/01_lesson.html"
    assert 'alt="Two grids."' in page.read_text(encoding="utf-8")


def test_markdown_where_only_html_is_read_stops_it(small: SmallBook) -> None:
    quiz = "<details><summary>Is it `None`?</summary>\n\nNo.\n\n</details>"
    small.lesson(run_cell(), new_markdown_cell(quiz, id="quiz"))
    assert "cell quiz has markdown in a <summary>." in small.problem()


def test_what_leads_nowhere_or_cannot_be_read_stops_it_and_its_place_is_named(
    small: SmallBook,
) -> None:
    wrong = {
        "[link](gone.md)": "gone.md",
        "[place](lessons/01_small/01_lesson.ipynb#gone-place)": "gone-place",
        "{ref}`gone-reference`": "gone-reference",
        "{term}`gone-term`": "gone-term",
        "![](_static/favicon.svg)": "the image _static/favicon.svg has no alt text",
        "$\\unknowncommand{x}$": "cannot be set",
    }
    small.write("book/index.md", "\n\n".join(["# Welcome", *wrong]))
    small.lesson(run_cell(), new_markdown_cell("Text.\n\n[link](gone.ipynb)", id="after"))
    said = small.problem().splitlines()
    assert said[0] == "book: warnings are errors, so there is no new book:"
    for number, named in enumerate(wrong.values(), start=1):
        place = f"index.md:{2 * number + 1}: WARNING: "
        assert any(line.startswith(place) and named in line for line in said), (place, said)
    place = "lessons/01_small/01_lesson.ipynb, cell after, line 3: WARNING: "
    assert any(line.startswith(place) and "gone.ipynb" in line for line in said), said
    assert len(said) == 1 + len(wrong) + 1


def test_a_lesson_that_does_not_say_how_long_it_takes_stops_it(small: SmallBook) -> None:
    path = small.folder / "notebooks/01_small/01_lesson.ipynb"
    path.write_text(path.read_text("utf-8").replace("**Time:**", "Time:"), encoding="utf-8")
    assert "its first cell does not say how long it takes." in small.problem()


def test_a_page_outside_the_table_of_contents_stops_it(small: SmallBook) -> None:
    small.write("book/lost.md", "# Lost\n")
    assert small.problem() == "book: lost is a page, but not in book/_toc.yml."


def test_a_missing_lesson_stops_it(small: SmallBook) -> None:
    small.write("book/_toc.yml", CONTENTS + "  - file: lessons/01_small/02_gone\n")
    said = small.problem()
    assert said == "book: book/_toc.yml names lessons/01_small/02_gone, but there is no such page."


def test_no_lesson_at_all_stops_it(small: SmallBook) -> None:
    shutil.rmtree(small.folder / "notebooks")
    assert "There is no lesson in" in small.problem()


def test_a_notebook_that_cannot_be_read_stops_it(small: SmallBook) -> None:
    small.write("notebooks/01_small/01_lesson.ipynb", "{")
    assert "is no notebook that can be read" in small.problem()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no report"),
        ("{}", "is no report of kcourse"),
        ('{"environment": {}, "lessons": [{}]}', "is no report of kcourse"),
        ('{"lessons": []}', "01_small/01_lesson on tensorflow is not in "),
        (report(backend="fortran"), "is no report of kcourse"),
        (report(key="01_small/02_other"), "01_small/01_lesson on tensorflow is not in "),
        (report(cells=9), "is about another 01_small/01_lesson: 9 code cells, now there are 1."),
        (report(problems=["cell sum differs"]), "not proved on tensorflow: cell sum differs"),
        (report(backend="jax"), "01_small/01_lesson on tensorflow is not in "),
    ],
)
def test_a_report_that_does_not_prove_every_lesson_stops_it(
    small: SmallBook, content: str | None, said: str
) -> None:
    if content is not None:
        small.write("report.json", content)
    told = small.problem("--report", "report.json")
    assert said in told


def test_the_pale_colours_of_a_summary_are_left_out(small: SmallBook) -> None:
    summary = (
        '<pre style="white-space:pre;overflow-x:auto;line-height:normal;">'
        '<span style="color: #0087ff; text-decoration-color: #0087ff">Dense</span></pre>'
    )
    mine = '<p style="color: #0087ff">mine</p>'
    outputs = [new_output("display_data", {"text/html": html}) for html in (summary, mine)]
    small.lesson(run_cell(outputs=outputs))
    assert small.build("--without-verification").returncode == 0
    page = (small.folder / "build/book/lessons/01_small/01_lesson.html").read_text("utf-8")
    assert '<span style="">Dense</span>' in page
    assert mine in page


def test_a_report_on_another_backend_counts_as_well(small: SmallBook) -> None:
    small.write("report.json", report())
    small.write("jax.json", report(backend="jax", problems=["a check is wrong"]))
    told = small.problem("--report", "report.json", "--report", "jax.json")
    assert "01_small/01_lesson is not proved on jax: a check is wrong" in told
    assert len(told.splitlines()) == 1


def test_of_several_reports_the_one_at_fault_is_named(small: SmallBook) -> None:
    small.write("report.json", report())
    small.write("jax.json", report(backend="jax", cells=9))
    told = small.problem("--report", "report.json", "--report", "jax.json")
    assert f"{small.folder / 'jax.json'} is about another 01_small/01_lesson" in told


@pytest.mark.parametrize("contents", [b"root: [", b"root: \xe9\n", b"\t"])
def test_contents_that_cannot_be_read_are_one_line(small: SmallBook, contents: bytes) -> None:
    (small.folder / "book/_toc.yml").write_bytes(contents)
    told = small.problem()
    assert told.startswith("book: book/_toc.yml cannot be read: ")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("option", ["--out", "--launch"])
def test_a_checkout_is_left_alone(small: SmallBook, option: str) -> None:
    mine = small.folder / "mine"
    (mine / ".git").mkdir(parents=True)
    (mine / "searchindex.js").touch()
    (mine / "README.md").write_text("# Copies of the lessons for Colab\n", encoding="utf-8")
    there = ("--site", "repository=https://github.com/OWNER/NAME")
    done = small.build("--without-verification", option, "mine", *there)
    assert done.returncode == 2
    assert done.stderr == f"book: {mine} is a git checkout; name another folder.\n"
    assert (mine / ".git").is_dir()


def test_a_swap_that_fails_leaves_the_book_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, made = tmp_path / "book", tmp_path / "made"
    for folder in (out, made):
        folder.mkdir()
        (folder / "index.html").write_text(folder.name, encoding="utf-8")
    rename = Path.rename

    def fail_once(path: Path, target: Path) -> Path:
        if target == out:
            monkeypatch.undo()
            raise OSError(16, "Device or resource busy")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(KcourseError) as raised:
        replace(out, made)
    assert str(raised.value) == f"{out} cannot be written: Device or resource busy."
    assert (out / "index.html").read_text(encoding="utf-8") == "book"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book", "made"]

    replace(out, made)
    assert (out / "index.html").read_text(encoding="utf-8") == "made"
    assert out.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book", "made"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    with pytest.raises(KcourseError, match="book cannot be written: File exists"):
        replace(Path("/dev/null/book"), made)


def test_a_folder_that_is_no_book_is_left_alone(small: SmallBook) -> None:
    small.write("notes.txt", "mine")
    done = small.build("--without-verification", "--out", ".")
    assert done.returncode == 2
    assert "is no book" in done.stderr
    assert (small.folder / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_failed_build_leaves_the_book_that_was_there(small: SmallBook) -> None:
    assert small.build("--without-verification").returncode == 0
    before = (small.folder / "build/book/index.html").read_bytes()
    small.write("book/index.md", "# Welcome\n\n{ref}`gone`\n")
    assert small.build("--without-verification").returncode == 1
    assert (small.folder / "build/book/index.html").read_bytes() == before


def test_a_bad_setting_of_the_site_is_one_line(small: SmallBook) -> None:
    done = small.build("--without-verification", "--site", "url=here")
    assert done.returncode == 2
    assert done.stderr.startswith("book: url is 'here'. Write an address")
    assert len(done.stderr.splitlines()) == 1


def test_copies_for_colab_replace_copies_and_nothing_else(small: SmallBook) -> None:
    small.write("notes.txt", "mine")
    there = ("--site", "repository=https://github.com/OWNER/NAME")
    refused = small.build("--without-verification", "--launch", ".", *there)
    assert refused.returncode == 2
    assert "is there and holds no copies" in refused.stderr
    assert (small.folder / "notes.txt").is_file()
    nowhere = small.build("--without-verification", "--launch", "copies")
    assert nowhere.returncode == 2
    assert "repository is not set" in nowhere.stderr
    assert not (small.folder / "copies").exists()


def test_an_unknown_option_is_one_line(small: SmallBook) -> None:
    done = small.build("--open")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
