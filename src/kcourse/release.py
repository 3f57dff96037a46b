"""Release a chapter to people who teach with another tool: as an assignment of nbgrader.

A released lesson is the lesson without outputs, in which an exercise is an autograded answer and
its check an autograder test worth the exercise's points; the cells that prepare the lesson are
read-only, and all others are the learner's to change. What is written is nbgrader's *source*
version: the answers hold the course's solutions, between the marks at which
``nbgrader generate_assignment`` cuts them out again. Cells keep their ids, so ``kcourse grade``
can grade what learners hand in, too.

nbgrader judges inside the kernel in which the learner's cells ran, and so does ``require``, which
these checks call: an answer that wants to can change its own verdict. ``kcourse grade`` judges
outside, in another process.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kcourse import exercises, lessons, solutions
from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.lessons import Lesson

if TYPE_CHECKING:
    from nbformat import NotebookNode

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_OPEN = re.compile(r"^(?P<indent> +)raise NotImplementedError\b.*\n*\Z", re.MULTILINE)


def release(chapter: str, out: Path) -> int:
    """Write the lessons of a chapter as an assignment of nbgrader, and say what to do next.

    Args:
        chapter: its folder or name, such as ``01_tensors`` or ``tensors``.
        out: the assignment's folder, ``source/NAME`` of an nbgrader course; must be new or empty.
    """
    chosen = _lessons_of(chapter)
    written = {
        out / lesson.path.name: _as_json(nbgrader_source(lesson.notebook)) for lesson in chosen
    }
    _require_empty(out)
    try:
        for path, text in written.items():
            write_text(path, text)
    except OSError as error:
        raise KcourseError(f"{out} cannot be written: {error.strerror or error}.") from None
    points = sum(exercises.get(name).points for one in chosen for name in one.exercises)
    print(f"Written to {out}: {len(chosen)} notebooks, {points} points, with the solutions.")
    if out.resolve().parent.name != "source":
        print("nbgrader looks for an assignment in the folder source/NAME of its course.")
    print(f"Next, in the course's folder: nbgrader generate_assignment {out.resolve().name}")
    return 0


def nbgrader_source(lesson: NotebookNode) -> NotebookNode:
    """Return a lesson as nbgrader's source version: with solutions, without outputs."""
    import nbformat

    released = nbformat.from_dict(lesson)
    for cell in released.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if name := lessons.exercise_name(cell):
            answer = solutions.source_of(exercises.get(name))
            cell.source = with_solution(cell.source, answer, name)
            _mark(cell, solution=True)
        elif cell.id.startswith("check-"):
            name = cell.id.removeprefix("check-")
            cell.source = lessons.required(name)
            _mark(cell, grade=True, locked=True, points=exercises.get(name).points)
        elif lessons.is_setup(cell):
            _mark(cell, locked=True)
    return released


def with_solution(stub: str, solution: str, name: str) -> str:
    """Return a stub with the solution in place of its last line, ``raise NotImplementedError``.

    If the two differ in nothing but annotations and the body, it is the solution's body that goes
    there. Otherwise the whole solution does, as a second definition: what is left when it is cut
    out again is the stub in both cases.
    """
    last = _OPEN.search(stub)
    if last is None:
        raise KcourseError(f"The stub of {name!r} does not end in raise NotImplementedError.")
    before, indent = stub[: last.start()], last["indent"]
    body = _body(stub, solution, len(indent))
    if body is not None:
        return f"{before}{indent}{BEGIN}\n{body}\n{indent}{END}"
    # The first definition needs a body of its own; a docstring is one.
    own_body = "" if before.rstrip().endswith('"""') else f"{indent}...\n"
    return f"{before}{own_body}{indent}{BEGIN}\n\n\n{solution}\n{END}"


def _body(stub: str, solution: str, indent: int) -> str | None:
    """Return the lines of the solution below its docstring, if they fit below the stub's."""
    functions = [
        node
        for node in (*ast.parse(stub).body, *ast.parse(solution).body)
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None
    ]
    if len(functions) != 2 or len(functions[0].body) != 2:
        return None
    for function in functions:
        for argument in ast.walk(function.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
    heads = [[ast.dump(part) for part in (one.args, *one.decorator_list)] for one in functions]
    docstring = functions[1].body[0]
    if heads[0] != heads[1] or docstring.col_offset != indent:
        return None
    return "\n".join(solution.splitlines()[docstring.end_lineno :])


def _mark(
    cell: NotebookNode,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    **more: Any,
) -> None:
    """Say in the cell's metadata what it is to nbgrader (schema version 3)."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": cell.id,
        "cell_type": cell.cell_type,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
        **more,
    }


def _as_json(notebook: NotebookNode) -> str:
    import nbformat

    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def _lessons_of(chapter: str) -> Sequence[Lesson]:
    """Return the lessons of a chapter, named by its folder or without the number."""
    known: dict[str, list[Lesson]] = {}
    for lesson in lessons.all_lessons():
        known.setdefault(lesson.path.parent.name, []).append(lesson)
    folders = list(known)
    known |= {found[0].chapter: found for found in known.values()}
    if chapter not in known:
        near = difflib.get_close_matches(chapter, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(folders)}."
        raise KcourseError(f"There is no chapter {chapter!r}. {hint}")
    return known[chapter]


def _require_empty(folder: Path) -> None:
    try:
        occupied = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise KcourseError(f"--out {folder} is no folder to write to: {error.strerror}.") from None
    if occupied:
        raise KcourseError(f"--out {folder} is not empty. Name a new folder, or empty this one.")
