"""TensorBoard shows the trainings that the lesson on callbacks logs, started as it says."""

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

#: The cells that train two models with the callback, then the one that tells how to look at it.
CELLS = ("parameters", "setup", "data", "model", "long-training", "write-logs")
INSTRUCTIONS = "open-text"
RUNS = ("rate-0.001/train", "rate-0.001/validation", "rate-0.01/train", "rate-0.01/validation")


@pytest.fixture(scope="module")
def program() -> str:
    """The lesson's cells and its instructions, as a program that prints TensorBoard's address."""
    notebook = lessons.lesson_of("training", "callbacks").notebook
    source = {cell.id: cell.source for cell in notebook.cells}
    told = re.search(r"```python\n(.+?)```", source[INSTRUCTIONS], re.DOTALL)
    assert told
    launch = told[1].replace("board.launch()", "print('address', board.launch(), flush=True)")
    assert launch != told[1]
    # It ends when its standard input does, so nothing of it outlives the test.
    return "\n".join([*(source[name] for name in CELLS), launch, "import sys; sys.stdin.read()"])


@pytest.fixture(scope="module")
def address(program: str) -> Iterator[str]:
    """Run the program; TensorBoard serves as long as the tests run."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = (line.split() for line in process.stdout)
        yield next((words[1] for words in lines if words[:1] == ["address"]), "the program failed")
        process.stdin.close()


def card(page: Page, tag: str) -> Locator:
    """The picture of a number on the page TIME SERIES, with the table below it."""
    return page.locator("scalar-card", has=page.get_by_title(tag, exact=True))


def last_value(page: Page, tag: str, run: str) -> float:
    """What the table says of a run at its last step, which is epoch 5."""
    row = card(page, tag).locator("tb-data-table-content-row").filter(has_text=run)
    expect(row).to_have_count(1)
    _, _smoothed, value, step, *_ = row.inner_text().split()
    assert step == "5"
    return float(value)


def test_the_time_series_compare_the_runs_of_two_learning_rates(page: Page, address: str) -> None:
    assert re.match(r"http://\w+", address), address
    page.goto(address)
    for run in RUNS:
        expect(page.locator("runs-data-table").get_by_text(run, exact=True)).to_be_visible()
    for rate in (0.01, 0.001):
        assert last_value(page, "epoch_learning_rate", f"rate-{rate}/train") == rate

    page.get_by_title("epoch_loss", exact=True).click()
    expect(card(page, "epoch_loss")).to_be_visible()
    for part in ("train", "validation"):
        fast, slow = (last_value(page, "epoch_loss", f"rate-{r}/{part}") for r in (0.01, 0.001))
        assert fast < 1.7 < 1.9 < slow
    card(page, "epoch_loss").scroll_into_view_if_needed()
    _photograph(page, "time-series")


def test_the_scalars_page_draws_the_lines_of_all_runs(page: Page, address: str) -> None:
    page.goto(f"{address}#scalars")
    scalars = page.locator("tf-scalar-dashboard")
    for run in RUNS:
        expect(scalars.locator("tf-runs-selector").get_by_text(run, exact=True)).to_be_visible()
    scalars.get_by_text("epoch_loss", exact=True).first.click()
    chart = scalars.locator("tf-scalar-card", has_text="tag: epoch_loss")
    expect(chart).to_be_visible()
    # The values, pale, and their running mean.
    expect(chart.locator("path.line")).to_have_count(2 * len(RUNS))
    chart.scroll_into_view_if_needed()
    _photograph(page, "scalars")


def _photograph(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"tensorboard-training-{name}.png", animations="disabled")
