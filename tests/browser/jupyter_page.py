"""What a learner does in JupyterLab, done in a browser: open a lesson, write, run."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, Response, expect

from kcourse import lessons

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


def photograph(page: Page, name: str) -> None:
    """Keep what is seen now, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"jupyterlab-{name}.png")


def code_cell(page: Page, pattern: str) -> Locator:
    """The code cell of the open notebook that has a line of source like this."""
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    line = page.locator(".cm-line").filter(has_text=re.compile(rf"^{pattern}$"))
    return cells.filter(has=line).first


def open_lesson(page: Page, lesson: lessons.Lesson) -> None:
    """Follow the link and wait for the kernel: without one JupyterLab runs nothing, in silence."""

    def starts_kernel(response: Response) -> bool:
        return "/api/sessions" in response.url and response.request.method == "POST"

    with page.expect_response(starts_kernel):
        page.get_by_role("link", name=lesson.title).last.click()
    expect(page.get_by_role("heading", name=lesson.title, level=1)).to_be_visible()
    expect_idle(page)


def expect_idle(page: Page) -> None:
    """Wait until the kernel has nothing to do."""
    expect(page.get_by_role("button", name="| Idle")).to_be_visible()


def run(page: Page, cell: Locator) -> None:
    """Run a cell; those after it wait in the kernel's queue."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")


def write(page: Page, cell: Locator, source: str) -> None:
    """Put ``source`` in the place of what the cell holds."""
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(source)


def choose(page: Page, menu: str, item: str) -> None:
    """Choose an item of JupyterLab's menu bar; the keys shown beside it do not count."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()
