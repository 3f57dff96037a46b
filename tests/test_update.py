"""Updating a workspace: whatever the learner wrote is still there afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode

from kcourse import lessons
from kcourse import workspace as workspaces
from kcourse.errors import KcourseError
from kcourse.workspace import Workspace
from kcourse.workspace.merging import Choice, merge, open_choices

KEY = "01_numbers/01_adding"


def code(name: str, source: str, *outputs: str) -> NotebookNode:
    """A code cell with an id, and with outputs if it has run."""
    cell = nbformat.v4.new_code_cell(source, id=name)
    cell.outputs = [nbformat.v4.new_output("stream", text=text) for text in outputs]
    cell.execution_count = 1 if outputs else None
    return cell


def text(name: str, source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, id=name)


def notebook(*cells: NotebookNode) -> NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.from_dict(cell) for cell in cells])


def sources(book: NotebookNode) -> list[str]:
    return [cell.source for cell in book.cells]


def ids(book: NotebookNode) -> list[str]:
    return [cell.id for cell in book.cells]


STUB = "# EXERCISE add\ndef add(a, b):\n    raise NotImplementedError"
ANSWER = "# EXERCISE add\ndef add(a, b):\n    return a + b"
BASE = notebook(
    text("title", "# Adding"),
    code("setup", "import tensorflow as tf"),
    code("exercise-add", STUB),
    code("check-add", "check(add)", "not attempted"),
    text("recap", "Addition is commutative."),
)


def edited(book: NotebookNode, **changed: str | None) -> NotebookNode:
    """A copy with other sources by id (``-`` written ``_``); ``None`` removes the cell."""
    copy = nbformat.from_dict(book)
    by_id = {name.replace("_", "-"): source for name, source in changed.items()}
    assert by_id.keys() <= set(ids(book))
    for cell in copy.cells:
        cell.source = by_id.get(cell.id, cell.source)
    copy.cells = [cell for cell in copy.cells if cell.source is not None]
    return copy


def with_cell(book: NotebookNode, cell: NotebookNode, *, after: str) -> NotebookNode:
    copy = nbformat.from_dict(book)
    copy.cells.insert(ids(copy).index(after) + 1, nbformat.from_dict(cell))
    return copy


# One side changed


def test_learner_without_changes_gets_the_new_lesson() -> None:
    remote = edited(BASE, setup="import keras", recap=None)
    remote = with_cell(remote, text("more", "More"), after="check-add")
    merged = merge(BASE, BASE, remote)
    assert merged.cells == remote.cells
    assert open_choices(merged) == []


def test_answer_stays_when_other_cells_change() -> None:
    merged = merge(BASE, edited(BASE, exercise_add=ANSWER), edited(BASE, setup="import keras"))
    assert merged.cells == edited(BASE, exercise_add=ANSWER, setup="import keras").cells


def test_learners_cell_stays_below_the_cell_it_stood_below() -> None:
    local = with_cell(BASE, code("mine", "1 + 1"), after="setup")
    remote = with_cell(BASE, text("theirs", "New text"), after="setup")
    assert ids(merge(BASE, local, remote))[1:4] == ["setup", "mine", "theirs"]


def test_learners_cell_stays_where_its_neighbour_was_removed() -> None:
    local = with_cell(BASE, code("mine", "1 + 1"), after="setup")
    assert ids(merge(BASE, local, edited(BASE, setup=None)))[:2] == ["title", "mine"]


def test_answer_moves_along_when_the_course_moves_its_exercise() -> None:
    remote = nbformat.from_dict(BASE)
    remote.cells = [remote.cells[i] for i in (0, 1, 4, 2, 3)]
    merged = merge(BASE, edited(BASE, exercise_add=ANSWER), remote)
    assert ids(merged) == ids(remote)
    assert merged.cells[3].source == ANSWER


def test_order_of_a_learner_who_moved_cells_holds() -> None:
    local = nbformat.from_dict(BASE)
    local.cells = [local.cells[i] for i in (0, 4, 1, 2, 3)]
    remote = with_cell(BASE, text("more", "More"), after="check-add")
    assert ids(merge(BASE, local, remote)) == [*ids(local), "more"]


def test_cell_that_the_learner_deleted_stays_away_also_when_the_course_changed_it() -> None:
    merged = merge(BASE, edited(BASE, recap=None), edited(BASE, recap="Other words."))
    assert "recap" not in ids(merged)


def test_same_change_on_both_sides_is_no_choice() -> None:
    both = edited(BASE, exercise_add=ANSWER)
    assert merge(BASE, both, both).cells == both.cells


# Both sides changed


def test_answer_stays_in_place_with_the_new_stub_below_when_the_course_changed_it() -> None:
    new_stub = STUB.replace("def add(a, b)", "def add(first, second)")
    local = edited(BASE, exercise_add=ANSWER)
    merged = merge(BASE, local, edited(BASE, exercise_add=new_stub))
    assert open_choices(merged) == [Choice("exercise-add", "changed")]
    place = ids(merged).index("exercise-add")
    assert merged.cells[place].source == ANSWER
    note = merged.cells[place + 1]
    assert note.cell_type == "markdown"  # running all must not define the stub after the answer
    assert f"```python\n{new_stub}\n```" in note.source
    assert ids(merged)[place + 2] == "check-add"


def test_text_cell_of_both_shows_the_courses_text_below() -> None:
    local, remote = edited(BASE, recap="My words."), edited(BASE, recap="Better words.")
    merged = merge(BASE, local, remote)
    assert merged.cells[-2].source == "My words."
    assert merged.cells[-1].source.endswith("\n\nBetter words.")


def test_code_with_backticks_stays_readable_in_the_note() -> None:
    new = 'print("```")'
    merged = merge(BASE, edited(BASE, setup="mine"), edited(BASE, setup=new))
    assert f"````python\n{new}\n````" in merged.cells[2].source


def test_answer_stays_when_the_course_removed_its_exercise() -> None:
    local = edited(BASE, exercise_add=ANSWER)
    merged = merge(BASE, local, edited(BASE, exercise_add=None, check_add=None))
    assert ANSWER in sources(merged)
    assert open_choices(merged) == [Choice("exercise-add", "removed")]
    assert "check-add" not in ids(merged)


def test_next_update_replaces_a_note_that_was_left_alone() -> None:
    local = edited(BASE, recap="Mine.")
    second, third = edited(BASE, recap="Second."), edited(BASE, recap="Third.")
    merged = merge(second, merge(BASE, local, second), third)
    assert len(open_choices(merged)) == 1
    assert "Third." in merged.cells[-1].source
    assert not any("Second." in source for source in sources(merged))


def test_next_update_keeps_a_note_that_the_learner_wrote_into() -> None:
    second, third = edited(BASE, recap="Second."), edited(BASE, recap="Third.")
    local = merge(BASE, edited(BASE, recap="Mine."), second)
    local.cells[-1].source += "\nI prefer this."
    mine = local.cells[-1].source
    assert mine in sources(merge(second, local, third))


def test_note_is_not_taken_for_the_cell_it_was_about() -> None:
    words = "Addition is commutative, and that is all there is to say about it.\n" * 20
    base, second = edited(BASE, recap=words), edited(BASE, recap=words.replace("all", "most"))
    local = merge(base, edited(BASE, recap="Mine."), second)
    local.cells = [cell for cell in local.cells if cell.id != "recap"]
    merged = merge(second, local, edited(BASE, recap="Third."))
    assert ids(merged) == ids(local)


def test_lost_base_leaves_every_difference_to_the_learner() -> None:
    local = edited(BASE, exercise_add=ANSWER, recap=None)
    merged = merge(None, local, edited(BASE, setup="import keras"))
    assert ANSWER in sources(merged)
    assert [choice.cell for choice in open_choices(merged)] == ["setup", "exercise-add"]
    assert "recap" in ids(merged)


# Outputs, metadata, ids


def test_outputs_of_the_learner_stay_with_a_source_that_stays() -> None:
    local = nbformat.from_dict(BASE)
    local.cells[3] = code("check-add", "check(add)", "correct")
    remote = nbformat.from_dict(BASE)
    remote.cells[3] = code("check-add", "check(add)", "not attempted yet")
    merged = merge(BASE, local, remote)
    assert merged.cells[3].outputs[0].text == "correct"
    assert open_choices(merged) == []


def test_outputs_go_with_a_source_that_the_course_changed() -> None:
    local = nbformat.from_dict(BASE)
    local.cells[3] = code("check-add", "check(add)", "correct")
    remote = nbformat.from_dict(BASE)
    remote.cells[3] = code("check-add", "check('add')", "not attempted")
    assert merge(BASE, local, remote).cells[3] == remote.cells[3]


def test_metadata_of_both_sides_are_joined_and_the_learners_holds() -> None:
    local, remote = nbformat.from_dict(BASE), edited(BASE, setup="import keras")
    local.metadata["language_info"] = {"name": "python", "version": "3.11"}
    local.cells[1].metadata["collapsed"] = True
    remote.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    remote.cells[1].metadata["tags"] = ["setup"]
    base = nbformat.from_dict(BASE)
    for book in (base, remote):  # and not in the learner's: removed there
        book.metadata["title"] = "Adding"
    merged = merge(base, local, remote)
    assert merged.metadata.keys() == {"language_info", "kernelspec"}
    assert merged.cells[1].metadata == {"collapsed": True, "tags": ["setup"]}


def test_cells_whose_ids_a_tool_dropped_are_found_again() -> None:
    local = edited(BASE, exercise_add=ANSWER)
    local.nbformat_minor = 4
    local.cells.insert(1, code("mine", "print('something of my own, and long enough')"))
    for cell in local.cells:
        del cell["id"]
    merged = merge(BASE, local, edited(BASE, setup="import keras", recap="New."))
    assert [name for name in ids(merged) if name in ids(BASE)] == ids(BASE)
    assert merged.cells.pop(1).source == local.cells[1].source
    assert (
        merged.cells == edited(BASE, exercise_add=ANSWER, setup="import keras", recap="New.").cells
    )


def test_answer_that_shares_nothing_with_the_stub_is_known_by_its_marker() -> None:
    local = edited(BASE, exercise_add="# EXERCISE add\nfrom operator import add")
    for number, cell in enumerate(local.cells):
        cell["id"] = f"foreign-{number}"
    assert ids(merge(BASE, local, BASE)) == ids(BASE)


def test_copied_cell_with_the_same_id_gets_one_of_its_own() -> None:
    local = with_cell(BASE, code("exercise-add", ANSWER), after="exercise-add")
    merged = merge(BASE, local, edited(BASE, recap="New."))
    assert {STUB, ANSWER} <= set(sources(merged))
    assert len(set(ids(merged))) == len(merged.cells)


# Any edits on both sides

_words = st.text("abc #`\n", max_size=12)
_names = [f"cell-{number}" for number in range(6)]


@st.composite
def _edits(draw: st.DrawFn, start: NotebookNode, prefix: str) -> NotebookNode:
    """Change, delete, move, copy and add cells at random, and lose some ids."""
    cells = [nbformat.from_dict(cell) for cell in start.cells]
    for number in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(0, len(cells) - 1)))
        action = draw(st.sampled_from(["change", "delete", "move", "add", "copy", "rename", "run"]))
        if action == "add" or not cells:
            make = draw(st.sampled_from([code, text]))
            name = draw(st.sampled_from([f"{prefix}-{number}", f"new-{number}"]))
            cells.insert(place, make(name, draw(_words)))
        elif action == "change":
            cells[place].source = draw(_words)
        elif action == "delete":
            del cells[place]
        elif action == "move":
            cells.insert(draw(st.integers(0, len(cells) - 1)), cells.pop(place))
        elif action == "copy":
            cells.insert(place, nbformat.from_dict(cells[place]))
        elif action == "rename":
            cells[place]["id"] = f"{prefix}-renamed-{number}"
        elif cells[place].cell_type == "code":
            cells[place].outputs = [nbformat.v4.new_output("stream", text=draw(_words))]
    book = nbformat.v4.new_notebook()
    book.cells = cells  # as they are: ids may be there twice
    return book


@st.composite
def _histories(draw: st.DrawFn) -> tuple[NotebookNode, NotebookNode, NotebookNode]:
    makers = draw(st.lists(st.sampled_from([code, text]), max_size=6))
    base = notebook(*(make(name, draw(_words)) for name, make in zip(_names, makers, strict=False)))
    remote = draw(_edits(base, "course"))
    unique = {cell["id"]: cell for cell in remote.cells}
    remote.cells = list(unique.values())  # the course's own notebooks are valid
    return base, draw(_edits(base, "learner")), remote


@settings(max_examples=400, deadline=None)
@given(_histories())
def test_nothing_that_the_learner_wrote_is_lost_whatever_both_sides_did(
    history: tuple[NotebookNode, NotebookNode, NotebookNode],
) -> None:
    base, local, remote = history
    given_locally = sources(local)
    merged = merge(base, local, remote)
    nbformat.validate(merged)
    assert len(set(ids(merged))) == len(merged.cells)
    assert set(given_locally) - set(sources(base)) <= set(sources(merged))
    # Without a new version of the course, a further merge changes no text and no order.
    assert sources(merge(remote, merged, remote)) == sources(merged)


@settings(max_examples=100, deadline=None)
@given(_histories())
def test_learner_who_changed_nothing_ends_with_the_installed_lesson(
    history: tuple[NotebookNode, NotebookNode, NotebookNode],
) -> None:
    base, _, remote = history
    assert merge(base, base, remote).cells == remote.cells


# The command


class Course:
    """An installed course made of notebooks that a test can change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, book: NotebookNode) -> None:
        path = self.folder / f"{key}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, path)

    def drop(self, key: str) -> None:
        (self.folder / f"{key}.ipynb").unlink()


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    result = Course(tmp_path / "installed")
    result.put(KEY, BASE)
    monkeypatch.setattr(lessons, "root", lambda: result.folder)
    return result


