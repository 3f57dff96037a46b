"""Find the submissions: notebooks, workspaces, and class folders with one sub-folder a learner.

Everything is read before the first learner's code runs, so that no submission can change what
another one handed in. What cannot be graded is kept, with the reason: it never gets lost, and
never looks like zero points.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from kcourse.errors import KcourseError
from kcourse.grading.answers import (
    LessonAnswers,
    Ungradable,
    lesson_of,
    read_cells,
    take_answers,
)
from kcourse.grading.course import Course
from kcourse.grading.showing import numbered
from kcourse.journal import MARKER
from kcourse.lessons import Lesson

MAX_NOTEBOOKS = 500
MAX_DEPTH = 32


@dataclass(frozen=True)
class Submission:
    """What one learner handed in: the answers by lesson, or why it cannot be graded."""

    id: str
    lessons: tuple[LessonAnswers, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = field(default=())


def find_submissions(
    paths: Sequence[Path], course: Course, due: Sequence[Lesson] = ()
) -> list[Submission]:
    """Read all submissions at ``paths``, sorted by id.

    Args:
        paths: notebooks, workspaces, class folders.
        course: the course that they belong to.
        due: the lessons that are graded; a submission without one of them is ungradable.
            Without ``due``, each submission is graded on the lessons that it holds.
    """
    places = [place for path in paths for place in _places(path, course)]
    if not places:
        shown = ", ".join(str(path) for path in paths)
        raise KcourseError(f"There is no submission in {shown}: no notebook and no folder of one.")
    read = (_read(folder_or_file, course, due) for folder_or_file in dict.fromkeys(places))
    return _with_unique_ids(sorted(read, key=lambda submission: submission.id))


def _places(path: Path, course: Course) -> Iterator[Path]:
    """Yield what holds one submission each: a notebook, or a folder of one learner's."""
    if not path.exists():
        raise KcourseError(f"There is nothing to grade at {path}: no such file or folder.")
    path = path.resolve()
    if path.is_file() or _is_one_learners(path, course):
        yield path
    else:
        for entry in sorted(path.iterdir()):
            hidden = entry.name.startswith((".", "__"))
            if not hidden and (entry.is_dir() or entry.suffix == ".ipynb"):
                yield entry


def _is_one_learners(folder: Path, course: Course) -> bool:
    """Whether a folder is a workspace, or laid out like one."""
    chapters = {lesson.path.parent.name for lesson in course.lessons}
    return (folder / MARKER).is_dir() or any((folder / name).is_dir() for name in chapters)


def _read(place: Path, course: Course, due: Sequence[Lesson]) -> Submission:
    """Read one submission; a problem with any of its notebooks makes it ungradable."""
    name = place.stem if place.is_file() else place.name
    try:
        if place.is_symlink() or not place.is_dir():
            notebooks = [place]
        else:
            notebooks = _notebooks_in(place, course)
        found, notes = _answers(notebooks, place, course, {lesson.key for lesson in due})
        missing = [lesson.key for lesson in due if lesson.key not in found]
        if missing:
            raise Ungradable(f"There is no notebook for {', '.join(missing)}.")
    except Ungradable as problem:
        return Submission(name, problem=str(problem))
    keys = {lesson.key for lesson in due} or found.keys()
    answers = [found[lesson.key] for lesson in course.lessons if lesson.key in keys]
    notes += [note for entry in answers for note in entry.notes]
    return Submission(name, tuple(answers), notes=tuple(notes))


def _answers(
    notebooks: Sequence[Path], place: Path, course: Course, due: Set[str]
) -> tuple[dict[str, LessonAnswers], list[str]]:
    """Return the answers by lesson, and notes on the notebooks that were ignored.

    A notebook that cannot be read may be any lesson: it is ignored only if all that are ``due``
    are there without it.
    """
    found: dict[str, LessonAnswers] = {}
    sources: dict[str, str] = {}
    others = []
    unreadable: dict[str, Ungradable] = {}
    for path in notebooks:
        shown = path.name if path == place else path.relative_to(place).as_posix()
        try:
            if _is_linked(path):
                raise Ungradable(f"{shown} is a link, or in a folder that is one.")
            cells = read_cells(path)
            lesson = lesson_of(cells, path, course)
        except Ungradable as problem:
            unreadable[shown] = problem
            continue
        if lesson is None:
            others.append(shown)
        elif lesson.key in found:
            raise Ungradable(
                f"There are two candidates for {lesson.key}: {sources[lesson.key]} and {shown}."
            )
        else:
            found[lesson.key], sources[lesson.key] = take_answers(cells, lesson), shown
    if unreadable and not (due and due <= found.keys()):
        raise next(iter(unreadable.values()))
    if not found and others:
        raise Ungradable(f"There is no notebook of this course; found: {', '.join(others[:5])}.")
    if not found:
        raise Ungradable("There is no notebook.")
    notes = [f"{name} is not of this course and was ignored." for name in others[:5]]
    notes += [f"Ignored: {problem}" for problem in list(unreadable.values())[:5]]
    return found, notes


def _is_linked(path: Path) -> bool:
    try:
        return path.resolve() != path
    except (OSError, RuntimeError):  # a link to itself
        return True


def _notebooks_in(folder: Path, course: Course) -> list[Path]:
    """Return a learner's notebooks; links to folders and hidden folders are not entered.

    In a workspace only the lessons' own places count: whatever else is there is the learner's.
    """
    if (folder / MARKER).is_dir():
        places = [folder / f"{lesson.key}.ipynb" for lesson in course.lessons]
        return [path for path in places if os.path.lexists(path)]
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        if (Path(here) / MARKER).is_dir():
            folders[:] = []
            found += _notebooks_in(Path(here), course)
            continue
        names = sorted(name for name in files if name.endswith(".ipynb") and name[0] != ".")
        found += [Path(here) / name for name in names]
        if folders and len(Path(here).relative_to(folder).parts) >= MAX_DEPTH:
            raise Ungradable(f"Its folders are nested more than {MAX_DEPTH} deep.")
        if len(found) > MAX_NOTEBOOKS:
            raise Ungradable(f"There are more than {MAX_NOTEBOOKS} notebooks.")
    return found


def _with_unique_ids(submissions: list[Submission]) -> list[Submission]:
    """Number submissions of the same name, so that an id names one of them."""
    names = {submission.id for submission in submissions}
    taken: set[str] = set()
    unique = []
    for submission in submissions:
        name = submission.id
        if name in taken:
            name = numbered(name, names | taken)  # nobody gets what is another's own name
        taken.add(name)
        unique.append(replace(submission, id=name))
    return unique
