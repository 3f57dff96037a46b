"""Copies of the lessons for Colab, which has TensorFlow but not the course.

Each begins with a cell that installs the course from its repository, and its links lead to the
other copies. ``publish.yml`` puts them on a branch of their own, which the buttons point to.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from posixpath import join, normpath

import nbformat
from lesson_pages import lesson_files, read_lesson
from nbformat import NotebookNode
from packaging.requirements import Requirement
from publishing import Site

from kcourse.errors import KcourseError

#: Colab brings its own Jupyter; another version under its feet breaks the notebook.
_ITS_OWN = {"ipykernel", "jupyter-client", "jupyterlab", "nbclient", "nbdime"}
_EXTRAS = re.compile(r"kcourse\[([a-z,]+)\]")
_LINK = re.compile(r"\]\((?P<path>[^()#:\s]+)\.ipynb(?:#[^()\s]*)?\)")
_TITLE = "# Copies of the lessons for Colab"
_README = """{title}

Made from the lessons of {repository} whenever its book is published: each copy begins with a cell
that installs the course. Nothing here is edited by hand.
"""


def write_copies(notebooks: Path, out: Path, site: Site) -> int:
    """Write a copy of every lesson to ``out``, an empty folder, and return their number."""
    sources = lesson_files(notebooks)
    for source in sources:
        lesson = source.relative_to(notebooks).with_suffix("").as_posix()
        copy = out / f"{lesson}.ipynb"
        copy.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(_for_colab(read_lesson(source), lesson, site), copy)
    readme = _README.format(title=_TITLE, repository=site.repository)
    (out / "README.md").write_text(readme, encoding="utf-8")
    return len(sources)


def require_colab(site: Site) -> None:
    """Raise ``KcourseError`` unless the course is where Colab can open it."""
    if site.host != "github":
        there = repr(site.repository) if site.repository else "not set"
        raise KcourseError(
            f"--launch makes copies for Colab, which opens repositories on GitHub; repository is "
            f"{there}. Add --site repository=https://github.com/OWNER/NAME"
        )


def are_copies(folder: Path) -> bool:
    """Whether the folder holds copies of an earlier run, which may be replaced."""
    readme = folder / "README.md"
    return readme.is_file() and readme.read_bytes().startswith(_TITLE.encode())


def _for_colab(notebook: NotebookNode, lesson: str, site: Site) -> NotebookNode:
    def address(link: re.Match[str]) -> str:
        return f"]({site.colab_address(normpath(join(lesson, '..', link['path'])))})"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(address, cell.source)
    asked = _EXTRAS.search(notebook.cells[0].source)
    extras = tuple(asked[1].split(",")) if asked else ()
    install = nbformat.v4.new_code_cell(_install(site, extras), id="install-the-course")
    notebook.cells.insert(0, install)
    return notebook


def _install(site: Site, extras: tuple[str, ...]) -> str:
    """Return the cell that installs the course and what it needs, but for Jupyter itself."""
    needed = []
    for text in metadata.requires("kcourse") or ():
        one = Requirement(text)
        wanted = not one.marker or any(
            one.marker.evaluate({"extra": extra, "sys_platform": "linux"})
            for extra in ("", *extras)
        )
        if wanted and one.name not in _ITS_OWN:
            needed.append(f'"{one.name}{one.specifier}"')
    return (
        "# Colab does not have the course: install it first. This takes a minute or two.\n"
        "# If pip says that packages of Colab's own want other versions, that does no harm here.\n"
        "# If Colab asks you to restart the session, do so, and go on with the next cell.\n"
        f"%pip install --quiet {' '.join(needed)}\n"
        f'%pip install --quiet --no-deps "git+{site.repository}@{site.branch}"'
    )
