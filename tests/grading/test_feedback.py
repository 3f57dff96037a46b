"""The learners' pages: what was wrong and what helps next, and nothing that a learner could run."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
import sample_course as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import HOSTILE, hostile_document

from kcourse.grading import feedback
from kcourse.grading.course import Course

_VOID = {"meta", "br"}
_FORBIDDEN_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return sample.make_course(tmp_path_factory.mktemp("course"))


class _Page(HTMLParser):
    """A page as a strict reader sees it: every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self._open[-1] if self._open else "", data))

    def inside(self, tag: str) -> str:
        return "".join(words for where, words in self.words if where == tag)

    def shape(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def _pages(course: Course, text: str = "x", threshold: float = 0.5) -> list[_Page]:
    report = hostile_document(course, text)
    return [_Page(page) for _, page in feedback.pages(report, course, threshold)]


def _section(page: _Page, name: str) -> str:
    return page.text.split(f'<section id="{name}">')[1].split("</section>")[0]


def test_a_page_says_the_score_and_the_result_of_every_exercise(course: Course) -> None:
    ada, bob, _, _ = _pages(course)
    assert "10 of 10 points" in ada.text
    assert "reached the 50 %" in ada.text
    assert "3 of 10 points" in bob.text
    assert "did not reach the 50 %" in bob.text
    assert bob.text.count('<th scope="row">') == 4
    for status in ("raised", "correct", "wrong", "not attempted"):
        assert f"</span> {status}</td>" in bob.text


def test_without_a_threshold_nothing_is_said_about_it(course: Course) -> None:
    assert "asked for" not in _pages(course, threshold=0)[1].text


def test_a_wrong_answer_shows_the_next_hint_and_the_others_when_opened(course: Course) -> None:
    wrong = _section(_pages(course)[1], "centred")
    before, after = wrong.split("<details>")
    assert "<strong>Hint 1 of 2:</strong> One." in before
    assert "Two." not in before
    assert "Two." in after
    assert "<summary>Hint 2 of 2</summary>" in after
    assert "section “Section” of the lesson “Numbers” (<code>01_sample/01_numbers</code>)" in before


@pytest.mark.parametrize("name", ["doubled", "spread"])
def test_an_error_or_an_open_exercise_shows_hints_only_when_opened(
    course: Course, name: str
) -> None:
    section = _section(_pages(course)[1], name)
    assert section.count("<details>") == 2
    assert "One." not in section.split("<details>")[0]


def test_a_correct_exercise_has_no_section(course: Course) -> None:
    ada, bob, _, _ = _pages(course)
    assert "<section" not in ada.text
    assert "<h2>What to do next" not in ada.text
    assert 'id="row_sums"' not in bob.text


def test_no_page_holds_a_solution_or_why_it_is_one(course: Course) -> None:
    report = hostile_document(course, "x")
    installed = Course.installed()
    (entry,) = report["submissions"] = report["submissions"][:1]
    wrong = entry["exercises"][0] | {"status": "wrong"}
    for lesson in installed.lessons:
        entry["exercises"] = [wrong | {"name": name} for name in lesson.exercises]
        ((_, page),) = feedback.pages(report, installed, 0.5)
        shown = html.unescape(page)
        for exercise in (installed.exercises[name] for name in lesson.exercises):
            assert f'id="{exercise.name}"' in page
            assert exercise.why not in shown
            for source in (installed.solution(exercise), *exercise.alternatives):
                assert source.strip().partition("\n")[2] not in shown, exercise.name


def test_what_is_not_graded_says_why_and_what_to_do(course: Course) -> None:
    _, _, ungradable, failed = _pages(course, "There is no notebook.")
    assert "This is not zero points" in ungradable.text
    assert ungradable.inside("pre").strip() == "There is no notebook."
    assert "Hand in one notebook" in ungradable.text
    assert "not your fault" in failed.text
    for page in (ungradable, failed):
        assert " of " not in page.inside("strong")
        assert "<table" not in page.text


def test_the_policy_forbids_everything_but_the_pages_own_style(course: Course) -> None:
    for page in _pages(course, HOSTILE):
        policy = next(
            attrs["content"]
            for tag, attrs in page.elements
            if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
        )
        style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert policy is not None
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert "unsafe" not in policy
        assert "http" not in page.text.replace("http-equiv", "").replace("https://x.y", "")


@settings(deadline=None)
@given(st.text(min_size=1) | st.sampled_from(["{{ 7*7 }}", "</pre><script>", "\n\n x", "`a`"]))
def test_any_text_of_a_learner_is_text_on_every_page(course: Course, text: str) -> None:
    document = hostile_document(course, text)
    plain = [page.shape() for page in _pages(course)]
    pages = [_Page(page) for _, page in feedback.pages(document, course, 0.5)]
    assert [page.shape() for page in pages] == plain
    for page, entry in zip(pages, document["submissions"], strict=True):
        assert page.inside("bdi").startswith(entry["id"])
        assert page.inside("title") == f"Feedback for {entry['id']}"
    (_, bob, cyd, _) = document["submissions"]
    assert pages[2].inside("pre") == f"\n{cyd['reason']}"
    assert pages[1].inside("pre") == "".join(
        f"\n{one['message']}" for one in bob["exercises"] if one["status"] in ("raised", "wrong")
    )
    attributes = {name for page in pages for _, named in page.elements for name in named}
    assert not [name for name in attributes if name.startswith("on")]


def test_a_plain_id_names_its_page() -> None:
    for name in ("ada", "s1234567", "ada.lovelace", "a_b-c"):
        assert feedback.file_names([name]) == {name: f"{name}.html"}


@pytest.mark.parametrize(
    "name",
    [
        *["../../etc/passwd", "a/b", "a\\b", ".", "..", ".hidden", "a.", " a", "a\x00b", "con"],
        *["nul.txt", "COM1", "x" * 300, "Ada", "李雷", "日" * 200, "-rf", "a:b", "a?b", ""],
    ],
)
def test_any_other_id_is_made_a_safe_file_name(name: str) -> None:
    (safe,) = feedback.file_names([name]).values()
    assert re.fullmatch(r"[\w-]+-[0-9a-f]{16}\.html", safe)
    assert len(safe.encode()) < 200
    assert safe == safe.casefold()


def test_nobody_can_choose_the_file_of_somebody_else() -> None:
    (taken,) = feedback.file_names(["Ada"]).values()
    (forged,) = feedback.file_names([taken.removesuffix(".html")]).values()
    assert forged != taken


@settings(deadline=None)
@given(st.lists(st.text() | st.text("aAbB.-/é_ ", max_size=3), unique=True))
def test_file_names_are_safe_unique_and_the_ids_own(ids: list[str]) -> None:
    ids = [name.encode("utf-8", "replace").decode() for name in ids]
    names = feedback.file_names(ids)
    folded = {name.casefold() for name in names.values()}
    assert len(folded) == len(set(ids))
    for name, file in names.items():
        assert re.fullmatch(r"[\w.-]+\.html", file)
        assert not file.startswith((".", "-"))
        assert not _FORBIDDEN_NAMES.fullmatch(file.removesuffix(".html"))
        assert feedback.file_names([name]) == {name: file}
