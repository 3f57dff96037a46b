"""Every lesson has the form that learners, nbval, papermill, the grader and the book rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from kcourse import lessons
from kcourse.cards import VERDICT_MIME
from kcourse.lessons import Lesson
from kcourse.scaffolding import still_to_write

ALL = lessons.all_lessons()
every_lesson = pytest.mark.parametrize("lesson", ALL, ids=[lesson.key for lesson in ALL])

REQUIRED_HEADINGS = (
    "## What you will be able to do",
    "## Quiz",
    "## What changed since the notes",
    "## Recap",
    "## Next",
)
BELITTLING = re.compile(r"\b(easily|simply|obviously|just)\b", re.IGNORECASE)


def markdown(lesson: Lesson) -> str:
    return "\n\n".join(c.source for c in lesson.notebook.cells if c.cell_type == "markdown")


def code_cells(lesson: Lesson) -> list[nbformat.NotebookNode]:
    return [cell for cell in lesson.notebook.cells if cell.cell_type == "code"]


@every_lesson
def test_nothing_is_still_to_be_written(lesson: Lesson) -> None:
    left = [
        f"{cell.id}: {words}"
        for cell in lesson.notebook.cells
        for words in still_to_write(cell.source, json.dumps(cell.metadata, ensure_ascii=False))
    ]
    assert not left, "\n".join([f"Still to be written in {lesson.key}:", *left])


@every_lesson
def test_it_is_valid_and_opens_anywhere(lesson: Lesson) -> None:
    nbformat.validate(lesson.notebook)
    assert (lesson.notebook.nbformat, lesson.notebook.nbformat_minor) == (4, 5)
    assert lesson.notebook.metadata.kernelspec.name == "python3"
    assert lesson.path.stat().st_size < 1_500_000


@every_lesson
def test_cell_ids_are_readable_and_unique(lesson: Lesson) -> None:
    ids = [cell.id for cell in lesson.notebook.cells]
    assert len(set(ids)) == len(ids)
    for name in ids:
        assert re.fullmatch(r"[a-z][A-Za-z0-9_-]*", name), name
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", name), f"{name} is a random id"


@every_lesson
def test_it_begins_with_title_parameters_and_setup(lesson: Lesson) -> None:
    title, parameters, setup = (
        next(cell for cell in lesson.notebook.cells if cell.id == name)
        for name in ("title", "parameters", "setup")
    )
    assert title.source.startswith("# ")
    assert re.search(r"\*\*Time:\*\* about \d+ minutes", title.source), (
        f"{lesson.key} does not say how long it takes: **Time:** about 90 minutes"
    )
    assert "**Before this:**" in title.source
    assert parameters.metadata.tags == ["parameters"]
    assert re.search(r"^SEED = \d+", parameters.source, re.MULTILINE)
    assert re.search(r'^SCALE = "quick"', parameters.source, re.MULTILINE)
    assert "keras.utils.set_random_seed(SEED)" in setup.source
    assert [cell.id for cell in code_cells(lesson)[:2]] == ["parameters", "setup"]


@every_lesson
def test_it_has_every_part(lesson: Lesson) -> None:
    lines = markdown(lesson).splitlines()
    places = [lines.index(heading) for heading in REQUIRED_HEADINGS]
    assert places == sorted(places)


@every_lesson
def test_imports_stand_in_the_setup_cell_alone(lesson: Lesson) -> None:
    for cell in code_cells(lesson):
        if cell.id != "setup":
            assert not re.search(r"^\s*(import|from)\s+\w", cell.source, re.MULTILINE), cell.id


@every_lesson
def test_it_has_at_least_four_exercises_each_with_its_check(lesson: Lesson) -> None:
    number = len(lesson.exercises)
    assert number >= 4, f"{number} of 4 exercises; add: kcourse new-exercise {lesson.key} NAME"
    cells = lesson.notebook.cells
    for name in lesson.exercises:
        at = next(i for i, cell in enumerate(cells) if cell.id == f"exercise-{name}")
        assert cells[at].metadata.kcourse.exercise == name
        assert cells[at].source.startswith(f"# EXERCISE {name}\n")
        assert 'raise NotImplementedError("Write your answer here.")' in cells[at].source
        assert '"""' in cells[at].source, f"{name} has no docstring"
        assert cells[at + 1].id == f"check-{name}"
        assert cells[at + 1].source == f"check({name})"
        assert cells[at - 1].source.startswith("### Exercise: ")


