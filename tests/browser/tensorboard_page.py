"""TensorBoard, started as a lesson says after its own cells have written what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jupyter_page import SCREENSHOTS
from playwright.sync_api import Page

from kcourse import lessons

#: The cell, in every lesson, that tells how to look at what was written.
INSTRUCTIONS = "open-text"


@contextmanager
def serving(lesson: lessons.Lesson, cells: Sequence[str]) -> Iterator[str]:
    """Run these cells and the lesson's instructions; give the address that they print."""
    source = {cell.id: cell.source for cell in lesson.notebook.cells}
    told = re.search(r"```python\n(.+?)```", source[INSTRUCTIONS], re.DOTALL)
    assert told
    launch = told[1].replace("board.launch()", "print('address', board.launch(), flush=True)")
    assert launch != told[1]
    # It ends when its standard input does, so nothing of it outlives the test.
    program = [*(source[name] for name in cells), launch, "import sys; sys.stdin.read()"]
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = (line.split() for line in process.stdout)
        address = next((words[1] for words in lines if words[:1] == ["address"]), "")
        assert re.match(r"http://\w+", address), "The lesson's cells or TensorBoard failed."
        yield address
        process.stdin.close()


def photograph(page: Page, name: str) -> None:
    """Keep what is seen now, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"tensorboard-{name}.png", animations="disabled")
