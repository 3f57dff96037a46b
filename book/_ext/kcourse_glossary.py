"""From a term, English or Chinese, to the lessons that teach it: by the glossary and the search.

A lesson gives the Chinese of a term where it teaches the term, so the section is found by that;
for the few terms whose Chinese no lesson gives, it is the section that says the English most
often. The glossary links to these sections. Where they lead, the lesson has the Chinese of the
term as a keyword, which the search reads too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search import languages
from sphinx.search.en import SearchEnglish
from sphinx.transforms.post_transforms import SphinxPostTransform

CHINESE = re.compile(r"([\u3400-\u9fff]+)")
_LONGEST_SEARCHED_PART = 6
_LESSONS = "lessons/"
_MOST_LINKS = 3
_ABOUT_THE_LESSON = {"What you will be able to do", "Quiz", "Recap", "Next"}


@dataclass(frozen=True)
class Section:
    """A section of a lesson: where it is, and its words without those of its subsections."""

    page: str
    anchor: str
    title: str
    text: str


@dataclass
class Taught:
    """Which sections teach an entry of the glossary, and which entries a lesson teaches."""

    sections: dict[str, list[Section]] = field(default_factory=dict)
    keywords: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def find_what_is_taught(app: Sphinx, env: BuildEnvironment) -> None:
    """Read all lessons and the glossary once, before any page is written."""
    lessons = sorted(page for page in env.found_docs if page.startswith(_LESSONS))
    sections = [section for page in lessons for section in _sections(page, env.get_doctree(page))]
    taught = Taught()
    for glossary in {entry[3] for entry in env.domains["std"].get_objects() if entry[2] == "term"}:
        for item in _entries(env.get_doctree(glossary)):
            terms = _terms(item)
            taught.sections[terms[0]] = found = list(_first_of_each_page(_teach(terms, sections)))
            for section in found:
                taught.keywords[section.page] += CHINESE.findall(" ".join(terms))
    env.kcourse_taught = taught  # type: ignore[attr-defined]


def _sections(page: str, document: nodes.document) -> Iterator[Section]:
    for section in document.findall(nodes.section):
        title = section[0].astext()
        if title not in _ABOUT_THE_LESSON:
            own = [child for child in section.children if not isinstance(child, nodes.section)]
            text = "\n".join(child.astext() for child in own)
            yield Section(page, section["ids"][0], title, text)


def _entries(document: nodes.document) -> Iterator[nodes.definition_list_item]:
    for glossary in document.findall(addnodes.glossary):
        yield from glossary.findall(nodes.definition_list_item)


def _terms(item: nodes.definition_list_item) -> list[str]:
    return [child.astext() for child in item.children if isinstance(child, nodes.term)]


def _teach(terms: Iterable[str], sections: Sequence[Section]) -> list[Section]:
    """Return the sections that give the Chinese of an entry, else the one most about it."""
    chinese = [term for term in terms if CHINESE.search(term)]
    if found := [part for part in sections if any(_gives(part, term) for term in chinese)]:
        return found
    names = [name for term in terms if term not in chinese for name in _names(term)]
    # "seed generator" is SeedGenerator, too.
    whole = [rf"\b{re.escape(name)}(?:s|es)?\b".replace(r"\ ", " ?") for name in names]
    every_word = [r"\A" + "".join(map(_somewhere, name.split())) for name in names]
    for patterns in (whole, every_word):
        best = max(sections, key=lambda section: _count(patterns, section), default=None)
        if best and _count(patterns, best):
            return [best]
    return []


def _gives(section: Section, term: str) -> bool:
    """Tell whether a Chinese term stands in ``section``, and not as a part of a longer one."""
    alone = rf"(?<![\u3400-\u9fff]){re.escape(term)}(?![\u3400-\u9fff])"
    return term in section.text and re.search(alone, section.text) is not None


def _count(patterns: Sequence[str], section: Section) -> int:
    wanted = "|".join(patterns)
    return len(re.findall(wanted, section.text, re.IGNORECASE | re.DOTALL)) if wanted else 0


def _somewhere(word: str) -> str:
    """Return a pattern for a word further on: a long one may end otherwise."""
    return rf"(?=.*\b{re.escape(word[:6])}{'' if len(word) > 6 else 's?[^a-z]'})"


def _names(term: str) -> list[str]:
    """Return the names that an English entry gives: ``byte order mark (BOM)`` gives two."""
    names = (name.strip() for name in re.split(r"[(),]", term))
    return [name for name in names if name]


def _first_of_each_page(sections: Iterable[Section]) -> Iterator[Section]:
    pages: dict[str, Section] = {}
    for section in sections:
        pages.setdefault(section.page, section)
    yield from list(pages.values())[:_MOST_LINKS]


class LinkTermsAndLessons(SphinxPostTransform):
    """Add links to each entry of the glossary, and keywords to each lesson."""

    default_priority = 800  # before Chinese is marked as such
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page that is about to be written."""
        taught: Taught = self.env.kcourse_taught  # type: ignore[attr-defined]
        for item in _entries(self.document):
            if sections := taught.sections[_terms(item)[0]]:
                item[-1] += nodes.paragraph("", "", *self._links(sections), classes=["taught-in"])
        if keywords := taught.keywords.get(self.env.docname):
            content = ", ".join(dict.fromkeys(keywords))
            self.document.insert(0, nodes.meta("", name="keywords", content=content))

    def _links(self, sections: Iterable[Section]) -> Iterator[nodes.Node]:
        before = "Taught in: "
        for section in sections:
            yield nodes.Text(before)
            page = self.app.builder.get_relative_uri(self.env.docname, section.page)
            yield nodes.reference(
                "", section.title, internal=True, refuri=f"{page}#{section.anchor}"
            )
            before = " · "


class SearchEnglishAndChinese(SearchEnglish):
    """English words by their stem, and Chinese by every part of a run of characters."""

    lang = "en-zh"
    language_name = "English and Chinese"
    #: A run of Chinese in a question is cut into the longest parts that are in the index, so that
    #: two terms may be asked for as one word, and a term with a word that no page has.
    js_splitter_code = r"""
function splitQuery(query) {
  const { terms, titleterms } = Search._index;
  const known = (part) => Object.hasOwn(terms, part) || Object.hasOwn(titleterms, part);
  return query
    .split(/([\u3400-\u9fff]+)|[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .filter(Boolean)
    .flatMap((word) => {
      if (!/[\u3400-\u9fff]/.test(word)) return [word];
      const parts = [];
      for (let start = 0, end; start < word.length; start = end) {
        end = word.length;
        while (end > start && !known(word.slice(start, end))) end--;
        if (end > start) parts.push(word.slice(start, end));
        else end++;
      }
      return parts.length ? parts : [word];
    });
}
"""

    def split(self, input: str) -> list[str]:
        """Return the words of ``input``; a Chinese run gives all its parts, however short."""
        words = []
        for word in super().split(CHINESE.sub(r" \1 ", input)):
            words.append(word)
            if CHINESE.fullmatch(word):
                words += [
                    word[start : start + length]
                    for length in range(1, min(len(word), _LONGEST_SEARCHED_PART + 1))
                    for start in range(len(word) - length + 1)
                ]
        return words


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything with Sphinx."""
    languages[SearchEnglishAndChinese.lang] = SearchEnglishAndChinese
    app.connect("env-updated", find_what_is_taught)
    app.add_post_transform(LinkTermsAndLessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
