"""The book in a real browser: readable by everybody, and complete without any other machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from kcourse import exercises, lessons
from kcourse.migration.table import changes

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
LESSON_PAGES = [f"lessons/{lesson.key}.html" for lesson in lessons.all_lessons()]
PAGES = [
    "index.html",
    *LESSON_PAGES,
    *(f"solutions/{path.stem}.html" for path in sorted(ROOT.glob("book/solutions/*.md"))),
    *(f"{path.stem}.html" for path in sorted(ROOT.glob("book/*.md")) if path.stem != "index"),
    "search.html?q=axis",
    "404.html",
]
Mode = Literal["light", "dark"]
every_page = pytest.mark.parametrize("page_path", PAGES)


@every_page
def test_on_a_wide_light_screen_it_has_no_barriers(
    open_page: Callable[..., Page], page_path: str
) -> None:
    page = open_page(page_path, mode="light", width=1280)
    assert page.locator("html").get_attribute("data-theme") == "light"
    open_all(page)
    assert barriers(page) == []
    for image in page.locator("article img").all():
        alternative = image.get_attribute("alt") or ""
        assert alternative.strip(), image.get_attribute("src")
        assert not alternative.endswith((".png", ".svg")), alternative


@every_page
def test_on_a_narrow_dark_screen_it_fits_and_has_no_barriers(
    open_page: Callable[..., Page], page_path: str
) -> None:
    page = open_page(page_path, mode="dark", width=360)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    open_all(page)
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.evaluate("window.scrollTo(1000, 0)")
    assert page.evaluate("window.scrollX") == 0
    cut_off = page.evaluate(
        """[...document.querySelectorAll('article p, article li, article img, article h1, \
article h2, article h3')].filter(e => e.checkVisibility() && !e.closest('pre, table, .math-block')
            && e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 200))"""
    )
    assert cut_off == []


def test_words_in_programs_that_are_too_pale_are_a_barrier(open_page: Callable[..., Page]) -> None:
    page = open_page("lessons/01_tensors/02_indexing_gather_scatter.html")
    text = page.locator("article").inner_text()
    page.add_style_tag(content="article pre .k { color: #ccc !important }")
    assert any(barrier.startswith("color-contrast") for barrier in barriers(page))
    assert page.locator("article").inner_text() == text


#: Of the least impact, and not in Lighthouse's score: the theme has the book's name outside every
#: landmark, and the first corner of a table of numbers is empty.
_NO_BARRIERS = {"region", "empty-table-header"}


def barriers(page: Page) -> list[str]:
    """Return what axe calls a barrier, and where: more than Lighthouse counts in its score."""
    with _one_word_of_each_look(page):
        found = _violations(page, runOnly=["color-contrast"])
    found += _violations(page, rules={"color-contrast": {"enabled": False}})
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["id"] not in _NO_BARRIERS
        for node in rule["nodes"]
    ]


def _violations(page: Page, **options: Any) -> list[Any]:
    # Preloading would ask for the theme's imported style sheets at a wrong address.
    options |= {"resultTypes": ["violations"], "preload": False}
    return list(Axe().run(page, options=options).response["violations"])


@contextmanager
def _one_word_of_each_look(page: Page) -> Iterator[None]:
    """Leave out, of the highlighted words in programs, all but one of those that look alike.

    A page of solutions has 20,000 of them in 19 looks, and axe would take as many looks at
    their contrast: nearly all of its time.
    """
    whole = page.evaluate_handle(
        """() => {
            const seen = new Set();
            const boxes = [...document.querySelectorAll('article pre')].map(box => {
                const copy = box.cloneNode(true), copies = [...copy.querySelectorAll('span')];
                const behind = [];
                for (let e = box; e; e = e.parentElement)
                    behind.push(getComputedStyle(e).backgroundColor);
                box.querySelectorAll('span').forEach((word, i) => {
                    if (word.childElementCount) return;
                    const own = getComputedStyle(word);
                    const around = getComputedStyle(word.parentElement);
                    const look = [own.color, own.backgroundColor, own.fontSize, own.fontWeight,
                        own.opacity, around.backgroundColor, ...behind].join();
                    if (seen.has(look)) copies[i].remove();
                    seen.add(look);
                });
                return [box, copy];
            });
            boxes.forEach(([box, copy]) => box.replaceWith(copy));
            return boxes;
        }"""
    )
    yield
    whole.evaluate("boxes => boxes.forEach(([box, copy]) => copy.replaceWith(box))")


def open_all(page: Page) -> None:
    """Open all choices of the quiz, and see that the keyboard reaches every box that scrolls."""
    page.locator("article details").evaluate_all("all => all.forEach(e => e.open = true)")
    page.wait_for_function(
        "[...document.querySelectorAll('article :is(pre, .math-block)')]"
        ".every(box => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"
    )


class _Anchors(HTMLParser):
    """Collects a page's links, and the names that links can lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.names |= {values[name] for name in ("id", "name") if name in values}
        self.links += [values[name] for name in ("href", "src") if name in values]


