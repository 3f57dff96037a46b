"""Parse a text as it stands, then without its magics, and then piece by piece."""

from __future__ import annotations

import re
import warnings

from kcourse.migration.recovery.assembling import Assembly
from kcourse.migration.recovery.magics import without_timing
from kcourse.migration.recovery.parsed import Parsed
from kcourse.migration.recovery.reading import Reading
from kcourse.migration.recovery.trying import tree_of_whole

NEWLINE = re.compile(r"\r\n|\r|\n")


def parse(text: str) -> Parsed:
    """Parse as much of a text as is Python."""
    lines = NEWLINE.split(text)
    with _silence():
        if tree := tree_of_whole(text):
            return Parsed(tree, [], True, lines)
        reading = Reading(lines)
        if tree := tree_of_whole(reading.text):
            return Parsed(without_timing(tree, reading.timed), [], True, lines)
        tree, skipped = Assembly(reading).result()
        return Parsed(without_timing(tree, reading.timed), skipped, False, lines)


def neutral(text: str) -> str | None:
    """Return Python with the same lines and columns: magics and shell commands are made harmless.

    ``None`` if the text is no Python even so. A text that is indented as a whole stays indented.
    """
    with _silence():
        if tree_of_whole(text):
            return text
        plain = Reading(NEWLINE.split(text)).text
        return plain if tree_of_whole(plain) else None


def _silence() -> warnings.catch_warnings:  # type: ignore[type-arg]
    """Keep quiet about invalid escapes and the like in code that is only read."""
    return warnings.catch_warnings(action="ignore")
