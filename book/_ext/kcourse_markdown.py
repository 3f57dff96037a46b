"""Directives whose content is markdown: what the book takes from the course itself."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from kcourse import lessons
from kcourse.lessons import Lesson

#: All lessons in order; each notebook is read once for the whole book.
course = functools.cache(lessons.all_lessons)


class Generated(SphinxDirective):
    """A directive whose content is markdown that ``lines`` yields."""

    def lines(self) -> Iterator[str]:
        """Yield blocks of markdown; headings start at level 2."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the markdown as if it stood on the page in the directive's place."""
        text = "\n\n".join(self.lines())
        container = nodes.Element()
        source = self.get_source_info()[0]
        self.state.nested_parse(
            StringList(text.splitlines(), source=source), 0, container, match_titles=True
        )
        # MyST puts sections into the document itself, and heeds another attribute in its HTML.
        for title in self.state.document.findall(nodes.rubric):
            if "heading-level" in title:
                title["level"] = title["heading-level"]
        return list(container.children)


def link_to(lesson: Lesson) -> str:
    """Return a link from a page beside ``index`` to the lesson, with its title as text."""
    return f"[{plain(lesson.title)}](lessons/{lesson.key}.ipynb)"


def chapter_title(lesson: Lesson) -> str:
    """Return the heading of the lesson's chapter, such as ``Chapter 1: tensors``."""
    return f"Chapter {int(lesson.chapter_number)}: {lesson.chapter.replace('_', ' ')}"


def plain(text: str) -> str:
    """Return plain text as markdown: only what stands between backticks keeps a meaning."""
    parts = " ".join(text.split()).split("`")
    return "`".join(
        part if index % 2 else re.sub(r"([\\*_\[\]<>$#~{}|])", r"\\\1", part)
        for index, part in enumerate(parts)
    )


def hours(minutes: int) -> str:
    """Return a time as people say it: ``about 90 minutes``, ``about 12 hours``."""
    return f"about {minutes} minutes" if minutes < 120 else f"about {round(minutes / 60)} hours"
