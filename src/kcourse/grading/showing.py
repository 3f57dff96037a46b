"""What all forms of the report share: text that is safe to store, and the words for a result.

Whatever a learner wrote is hostile: control characters are made visible and lengths are capped
before a text enters the report; each form then escapes what is special in it. What would differ
from run to run (addresses, scratch folders) is left out, so that the same submissions and seed
give the same bytes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from typing import Any

Document = dict[str, Any]

#: What a report says of the sandbox starts so where something is missing.
DOUBT = "best effort: "
MAX_MESSAGE = 2000
MAX_ID = 200
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format, surrogate, private, separators
_CHANGING = re.compile(r"0x[0-9a-fA-F]{5,}")
_SCRATCH = re.compile(r"[\w./-]*kcourse-workers?-\w+")


def clean(text: str, most: int = MAX_MESSAGE) -> str:
    """Return text that is safe to store: control characters visible, capped, the same each run."""
    text = _SCRATCH.sub("~", _CHANGING.sub("0x…", text[: 4 * most]))
    return _visible(text, most)


def shown_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each submission's id the one that reports show, which is safe and unique too."""
    shown: dict[str, str] = {}
    taken: set[str] = set()
    for name in ids:
        shown[name] = numbered(_visible(name, MAX_ID).replace("\n", "\\n"), taken)
        taken.add(shown[name])
    return shown


def numbered(name: str, taken: Container[str]) -> str:
    """Return the name, or with the least number that makes it one that is not taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def reaches(entry: Document, threshold: float) -> bool:
    """Whether a submission was graded and has at least this share of the points."""
    if entry["status"] != "graded":
        return False
    score, most = int(entry["score"]), int(entry["max_score"])
    return score >= threshold * most - 1e-9


def failed(entry: Document) -> list[Document]:
    """Return a submission's exercises that are not correct."""
    return [exercise for exercise in entry["exercises"] if exercise["status"] != "correct"]


def score_of(entry: Document) -> str:
    """Return the points as ``5 / 8``; a dash if the submission was not graded."""
    return "–" if entry["score"] is None else f"{entry['score']} / {entry['max_score']}"


def result_of(entry: Document, threshold: float) -> str:
    """Return whether the threshold was reached, or why the submission was not graded."""
    if entry["status"] != "graded":
        return str(entry["status"])
    return "reached" if reaches(entry, threshold) else "below the threshold"


def _visible(text: str, most: int) -> str:
    """Return at most ``most`` characters, each as itself or as the escape of what it hides."""
    shown = "".join(_escaped(character) for character in text.replace("\r\n", "\n"))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _escaped(character: str) -> str:
    """Return a character, or its escape if it would act on a terminal or hide in a text."""
    code = ord(character)
    # Characters that Unicode will never assign are illegal in XML and an error in HTML.
    never = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if character == "\n" or not (never or unicodedata.category(character) in _HIDDEN):
        return character
    return character.encode("unicode_escape").decode()
