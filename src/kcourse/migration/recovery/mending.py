"""Find as much of one statement as is Python, as it stands or as it may have been meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kcourse.migration.recovery.blocks import Node
from kcourse.migration.recovery.indents import indent_of, without_indent
from kcourse.migration.recovery.keywords import HEADERS, is_good, is_header, line_of_error, word_of
from kcourse.migration.recovery.reading import Reading
from kcourse.migration.recovery.repairs import variants, with_brackets_closed
from kcourse.migration.recovery.statements import Statement, is_balanced
from kcourse.migration.recovery.trying import reason_of, tree_of

#: How many lines of a statement may be left out to save the others.
_GAPS = 4


class Mending:
    """The statements of a text, one after another, as far as they are Python."""

    def __init__(self, reading: Reading, skipped: list[tuple[int, int, str]]) -> None:
        self._reading = reading
        self._texts = reading.texts
        #: Where to note what is no Python.
        self._skipped = skipped
        #: How many lines may be read again, so that many open ends take linear time.
        self._patience = 20 * len(self._texts)

    def node(self, statement: Statement) -> tuple[Node | None, int]:
        """Return the statement as far as it is Python, and the last line that this takes."""
        for candidate in self._candidates(statement):
            if node := self._mended(candidate) or self._with_gaps(candidate):
                return node, candidate.last
        if (head := self._head(statement)) and (node := self._mended(head)):
            # The call is known, and that its arguments are not.
            lost = self._texts[statement.first : statement.last + 1]
            self._skipped.append((statement.first + 2, statement.last + 1, reason_of(lost)))
            return node, statement.last
        return self._lost(statement)

    def _mended(self, statement: Statement) -> Node | None:
        """Return the statement, as it stands or as it may have been meant."""
        code = self._code(statement)
        word = word_of(code)
        for variant, moved in variants(code, statement, self._is_followed(statement)):
            if word in {"match", "case"} and not variant.endswith(":"):
                # They are names too.
                word = word if tree_of(variant) is None else ""
            if is_good(variant, word):
                return Node(statement, variant, word, is_header(variant, word), moved)
        return None

    def _with_gaps(self, statement: Statement) -> Node | None:
        """Return a long statement without those of its lines that are no Python."""
        if statement.last == statement.first:
            return None
        code = self._code(statement)
        word = word_of(code)
        lines = next(with_brackets_closed(code + statement.quotes, statement.closers)).split("\n")
        gaps: dict[int, str] = {}
        for _ in range(_GAPS):
            number = line_of_error("\n".join(lines), word)
            if not 0 < number < len(lines) or number in gaps or not is_balanced(lines[number]):
                return None
            gaps[number] = reason_of([lines[number].rstrip(", ")])
            # In a call something is missing then; in a list nothing can stand for it.
            for lines[number] in ("**_,", ""):
                good = "\n".join(lines)
                if is_good(good, word):
                    first = statement.first + 1
                    self._skipped += [(first + gap, first + gap, gaps[gap]) for gap in gaps]
                    return Node(statement, good, word, is_header(good, word))
        return None

    def _code(self, statement: Statement) -> str:
        """Return a statement without its indent and the comment at its end."""
        lines = self._texts[statement.first : statement.last + 1]
        lines[-1] = lines[-1][: statement.end]
        lines[0] = without_indent(lines[0])
        return "\n".join(lines).rstrip().removesuffix("\\")

    def _candidates(self, statement: Statement) -> Iterator[Statement]:
        """Yield the statement, and what of it may be one; the rest is then read again."""
        yield statement
        first, last = statement.first, statement.last
        self._patience -= last - first
        head = self._head(statement)
        if head is None or self._patience < 0:
            return
        indent = indent_of(self._texts[first])
        for number in range(first + 1, last + 1):
            text = self._texts[number]
            bare = without_indent(text)
            if bare and bare[0] not in ")]}#" and indent_of(text) <= indent:
                yield self._reading.lines.cut(first, number)
                break
        if statement.closers or head.quotes or self._texts[first].rstrip().endswith("\\"):
            # What is never closed, or closed by the quotes that open the next string.
            yield head

    def _head(self, statement: Statement) -> Statement | None:
        """Return the first line of a longer statement."""
        if statement.last == statement.first:
            return None
        return self._reading.lines.cut(statement.first, statement.first + 1)

    def _is_followed(self, statement: Statement) -> bool:
        """Tell whether the next line stands further to the right, as a body does."""
        indent = indent_of(self._texts[statement.first], 4)
        for number in range(statement.last + 1, len(self._texts)):
            if bare := without_indent(self._texts[number]):
                if bare[0] == "#":
                    continue
                return indent_of(self._texts[number], 4) > indent
        return False

    def _lost(self, statement: Statement) -> tuple[Node | None, int]:
        """Note that a statement is no Python; return what its body may hang on to."""
        first, last = statement.first, statement.last
        if not statement.closers and not statement.quotes:
            used = last
        else:
            # Its end was guessed: the next line gets another chance.
            used = last = first
        self._skipped.append((first + 1, last + 1, reason_of(self._texts[first : last + 1])))
        shell = Statement(first, used, len(self._texts[used]))
        code = self._code(shell)
        word = word_of(code)
        ends = re.search(r":\s*(?:#.*)?$", code)
        if not (ends or (word in HEADERS and self._is_followed(statement))):
            return None, used
        name = re.match(r"(?:async\s+)?(?:def|class)\s+([^\W\d]\w*)", code)
        text = "if 1:"
        if name:
            text = f"class {name[1]}:" if word == "class" else f"def {name[1]}(*_, **__):"
            if not is_good(text, word):
                text = "if 1:"
        elif word in {"else", "except", "finally", "try"}:
            text = f"{word}:"
        elif word == "elif":
            text = "elif 1:"
        return Node(shell, text, word_of(text), True), used
