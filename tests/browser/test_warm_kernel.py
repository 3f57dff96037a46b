"""JupyterLab's kernel menu does with a warm kernel what it does with any other."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jupyter_page import choose, code_cell, expect_idle, open_lesson, photograph, run, write
from kernels import until
from playwright.sync_api import Locator, Page, expect
from serving import command, environment, served

from kcourse import lessons

pytestmark = pytest.mark.browser

#: Cells of the lesson, by a line of theirs, and what a learner writes into three of them: the
#: outputs of the others come with the lesson, so they would not show that a kernel has run.
SETUP = (r"SEED = \d+", r"from kcourse import .*check.*", r"a = tf.constant\(\[1, 2, 3\]\)")
OWN = {
    r"a \+ 10": "a + 20",
    r"tf.executing_eagerly\(\), a.numpy\(\)": (
        'import os\nprint(os.getpid(), "is forked from", open(f"/proc/{os.getppid()}/comm").read())'
    ),
    r"except AttributeError as error:": 'print("begun")\nwhile True:\n    pass',
}
SUM = "numpy=array([21, 22, 23], dtype=int32)"


def parent_of(home: Path) -> dict[str, Any] | None:
    """Return what ``kcourse kernel status`` says of this learner's parent process, once ready."""
    done = subprocess.run(
        command("kernel", "status", "--json"),
        env=environment(home),
        stdout=subprocess.PIPE,
        check=True,
    )
    status = json.loads(done.stdout)
    assert status["fallback"] is None
    assert len(status["parents"]) <= 1
    return next((parent for parent in status["parents"] if parent["ready"]), None)


def kernels(home: Path) -> list[int]:
    """Return the process ids of the parent's kernels."""
    parent = parent_of(home)
    assert parent is not None
    return [kernel["pid"] for kernel in parent["kernels"]]


def expect_output(cell: Locator, number: int, text: str | re.Pattern[str]) -> None:
    """Wait until a cell that was the kernel's ``number``-th shows ``text``."""
    expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{number}]:")
    expect(cell.locator(".jp-Cell-outputArea")).to_contain_text(text)


def forked(home: Path, question: Locator, number: int) -> int:
    """Return the kernel's process id, after the cell that asks for it has run."""
    expect_output(question, number, re.compile(r"^\d+ is forked from kcourse-warm"))
    pid = int(question.locator(".jp-OutputArea-output").inner_text().split()[0])
    assert pid in kernels(home)
    return pid


def test_a_lesson_is_run_its_kernel_restarted_interrupted_and_shut_down_from_the_menu(
    tmp_path: Path, page: Page
) -> None:
    home = tmp_path / "home"
    with served(tmp_path, "--no-browser") as lab:
        # `kcourse learn` imports the libraries while somebody reads the start page.
        until(lambda: parent_of(home))
        page.goto(lab.address)
        open_lesson(page, lessons.all_lessons()[0])
        setup = [code_cell(page, line) for line in SETUP]
        for line, source in OWN.items():
            write(page, code_cell(page, line), source)
        total = code_cell(page, r"a \+ 20")
        question = code_cell(page, "import os")
        endless = code_cell(page, "while True:")

        for cell in (*setup, total, question):
            run(page, cell)
        expect_output(total, 4, SUM)
        first = forked(home, question, 5)

        choose(page, "Kernel", "Restart Kernel…")
        with page.expect_response(re.compile("/api/kernels/.*/restart")):
            page.get_by_role("dialog").get_by_text("Restart", exact=True).click()
        expect_idle(page)
        expect_output(total, 4, SUM)  # a restart leaves what is shown
        run(page, total)
        expect_output(total, 1, "NameError: name 'a' is not defined")
        photograph(page, "restarted")
        for cell in (*setup, total, question):
            run(page, cell)
        expect_output(total, 5, SUM)
        second = forked(home, question, 6)
        assert second != first

        run(page, endless)
        expect(endless.locator(".jp-OutputArea-output")).to_have_text("begun")
        choose(page, "Kernel", "Interrupt Kernel")
        expect_output(endless, 7, re.compile(r"^begun.*KeyboardInterrupt", re.DOTALL))
        photograph(page, "interrupted")
        run(page, total)
        expect_output(total, 8, SUM)

        choose(page, "Kernel", "Shut Down Kernel")
        expect(page.get_by_role("button", name="No Kernel", exact=True)).to_be_visible()
        photograph(page, "shut-down")
        until(lambda: not {first, second} & set(kernels(home)))
        assert lab.interrupt() == 0
    assert "ordinary way" not in lab.log.read_text(encoding="utf-8")
