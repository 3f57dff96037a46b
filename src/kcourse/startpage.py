"""The start page of a workspace: chapters, progress, where to go on, and what to type where.

It is made of Markdown cells, so that it shows without running anything, and of one code cell
for a live view. It is written anew at every ``kcourse learn``; a learner who writes into it
keeps that in the workspace's history.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kcourse import exercises, journal, lessons
from kcourse.errors import KcourseError
from kcourse.exercise import Exercise
from kcourse.files import write_text
from kcourse.journal import Standing
from kcourse.lessons import Lesson
from kcourse.overview import next_open, tally
from kcourse.workspace.layout import Workspace, notebook_text, read_notebook, read_text

_WELCOME = """\
# TensorFlow 2 and Keras 3, by doing

{standing}

{go_on}"""

_HOW = """\
## How to work

1. Open a lesson by its link. Run its cells from the top with Shift+Enter.
2. At an exercise, write your answer in its cell, run it, then run the check below it.
3. Stuck? Run `hint(name)` in a cell; each call tells a little more. When it is solved, compare
   with `solution(name)`.

In a terminal (menu File, New, Terminal) the same is at hand, and more:

- `kcourse check`: check all your answers; `kcourse check NAME` checks one
- `kcourse hint NAME`: show one more hint
- `kcourse progress`: show what is solved and where to go on
- `kcourse reset NAME`: put an exercise back to its stub; your answer is kept in the history
- `kcourse update`: bring new versions of the lessons; what you wrote stays

This page is made anew at each `kcourse learn`. Run the next cell to see your progress as it is
now."""

#: What JupyterLab itself would add on opening, after which it would ask to save the page.
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}

_LIVE = "from kcourse import progress\n\nprogress()"


def write(workspace: Workspace) -> list[str]:
    """Write the start page and return what the learner should know about it."""
    page = build(workspace)
    last, path = workspace.base_of("start"), workspace.start_page
    remarks = []
    try:
        if path.exists() and not _untouched(path, last):
            kept = workspace.keep("start.ipynb", path.read_bytes().decode("utf-8", "replace"))
            remarks.append(f"The start page was made anew; yours was kept as {kept}.")
        text = notebook_text(page)
        write_text(path, text)
        write_text(last, text)
    except OSError as error:
        raise KcourseError(f"{path} cannot be written: {error.strerror or error}.") from error
    return remarks


def build(workspace: Workspace) -> NotebookNode:
    """Return the start page for what the journal says now."""
    standings = journal.standings(workspace.folder)
    registered = exercises.all_exercises()
    course = lessons.all_lessons()
    cells = [_markdown("welcome", _welcome(workspace, course, registered, standings))]
    for number, chapter in groupby(course, key=lambda lesson: lesson.chapter_number):
        text = _chapter(workspace, list(chapter), registered, standings)
        cells.append(_markdown(f"chapter-{number}", text))
    cells.append(_markdown("how-to-work", _HOW))
    cells.append(nbformat.v4.new_code_cell(_LIVE, id="progress"))
    page = nbformat.v4.new_notebook(cells=cells)
    page.metadata = nbformat.from_dict(_METADATA)
    return page


def _welcome(
    workspace: Workspace,
    course: list[Lesson],
    registered: Mapping[str, Exercise],
    standings: Mapping[str, Standing],
) -> str:
    names = [name for lesson in course for name in lesson.exercises]
    done = tally(names, registered, standings)
    standing = (
        f"Solved so far: **{done.solved}** of {done.total} exercises, "
        f"**{done.points}** of {done.max_points} points."
    )
    go_on = "All exercises are solved. Well done."
    if following := next_open(course, standings):
        lesson, name = following
        go_on = f"Go on with: {_link(workspace, lesson)}, exercise `{name}`."
    return _WELCOME.format(standing=standing, go_on=go_on)


def _chapter(
    workspace: Workspace,
    chapter: list[Lesson],
    registered: Mapping[str, Exercise],
    standings: Mapping[str, Standing],
) -> str:
    number, name = int(chapter[0].chapter_number), chapter[0].chapter.replace("_", " ")
    rows = [f"## {number}. {name.capitalize()}", ""]
    for lesson in chapter:
        done = tally(lesson.exercises, registered, standings)
        sign = " ✓" if done.total and done.solved == done.total else ""
        standing = (
            f"{done.solved} of {done.total} solved, {done.points} of {done.max_points} points{sign}"
        )
        rows.append(f"- {_link(workspace, lesson)}: {standing}")
    return "\n".join(rows)


def _link(workspace: Workspace, lesson: Lesson) -> str:
    """Return a relative link to the learner's copy, or the title alone if there is none."""
    title = re.sub(r"([\\[\]])", r"\\\1", lesson.title)
    key = workspace.key_of(lesson)
    if key is None or not workspace.copy_of(key).exists():
        return f"{title} (not in this folder)"
    return f"[{title}]({key}.ipynb)"


def _untouched(path: Path, last: Path) -> bool:
    """Whether the page holds the sources that were written last (running it changes outputs)."""
    try:
        if read_text(path) == read_text(last):
            return True
        now, then = (
            [(cell.cell_type, cell.source) for cell in read_notebook(page).cells]
            for page in (path, last)
        )
    except (KcourseError, OSError, ValueError):
        return False
    return now == then


def _markdown(name: str, text: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(text, id=name)
