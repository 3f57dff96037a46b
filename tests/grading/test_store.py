"""A run that was stopped goes on where it was, and never mixes with another run."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
import sample_course as sample

from kcourse.errors import KcourseError
from kcourse.exercise import Verdict
from kcourse.grading import batch, store
from kcourse.grading.answers import LessonAnswers, OwnCell
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.submission import find_submissions

RUN = {"course": "abc", "timeout": 60.0, "kcourse": "1.0"}


def opened(
    out: Path, *, seed: int | None = None, force: bool = False, **changes: Any
) -> contextlib.AbstractContextManager[store.Store]:
    return store.opened(out, {**RUN, **changes}, seed=seed, force=force)


@pytest.fixture
def given(tmp_path: Path) -> LessonAnswers:
    lesson = sample.make_course(tmp_path / "released").lessons[0]
    return LessonAnswers(lesson, {"doubled": "x = 'é\ud800'"}, [OwnCell("y", 2)])


RESULT = LessonResult(
    {"doubled": Verdict("doubled", "wrong", 0, 2, "Why\ud800", {"x": "1"}, "note", "1", "2")},
    {"doubled": 0.25},
    ["A note."],
)


def test_a_result_is_kept_for_the_same_answers_only(tmp_path: Path, given: LessonAnswers) -> None:
    with opened(tmp_path / "out", seed=3) as kept:
        assert kept.get(given) is None
        kept.put(given, RESULT)
    with opened(tmp_path / "out") as kept:
        assert kept.seed == 3
        assert kept.get(given) == RESULT
        others = [
            LessonAnswers(given.lesson, {"doubled": "x = 2"}, given.own),
            LessonAnswers(given.lesson, given.answers, [OwnCell("y", 3)]),
            LessonAnswers(given.lesson, given.answers),
        ]
        assert [kept.get(other) for other in others] == [None, None, None]


def test_answers_survive_the_way_to_another_machine(given: LessonAnswers) -> None:
    plain = json.loads(json.dumps(given.as_plain()))
    assert LessonAnswers.from_plain(plain, given.lesson) == given
    assert LessonResult.from_plain(json.loads(json.dumps(RESULT.as_plain()))) == RESULT


def test_a_seed_is_drawn_once_and_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as first, opened(tmp_path / "other") as other:
        assert first.seed != other.seed
    with opened(tmp_path / "out") as again:
        assert again.seed == first.seed


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 7}, "with another seed (3, now 7)"),
        ({"timeout": 5.0}, "with another timeout (60.0, now 5.0)"),
        ({"course": "xyz"}, "with another course."),
        ({"kcourse": "1.1"}, "with another kcourse (1.0, now 1.1)"),
    ],
)
def test_another_run_is_refused_and_forgotten_by_force(
    tmp_path: Path, given: LessonAnswers, changes: dict[str, Any], says: str
) -> None:
    with opened(tmp_path, seed=3, force=True) as kept:
        kept.put(given, RESULT)
    with pytest.raises(KcourseError) as refused, opened(tmp_path, **changes):
        pass
    assert says in str(refused.value)
    assert "--force" in str(refused.value)
    with opened(tmp_path, force=True, **changes) as kept:
        assert kept.get(given) is None
        assert kept.seed == changes.get("seed", kept.seed)


def test_a_folder_of_the_users_is_refused_and_never_emptied(tmp_path: Path) -> None:
    thesis = tmp_path / "out" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("mine", encoding="utf-8")
    with pytest.raises(KcourseError, match="is not empty"), opened(tmp_path / "out"):
        pass
    for _ in range(2):
        with opened(tmp_path / "out", force=True):
            pass
    assert thesis.read_text(encoding="utf-8") == "mine"


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(KcourseError, match=r"cannot be written to .*out: File exists"):
        opened(tmp_path / "out").__enter__()


def test_what_was_half_written_or_tampered_with_is_graded_anew(
    tmp_path: Path, given: LessonAnswers
) -> None:
    with opened(tmp_path / "out") as kept:
        kept.put(given, RESULT)
        (path,) = (tmp_path / "out" / ".kcourse" / "results").iterdir()
        whole = path.read_text(encoding="utf-8")
        for text in ("", whole[:50], "[]", "{}", '{"verdicts": [{"points": 9}]}'):
            path.write_text(text, encoding="utf-8")
            assert kept.get(given) is None


def test_reports_of_the_run_are_replaced_and_nothing_else_is_touched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with opened(out) as kept:
        kept.publish({"report.json": "1", "feedback/ada.html": "1", "feedback/bob.html": "1"})
        mine = out / "feedback" / "notes.html"
        mine.write_text("mine", encoding="utf-8")
        half = out / ".kcourse" / "reports" / ".report.json.abcd1234"
        half.parent.mkdir()
        half.touch()  # as a process leaves it that is killed
        kept.publish({"report.json": "2", "feedback/ada.html": "2"})
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    reports = {name for name in found if not name.startswith(".kcourse")}
    assert reports == {"report.json", "feedback/ada.html", "feedback/notes.html"}
    assert (out / "report.json").read_text(encoding="utf-8") == "2"
    assert not half.parent.exists()


def test_a_run_that_was_killed_as_it_began_can_begin_again(tmp_path: Path) -> None:
    (tmp_path / "out" / ".kcourse").mkdir(parents=True)
    with opened(tmp_path / "out", seed=4) as kept:
        assert kept.seed == 4


def test_a_disk_that_is_full_is_one_line_and_exit_code_3(
    tmp_path: Path, given: LessonAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(tmp_path / "out") as kept:
        monkeypatch.setattr(store, "write_text", full)
        for write in (lambda: kept.put(given, RESULT), lambda: kept.publish({"report.json": "1"})):
            with pytest.raises(KcourseError, match="out: No space left on device") as failed:
                write()
            assert failed.value.exit_code == 3


def test_two_graders_cannot_write_to_one_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "out"):
        with pytest.raises(KcourseError, match="at this moment"), opened(tmp_path / "out"):
            pass
        with pytest.raises(KcourseError, match="moment"), opened(tmp_path / "out", force=True):
            pass
        with (tmp_path / "out" / ".kcourse" / "lock").open() as lock, pytest.raises(OSError):  # noqa: PT011
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_was_graded_is_not_graded_again_and_a_grader_error_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = sample.make_course(tmp_path / "released")
    folder = sample.write(
        tmp_path / "class",
        {
            "ada": sample.notebook(),
            "bob": sample.untouched(),
            "eve": sample.notebook({"doubled": None}),
        },
    )
    submissions = find_submissions([folder], course)
    graded: list[str] = []
    stop_at = {"number": 2}

    def grade(given: LessonAnswers, *args: Any, **options: Any) -> LessonResult:
        graded.append("doubled" if given.untouched("doubled") else "other")
        if len(graded) == stop_at["number"]:
            raise WorkerFailed("no memory")
        return RESULT

    monkeypatch.setattr(batch, "grade_lesson", grade)
    for expected, failed in ((3, 1), (1, 0), (0, 0)):
        graded.clear()
        with opened(tmp_path / "out") as kept:
            results = batch.grade_all(
                submissions, course, kept.seed, limits=sample.LIMITS, store=kept
            )
        stop_at["number"] = 0
        assert len(graded) == expected
        assert list(results) == [(name, "01_sample/01_numbers") for name in ("ada", "bob", "eve")]
        assert sum(isinstance(one, WorkerFailed) for one in results.values()) == failed
