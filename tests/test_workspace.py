"""Making, resuming and resetting a learner's workspace."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

import kcourse
from kcourse import exercises, journal, lessons, startpage
from kcourse import workspace as workspaces
from kcourse.errors import KcourseError
from kcourse.journal import MARKER
from kcourse.workspace import Workspace

LESSON = next(lesson for lesson in lessons.all_lessons() if lesson.exercises)
NAME = LESSON.exercises[0]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def answer_in(workspace: Workspace, source: str) -> None:
    """Write an answer into the first exercise's cell, as the learner would."""
    path = workspace.copy_of(LESSON.key)
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if lessons.exercise_name(cell) == NAME)
    cell.source = source
    nbformat.write(notebook, path)


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspaces.create(tmp_path / "course")[0]


def test_new_workspace_holds_every_lesson_as_shipped_and_as_base(workspace: Workspace) -> None:
    for lesson in lessons.all_lessons():
        shipped = lesson.path.read_bytes()
        assert workspace.copy_of(lesson.key).read_bytes() == shipped
        assert workspace.base_of(lesson.key).read_bytes() == shipped
    state = json.loads(workspace.state_file.read_text())
    assert state == {"format": 1, "course_version": kcourse.__version__}


def test_resuming_changes_no_file(workspace: Workspace) -> None:
    answer_in(workspace, "# EXERCISE\nmine = 1")
    (workspace.folder / "notes.txt").write_text("my notes")
    before = contents(workspace.folder)
    _, remarks = workspaces.create(workspace.folder)
    assert contents(workspace.folder) == before
    assert remarks == []


def test_lesson_that_the_learner_deleted_does_not_come_back(workspace: Workspace) -> None:
    workspace.copy_of(LESSON.key).unlink()
    workspaces.create(workspace.folder)
    assert not workspace.copy_of(LESSON.key).exists()


def test_lesson_that_was_never_delivered_is_added_on_resuming(workspace: Workspace) -> None:
    workspace.copy_of(LESSON.key).unlink()
    workspace.base_of(LESSON.key).unlink()
    workspaces.create(workspace.folder)
    assert workspace.copy_of(LESSON.key).read_bytes() == LESSON.path.read_bytes()


def test_creation_that_was_cut_off_is_completed(workspace: Workspace) -> None:
    workspace.base_of(LESSON.key).unlink()  # the copy was written, its base not yet
    workspace.state_file.unlink()
    workspaces.create(workspace.folder)
    assert workspace.base_of(LESSON.key).read_bytes() == LESSON.path.read_bytes()
    assert workspace.state_file.exists()


def test_file_of_the_learners_in_the_place_of_a_new_lesson_is_not_overwritten(
    workspace: Workspace,
) -> None:
    workspace.copy_of(LESSON.key).write_text("mine")
    workspace.base_of(LESSON.key).unlink()
    workspaces.create(workspace.folder)
    assert workspace.copy_of(LESSON.key).read_text() == "mine"
    assert not workspace.base_of(LESSON.key).exists()


def test_resuming_says_when_the_installed_course_has_something_new(workspace: Workspace) -> None:
    base = workspace.base_of(LESSON.key)
    base.write_text(base.read_text().replace(LESSON.title, "An older title"))
    _, remarks = workspaces.create(workspace.folder)
    assert len(remarks) == 1
    assert "kcourse update" in remarks[0]


def test_folder_with_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(KcourseError, match="not empty and is not a workspace"):
        workspaces.create(tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "course"
    file.write_text("a file")
    with pytest.raises(KcourseError, match="is a file"):
        workspaces.create(file)


def test_folder_inside_a_workspace_is_refused_with_the_way_to_resume(workspace: Workspace) -> None:
    with pytest.raises(KcourseError, match=f"kcourse learn {workspace.folder}"):
        workspaces.create(workspace.folder / "01_tensors" / "again")


def test_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KcourseError, match="cannot be used as a workspace") as raised:
        workspaces.create(tmp_path / "file" / "course")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "one"}', "\x00\xff"])
