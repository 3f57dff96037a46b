"""TensorBoard shows the graph that the lesson on modules writes, started as the lesson says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from jupyter_page import SCREENSHOTS
from playwright.sync_api import Locator, Page, expect

from kcourse import lessons

pytestmark = pytest.mark.browser

#: The cells that make the module and write its graph, then the one that tells how to look at it.
CELLS = ("parameters", "setup", "affine", "net", "net-lists", "folder", "write-graph")
INSTRUCTIONS = "open-text"


@pytest.fixture(scope="module")
def program() -> str:
    """The lesson's cells and its instructions, as a program that prints TensorBoard's address."""
    notebook = lessons.lesson_of("autograph", "tf_module_and_graphs").notebook
    source = {cell.id: cell.source for cell in notebook.cells}
    told = re.search(r"```python\n(.+?)```", source[INSTRUCTIONS], re.DOTALL)
    assert told
    launch = told[1].replace("board.launch()", "print(board.launch(), flush=True)")
    assert launch != told[1]
    # It ends when its standard input does, so nothing of it outlives the test.
    return "\n".join([*(source[name] for name in CELLS), launch, "import sys; sys.stdin.read()"])


@pytest.fixture
def address(program: str) -> Iterator[str]:
    """Run the program; TensorBoard serves as long as the test runs."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()  # empty if the program failed
        process.stdin.close()


def node(page: Page, name: str) -> Locator:
    """The box or ellipse of a scope or an operation in the main graph."""
    return page.locator(f'svg g.node[data-name="{name}"]').first


def test_the_graphs_page_shows_the_scopes_of_the_module(page: Page, address: str) -> None:
    assert re.match(r"http://\w+", address), address
    page.goto(address)
    expect(page.get_by_text("Main Graph", exact=True)).to_be_visible()
    for name in ("features", "net", "Identity"):
        expect(node(page, name)).to_be_visible()
    expect(node(page, "net/hidden")).to_have_count(0)
    _photograph(page, "closed")

    node(page, "net").dblclick()
    for name in ("hidden", "Relu", "out", "Softmax"):
        expect(node(page, f"net/{name}")).to_be_visible()
    _photograph(page, "net")

    node(page, "net/hidden").dblclick()
    for name in ("matmul", "add"):
        expect(node(page, f"net/hidden/{name}")).to_be_visible()
    _photograph(page, "hidden")


def _photograph(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"tensorboard-{name}.png", animations="disabled")