@pytest.fixture
def workspace(course: Course, tmp_path: Path) -> Workspace:
    return workspaces.create(tmp_path / "mine")[0]


@pytest.fixture
def report(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, dict[str, dict[str, object]]]]:
    """Run the update and return its exit code and what it says of each lesson."""

    def run() -> tuple[int, dict[str, dict[str, object]]]:
        exit_code = workspaces.update(workspace.folder, as_json=True)
        printed = json.loads(capsys.readouterr().out)
        return exit_code, {lesson["lesson"]: lesson for lesson in printed["lessons"]}

    return run


def local(workspace: Workspace, book: NotebookNode) -> None:
    nbformat.write(book, workspace.copy_of(KEY))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_update_of_an_up_to_date_workspace_changes_nothing(workspace, report) -> None:
    local(workspace, edited(BASE, exercise_add=ANSWER))
    before = files(workspace.folder)
    assert report() == (0, {KEY: dict(_result("unchanged"))})
    assert files(workspace.folder) == before


def _result(status: str, **more: object) -> dict[str, object]:
    return {"lesson": KEY, "status": status, "remark": "", "kept": "", "choices": [], **more}


def test_update_merges_keeps_the_state_before_and_renews_the_base(
    course, workspace, report
) -> None:
    local(workspace, edited(BASE, exercise_add=ANSWER))
    before = workspace.copy_of(KEY).read_bytes()
    course.put(KEY, edited(BASE, setup="import keras"))
    exit_code, said = report()
    assert (exit_code, said[KEY]["status"]) == (0, "updated")
    assert Path(str(said[KEY]["kept"])).read_bytes() == before
    merged = nbformat.read(workspace.copy_of(KEY), as_version=4)
    assert merged.cells == edited(BASE, exercise_add=ANSWER, setup="import keras").cells
    installed = (course.folder / f"{KEY}.ipynb").read_bytes()
    assert workspace.base_of(KEY).read_bytes() == installed


