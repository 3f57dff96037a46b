"""``feedback/ID.html``: one page for each learner, about what was wrong and what helps next.

A page needs nothing but itself: its style is in it, it runs no script, and its content security
policy forbids to load anything. It never holds a solution.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from kcourse.grading.course import Course
from kcourse.grading.showing import Document, reaches

if TYPE_CHECKING:
    from jinja2 import Template

#: A sign and a group of outcomes that are shown alike; the outcome itself stands beside it.
_SIGNS = {"correct": ("✓", "good"), "wrong": ("✗", "bad"), "not attempted": ("○", "open")}
_OTHER = ("!", "bad")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_LIKE_MARKED = re.compile(r".*-[0-9a-f]{16}")
_MAX_STEM = 60


def pages(report: Document, course: Course, threshold: float) -> Iterator[tuple[str, str]]:
    """Yield the file name and the HTML of each submission's page."""
    template = _template()
    names = file_names(entry["id"] for entry in report["submissions"])
    for entry in report["submissions"]:
        yield (
            names[entry["id"]],
            template.render(
                entry=entry,
                reached=reaches(entry, threshold),
                threshold=threshold,
                exercises=[_shown(exercise, course) for exercise in entry["exercises"]],
                report=report,
            ),
        )


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """Return the file name of each id's page, which no other id has on any file system."""
    return {name: f"{_stem(name)}.html" for name in ids}


def _stem(name: str) -> str:
    """Return the id itself if it is a plain name, else what is left of it and a mark of its own.

    An id that ends like a mark gets one too, so that nobody can choose another's file name.
    """
    plain = _PLAIN.fullmatch(name) and len(name) <= _MAX_STEM and not name.endswith(".")
    if plain and not _RESERVED.fullmatch(name) and not _LIKE_MARKED.fullmatch(name):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:16]
    rest = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-_")
    return f"{rest[: _MAX_STEM // 2] or 'submission'}-{mark}"


def _shown(exercise: Document, course: Course) -> dict[str, Any]:
    """Return an exercise's result with what the course says about it."""
    known = course.exercises[exercise["name"]]
    lesson = next(one for one in course.lessons if known.name in one.exercises)
    sign, kind = _SIGNS.get(exercise["status"], _OTHER)
    return exercise | {
        "title": known.title,
        "lesson": lesson.title,
        "lesson_key": lesson.key,
        "section": known.see,
        "sign": sign,
        "kind": kind,
        "hints": known.hints,
        # Who got something wrong needs a hint; who got an error is told the most by its message.
        "shown_hints": 1 if exercise["status"] == "wrong" else 0,
    }


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def inline(text: str) -> Markup:
        """Escape a text of the course's own and show what is between backquotes as code."""
        return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))

    style = resources.files("kcourse.grading").joinpath("templates/feedback.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader("kcourse.grading"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = inline
    environment.globals |= {"style": Markup(style), "style_hash": f"sha256-{digest}"}
    return environment.get_template("feedback.html")