def test_corrupt_state_is_kept_aside_and_made_anew(workspace: Workspace, text: str) -> None:
    workspace.state_file.write_bytes(text.encode("latin-1"))
    _, remarks = workspaces.create(workspace.folder)
    aside = workspace.private / "workspace.broken.json"
    assert aside.read_bytes() == text.encode("latin-1")
    assert json.loads(workspace.state_file.read_text())["format"] == 1
    assert ["workspace.broken.json" in remark for remark in remarks] == [True]


def test_second_corrupt_state_does_not_replace_the_first(workspace: Workspace) -> None:
    for text in ("first", "second"):
        workspace.state_file.write_text(text)
        workspaces.create(workspace.folder)
    kept = {path.read_text() for path in workspace.private.glob("workspace.broken*.json")}
    assert kept == {"first", "second"}


def test_workspace_of_a_newer_kcourse_is_refused(workspace: Workspace) -> None:
    workspace.state_file.write_text('{"format": 99, "course_version": "9.0"}')
    with pytest.raises(KcourseError, match="newer kcourse"):
        workspaces.create(workspace.folder)


def test_workspace_is_found_from_a_lessons_folder(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.copy_of(LESSON.key).parent)
    assert workspaces.locate(None).folder == workspace.folder.resolve()


# The start page


def test_start_page_links_every_lesson_by_a_path_that_exists(workspace: Workspace) -> None:
    text = "\n".join(cell.source for cell in startpage.build(workspace).cells)
    for lesson in lessons.all_lessons():
        assert f"]({lesson.key}.ipynb)" in text
        assert (workspace.folder / f"{lesson.key}.ipynb").is_file()


def test_start_page_goes_on_with_the_first_exercise_that_is_not_solved(
    workspace: Workspace,
) -> None:
    names = [name for lesson in lessons.all_lessons() for name in lesson.exercises]
    assert f"exercise `{names[0]}`" in startpage.build(workspace).cells[0].source
    journal.record(names[0], "check", "correct", workspace=workspace.folder)
    welcome = startpage.build(workspace).cells[0].source
    assert f"exercise `{names[1]}`" in welcome
    assert f"**1** of {len(names)} exercises" in welcome
    assert f"**{exercises.get(names[0]).points}** of" in welcome


def test_start_page_says_so_when_all_is_solved(workspace: Workspace) -> None:
    for lesson in lessons.all_lessons():
        for name in lesson.exercises:
            journal.record(name, "check", "correct", workspace=workspace.folder)
    assert "All exercises are solved." in startpage.build(workspace).cells[0].source


def test_start_page_does_not_link_a_lesson_that_the_learner_deleted(workspace: Workspace) -> None:
    workspace.copy_of(LESSON.key).unlink()
    text = "\n".join(cell.source for cell in startpage.build(workspace).cells)
    assert f"({LESSON.key}.ipynb)" not in text


def test_start_page_that_was_only_run_is_replaced_without_a_word(workspace: Workspace) -> None:
    startpage.write(workspace)
    page = nbformat.read(workspace.start_page, as_version=4)
    page.cells[-1].outputs = [nbformat.v4.new_output("stream", text="progress")]
    nbformat.write(page, workspace.start_page)
    assert startpage.write(workspace) == []
    assert nbformat.read(workspace.start_page, as_version=4).cells[-1].outputs == []


@pytest.mark.parametrize("corrupt", [False, True])
def test_start_page_that_the_learner_wrote_into_is_kept(
    workspace: Workspace, corrupt: bool
) -> None:
    startpage.write(workspace)
    text = workspace.start_page.read_text()
    text = "no notebook" if corrupt else text.replace("by doing", "by doing, I hope")
    workspace.start_page.write_text(text)
    [remark] = startpage.write(workspace)
    [kept] = (workspace.private / "history").rglob("start.ipynb")
    assert kept.read_text() == text
    assert str(kept) in remark
    assert "I hope" not in workspace.start_page.read_text()