def test_choice_gives_exit_code_1_until_its_note_is_deleted(course, workspace, report) -> None:
    local(workspace, edited(BASE, exercise_add=ANSWER))
    course.put(KEY, edited(BASE, exercise_add=STUB + "  # later"))
    exit_code, said = report()
    assert (exit_code, said[KEY]["choices"]) == (1, [{"cell": "exercise-add", "kind": "changed"}])
    after = files(workspace.folder)
    exit_code, said = report()
    assert (exit_code, said[KEY]["status"]) == (1, "unchanged")
    assert files(workspace.folder) == after
    book = nbformat.read(workspace.copy_of(KEY), as_version=4)
    book.cells = [cell for cell in book.cells if "choice" not in cell.metadata.get("kcourse", {})]
    local(workspace, book)
    assert report()[0] == 0


def test_update_that_broke_off_before_the_base_was_written_is_completed(
    course, workspace, report
) -> None:
    old_base = workspace.base_of(KEY).read_bytes()
    local(workspace, edited(BASE, exercise_add=ANSWER))
    course.put(KEY, edited(BASE, exercise_add=STUB + "  # later", recap="New."))
    report()
    merged = sources(nbformat.read(workspace.copy_of(KEY), as_version=4))
    workspace.base_of(KEY).write_bytes(old_base)
    report()
    assert sources(nbformat.read(workspace.copy_of(KEY), as_version=4)) == merged


