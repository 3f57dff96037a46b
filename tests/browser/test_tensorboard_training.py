"""TensorBoard shows the trainings that the lesson on callbacks logs, started as it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tensorboard_page import photograph, serving

from kcourse import lessons

pytestmark = pytest.mark.browser

#: The cells that train two models with the callback.
CELLS = ("parameters", "setup", "data", "model", "long-training", "write-logs")
RUNS = ("rate-0.001/train", "rate-0.001/validation", "rate-0.01/train", "rate-0.01/validation")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(lessons.lesson_of("training", "callbacks"), CELLS) as found:
        yield found


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
    photograph(page, "training-time-series")


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
    photograph(page, "training-scalars")
