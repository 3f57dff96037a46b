"""Run a lesson as shipped and store it in the form in which it is kept in the repository.

Outputs are those of this run; that of ``progress()``, another for each learner, is left out.
Metadata that differs between machines is dropped; the cells of an exercise get the ids that the
course knows them by, and other new cells readable ones (JupyterLab gives random ids, and shows no
way to change them).
"""

from __future__ import annotations

import copy
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from kcourse.errors import KcourseError
from kcourse.files import write_text
from kcourse.lessons import exercise_name

CELL_TIMEOUT_S = 300
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,4}(-?[0-9a-f]{12})?")
_CHECK = re.compile(r"check\((\w+)\)")


def store_outputs(path: Path) -> None:
    """Run the lesson in ``path`` and write it back with its outputs.

    Raises ``KcourseError`` if a cell raises or writes to stderr; the file is then untouched.
    """
    notebook = name_cells(nbformat.read(path, as_version=4))
    with tempfile.TemporaryDirectory(prefix="kcourse-store-") as scratch:
        client = NotebookClient(
            copy.deepcopy(notebook),
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": scratch}},
            record_timing=False,
            coalesce_streams=True,
            # A remark on how the kernel is reached would stand in the author's terminal.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        try:
            executed = client.execute()
        except CellExecutionError as error:
            raise KcourseError(f"{path.name}: a cell failed.\n{error}", exit_code=1) from error
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise KcourseError(
                    f"{path.name}: cell {cell.id} wrote to stderr: {output.text.strip()}",
                    exit_code=1,
                )
    write_text(path, nbformat.writes(_with_what_stays(executed)) + "\n")


def name_cells(notebook: NotebookNode) -> NotebookNode:
    """Give answers and checks the ids of their exercise, and readable ids for random ones."""
    taken = {cell.id for cell in notebook.cells}
    for cell in notebook.cells:
        wanted = cell.id
        if name := exercise_name(cell):
            wanted = f"exercise-{name}"
            cell.metadata["kcourse"] = {"exercise": name}
        elif cell.cell_type == "code" and (found := _CHECK.fullmatch(cell.source.strip())):
            wanted = f"check-{found[1]}"
        elif _RANDOM_ID.fullmatch(cell.id):
            wanted = _readable(cell.source, taken)
        if wanted not in taken:  # of two cells that want one id, the first has it
            cell.id = wanted
            taken.add(wanted)
    return notebook


def _readable(source: str, taken: set[str]) -> str:
    """Return an id made of the first words of ``source``, other than those in ``taken``."""
    words = re.findall(r"[a-z][a-z0-9]*", source.lower())[:4]
    stem = "-".join(words)[:40] or "cell"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


def _with_what_stays(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between machines, runs and learners."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        if cell.source.strip() == "progress()":
            cell.outputs = []
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("editable", None)
        cell.metadata.pop("trusted", None)
    return notebook