def test_corrupt_notebook_is_left_alone_and_the_others_are_updated(
    course, workspace, report
) -> None:
    other = "01_numbers/02_taking_away"
    workspace.copy_of(KEY).write_text('{"cells": [')
    course.put(KEY, edited(BASE, recap="New."))
    course.put(other, BASE)
    exit_code, said = report()
    assert exit_code == 1
    assert said[KEY]["status"] == "unreadable"
    assert "\n" not in str(said[KEY]["remark"])
    assert workspace.copy_of(KEY).read_text() == '{"cells": ['
    assert said[other]["status"] == "added"
    assert workspace.copy_of(other).exists()
    # Once the learner has put it right, nothing of the course's change is missing.
    local(workspace, edited(BASE, exercise_add=ANSWER))
    assert report()[0] == 0
    assert sources(nbformat.read(workspace.copy_of(KEY), as_version=4))[-1] == "New."


def test_damaged_base_costs_nothing_of_the_learners(course, workspace, report) -> None:
    workspace.base_of(KEY).write_bytes(b"\xff\xfe no notebook")
    local(workspace, edited(BASE, exercise_add=ANSWER))
    course.put(KEY, edited(BASE, recap="New."))
    exit_code, said = report()
    assert exit_code == 1
    merged = sources(nbformat.read(workspace.copy_of(KEY), as_version=4))
    assert {ANSWER, "Addition is commutative."} <= set(merged)
    assert [choice["cell"] for choice in said[KEY]["choices"]] == ["exercise-add", "recap"]


