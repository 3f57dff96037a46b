"""The learners' feedback pages in a real browser: readable by everybody, and shut to the world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from kcourse.grading import feedback
from kcourse.grading.course import Course
from kcourse.grading.showing import Document, clean

pytestmark = pytest.mark.browser

HOSTILE = (
    "</pre><script>document.title = 'taken'</script><img src=https://example.org/x.png "
    f"onerror=\"document.title='taken'\"><style>* {{ display: none }}</style>{'x' * 300}"
)
KINDS = ["graded", "complete", "ungradable", "grader error"]


def _report(course: Course) -> Document:
    """A report with a page of each kind, and with each status of an exercise."""
    statuses = ["correct", "wrong", "raised", "not attempted", "missing", "timed out", "forbidden"]
    entries = []
    for kind in KINDS:
        exercises = [
            {
                "name": name,
                "status": "correct" if kind == "complete" else statuses[number % len(statuses)],
                "points": 0,
                "max_points": exercise.points,
                "message": clean(HOSTILE),
            }
            for number, (name, exercise) in enumerate(course.exercises.items())
        ]
        graded = kind in ("graded", "complete")
        entries.append(
            {
                "id": f"{kind} {HOSTILE}"[:100],
                "status": "graded" if graded else kind,
                "reason": "" if graded else HOSTILE,
                "score": 5 if graded else None,
                "max_score": 40 if graded else None,
                "notes": [HOSTILE],
                "exercises": exercises if graded else [],
            }
        )
    return {
        "seed": 7,
        "environment": {"kcourse": "0.1.0", "sandbox": ["limits"]},
        "submissions": entries,
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the pages; returns them by kind."""
    folder = tmp_path_factory.mktemp("feedback")
    course = Course.installed()
    written = {}
    for kind, (name, text) in zip(KINDS, feedback.pages(_report(course), course, 0.5), strict=True):
        written[kind] = folder / name
        written[kind].write_text(text, encoding="utf-8")
    return written


@pytest.fixture(params=[("light", 1280), ("dark", 360)], ids=["light", "dark and narrow"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a browser; afterwards nothing was asked of any other machine."""
    mode, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=mode)
    asked: list[str] = []
    said: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    yield page
    context.close()
    assert [url for url in asked if not url.startswith("file:")] == []
    assert said == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_feedback_page_has_no_barrier_and_fits_the_screen(
    page: Page, pages: dict[str, Path], kind: str
) -> None:
    page.goto(pages[kind].as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [f"{rule['id']}: {node['target']}" for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_learner_wrote_does_nothing_on_a_feedback_page(
    page: Page, pages: dict[str, Path], kind: str
) -> None:
    page.goto(pages[kind].as_uri())
    assert page.title().startswith(f"Feedback for {kind} </pre><script>")
    assert page.locator("script, img, iframe, link, form").count() == 0
    assert page.locator("style").count() == 1
    assert page.locator("h1").is_visible()


def test_the_policy_stops_what_would_get_into_a_feedback_page(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """A second wall: were a text not escaped, it could still not run, load or restyle anything."""
    text = pages["graded"].read_text(encoding="utf-8")
    spoiled = pages["graded"].with_name("spoiled.html")
    assert "<main>" in text
    spoiled.write_text(text.replace("<main>", f"<main><pre>{HOSTILE}"), encoding="utf-8")
    context = browser.new_context()
    refused: dict[str, str | None] = {}
    context.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    page = context.new_page()
    page.goto(spoiled.as_uri())
    assert page.locator("main script").count() == 1
    assert page.title() != "taken"
    assert page.locator("h1").is_visible()
    assert refused == {"https://example.org/x.png": "csp"}
    context.close()
