"""``kcourse check`` runs a workspace's answers in workers, once or when one really changed."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest
from command_line import kcourse

from kcourse import checking, exercises, journal, lessons, solutions
from kcourse.exercise import Exercise
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace that holds the lessons as they were released."""
    workspace = tmp_path / "my-course"
    (workspace / ".kcourse").mkdir(parents=True)
    for lesson in lessons.all_lessons():
        place = workspace / f"{lesson.key}.ipynb"
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(lesson.path, place)
    return workspace


def _some_lesson() -> lessons.Lesson:
    return next(lesson for lesson in lessons.all_lessons() if len(lesson.exercises) > 1)


def _answer(home: Path, answers: dict[str, str]) -> None:
    """Write answers into the cells of their exercises."""
    for lesson in lessons.all_lessons():
        place = home / f"{lesson.key}.ipynb"
        notebook = nbformat.read(place, as_version=4)
        for cell in notebook.cells:
            name = lessons.exercise_name(cell)
            if name in answers:
                cell.source = lessons.marked(name, answers[name])
        _replace(place, nbformat.writes(notebook))


def _replace(place: Path, text: str) -> None:
    """Write as JupyterLab does: a temporary file beside, then a rename."""
    temporary = place.with_name(f".~{place.name}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(place)


def test_an_untouched_workspace_is_not_attempted_and_exits_with_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    code, out, _ = kcourse(["check", "--json"], monkeypatch, capsys)
    verdicts = json.loads(out)["exercises"]
    assert code == 1
    names = [name for lesson in lessons.all_lessons() for name in lesson.exercises]
    assert [verdict["exercise"] for verdict in verdicts] == names
    assert {verdict["outcome"] for verdict in verdicts} == {"not attempted"}
    assert journal.standings(home) == {}


def test_right_wrong_and_endless_answers_are_told_apart_and_recorded(home: Path) -> None:
    course = Course.installed()
    right, wrong = _some_lesson().exercises[:2]
    exercise: Exercise = exercises.get(wrong)
    solved = solutions.source_of(exercises.get(right))
    _answer(home, {right: solved, wrong: exercise.near_misses[0].code})
    checked = checking.check_exercises(home, course, [right, wrong])
    assert [verdict.outcome for verdict in checked.verdicts] == ["correct", "wrong"]
    assert not checked.all_correct
    standings = journal.standings(home)
    assert (standings[right].solved, standings[wrong].last_outcome) == (True, "wrong")

    _answer(home, {wrong: f"def {wrong}(*args):\n    while True: pass"})
    limits = Limits(cell=10, observation=3)
    checked = checking.check_exercises(home, course, [right, wrong], limits=limits)
    assert [verdict.outcome for verdict in checked.verdicts] == ["correct", "timed out"]


def test_the_text_says_what_to_mend_and_where_to_find_a_hint(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = _some_lesson().exercises[0]
    _answer(home, {name: f"def {name}(*args):\n    return nonsense(\n"})
    code, out, _ = kcourse(["check", name, "--workspace", str(home)], monkeypatch, capsys)
    assert code == 1
    assert f"! raised · {name} · 0 of" in out
    assert "SyntaxError" in out
    assert "line 3 of your cell" in out
    assert f"kcourse hint {name}" in out
    assert "0 of 1 correct" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check"], "is not in a kcourse workspace. Make one with `kcourse learn`"),
        (["check", "--workspace", "nowhere"], "nowhere is not in a kcourse workspace"),
    ],
)
def test_without_a_workspace_one_line_says_how_to_make_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_an_unknown_exercise_is_answered_with_the_nearest(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = _some_lesson().exercises[0]
    code, _, err = kcourse(["check", name[:-1], "--workspace", str(home)], monkeypatch, capsys)
    assert code == 2
    assert f"Did you mean {name!r}?" in err


def test_a_corrupt_notebook_is_one_line_and_the_others_are_checked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, *others = lessons.all_lessons()
    (home / f"{broken.key}.ipynb").write_text('{"cells": [')
    code, out, err = kcourse(["check", "--workspace", str(home)], monkeypatch, capsys)
    assert code == 1
    assert f"kcourse: {broken.key}: " in err
    assert all(name in out for lesson in others for name in lesson.exercises)


def _storm(place: Path, text: str, times: int) -> None:
    """Rewrite a notebook as autosaving editors do, without changing an answer."""
    document = json.loads(text)
    for number in range(times):
        document["metadata"]["autosaved"] = number
        saved = json.dumps(document)
        if number % 3 == 0:
            place.write_text(saved[: len(saved) // 2], encoding="utf-8")
            place.write_text(saved, encoding="utf-8")
        elif number % 3 == 1:
            place.unlink()
            place.write_text(saved, encoding="utf-8")
        else:
            _replace(place, saved)


def test_a_storm_of_rewrites_gives_one_check_for_each_real_change(home: Path) -> None:
    lesson = _some_lesson()
    place = home / f"{lesson.key}.ipynb"
    first, second = lesson.exercises[:2]
    tracker = checking.AnswerTracker(home, Course.installed(), lesson.exercises)
    seen: queue.Queue[list[str]] = queue.Queue()
    stop = threading.Event()

    def watch() -> None:
        for names, _ in checking.changes(home, tracker, stop):
            seen.put(names)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for changed in (first, second):
            _storm(place, place.read_text(encoding="utf-8"), 200)
            _answer(home, {changed: f"def {changed}(x):\n    return {changed!r}"})
            _storm(place, place.read_text(encoding="utf-8"), 200)
            assert seen.get(timeout=60) == [changed]
        _answer(home, {first: "different = 1", second: "different = 2"})
        assert sorted(seen.get(timeout=60)) == sorted([first, second])
    finally:
        stop.set()
        watching.join()
    assert seen.empty()


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text,
        lambda text: text.replace('"outputs": []', '"outputs": [], "scrolled": true'),
        lambda text: text[: len(text) // 2],
        lambda text: "",
    ],
    ids=["the same", "other outputs", "half a file", "an empty file"],
)
def test_what_leaves_the_answers_alone_is_no_change(home: Path, rewrite: Any) -> None:
    lesson = _some_lesson()
    tracker = checking.AnswerTracker(home, Course.installed(), lesson.exercises)
    place = home / f"{lesson.key}.ipynb"
    text = place.read_text(encoding="utf-8")
    _replace(place, rewrite(text))
    assert tracker.changed() == ([], [])
    _replace(place, text)
    assert tracker.changed() == ([], [])


def test_a_change_is_seen_also_when_size_and_time_stamp_stay(home: Path) -> None:
    lesson = _some_lesson()
    name = lesson.exercises[0]
    place = home / f"{lesson.key}.ipynb"
    _answer(home, {name: "answer = 1"})
    tracker = checking.AnswerTracker(home, Course.installed(), lesson.exercises)
    before = place.stat()
    place.write_text(place.read_text(encoding="utf-8").replace("answer = 1", "answer = 2"))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert tracker.changed()[0] == [name]


def test_watching_ends_with_ctrl_c_and_exit_code_0(home: Path) -> None:
    command = [sys.executable, "-c", "from kcourse.cli import main; main()", "check", "--watch"]
    with subprocess.Popen(
        [*command, "--workspace", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr is not None
        assert watching.stderr.readline().startswith("Watching ")
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (0, "Stopped watching.\n")
    assert "0 of" in out
