"""R16: where a layer of the sandbox is missing, no answer is run unless the user says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graded_run
import pytest
import sample_course as sample
from graded_run import Run

from kcourse.grading import seccomp

MACHINE = os.uname().machine
#: The system calls of a layer, which are made to fail as on a kernel that does not know them.
LAYERS = {
    "landlock": (444, 445, 446),
    "system_calls": ({"x86_64": 317, "aarch64": 277}[MACHINE],),
}


def without(numbers: tuple[int, ...]) -> Callable[[], None]:
    """Return what makes a process, and all that it starts, live without these system calls."""
    instructions = [seccomp._load(seccomp._NUMBER)]
    for number in numbers:
        instructions += seccomp._answer(number, seccomp._FAIL | errno.ENOSYS)
    instructions.append(seccomp._return(seccomp._ALLOW))
    return lambda: seccomp.load(instructions, MACHINE)


@dataclass
class Class:
    """A class of one, whose answer leaves a mark where it is run without a sandbox."""

    folder: Path

    @property
    def mark(self) -> Path:
        return self.folder / "mark"

    def grade(self, name: str, layer: str, *options: object) -> tuple[int, str, str]:
        command = graded_run.with_course("sample_course", self.folder / "released")
        run = Run(command, self.folder / f"home-{name}", before=without(LAYERS[layer]))
        out = self.folder / name
        ended = run.finish("grade", self.folder / "class", "--seed", 1, "--out", out, *options)
        assert run.nothing_is_left()
        return ended


@pytest.fixture(scope="module")
def handed_in() -> Iterator[Class]:
    with graded_run.open_folder() as folder:
        made = Class(folder)
        leaves = f"try: open({str(made.mark)!r}, 'w').close()\nexcept OSError: pass"
        document: dict[str, Any] = sample.notebook(own=[("setup", leaves)])
        sample.write(folder / "class", {"ada": document})
        yield made


@pytest.mark.parametrize("layer", LAYERS)
def test_without_a_layer_the_command_ends_with_3_before_any_answer_is_run(
    handed_in: Class, layer: str
) -> None:
    code, out, err = handed_in.grade(f"required-{layer}", layer)
    assert code == 3, out + err
    assert "Answers cannot be confined here" in err
    assert "--sandbox=best-effort" in err
    assert "Traceback" not in err
    assert not handed_in.mark.exists()
    assert not (handed_in.folder / f"required-{layer}" / "report.json").exists()


@pytest.mark.parametrize("layer", LAYERS)
def test_with_best_effort_answers_are_graded_and_every_report_says_what_is_missing(
    handed_in: Class, layer: str
) -> None:
    name = f"effort-{layer}"
    code, _, err = handed_in.grade(name, layer, "--sandbox=best-effort")
    handed_in.mark.unlink(missing_ok=True)
    assert code == 0, err
    out = handed_in.folder / name
    (entry,) = graded_run.entries(out).values()
    assert entry["score"] == sample.FULL
    assert f"best effort: {layer.replace('_', ' ')}" in err.replace("_", " ")
    for report in ("report.json", "summary.md", "junit.xml", "feedback/ada.html"):
        assert "best effort" in (out / report).read_text(encoding="utf-8"), report