# Resetting an exercise


def test_reset_puts_the_stub_back_and_keeps_the_answer(workspace: Workspace) -> None:
    shipped = sources(workspace.copy_of(LESSON.key))
    answer_in(workspace, f"# EXERCISE {NAME}\nmy = 'answer'")
    message = workspaces.reset(NAME, workspace.folder)
    assert sources(workspace.copy_of(LESSON.key)) == shipped
    [kept] = (workspace.private / "history").rglob(f"{NAME}.py")
    assert kept.read_text() == f"# EXERCISE {NAME}\nmy = 'answer'\n"
    assert str(kept) in message


def test_reset_leaves_every_other_cell_alone(workspace: Workspace) -> None:
    answer_in(workspace, "mine")
    path = workspace.copy_of(LESSON.key)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("my = 'own cell'", id="own"))
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="my output")]
    nbformat.write(notebook, path)
    workspaces.reset(NAME, workspace.folder)
    after = nbformat.read(path, as_version=4)
    for old, new in zip(notebook.cells, after.cells, strict=True):
        assert old == new or lessons.exercise_name(new) == NAME


def test_reset_of_a_stub_changes_nothing(workspace: Workspace) -> None:
    before = contents(workspace.folder)
    assert "nothing was changed" in workspaces.reset(NAME, workspace.folder)
    assert contents(workspace.folder) == before


def test_reset_puts_a_deleted_cell_back_above_its_check(workspace: Workspace) -> None:
    path = workspace.copy_of(LESSON.key)
    notebook = nbformat.read(path, as_version=4)
    shipped = [cell.id for cell in notebook.cells]
    notebook.cells = [c for c in notebook.cells if lessons.exercise_name(c) != NAME]
    nbformat.write(notebook, path)
    workspaces.reset(NAME, workspace.folder)
    back = nbformat.read(path, as_version=4)
    assert [cell.id for cell in back.cells] == shipped
    nbformat.validate(back)


def test_reset_finds_an_answer_that_was_turned_into_text(workspace: Workspace) -> None:
    path = workspace.copy_of(LESSON.key)
    notebook = nbformat.read(path, as_version=4)
    index = next(i for i, c in enumerate(notebook.cells) if lessons.exercise_name(c) == NAME)
    notebook.cells[index] = nbformat.v4.new_markdown_cell("my text", id=notebook.cells[index].id)
    nbformat.write(notebook, path)
    workspaces.reset(NAME, workspace.folder)
    assert sources(path) == [cell.source for cell in LESSON.notebook.cells]


def test_reset_of_an_unknown_exercise_suggests_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(KcourseError, match=f"Did you mean '{NAME}'"):
        workspaces.reset(NAME[:-1], workspace.folder)


def test_reset_in_a_corrupt_or_missing_notebook_changes_nothing(workspace: Workspace) -> None:
    path = workspace.copy_of(LESSON.key)
    path.write_text("{half a noteb")
    before = contents(workspace.folder)
    with pytest.raises(KcourseError, match="is not a readable notebook"):
        workspaces.reset(NAME, workspace.folder)
    path.unlink()
    with pytest.raises(KcourseError, match="is missing"):
        workspaces.reset(NAME, workspace.folder)
    del before[str(path.relative_to(workspace.folder))]
    assert contents(workspace.folder) == before


def test_reset_outside_a_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KcourseError, match="kcourse learn"):
        workspaces.reset(NAME, tmp_path)


def test_private_folder_is_the_one_that_the_journal_looks_for(workspace: Workspace) -> None:
    assert journal.find_workspace(workspace.folder / "01_tensors") == workspace.folder
    assert workspace.private.name == MARKER
