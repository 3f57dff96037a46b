"""A released chapter is a valid assignment: stubs, solutions and points are the course's own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from command_line import kcourse

from kcourse import exercises, lessons
from kcourse.errors import KcourseError
from kcourse.grading.answers import read_cells, take_answers
from kcourse.release import BEGIN, END, nbgrader_source, with_solution
from kcourse.solutions import source_of

REGION = re.compile(rf"^( *){BEGIN}\n.*?^ *{END}", re.MULTILINE | re.DOTALL)
LESSONS = {lesson.topic: lesson for lesson in lessons.all_lessons()}


def cleared(source: str) -> str:
    """Return a cell as nbgrader hands it out: a stub instead of the solution."""
    return REGION.sub(r"\1raise NotImplementedError()", source)


def exercise_cells(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    named = ((lessons.exercise_name(cell), cell) for cell in notebook.cells)
    return {name: cell for name, cell in named if name}


@pytest.mark.parametrize("topic", LESSONS)
def test_every_answer_is_the_stub_around_the_solution(topic: str) -> None:
    lesson = LESSONS[topic]
    stubs = exercise_cells(lesson.notebook)
    for name, cell in exercise_cells(nbgrader_source(lesson.notebook)).items():
        # nbgrader's own line has no message; in a class, stubs of other methods stay as they are.
        left, stub = (
            re.sub(r"(NotImplementedError)\(.*\)", r"\1()", source)
            for source in (cleared(cell.source), stubs[name].source)
        )
        assert ast.dump(ast.parse(left)) == ast.dump(ast.parse(stub))
        assert cell.source.startswith(f"# EXERCISE {name}\n")
        released = ast.parse(cell.source).body[-1]
        solution = ast.parse(source_of(exercises.get(name))).body[-1]
        assert isinstance(released, ast.FunctionDef | ast.ClassDef)
        assert isinstance(solution, ast.FunctionDef | ast.ClassDef)
        assert [ast.dump(node) for node in released.body] == [
            ast.dump(node) for node in solution.body
        ]


@pytest.mark.parametrize("topic", LESSONS)
def test_cells_say_what_they_are_to_nbgrader_and_nothing_else_changes(topic: str) -> None:
    lesson = LESSONS[topic]
    released = nbgrader_source(lesson.notebook)
    nbformat.validate(released)
    points = 0
    for before, after in zip(lesson.notebook.cells, released.cells, strict=True):
        kind = after.metadata.get("nbgrader")
        if kind is None:
            assert after.source == before.source
            assert after.cell_type == "markdown" or not after.outputs
            continue
        assert kind["schema_version"] == 3
        assert kind["grade_id"] == after.id == before.id
        if kind["grade"]:
            name = after.id.removeprefix("check-")
            assert kind["points"] == exercises.get(name).points
            assert (kind["locked"], kind["solution"]) == (True, False)
            points += kind["points"]
        elif kind["solution"]:
            assert after.id.startswith("exercise-")
        else:
            assert (kind["locked"], after.source) == (True, before.source)
    assert points == sum(exercises.get(name).points for name in lesson.exercises)
    ids = [cell.id for cell in released.cells]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "solution",
    [
        'def f(x):\n    """Say."""\n    return x',
        '@cache\ndef f(x):\n    """Say."""\n    return x',
        'def f(x, factor=2):\n    """Say."""\n    return x',
        "def f(x):\n    return x",
        'def f(x):\n  """Say."""\n  return x',
        'class f:\n    """Say."""\n\n    def __call__(self, x):\n        return x',
    ],
)
@pytest.mark.parametrize(
    "stub",
    [
        'def f(x):\n    """Say."""\n    raise NotImplementedError("Write.")',
        'def f(x):\n    raise NotImplementedError("Write.")\n\n',
        'def f(x):\n    """Say."""\n    y = 2 * x\n    raise NotImplementedError',
        "class f:\n    def __call__(self, x):\n        raise NotImplementedError()",
    ],
)
def test_any_solution_can_stand_in_any_stub(stub: str, solution: str) -> None:
    source = with_solution(stub, solution, "f")
    left = cleared(source).replace("...", "").replace("Error()", "Error")
    assert left.split() == re.sub(r"Error\(.*\)", "Error", stub).split()
    namespace: dict[str, object] = {"cache": lambda function: function}
    exec(source, namespace)
    answer = namespace["f"]
    assert (answer() if isinstance(answer, type) else answer)(21) == 21  # type: ignore[operator]


def test_a_stub_without_a_place_for_the_answer_is_refused() -> None:
    with pytest.raises(KcourseError, match="The stub of 'f' does not end in raise NotImpl"):
        with_solution("f = None", "def f(): ...", "f")


def test_a_chapter_is_written_under_either_name_and_said_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for chapter in ("tensors", "01_tensors"):
        arguments = ["release", "--nbgrader", chapter, "--out", f"source/of-{chapter}"]
        code, out, err = kcourse(arguments, monkeypatch, capsys)
        assert (code, err) == (0, "")
        assert "4 notebooks, 51 points" in out
        assert f"nbgrader generate_assignment of-{chapter}" in out
    first, second = (sorted(path.iterdir()) for path in sorted(Path("source").iterdir()))
    its_own = [one.path.name for one in LESSONS.values() if one.chapter == "tensors"]
    assert [path.name for path in first] == its_own
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tensors", "--out", "new"], "Say for which tool. There is one: --nbgrader."),
        (["--nbgrader", "--out", "new"], "Missing argument 'CHAPTER'"),
        (["--nbgrader", "tensors"], "Missing option '--out'"),
        (["--nbgrader", "tensor", "--out", "new"], "no chapter 'tensor'. Did you mean 'tensors'?"),
        (["--nbgrader", "zzz", "--out", "new"], "There is no chapter 'zzz'. There are: 01_tensors"),
        (["--nbgrader", "tensors", "--out", "full"], "--out full is not empty. Name a new folder"),
        (["--nbgrader", "tensors", "--out", "full/file"], "full/file is no folder to write to"),
        (["--nbgrader", "tensors", "--out", "full/file/x"], "full/file/x cannot be written: Not a"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/file").write_text("")
    code, out, err = kcourse(["release", *arguments], monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert err.startswith("kcourse: ")
    assert err.count("\n") == 1
    assert says in err
    assert [str(path) for path in Path().rglob("*")] == ["full", "full/file"]


def test_what_learners_of_a_released_lesson_hand_in_can_be_graded_here(tmp_path: Path) -> None:
    lesson = next(iter(LESSONS.values()))
    handed_in = tmp_path / "homework.ipynb"
    nbformat.write(nbgrader_source(lesson.notebook), handed_in)
    taken = take_answers(read_cells(handed_in), lesson)
    assert list(taken.answers) == lesson.exercises
    assert taken.own == []
