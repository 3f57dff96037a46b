"""TensorBoard shows the graph that the lesson on modules writes, started as the lesson says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tensorboard_page import photograph, serving

from kcourse import lessons

pytestmark = pytest.mark.browser

#: The cells that make the module and write its graph.
CELLS = ("parameters", "setup", "affine", "net", "net-lists", "folder", "write-graph")


@pytest.fixture
def address() -> Iterator[str]:
    with serving(lessons.lesson_of("autograph", "tf_module_and_graphs"), CELLS) as found:
        yield found


def node(page: Page, name: str) -> Locator:
    """The box or ellipse of a scope or an operation in the main graph."""
    return page.locator(f'svg g.node[data-name="{name}"]').first


def test_the_graphs_page_shows_the_scopes_of_the_module(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("Main Graph", exact=True)).to_be_visible()
    for name in ("features", "net", "Identity"):
        expect(node(page, name)).to_be_visible()
    expect(node(page, "net/hidden")).to_have_count(0)
    photograph(page, "graph-closed")

    node(page, "net").dblclick()
    for name in ("hidden", "Relu", "out", "Softmax"):
        expect(node(page, f"net/{name}")).to_be_visible()
    photograph(page, "graph-net")

    node(page, "net/hidden").dblclick()
    for name in ("matmul", "add"):
        expect(node(page, f"net/hidden/{name}")).to_be_visible()
    photograph(page, "graph-hidden")