@every_lesson
def test_it_is_stored_as_run_without_errors(lesson: Lesson) -> None:
    counts = [cell.execution_count for cell in code_cells(lesson)]
    store = f"make store ARGS=notebooks/{lesson.key}.ipynb"
    assert counts == list(range(1, len(counts) + 1)), f"Some cells were not run: {store}"
    for cell in code_cells(lesson):
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id
            # An address in memory differs in every run, and tells a reader nothing.
            shown = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert not re.search(r"\b0x[0-9a-f]{6,}", shown), cell.id


@every_lesson
def test_every_stored_check_says_not_attempted(lesson: Lesson) -> None:
    for name in lesson.exercises:
        cell = next(c for c in lesson.notebook.cells if c.id == f"check-{name}")
        assert cell.outputs, f"{cell.id} was not run: make store ARGS=notebooks/{lesson.key}.ipynb"
        verdict = cell.outputs[0].data[VERDICT_MIME]
        assert (verdict["exercise"], verdict["outcome"]) == (name, "not attempted")


@every_lesson
def test_no_progress_is_stored_as_it_is_the_learners_own(lesson: Lesson) -> None:
    (cell,) = (c for c in code_cells(lesson) if c.source.strip() == "progress()")
    assert cell.outputs == [], f"make store ARGS=notebooks/{lesson.key}.ipynb"


@every_lesson
def test_every_figure_has_a_text_alternative(lesson: Lesson) -> None:
    figures = [
        c for c in code_cells(lesson) if any("image/png" in o.get("data", {}) for o in c.outputs)
    ]
    assert figures, "a lesson needs figures that explain"
    for cell in figures:
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) >= 40, f"{cell.id} needs a sentence that says what one sees"


@every_lesson
def test_every_choice_of_the_quiz_is_explained(lesson: Lesson) -> None:
    text = markdown(lesson)
    quiz = text[text.index("## Quiz") : text.index("## What changed since the notes")]
    questions = re.split(r"^(?:###\s+|\*\*)", quiz, flags=re.MULTILINE)[1:]
    assert 3 <= len(questions) <= 5
    for question in questions:
        choices = re.findall(r"<details>\s*<summary>(.+?)</summary>(.+?)</details>", question, re.S)
        assert len(choices) >= 2, question
        for choice, explanation in choices:
            assert len(explanation.strip()) >= 20, f"Say why it is right or wrong: {choice}"
            assert "`" not in choice, "HTML shows no markdown: write <code>…</code>."
        right = [why for _, why in choices if re.match(r"\W*(Yes|Right|Correct)\b", why)]
        assert right, f"No choice is right (its explanation begins with Yes): {question}"


@every_lesson
def test_its_links_lead_somewhere(lesson: Lesson) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", markdown(lesson)):
        if not target.startswith("http"):
            assert (lesson.path.parent / target).exists(), target


@every_lesson
def test_it_speaks_to_the_reader_with_respect(lesson: Lesson) -> None:
    found = BELITTLING.search(re.sub(r"`[^`]*`", "", markdown(lesson)))
    assert not found, (
        f"leave out {found[0]!r}: …{markdown(lesson)[found.start() - 40 : found.end() + 40]}…"
    )


@every_lesson
def test_it_names_no_path_of_a_machine(lesson: Lesson) -> None:
    text = Path(lesson.path).read_text(encoding="utf-8")
    assert not re.search(r"/home/\w+|/root/|/tmp/|[A-Z]:\\\\Users", text)