def test_workspace_of_a_newer_kcourse_is_not_updated(course, workspace) -> None:
    workspace.state_file.write_text('{"format": 99, "course_version": "9.0"}')
    course.put(KEY, edited(BASE, recap="New."))
    before = files(workspace.folder)
    with pytest.raises(KcourseError, match="newer kcourse"):
        workspaces.update(workspace.folder)
    assert files(workspace.folder) == before


def test_lesson_that_the_learner_deleted_stays_deleted(course, workspace, report) -> None:
    workspace.copy_of(KEY).unlink()
    course.put(KEY, edited(BASE, recap="New."))
    exit_code, said = report()
    assert (exit_code, said[KEY]["status"]) == (0, "left out")
    assert "You deleted it" in str(said[KEY]["remark"])
    assert not workspace.copy_of(KEY).exists()


def test_lesson_that_the_course_dropped_stays_with_the_learner(course, workspace, report) -> None:
    mine = workspace.copy_of(KEY).read_bytes()
    course.drop(KEY)
    exit_code, said = report()
    assert (exit_code, said[KEY]["status"]) == (0, "dropped")
    assert workspace.copy_of(KEY).read_bytes() == mine
    assert report() == (0, {})


def test_lesson_with_a_new_number_takes_the_learners_work_along(course, workspace, report) -> None:
    new = "02_numbers/03_adding"
    local(workspace, edited(BASE, exercise_add=ANSWER))
    course.drop(KEY)
    course.put(new, edited(BASE, recap="New."))
    exit_code, said = report()
    assert exit_code == 0
    assert said.keys() == {new}
    assert not workspace.copy_of(KEY).exists()
    merged = nbformat.read(workspace.copy_of(new), as_version=4)
    assert merged.cells == edited(BASE, exercise_add=ANSWER, recap="New.").cells


def test_report_for_people_names_the_lesson_the_cell_and_the_kept_state(
    course, workspace, capsys
) -> None:
    local(workspace, edited(BASE, exercise_add=ANSWER))
    course.put(KEY, edited(BASE, exercise_add=None))
    assert workspaces.update(workspace.folder) == 1
    printed = capsys.readouterr().out
    assert f"{KEY}: updated." in printed
    assert "exercise-add: you changed it and the course no longer has it" in printed
    assert str(workspace.private / "history") in printed
    assert "Traceback" not in printed


def test_report_says_when_there_is_nothing_to_do(workspace, capsys) -> None:
    assert workspaces.update(workspace.folder) == 0
    assert capsys.readouterr().out.startswith("Everything is as in the installed course")
