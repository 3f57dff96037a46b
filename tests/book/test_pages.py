"""The book's own pages keep up with the course."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from kcourse import lessons
from kcourse.cli import grade
from kcourse.exercise import Outcome

BOOK = Path(__file__).parents[2] / "book"


def page(name: str) -> str:
    return (BOOK / name).read_text(encoding="utf-8")


def test_every_chapter_has_its_page_of_solutions() -> None:
    for chapter in {lesson.chapter for lesson in lessons.all_lessons()}:
        assert f"```{{solutions}} {chapter}\n```" in page(f"solutions/{chapter}.md")


def test_the_glossary_has_every_chinese_term_of_the_lessons() -> None:
    defined = set(re.findall(r"^\S*[\u4e00-\u9fff]+$", page("glossary.md"), re.MULTILINE))
    for lesson in lessons.all_lessons():
        for cell in lesson.notebook.cells:
            if cell.cell_type == "markdown":
                beside = " ".join(re.findall(r"\(([^()]*[\u4e00-\u9fff][^()]*)\)", cell.source))
                terms = set(re.findall(r"[A-Z]*[\u4e00-\u9fff]+", beside))
                assert terms <= defined, f"{lesson.key}, cell {cell.id}: {terms - defined}"


def test_instructors_are_told_of_every_option_of_grade() -> None:
    told = set(re.findall(r"^\| `(--[a-z-]+)", page("instructors.md"), re.MULTILINE))
    options = {name for one in grade.params for name in one.opts if name.startswith("--")}
    assert told == options


def test_instructors_are_told_of_every_outcome() -> None:
    outcomes = page("instructors.md").split("### Outcomes")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| ([a-z ]+) \|", outcomes, re.MULTILINE))
    assert told == set(get_args(Outcome))
