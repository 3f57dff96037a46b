"""Skeletons of lessons and exercises fail their proofs in words, until they are filled in."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest
from command_line import kcourse
from guide import REPOSITORY, blocks, command

from kcourse import cli, lessons
from kcourse.scaffolding import draft, still_to_write

FILLED = "trace_of_product"
EMPTY = "still_empty"
NEEDED = ("src/kcourse", "notebooks", "tests", "pyproject.toml", "book/_toc.yml")
#: What each proof of an empty exercise says; those not named here ask for what the skeleton has.
OF_AN_EXERCISE = {
    "test_it_is_complete": f"Still to be written of {EMPTY}:\nwrite a hint that leads the eye",
    "test_stub_and_solution_have_the_same_signature": (
        "The stub takes ['todo_same_parameters'], the solution ['todo_parameters']."
    ),
    "test_the_stub_is_not_attempted": "TODO: yield fresh inputs by rng",
    "test_the_solution_is_correct_whatever_the_seed": "TODO: yield fresh inputs by rng",
    "test_near_misses_are_wrong_for_their_own_reason": "TODO: yield fresh inputs by rng",
    "test_the_judge_refuses_mutants_that_behave_differently": "TODO: yield fresh inputs by rng",
    "test_it_can_be_observed_in_another_process": "TODO: yield fresh inputs by rng",
    "test_cases_are_fresh_for_every_run": "TODO: yield fresh inputs by rng",
}
OF_A_LESSON = {
    "test_nothing_is_still_to_be_written": "title: say in a few sentences what the reader meets",
    "test_it_begins_with_title_parameters_and_setup": "does not say how long it takes",
    "test_it_has_at_least_four_exercises_each_with_its_check": (
        "1 of 4 exercises; add: kcourse new-exercise 01_tensors/05_sparse_tensors NAME"
    ),
    "test_it_is_stored_as_run_without_errors": (
        "make store ARGS=notebooks/01_tensors/05_sparse_tensors.ipynb"
    ),
    "test_every_stored_check_says_not_attempted": "check-densify was not run: make store",
    "test_every_figure_has_a_text_alternative": "a lesson needs figures that explain",
    "test_every_choice_of_the_quiz_is_explained": "Say why it is right or wrong: TODO: a choice",
}


def copy_of_the_course(to: Path, *parts: str) -> Path:
    """Copy these files and folders of the repository."""
    for part in parts:
        source, target = REPOSITORY / part, to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    return to


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a copy of the course, on that copy's own package."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def fill_in(path: Path, name: str, source: str) -> None:
    """Put ``source`` where a module defines ``name``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    nodes = {getattr(node, "name", None): node for node in ast.parse("\n".join(lines)).body}
    node = nodes[name]
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    lines[first - 1 : node.end_lineno] = source.strip().splitlines()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course in which the guide was followed, and two skeletons were left empty."""
    folder = copy_of_the_course(tmp_path_factory.mktemp("checkout"), *NEEDED)
    twin = ["new-exercise", "linear_algebra", EMPTY]
    on_keras = ["new-lesson", "models", "siamese", "--exercise", "TwinLayer"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lessons, "root", lambda: folder / "notebooks")
        for arguments in (command("new-exercise"), twin, command("new-lesson"), on_keras):
            with pytest.raises(SystemExit, match=r"^0$"):
                cli.kcourse.main(arguments, standalone_mode=False)
    solution, exercise, stub = blocks()
    fill_in(folder / "src/kcourse/solutions/tensors/linear_algebra.py", FILLED, solution)
    fill_in(folder / "src/kcourse/exercises/tensors/linear_algebra.py", "TraceOfProduct", exercise)
    path = folder / "notebooks/01_tensors/04_linear_algebra.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells[f"exercise-{FILLED}"].source = stub.rstrip()
    nbformat.write(notebook, path)
    return folder


@pytest.fixture(scope="module")
def proved(walked: Path) -> dict[tuple[str, str], str]:
    """What each proof said, by proof and by exercise or lesson; nothing if it passed."""
    tests = ["tests/test_notebooks.py", "tests/exercises/test_tensors.py"]
    chosen = f"{FILLED} or {EMPTY} or sparse_tensors"
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "--junitxml=proved.xml", "-k", chosen]
    done = run(walked, "pytest", *tests, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    said = {}
    for case in ET.parse(walked / "proved.xml").iter("testcase"):
        proof, _, subject = case.get("name", "").removesuffix("]").partition("[")
        problems = (*case.iter("failure"), *case.iter("error"))
        said[proof, subject] = "\n".join(f"{one.get('message')}{one.text}" for one in problems)
    return said


def failed(proved: dict[tuple[str, str], str], subject: str) -> dict[str, str]:
    """Return what the failed proofs of one exercise or lesson said."""
    assert any(of == subject for _, of in proved)
    return {proof: text for (proof, of), text in proved.items() if of == subject and text}


def test_the_proofs_of_an_empty_exercise_say_what_to_write(
    proved: dict[tuple[str, str], str],
) -> None:
    said = failed(proved, EMPTY)
    assert said.keys() == OF_AN_EXERCISE.keys()
    for proof, words in OF_AN_EXERCISE.items():
        assert words in said[proof], proof


def test_filled_in_as_the_guide_says_it_passes_them_all(
    proved: dict[tuple[str, str], str],
) -> None:
    assert failed(proved, FILLED) == {}
    assert {proof for proof, of in proved if of == FILLED} >= OF_AN_EXERCISE.keys()


def test_the_proofs_of_an_empty_lesson_say_what_to_write(
    proved: dict[tuple[str, str], str],
) -> None:
    said = failed(proved, "01_tensors/05_sparse_tensors")
    assert said.keys() == OF_A_LESSON.keys()
    for proof, words in OF_A_LESSON.items():
        assert words in said[proof], proof


@pytest.mark.parametrize("check", ["check", "format --check"])
def test_skeletons_are_clean_for_ruff(walked: Path, check: str) -> None:
    folders = ["notebooks", "src/kcourse/exercises", "src/kcourse/solutions"]
    done = run(walked, "ruff", *check.split(), "--no-cache", *folders)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def small_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lessons without their outputs: one of chapter 1, and one of 3, on Keras alone."""
    course = tmp_path_factory.mktemp("small")
    for chapter, topic in (("01_tensors", "04_linear_algebra"), ("03_models", "02_functional_api")):
        parts = [f"notebooks/{chapter}/{topic}.ipynb"]
        for kind in ("solutions", "exercises"):
            parts.append(f"src/kcourse/{kind}/{chapter[3:]}/{topic[3:]}.py")
        copy_of_the_course(course, *parts)
        notebook = nbformat.read(course / parts[0], as_version=4)
        for cell in notebook.cells:
            cell.update({"outputs": []} if cell.cell_type == "code" else {})
        nbformat.write(notebook, course / parts[0])
    return copy_of_the_course(course, "book/_toc.yml", "pyproject.toml")


