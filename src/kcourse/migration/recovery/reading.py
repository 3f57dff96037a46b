"""Read a text statement by statement, its magics made harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kcourse.migration.recovery.indents import without_indent
from kcourse.migration.recovery.magics import without_magic
from kcourse.migration.recovery.statements import Lines, Statement


class Reading:
    """The lines of a text, sorted into statements, with the magics made harmless."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.texts = list(lines)
        self.lines = Lines(self.texts)
        #: Lines, from 1, on which a timed statement stands.
        self.timed: set[int] = set()
        self.statements = list(self._statements())

    @property
    def text(self) -> str:
        """The text without its magics."""
        return "\n".join(self.texts)

    def _statements(self) -> Iterator[Statement]:
        number = 0
        while number < len(self.texts):
            statement = self.next(number, len(self.texts))
            if statement is None:
                number += 1
            else:
                yield statement
                number = statement.last + 1

    def next(self, number: int, stop: int) -> Statement | None:
        """Return the statement that begins on this line, if one does."""
        text = self.texts[number]
        bare = without_indent(text)
        if not bare or bare[0] == "#":
            return None
        plain = without_magic(text)
        if plain is None:
            return self.lines.statement(number, stop)
        last = number
        # A backslash continues a magic, and nothing else does.
        while last + 1 < stop and self.texts[last].rstrip().endswith("\\"):
            last += 1
        self.texts[number : last + 1] = [plain] + [""] * (last - number)
        if without_indent(plain).startswith("if 1: "):
            self.timed.add(number + 1)
        return Statement(number, last, len(self.texts[last]))