def _anchors(path: Path) -> _Anchors:
    parser = _Anchors()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def test_every_internal_link_leads_to_a_page_and_a_place_on_it(book: Path) -> None:
    pages = {page: _anchors(page) for page in book.rglob("*.html") if "_static" not in page.parts}
    assert {path.split("?")[0] for path in PAGES} == {
        page.relative_to(book).as_posix() for page in pages
    }
    broken = []
    for page, anchors in pages.items():
        for link in anchors.links:
            if page.name == "404.html":  # it is shown anywhere, so its links begin at the root
                link = link.removeprefix("/")
            target = urlsplit(urljoin(page.as_uri(), link))
            assert target.scheme != "http", f"{page.name} links to {link}"
            if target.scheme != "file":
                continue
            path = Path(unquote(target.path))
            names = pages[path].names if path in pages else set()
            if not path.is_file() or (target.fragment and unquote(target.fragment) not in names):
                broken.append(f"{page.relative_to(book)}: {link}")
    assert broken == []


def test_no_page_names_another_server_for_what_it_needs(book: Path) -> None:
    for page in book.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=.https?:", text), page


@pytest.mark.parametrize(
    ("query", "page_path"),
    [("broadcasting", "glossary.html"), ("广播", "glossary.html"), ("播", "glossary.html")],
)
def test_search_finds_english_and_chinese_terms(
    open_page: Callable[..., Page], query: str, page_path: str
) -> None:
    page = open_page("index.html")
    page.keyboard.press("Control+k")
    field = page.locator("dialog input[type=search], .search-button__wrapper input[type=search]")
    field.first.fill(query)
    field.first.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    expect(page.locator(f'#search-results a[href*="{page_path}"]').first).to_be_visible()


def test_search_works_from_the_file_system(browser_page: Page, book: Path) -> None:
    browser_page.goto((book / "search.html").as_uri() + "?q=广播")
    expect(browser_page.locator('#search-results a[href*="glossary.html"]').first).to_be_visible()


def test_the_mode_can_be_switched_and_stays(open_page: Callable[..., Page]) -> None:
    page = open_page("index.html")
    html, switch = page.locator("html"), page.locator(".theme-switch-button:visible").first
    for _ in range(3):  # automatic, light, dark in turn
        if html.get_attribute("data-mode") == "dark":
            break
        switch.click()
    expect(html).to_have_attribute("data-theme", "dark")
    page.goto(page.url.replace("index.html", "glossary.html"))
    expect(html).to_have_attribute("data-theme", "dark")


