"""Sort lines into statements by their brackets, strings, backslashes and indentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kcourse.migration.recovery.indents import indent_of, without_indent

#: How far below a line that looks like a new statement an open bracket may always be closed.
_AHEAD = 25

_TOKEN = re.compile(
    r"""
    [^"'\#()\[\]{}\\]+
    | "(?!"")(?:[^"\\]|\\.)*+"
    | '(?!'')(?:[^'\\]|\\.)*+'
    | (?P<triple>["]{3}|[']{3})
    | (?P<comment>\#.*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<slash>\\\s*$)
    | (?P<quote>["'])
    | \\
    """,
    re.VERBOSE | re.DOTALL,
)

_REST_OF_STRING = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]++|\\.)*+'", re.DOTALL),
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+'''", re.DOTALL),
}

_PAIRS = {"(": ")", "[": "]", "{": "}"}

#: What begins a statement, and stands at the start of a line inside brackets in no program.
_BEGINS = re.compile(
    r"(?:def|class|return|while|with|del|pass|break|continue|global|nonlocal|raise|assert|except"
    r"|finally|try)\b(?!\s*[=,.)\]}])|import\s+\w|from\s+[\w.]+\s+import\b|async\s+(?:def|with)\b"
    r"|@\w[\w.]*\s*(?:\(|$)|(?:for|if|elif)\b.*:\s*(?:\#.*)?$|else\s*:|!|%\w+\s+\w+\s*$|>>>\s"
)


@dataclass(slots=True)
class Statement:
    """A logical line: the physical lines that belong together by brackets, strings, backslashes."""

    first: int
    last: int
    #: Where a comment starts on its last line, or how long that is.
    end: int
    #: The brackets that would close those that are open at the end.
    closers: str = ""
    #: The quotes that would close the string that is open at the end.
    quotes: str = ""
    #: It cannot be Python as it stands.
    broken: bool = False


class Lines:
    """The lines of a text, and where a statement that begins on one of them ends."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        #: How many lines may be read in vain, so that many open brackets take linear time.
        self.patience = 4 * len(texts)

    def statement(self, first: int, stop: int) -> Statement:
        """Return the statement that begins on this line; it ends before the line ``stop``.

        Where a bracket stays open, it ends before a line that begins a new statement.
        """
        open_: list[str] = []
        broken = slash = False
        soft = end = 0
        number = first
        indent = indent_of(self.texts[first])
        for number, column, kind, token in self.tokens(first, stop):
            if kind == "line":
                if not open_ and not slash:
                    return Statement(first, number, end or column, broken=broken)
                slash, end = False, 0
            elif kind == "start":
                text = self.texts[number]
                bare = without_indent(text)
                if not open_ or not bare or bare[0] in ")]}#":
                    continue
                if _BEGINS.match(bare):
                    return self.cut(first, soft or number)
                if not soft and indent_of(text) <= indent:
                    soft = number
                elif soft and number > soft + _AHEAD:
                    self.patience -= 1
                    if self.patience < 0:
                        break
            elif kind == "open":
                open_.append(_PAIRS[token])
            elif kind == "close":
                broken = broken or not open_ or open_[-1] != token
                if open_:
                    open_.pop()
            elif kind == "comment":
                end = column
            elif kind == "slash":
                slash = True
            else:
                return Statement(first, number, column, _closing(open_), token, True)
        if open_:
            return self.cut(first, soft or number + 1)
        return Statement(first, number, len(self.texts[number]), broken=True)

    def cut(self, first: int, stop: int) -> Statement:
        """Return the statement that is ended before a line, with what would close its brackets."""
        while stop > first + 1 and not self.texts[stop - 1].strip():
            stop -= 1
        open_: list[str] = []
        end = 0
        for _, column, kind, token in self.tokens(first, stop):
            if kind == "open":
                open_.append(_PAIRS[token])
            elif kind == "close" and open_:
                open_.pop()
            elif kind == "comment":
                end = column
            elif kind == "line":
                end = end or column
            elif kind == "start":
                end = 0
            elif kind in {"quote", "triple"}:
                return Statement(
                    first, stop - 1, len(self.texts[stop - 1]), _closing(open_), token, True
                )
        return Statement(first, stop - 1, end, _closing(open_), broken=True)

    def tokens(self, first: int, stop: int) -> Iterator[tuple[int, int, str, str]]:
        """Yield line, column, kind and text of what matters for where a statement ends.

        A ``quote`` or a ``triple`` is a string that does not end, and the last of the tokens.
        """
        number, position = first, 0
        text = self.texts[number]
        while True:
            while position < len(text):
                match = _TOKEN.match(text, position)
                assert match
                kind = match.lastgroup
                position = match.end()
                if kind is None:
                    continue
                token = match.group()
                if kind in {"triple", "quote"}:
                    found = self._end_of_string(token, number, position, stop)
                    if found is None:
                        yield number, len(text), kind, token
                        return
                    number, position = found
                    text = self.texts[number]
                    continue
                yield number, match.start(), kind, token
            yield number, len(text), "line", ""
            number, position = number + 1, 0
            if number >= stop:
                return
            text = self.texts[number]
            yield number, 0, "start", ""

    def _end_of_string(
        self, quotes: str, number: int, position: int, stop: int
    ) -> tuple[int, int] | None:
        """Return line and column after a string, ``None`` if it does not end."""
        rest = _REST_OF_STRING[quotes]
        while number < stop:
            text = self.texts[number]
            if match := rest.match(text, position):
                return number, match.end()
            slashes = len(text) - len(text.rstrip("\\"))
            if len(quotes) == 1 and slashes % 2 == 0:
                return None
            number, position = number + 1, 0
        return None


def _closing(open_: Sequence[str]) -> str:
    """Return the brackets that close those that wait, the innermost first."""
    return "".join(reversed(open_))


def is_balanced(line: str) -> bool:
    """Tell whether the brackets and strings that a line opens are closed on it."""
    statement = Lines([line]).statement(0, 1)
    return not statement.closers and not statement.quotes and not statement.broken
