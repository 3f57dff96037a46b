"""A learner's first steps in JupyterLab: the start page, a lesson, a wrong and a right answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from jupyter_page import code_cell, open_lesson, photograph, run, write
from playwright.sync_api import Page, expect
from serving import served

from kcourse import exercises, journal, lessons, solutions

pytestmark = pytest.mark.browser


def test_start_page_leads_to_a_lesson_where_a_wrong_and_a_right_answer_are_told_apart(
    tmp_path: Path, page: Page
) -> None:
    lesson = next(lesson for lesson in lessons.all_lessons() if lesson.exercises)
    exercise = exercises.get(lesson.exercises[0])
    foreign: list[str] = []

    with served(tmp_path, "--no-browser") as lab:
        host = lab.address.split("/lab")[0]
        local = (host, host.replace("http", "ws", 1), "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(local) else foreign.append(r.url))
        page.goto(lab.address)
        for chapter in {lesson.chapter for lesson in lessons.all_lessons()}:
            title = re.compile(chapter.replace("_", " "), re.IGNORECASE)
            expect(page.get_by_role("heading", name=title)).to_be_visible()
        photograph(page, "start-page")

        open_lesson(page, lesson)
        for first_line in (r"SEED = \d+", r"from kcourse import .*check.*"):
            run(page, code_cell(page, first_line))

        answer = code_cell(page, rf"# EXERCISE {exercise.name}")
        check = code_cell(page, rf"check\({exercise.name}\)")
        card = check.locator(".kcourse-card")
        for outcome, source in {
            "✗ wrong": exercise.near_misses[0].code,
            "✓ correct": solutions.source_of(exercise),
        }.items():
            write(page, answer, lessons.marked(exercise.name, source))
            run(page, answer)
            run(page, check)
            expect(card).to_contain_text(outcome)
            card.scroll_into_view_if_needed()
            photograph(page, outcome[2:])

        page.keyboard.press("ControlOrMeta+s")
        expect(page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty")).to_have_count(0)
        assert lab.interrupt() == 0

    workspace = tmp_path / "my-course"
    lines = (workspace / ".kcourse" / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["wrong", "correct"]
    assert journal.standings(workspace)[exercise.name].solved
    saved = nbformat.read(workspace / f"{lesson.key}.ipynb", as_version=4)
    shipped = lesson.notebook
    assert [cell.id for cell in saved.cells] == [cell.id for cell in shipped.cells]
    assert solutions.source_of(exercise) in next(
        cell.source for cell in saved.cells if lessons.exercise_name(cell) == exercise.name
    )
    assert foreign == []