def test_the_copy_button_copies_a_cell(open_page: Callable[..., Page]) -> None:
    page = open_page(LESSON_PAGES[0])
    cell = page.locator("div.cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    assert "SEED" in copied


def test_next_and_previous_lead_through_all_lessons_in_order(book: Path) -> None:
    walk = ["index.html", "paths.html", "from_pytorch.html", "maps.html"]
    for chapter, its_own in groupby(lessons.all_lessons(), lambda lesson: lesson.chapter):
        walk += [f"lessons/{lesson.key}.html" for lesson in its_own]
        walk.append(f"solutions/{chapter}.html")
    for here, following in pairwise(walk):
        assert _turn(book, here, "right-next") == following
        assert _turn(book, following, "left-prev") == here


def _turn(book: Path, page: str, direction: str) -> str:
    """Return the page that the link at the foot of ``page`` leads to."""
    text = (book / page).read_text(encoding="utf-8")
    (link,) = re.findall(rf'<a class="{direction}"\s+href="([^"#]+)"', text)
    return urljoin(page, link)


def test_the_keyboard_reaches_the_content_and_the_quiz(open_page: Callable[..., Page]) -> None:
    page = open_page(LESSON_PAGES[0])
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert "Skip to main content" in skip.inner_text()
    assert skip.get_attribute("href") == "#main-content"
    choice = page.locator("article details").first
    choice.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(choice).to_have_attribute("open", "")
    assert choice.locator("summary").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_on_paper_nothing_is_folded_away(open_page: Callable[..., Page]) -> None:
    page = open_page(LESSON_PAGES[0])
    closed = page.locator("article details:not([open])").first
    assert not closed.evaluate("e => [...e.children].at(-1).checkVisibility()")
    page.emulate_media(media="print")
    assert closed.evaluate(
        "e => [...e.children].at(-1).checkVisibility({contentVisibilityAuto: true})"
    )
    assert closed.evaluate("e => [...e.children].at(-1).getBoundingClientRect().height") > 0
    assert any(heading.is_visible() for heading in page.locator("h1").all())
    assert page.locator("article h2").first.is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_every_exercise_is_explained_once_and_linked_both_ways(book: Path) -> None:
    for exercise in exercises.all_exercises().values():
        lesson = lessons.lesson_of(exercise.chapter, exercise.topic)
        lesson_page = (book / "lessons" / f"{lesson.key}.html").read_text(encoding="utf-8")
        solutions = (book / "solutions" / f"{exercise.chapter}.html").read_text(encoding="utf-8")
        name = exercise.name.replace("_", "-").lower()  # as Sphinx makes ids
        assert solutions.count(f'id="solution-{name}"') == 1
        assert lesson_page.count(f'id="exercise-{name}"') == 1
        assert f'{lesson.key}.html#exercise-{name}"' in solutions
        assert f'{exercise.chapter}.html#solution-{name}"' in lesson_page
        section = solutions.split(f'id="solution-{name}"')[1].split('id="solution-')[0]
        assert section.count('<li><div class="highlight-python') == len(exercise.near_misses)
        assert section.count("<details>") == len(exercise.alternatives)
        assert section.count('<h4 class="rubric">Common wrong answers') == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_first_page_says_what_it_is_and_what_to_do_first_without_scrolling(
    open_page: Callable[..., Page], site: str, width: int
) -> None:
    page = open_page("index.html", width=width)
    expect(page.locator(".kcourse-lead")).to_be_in_viewport(ratio=1)
    first = page.locator("article a.kcourse-first")
    expect(first).to_be_in_viewport(ratio=1)
    example = page.locator(".kcourse-example")
    expect(example.locator("pre")).to_contain_text("check(")
    expect(example.locator(".kcourse-card")).to_contain_text("wrong")
    first.click()
    assert page.url == site + LESSON_PAGES[0]


def test_the_first_page_leads_to_every_path_and_every_lesson(
    open_page: Callable[..., Page], site: str
) -> None:
    page = open_page("index.html")
    links = page.locator("article a").evaluate_all("all => all.map(link => link.href)")
    assert {f"{site}paths.html#path-{name}" for name in ("beginner", "pytorch", "old-notes")} <= {
        *links
    }
    assert {site + path for path in LESSON_PAGES} <= {*links}


def test_a_path_adds_up_the_times_of_its_lessons(open_page: Callable[..., Page]) -> None:
    page = open_page("paths.html")
    for section in page.locator("article section section").all():
        steps = section.locator("ol").last.locator("> li").all_inner_texts()
        times = [int(found) for step in steps for found in re.findall(r"\((\d+) minutes\)", step)]
        assert len(times) == len(steps)
        whole = f"{len(steps)} lessons, about {round(sum(times) / 60)} hours"
        expect(section).to_contain_text(whole)


def test_a_map_is_walked_by_the_keyboard_and_its_colours_are_the_pages(
    open_page: Callable[..., Page], site: str
) -> None:
    page = open_page("maps.html", mode="dark")
    chapter = page.locator(".kcourse-map").nth(1)
    text = chapter.locator("text").first.evaluate("e => getComputedStyle(e).fill")
    link = page.locator("article li a").first.evaluate("e => getComputedStyle(e).color")
    assert text == link
    chapter.locator("a").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(site + LESSON_PAGES[1])


def test_every_lesson_says_how_long_it_takes_and_when_it_was_verified(book: Path) -> None:
    for lesson in lessons.all_lessons():
        page = (book / "lessons" / f"{lesson.key}.html").read_text(encoding="utf-8")
        text = " ".join(re.sub(r"<[^>]+>", "", page.split("<article")[1]).split())
        start = text.split("What you will be able to do")[0]
        assert re.search(r"Time: about \d+ minutes", start), lesson.key
        proved = "Last verified with TensorFlow 2.20.0 and Keras 3.12.0 on 2026-01-31."
        assert proved in start, lesson.key
        on_jax = "Also proved with JAX 0.8.0 and Keras 3.12.0 on 2026-01-31." in start
        assert on_jax is not lesson.needs_tensorflow, lesson.key


def test_the_verification_page_shows_the_report(open_page: Callable[..., Page]) -> None:
    page = open_page("verification.html")
    table, others = page.locator("article table").all()
    expect(table.locator("tbody tr")).to_have_count(len(LESSON_PAGES))
    expect(table.locator("tbody tr").first).to_contain_text("12.3 s")
    expect(table.locator("tbody tr").first).to_contain_text("45.6 s")
    on_keras_alone = [one for one in lessons.all_lessons() if not one.needs_tensorflow]
    expect(others.locator("tbody tr")).to_have_count(len(on_keras_alone))
    for text in ("jax", "cpu:0", "78.9 s"):
        expect(others.locator("tbody tr").first).to_contain_text(text)
    expect(page.locator("article")).to_contain_text("Measured on 2026-01-31 on a machine with 2")


def test_a_check_is_shown_as_a_card(open_page: Callable[..., Page]) -> None:
    page = open_page(LESSON_PAGES[0])
    card = page.locator(".kcourse-card").first
    expect(card).to_be_visible()
    expect(card).to_contain_text("not attempted")


def test_chinese_is_marked_as_chinese(open_page: Callable[..., Page]) -> None:
    page = open_page("glossary.html")
    expect(page.locator('dt [lang="zh-Hans"]', has_text="广播")).to_be_visible()


def test_chinese_in_inline_code_is_marked_as_chinese(book: Path) -> None:
    codes = [
        found
        for page in book.rglob("*.html")
        for found in re.findall(r"<code[^>]*>[^<]*[\u3400-\u9fff]", page.read_text("utf-8"))
    ]
    assert codes
    assert all('lang="zh-Hans"' in code for code in codes), codes


def test_the_changes_can_be_filtered_by_words(open_page: Callable[..., Page]) -> None:
    page = open_page("changes.html")
    every_change = page.locator(".kcourse-change")
    assert every_change.count() == len(changes())
    assert page.locator(".kcourse-change h3.rubric").count() == len(changes())
    field = page.get_by_label("Show only changes with these words")
    field.fill("predict_classes")
    shown = page.locator(".kcourse-change:visible")
    expect(page.locator(".kcourse-filter").get_by_role("status")).to_have_text(
        re.compile(rf"^\d+ of {len(changes())} changes are shown\.$")
    )
    assert 0 < shown.count() < 5
    expect(shown.first).to_contain_text("predict_classes")
    sections = page.locator("article section section:visible")
    links = page.locator(".bd-sidebar-secondary li:visible")
    assert links.count() == sections.count() < len(LESSON_PAGES)
    field.fill("")
    expect(every_change.last).to_be_visible()
    expect(links).to_have_count(len(LESSON_PAGES))