@pytest.fixture
def course(small_course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the small course, which the commands work in."""
    folder = tmp_path / "course"
    shutil.copytree(small_course, folder)
    monkeypatch.setattr(lessons, "root", lambda: folder / "notebooks")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


EXERCISE = ["new-exercise", "linear_algebra", "new_one"]
LESSON = ["new-lesson", "tensors", "sparse"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["new-lesson", "tensor", "sparse"],
            "no chapter 'tensor'. The chapters are: tensors, mod",
        ),
        (["new-lesson", "tensors", "Sparse"], "'Sparse' cannot be a lesson's name"),
        (["new-lesson", "tensors", "class"], "'class' cannot be a lesson's name"),
        (
            ["new-lesson", "tensors", "05_sparse"],
            "The number of a lesson comes by itself: write 'sp",
        ),
        (["new-lesson", "tensors", "functional_api"], "already: 03_models/02_functional_api."),
        ([*LESSON, "--exercise", "two words"], "'two words' cannot be an exercise's name"),
        ([*LESSON, "--exercise", "new", "--exercise", "new"], "There is an exercise 'new' already"),
        ([*LESSON, "--title", 'a "b"'], "cannot be a title: write one line of at most 80 letters"),
        ([*LESSON, "--title", "很" * 41], "at most 80 letters (a Chinese one counts twice)"),
        ([*LESSON, "--title", "\udcff"], r"'\udcff' cannot be a title"),
        (["new-lesson", "tensors", "a" * 41], "is too long: take at most 40 letters."),
        (["new-exercise", "linear_algebra", "a" * 51], "is too long: take at most 50 letters."),
        (
            ["new-exercise", "linear_algebr", "new"],
            "no lesson 'linear_algebr'. Did you mean 'linear_",
        ),
        (["new-exercise", "notebooks/x.ipynb", "new"], "There is no lesson 'notebooks/x.ipynb'"),
        (["new-exercise", "linear_algebra", "split_at"], "There is an exercise 'split_at' already"),
        (["new-exercise", "linear_algebra", "lambda"], "'lambda' cannot be an exercise's name"),
        (["new-exercise", "linear_algebra", "_private"], "'_private' cannot be an exercise's name"),
        (["new-exercise", "linear_algebra", "check"], "The setup cell of 01_tensors/04_linear_a"),
        ([*LESSON, "--exercise", "tf"], "The setup cell of 01_tensors/05_sparse uses 'tf'."),
        (
            ["new-exercise", "linear_algebra", "Case"],
            "linear_algebra.py has the name 'Case' already",
        ),
        (
            ["new-exercise", "linear_algebra", "print"],
            "'print' has a meaning in Python. Take another",
        ),
        ([*EXERCISE, "--points", "0"], "0 is not in the range 1<=x<=10."),
        ([*EXERCISE, "--title", " "], "'' cannot be a title"),
        ([*EXERCISE, "--after", "Quiz"], "has no section 'Quiz'. There are: Multiply matrices,"),
        ([*EXERCISE, "--after", "Multiply matrix"], "Did you mean 'Multiply matrices'?"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    course: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(course)
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert contents(course) == before


def test_an_installed_course_gets_no_lesson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lessons, "root", lambda: tmp_path / "kcourse" / "notebooks")
    for arguments in (EXERCISE, LESSON):
        code, _, err = kcourse(arguments, monkeypatch, capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert "This needs a checkout of the course" in err


@pytest.mark.parametrize("arguments", [EXERCISE, LESSON])
def test_nothing_is_overwritten(
    course: Path,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kcourse(arguments, monkeypatch, capsys)[0] == 0
    before = contents(course)
    code, _, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "already" in err
    assert contents(course) == before


def test_a_module_that_is_there_already_is_not_overwritten(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "src/kcourse/solutions/tensors/sparse.py").write_text("precious = 1\n")
    before = contents(course)
    code, _, err = kcourse(LESSON, monkeypatch, capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "sparse.py is there already, and nothing is overwritten." in err
    assert contents(course) == before


HALF_WRITTEN = {
    "src/kcourse/solutions/tensors/linear_algebra.py": [
        (
            b"def trace(\n",
            "linear_algebra.py, line 1, is not Python: '(' was never closed. Mend it",
        ),
        (b"\xff\n", "linear_algebra.py is not UTF-8: invalid start byte. Mend it first."),
    ],
    "src/kcourse/exercises/tensors/linear_algebra.py": [
        (b"x = = 1\n", "linear_algebra.py, line 1, is not Python: invalid syntax. Mend it first."),
        (b"\xff\n", "linear_algebra.py is not UTF-8: invalid start byte. Mend it first."),
    ],
    "notebooks/01_tensors/04_linear_algebra.ipynb": [
        (b"<<<<<<< HEAD\n{}", "04_linear_algebra.ipynb is not a notebook. Mend it, or get it back"),
        (b"{}", "04_linear_algebra.ipynb is not a notebook. Mend it, or get it back from git."),
    ],
}


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [(file, content, says) for file, cases in HALF_WRITTEN.items() for content, says in cases],
)
def test_what_somebody_is_still_writing_is_left_alone(
    course: Path,
    file: str,
    content: bytes,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (course / file).write_bytes(content)
    code, out, err = kcourse(EXERCISE, monkeypatch, capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert (course / file).read_bytes() == content
    assert "new_one" not in "".join(
        path.read_text("utf-8", "replace") for path in course.rglob("*") if path.is_file()
    )


def test_the_longest_names_and_titles_are_clean_for_ruff(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["new-lesson", "tensors", "a" * 40, "--title", "很" * 40, "--exercise", "b" * 50]
    assert kcourse(asked, monkeypatch, capsys)[0] == 0
    asked = ["new-exercise", "a" * 40, "C" * 50, "--title", "d" * 80]
    assert kcourse(asked, monkeypatch, capsys)[0] == 0
    # The order of imports aside: the package itself is not in this small course.
    for check in (["check", "--ignore=I001"], ["format", "--check"]):
        done = run(course, "ruff", *check, "--no-cache", "src", "notebooks")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("arguments", [EXERCISE, LESSON])
def test_what_cannot_be_finished_leaves_all_as_it_was(
    course: Path,
    arguments: list[str],
    problem: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, write, written = contents(course), draft.write_text, []

    def third_fails(path: Path, text: str) -> None:
        written.append(path)
        if len(written) == 3:
            raise problem
        write(path, text)

    monkeypatch.setattr(draft, "write_text", third_fails)
    code, out, err = kcourse(arguments, monkeypatch, capsys)
    assert (code, out) == ((1, "") if isinstance(problem, OSError) else (130, ""))
    assert err.strip().count("\n") == 0
    assert contents(course) == before


def test_a_new_lesson_stands_between_its_neighbours(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = lessons.lesson_of("tensors", "linear_algebra")
    came_next = old.notebook.cells[-2].source
    code, out, _ = kcourse([*LESSON, "--title", "Sparse tensors"], monkeypatch, capsys)
    assert code == 0
    assert "made     notebooks/01_tensors/05_sparse.ipynb\n" in out
    before, new, _ = lessons.all_lessons()
    assert (new.key, new.title, new.exercises) == (
        "01_tensors/05_sparse",
        "Sparse tensors",
        ["first_of_sparse"],
    )
    cells = {cell.id: cell.source for cell in new.notebook.cells}
    assert "[Linear algebra, and how to check it](04_linear_algebra.ipynb)" in cells["title"]
    assert cells["next"] == came_next
    leads = "[Sparse tensors](05_sparse.ipynb): TODO: say in a sentence what comes there."
    assert before.notebook.cells[-2].source == f"## Next\n\n{leads} Here is where you stand:"
    listed = re.findall(r"lessons/(01_tensors/\S+)", (course / "book/_toc.yml").read_text())
    assert listed[-2:] == [before.key, new.key]


def test_a_lesson_after_one_on_keras_alone_is_on_keras_alone(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["new-lesson", "03_models", "siamese", "--exercise", "TwinLayer"]
    assert kcourse(arguments, monkeypatch, capsys)[0] == 0
    lesson = lessons.lesson_of("models", "siamese")
    assert not lesson.needs_tensorflow
    assert "make_deterministic()" in str(lesson.notebook.cells)
    exercise = (course / "src/kcourse/exercises/models/siamese.py").read_text()
    assert "call the answer with tensors made by keras.ops" in exercise
    assert "class TwinLayer:" in (course / "src/kcourse/solutions/models/siamese.py").read_text()


@pytest.mark.parametrize("where", ["04_linear_algebra", "01_tensors/04_linear_algebra", "path"])
def test_a_lesson_may_be_named_in_several_ways(
    course: Path, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = lessons.lesson_of("tensors", "linear_algebra")
    named = str(lesson.path) if where == "path" else where
    assert kcourse(["new-exercise", named, "new_one"], monkeypatch, capsys)[0] == 0
    assert "new_one" in lessons.lesson_of("tensors", "linear_algebra").exercises


def test_an_exercise_stands_at_the_end_of_its_section(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*EXERCISE, "--after", "Measure a matrix: norms", "--points", "3"]
    assert kcourse(arguments, monkeypatch, capsys)[0] == 0
    cells = lessons.lesson_of("tensors", "linear_algebra").notebook.cells
    ids = [cell.id for cell in cells]
    at = ids.index("task-new_one")
    assert ids[at : at + 3] == ["task-new_one", "exercise-new_one", "check-new_one"]
    assert cells[at].source.startswith("### Exercise: New one\n\n**3 points.** TODO: ")
    assert cells[at + 3].source.startswith("## ")
    exercise = (course / "src/kcourse/exercises/tensors/linear_algebra.py").read_text()
    assert 'see = "Measure a matrix: norms"' in exercise


def test_imports_that_a_module_lacks_are_added(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = course / "src/kcourse/exercises/tensors/linear_algebra.py"
    text = path.read_text().replace("from typing import Any\n", "").replace("NearMiss, reg", "reg")
    path.write_text(text)
    assert kcourse(EXERCISE, monkeypatch, capsys)[0] == 0
    done = run(course, "ruff", "check", "--select", "F", "--no-cache", str(path))
    assert done.returncode == 0, done.stdout


def test_who_names_no_lesson_is_told_how_to_name_one(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = kcourse(["new-exercise", "zzz", "new"], monkeypatch, capsys)
    known = "'linear_algebra' or '01_tensors/04_linear_algebra'"
    assert (code, err) == (2, f"kcourse: There is no lesson 'zzz'. Name it like {known}.\n")


def test_what_is_still_to_be_written_is_found_once_and_in_order() -> None:
    text = 'a = "TODO: say it"\ndef f(todo_x): ...\n# TODO: say it\nTODO: and\nmastodon_x, todo'
    assert still_to_write(text, "todo_x") == ["say it", "todo_x", "and"]
