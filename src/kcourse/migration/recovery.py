"""Read Python that does not parse as a whole: study notes, notebook cells, Python 2, drafts.

``parse`` never raises. What parses goes through ``ast.parse`` as it stands. In what does not, the
lines are sorted into statements by brackets and indentation, each statement is tried alone, and
the text is put together again without those that are no Python. Every line keeps its number.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

#: What ``ast.parse`` raises: bad syntax, null bytes and lone surrogates, too deep a nesting.
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)

_NEWLINE = re.compile(r"\r\n|\r|\n")

#: What people indent with; web pages add no-break, wide and zero-width spaces.
_INDENT = re.compile("[ \t\f\xa0\u3000\u200b\ufeff]*")

#: CPython takes 100 levels of indentation; deeper statements are read as if they stood here.
_DEEPEST = 90

#: How many lines of a statement may be left out to save the others.
_GAPS = 4

#: How far below a line that looks like a new statement an open bracket may always be closed.
_AHEAD = 25


@dataclass
class Parsed:
    """A syntax tree of as much of a text as can be read."""

    #: Lines and columns are those of the text, as ``ast`` counts them.
    tree: ast.Module
    #: First line, last line and reason of what could not be read.
    skipped: list[tuple[int, int, str]]
    #: Whether the text is Python as it stands, apart from magics and a common indent.
    whole: bool
    #: The text, line by line.
    lines: list[str] = field(repr=False)

    def place(self, node: ast.AST) -> tuple[int, int, int, int]:
        """Return line, column, end line and end column of a node, the columns in characters.

        Lines count from 1 and columns from 0: what ``fixing.Edit`` takes.
        """
        line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        return (
            line,
            self.characters(line, node.col_offset),  # type: ignore[attr-defined]
            end_line,
            self.characters(end_line, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def characters(self, line: int, column: int) -> int:
        """Return a column of ``ast``, which counts bytes of UTF-8, in characters."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        if text.isascii():
            return column
        return len(text.encode("utf-8", "replace")[:column].decode("utf-8", "ignore"))


def parse(text: str) -> Parsed:
    """Parse as much of a text as is Python."""
    lines = _NEWLINE.split(text)
    with _silence():
        tree = _parsed(text)
        if tree is None:
            tree = _parsed_indented(text)
        if tree is not None:
            return Parsed(tree, [], True, lines)
        reading = _Reading(lines)
        plain = "\n".join(reading.texts)
        tree = _parsed(plain)
        if tree is None:
            tree = _parsed_indented(plain)
        if tree is not None:
            return Parsed(_without_timing(tree, reading.timed), [], True, lines)
        recovery = _Recovery(reading)
        tree = _without_timing(recovery.tree(), reading.timed)
        return Parsed(tree, recovery.skipped, False, lines)


def neutral(text: str) -> str | None:
    """Return Python with the same lines and columns: magics and shell commands are made harmless.

    ``None`` if the text is no Python even so. A text that is indented as a whole stays indented.
    """
    with _silence():
        if _parsed(text) is not None or _parsed_indented(text) is not None:
            return text
        plain = "\n".join(_Reading(_NEWLINE.split(text)).texts)
        if _parsed(plain) is not None or _parsed_indented(plain) is not None:
            return plain
    return None


def _silence() -> warnings.catch_warnings:  # type: ignore[type-arg]
    """Keep quiet about invalid escapes and the like in code that is only read."""
    return warnings.catch_warnings(action="ignore")


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except _ERRORS:
        return None


def _parsed_indented(text: str) -> ast.Module | None:
    """Parse a text that is indented as a whole."""
    first = re.search(r"^[^\S\r\n]*[^\s#]", text, re.MULTILINE)
    if first is None or not first.group()[:1].isspace():
        return None
    try:
        tree = ast.parse(f"if 1:\n{text}\n")
    except _ERRORS:
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.If) or tree.body[0].orelse:
        return None
    module = ast.Module(tree.body[0].body, [])
    ast.increment_lineno(module, -1)
    return module


def indent_of(text: str, tab: int = 8) -> int:
    """Return the columns that a line is indented by."""
    match = _INDENT.match(text)
    assert match
    blank = match.group()
    if not blank.strip(" "):
        return len(blank)
    blank = blank.rsplit("\f", 1)[-1].replace("\u3000", "  ").replace("\u200b", "")
    return len(blank.replace("\ufeff", "").expandtabs(tab))


def _bare(text: str) -> str:
    """Return a line without its indent."""
    match = _INDENT.match(text)
    assert match
    return text[match.end() :]


# -------------------------------------------------------------------------------- statements


@dataclass(slots=True)
class _Statement:
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


class _Lines:
    """The lines of a text, and where a statement that begins on one of them ends."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        #: How many lines may be read in vain, so that many open brackets take linear time.
        self.patience = 4 * len(texts)

    def statement(self, first: int, stop: int) -> _Statement:
        """Return the statement that begins on this line; it ends before the line ``stop``.

        Where a bracket stays open, it ends before a line that begins a new statement.
        """
        open_: list[str] = []
        broken = slash = False
        soft = end = 0
        number = first
        indent = indent_of(self.texts[first])
        for number, column, kind, token in self._tokens(first, stop):
            if kind == "line":
                if not open_ and not slash:
                    return _Statement(first, number, end or column, broken=broken)
                slash, end = False, 0
            elif kind == "start":
                text = self.texts[number]
                bare = _bare(text)
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
                return _Statement(first, number, column, _closing(open_), token, True)
        if open_:
            return self.cut(first, soft or number + 1)
        return _Statement(first, number, len(self.texts[number]), broken=True)

    def cut(self, first: int, stop: int) -> _Statement:
        """Return the statement that is ended before a line, with what would close its brackets."""
        while stop > first + 1 and not self.texts[stop - 1].strip():
            stop -= 1
        open_: list[str] = []
        end = 0
        for _, column, kind, token in self._tokens(first, stop):
            if kind == "open":
                open_.append(_PAIRS[token])
            elif kind == "close" and open_:
                open_.pop()
            elif kind in {"comment", "line"}:
                end = column if kind == "comment" or not end else end
            elif kind == "start":
                end = 0
            elif kind in {"quote", "triple"}:
                return _Statement(
                    first, stop - 1, len(self.texts[stop - 1]), _closing(open_), token, True
                )
        return _Statement(first, stop - 1, end, _closing(open_), broken=True)

    def _tokens(self, first: int, stop: int) -> Iterator[tuple[int, int, str, str]]:
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
    return "".join(reversed(open_))


# ------------------------------------------------------------------------------------ magics

#: Magics whose line is a statement. "%time " is as long as "if 1: ", and the others are longer.
_TIMED = re.compile(r"(%(?:timeit|time|prun|memit)(?:\s+-[a-z]+\s*\d*)*\s+)(?=[^\s-])")
_ASSIGNED = re.compile(r"([\w.,\s\[\]'\"]+=\s*)(?:%time(?:it)?\s+(?=\S)|(%\w|!).*)")
_HELP = re.compile(r"\?{1,2}\s*[\w.*%]+$|%{0,2}[\w.*]+(?:\[[^\]]*\])?\s?\?{1,2}$")
_SHELL = re.compile(
    r"\$\s*\w|(?:sudo|pip3?|conda|mamba|uv|apt|apt-get|brew|git|wget|curl|cd|mkdir|ls|nvidia-smi"
    r"|tensorboard|jupyter|docker|export|source|python3?)\s+[\w./~-]"
)


def _magic(text: str) -> str | None:
    """Return Python in place of a line that is a magic, a shell command or a question.

    ``None`` if it is none of these. What stays of the line keeps its columns.
    """
    bare = _bare(text)
    if not bare:
        return None
    indent = text[: len(text) - len(bare)]
    if bare[0] in "%!":
        if timed := _TIMED.match(bare):
            plain = "if 1: ".ljust(timed.end()) + bare[timed.end() :]
            if _parsed(plain) is not None:
                return indent + plain
        return f"{indent}pass"
    if "?" in bare and _HELP.match(bare.rstrip("; \t")):
        return f"{indent}pass"
    if ("%" in bare or "!" in bare) and (assigned := _ASSIGNED.match(bare)):
        if assigned[2]:
            return f"{indent}{assigned[1]}None"
        return indent + assigned[1].ljust(assigned.end()) + bare[assigned.end() :]
    if _SHELL.match(bare) and _parsed(bare) is None:
        return f"{indent}pass"
    return None


def _without_timing(tree: ast.Module, timed: set[int]) -> ast.Module:
    """Take the statements out of the ``if`` that stands for ``%time``."""
    if not timed:
        return tree
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            flat: list[ast.stmt] = []
            for one in block:
                if isinstance(one, ast.If) and one.lineno in timed and not one.orelse:
                    flat += one.body
                else:
                    flat.append(one)
            setattr(node, name, flat)
    return tree


class _Reading:
    """The lines of a text, sorted into statements, with the magics made harmless."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.texts = list(lines)
        self.lines = _Lines(self.texts)
        #: Lines, from 1, on which a timed statement stands.
        self.timed: set[int] = set()
        self.statements = list(self.between(0, len(self.texts)))

    def between(self, first: int, stop: int) -> Iterator[_Statement]:
        """Yield the statements from one line to before another."""
        number = first
        while number < stop:
            statement = self.next(number, stop)
            if statement is None:
                number += 1
            else:
                yield statement
                number = statement.last + 1

    def next(self, number: int, stop: int) -> _Statement | None:
        """Return the statement that begins on this line, if one does."""
        text = self.texts[number]
        bare = _bare(text)
        if not bare or bare[0] == "#":
            return None
        plain = _magic(text)
        if plain is None:
            return self.lines.statement(number, stop)
        last = number
        # A backslash continues a magic, and nothing else does.
        while last + 1 < stop and self.texts[last].rstrip().endswith("\\"):
            last += 1
            self.texts[last - 1] = ""
        if last > number:
            self.texts[last] = ""
        self.texts[number] = plain
        if _bare(plain).startswith("if 1: "):
            self.timed.add(number + 1)
        return _Statement(number, last, len(self.texts[last]))


# ---------------------------------------------------------------------------------- recovery


@dataclass(slots=True)
class _Node:
    """A statement in the tree of blocks that the indentation makes."""

    statement: _Statement
    text: str
    word: str
    header: bool
    #: How many bytes to the right its first line moved, apart from the indent.
    moved: int = 0
    body: list[_Node] = field(default_factory=list)


@dataclass(slots=True)
class _Level:
    """A block, while statements are sorted into blocks."""

    #: The indents that its statements were seen with.
    indents: set[int]
    body: list[_Node]
    header: _Node | None
    #: The words of the compound statement at its end: the first, such as if, and the last.
    chain: tuple[str, str] = ("", "")


_WORD = re.compile(r"(?:async\s+)?(@|\w+)")
_COMPOUND = {"if", "for", "while", "with", "try", "def", "class", "match", "case"}
_FOLLOWS = {"elif", "else", "except", "finally"}

#: What makes a part of a compound statement a program.
_BEFORE = {
    "elif": "if 1: pass\n",
    "else": "if 1: pass\n",
    "except": "try: pass\n",
    "finally": "try: pass\n",
    "case": "match 1:\n ",
}
_AFTER = {"try": "\nfinally: pass", "@": "\ndef _(): pass"}


def _word(code: str) -> str:
    match = _WORD.match(code)
    return match[1] if match else ""


def _is_header(code: str, word: str) -> bool:
    return code.endswith(":") and (word in _COMPOUND or word in _FOLLOWS)


def _is_good(code: str, word: str) -> bool:
    """Tell whether a statement or the header of one is Python."""
    if _is_header(code, word):
        code += "\n case _: pass" if word == "match" else " pass"
    return _parsed(_BEFORE.get(word, "") + code + _AFTER.get(word, "")) is not None


def _line_of_error(code: str, word: str) -> int:
    """Return on which line, from 0, a statement is no Python; -1 if that cannot be told."""
    before = _BEFORE.get(word, "")
    try:
        ast.parse(before + code + _AFTER.get(word, ""))
    except SyntaxError as error:
        return (error.lineno or 0) - 1 - before.count("\n")
    except _ERRORS:
        pass
    return -1


def _is_balanced(line: str) -> bool:
    """Tell whether the brackets and strings that a line opens are closed on it."""
    statement = _Lines([line]).statement(0, 1)
    return not statement.closers and not statement.quotes and not statement.broken


class _Recovery:
    """Put a text together again from those of its statements that are Python."""

    def __init__(self, reading: _Reading) -> None:
        self.reading = reading
        self.texts = reading.texts
        self.known = {one.first: one for one in reading.statements}
        self.output = [""] * len(self.texts)
        #: How many bytes to the right the code on a line moved; lines count from 1.
        self.moved: dict[int, int] = {}
        #: How many bytes long the lines are to which something was added.
        self.longest: dict[int, int] = {}
        self.skipped: list[tuple[int, int, str]] = []
        #: How many lines may be read again, so that many open ends take linear time.
        self.patience = 20 * len(self.texts)

    def tree(self) -> ast.Module:
        """Return the tree of what is Python."""
        chunks = list(self._chunks())
        for first, last in chunks:
            text = "\n".join(self.texts[first : last + 1])
            if _parsed(text) is not None:
                self.output[first : last + 1] = self.texts[first : last + 1]
            else:
                self._repair(first, last)
        tree = _parsed("\n".join(self.output))
        if tree is None:
            tree = self._piecemeal(chunks)
        self._move_back(tree)
        self._merge_skipped()
        return tree

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """Yield first and last line of the groups of statements that begin at the left margin."""
        first = last = -1
        decorated = False
        for statement in self.reading.statements:
            text = self.texts[statement.first]
            if first >= 0 and not text[:1].isspace() and not decorated:
                if _word(text) not in _FOLLOWS:
                    yield first, last
                    first = statement.first
            elif first < 0:
                first = statement.first
            last = statement.last
            decorated = text[:1] == "@"
        if first >= 0:
            yield first, last

    # One statement after another ------------------------------------------------------------

    def _repair(self, first: int, last: int) -> None:
        """Put together what is Python in a chunk that is none."""
        nodes: list[_Node] = []
        number = first
        while number <= last:
            statement = self.known.get(number) or self.reading.next(number, last + 1)
            if statement is None:
                number += 1
                continue
            # Of a statement that ends too late, what follows the good part is read again.
            node, used = self._node(statement)
            nodes += [node] if node else []
            number = used + 1
        tabs = (4, 8, 2)
        best = min(tabs, key=lambda tab: self._arranged(nodes, tab)[1])
        self._emit(self._arranged(nodes, best)[0], 0)

    def _node(self, statement: _Statement) -> tuple[_Node | None, int]:
        """Return the statement as far as it is Python, and the last line that this takes."""
        for candidate in self._candidates(statement):
            if node := self._mended(candidate) or self._with_gaps(candidate):
                return node, candidate.last
        if (head := self._head(statement)) and (node := self._mended(head)):
            # The call is known, and that its arguments are not.
            lost = self.texts[statement.first : statement.last + 1]
            self.skipped.append((statement.first + 2, statement.last + 1, _reason(lost)))
            return node, statement.last
        return self._lost(statement)

    def _mended(self, statement: _Statement) -> _Node | None:
        """Return the statement, as it stands or as it may have been meant."""
        code = self._code(statement)
        word = _word(code)
        for variant, moved in _variants(code, statement, self._is_followed(statement)):
            if word in {"match", "case"} and not variant.endswith(":"):
                # They are names too.
                word = word if _parsed(variant) is None else ""
            if _is_good(variant, word):
                return _Node(statement, variant, word, _is_header(variant, word), moved)
        return None

    def _with_gaps(self, statement: _Statement) -> _Node | None:
        """Return a long statement without those of its lines that are no Python."""
        if statement.last == statement.first:
            return None
        code = self._code(statement)
        word = _word(code)
        lines = next(_closed(code + statement.quotes, statement.closers)).split("\n")
        gaps: dict[int, str] = {}
        for _ in range(_GAPS):
            number = _line_of_error("\n".join(lines), word)
            if not 0 < number < len(lines) or number in gaps or not _is_balanced(lines[number]):
                return None
            gaps[number] = _reason([lines[number].rstrip(", ")])
            # In a call something is missing then; in a list nothing can stand for it.
            for lines[number] in ("**_,", ""):
                good = "\n".join(lines)
                if _is_good(good, word):
                    first = statement.first + 1
                    self.skipped += [(first + gap, first + gap, gaps[gap]) for gap in gaps]
                    return _Node(statement, good, word, _is_header(good, word))
        return None

    def _code(self, statement: _Statement) -> str:
        """Return a statement without its indent and the comment at its end."""
        lines = self.texts[statement.first : statement.last + 1]
        lines[-1] = lines[-1][: statement.end]
        lines[0] = _bare(lines[0])
        return "\n".join(lines).rstrip().removesuffix("\\")

    def _candidates(self, statement: _Statement) -> Iterator[_Statement]:
        """Yield the statement, and what of it may be one; the rest is then read again."""
        yield statement
        first, last = statement.first, statement.last
        self.patience -= last - first
        head = self._head(statement)
        if head is None or self.patience < 0:
            return
        indent = indent_of(self.texts[first])
        for number in range(first + 1, last + 1):
            text = self.texts[number]
            bare = _bare(text)
            if bare and bare[0] not in ")]}#" and indent_of(text) <= indent:
                yield self.reading.lines.cut(first, number)
                break
        if statement.closers or head.quotes or self.texts[first].rstrip().endswith("\\"):
            # What is never closed, or closed by the quotes that open the next string.
            yield head

    def _head(self, statement: _Statement) -> _Statement | None:
        """Return the first line of a longer statement."""
        if statement.last == statement.first:
            return None
        return self.reading.lines.cut(statement.first, statement.first + 1)

    def _is_followed(self, statement: _Statement) -> bool:
        """Tell whether the next line stands further to the right, as a body does."""
        for number in range(statement.last + 1, len(self.texts)):
            if bare := _bare(self.texts[number]):
                if bare[0] == "#":
                    continue
                return indent_of(self.texts[number], 4) > indent_of(self.texts[statement.first], 4)
        return False

    def _lost(self, statement: _Statement) -> tuple[_Node | None, int]:
        """Note that a statement is no Python; return what its body may hang on to."""
        first, last = statement.first, statement.last
        if not statement.closers and not statement.quotes:
            used = last
        else:
            # Its end was guessed: the next line gets another chance.
            used = last = first
        self.skipped.append((first + 1, last + 1, _reason(self.texts[first : last + 1])))
        code = self._code(_Statement(first, used, len(self.texts[used])))
        word = _word(code)
        ends = re.search(r":\s*(?:#.*)?$", code)
        if not (ends or (word in _COMPOUND | _FOLLOWS and self._is_followed(statement))):
            return None, used
        shell = _Statement(first, used, len(self.texts[used]))
        name = re.match(r"(?:async\s+)?(?:def|class)\s+([^\W\d]\w*)", code)
        text = "if 1:"
        if name:
            text = f"class {name[1]}:" if word == "class" else f"def {name[1]}(*_, **__):"
            if not _is_good(text, word):
                text = "if 1:"
        elif word in {"else", "except", "finally", "try"}:
            text = f"{word}:"
        elif word == "elif":
            text = "elif 1:"
        return _Node(shell, text, _word(text), True), used

    # The tree of blocks --------------------------------------------------------------------

    def _arranged(self, nodes: Sequence[_Node], tab: int) -> tuple[list[_Node], int]:
        """Sort statements into blocks by indentation; return them and how much was guessed."""
        for node in nodes:
            node.body = []
        levels = [_Level(set(), [], None)]
        top = levels[0].body
        guesses = 0
        last: _Node | None = None
        last_width = 0
        for node in nodes:
            width = indent_of(self.texts[node.statement.first], tab)
            opens = last is not None and last.header
            if last is not None and opens and width > last_width and len(levels) < _DEEPEST:
                levels.append(_Level({width}, last.body, last))
            else:
                guesses += opens + _settle(levels, node, width)
            levels[-1].indents.add(width)
            levels[-1].body.append(node)
            levels[-1].chain = _chain(levels[-1].chain, node.word)
            last, last_width = node, width
        return top, guesses

    # The text ------------------------------------------------------------------------------

    def _emit(self, nodes: Sequence[_Node], depth: int, parent: str = "") -> None:
        # The word after each statement, and the word after the decorators that begin with it.
        after, decorated = [""], [""]
        for node in reversed(nodes):
            after.append(node.word)
            decorated.append(decorated[-1] if node.word == "@" else node.word)
        chain = ("", "")
        for node in nodes:
            after.pop()
            if node.word == "@" and decorated[-1] not in {"def", "class"}:
                node.text, node.moved, node.word = node.text[1:].lstrip(), node.moved - 1, ""
            decorated.pop()
            _adapt(node, chain, after[-1], parent)
            self._put(node, depth)
            self._emit(node.body, depth + 1, node.word)
            chain = _chain(chain, node.word)

    def _put(self, node: _Node, depth: int) -> None:
        first, last = node.statement.first, node.statement.last
        text = " " * depth + node.text
        if node.header and not node.body:
            text += " pass"
        for number, line in enumerate(text.split("\n"), first):
            self.output[number] = line
        was = self.texts[first]
        moved = depth - _bytes(was[: len(was) - len(_bare(was))]) + node.moved
        if moved:
            self.moved[first + 1] = moved
        self.longest[last + 1] = _bytes(self.texts[last])

    # The tree ------------------------------------------------------------------------------

    def _piecemeal(self, chunks: Sequence[tuple[int, int]]) -> ast.Module:
        """Leave out the chunks that still do not parse."""
        for first, last in chunks:
            text = "\n".join(self.output[first : last + 1])
            if _parsed(text) is None:
                self.skipped.append((first + 1, last + 1, _reason(text.split("\n"))))
                self.output[first : last + 1] = [""] * (last + 1 - first)
        tree = _parsed("\n".join(self.output))
        if tree is None:
            self.skipped = [(1, len(self.texts), "not Python")]
            return ast.Module([], [])
        return tree

    def _move_back(self, tree: ast.Module) -> None:
        """Give the nodes the columns that they have in the text."""
        if not self.longest:
            return
        for node in ast.walk(tree):
            if not hasattr(node, "lineno"):
                continue
            node.col_offset = self._moved_back(node.lineno, node.col_offset)  # type: ignore[attr-defined]
            end = node.end_lineno  # type: ignore[attr-defined]
            node.end_col_offset = self._moved_back(end, node.end_col_offset)  # type: ignore[attr-defined]

    def _moved_back(self, line: int, column: int) -> int:
        if line in self.moved:
            column = max(0, column - self.moved[line])
        return min(column, self.longest[line]) if line in self.longest else column

    def _merge_skipped(self) -> None:
        merged: list[tuple[int, int, str]] = []
        for first, last, reason in sorted(self.skipped):
            if merged and first <= merged[-1][1] + 1:
                start, end, why = merged[-1]
                merged[-1] = (start, max(end, last), why)
            else:
                merged.append((first, last, reason))
        self.skipped = merged


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _settle(levels: list[_Level], node: _Node, width: int) -> bool:
    """Go back to the block that a statement belongs to; return whether that was a guess."""
    if node.word in _FOLLOWS:
        fitting = [one for one, level in enumerate(levels) if _continues(node.word, level.chain)]
        if fitting:
            exact = [one for one in fitting if width in levels[one].indents]
            near = min(reversed(fitting), key=lambda one: abs(min(levels[one].indents) - width))
            del levels[(exact or [near])[-1] + 1 :]
            return not exact
    for number in range(len(levels) - 1, -1, -1):
        if width in levels[number].indents:
            del levels[number + 1 :]
            return False
    if not levels[0].indents:
        return False
    if width > max(levels[-1].indents):
        return True
    # Between two blocks: in the inner one, but a method is not in the method before it.
    depth = max((one for one, level in enumerate(levels) if min(level.indents) < width), default=0)
    depth = min(depth + 1, len(levels) - 1)
    if node.word in {"def", "class", "@"}:
        while depth > 1 and (header := levels[depth].header) and header.word == "def":
            depth -= 1
    if min(levels[0].indents) > width:
        depth = 0
    del levels[depth + 1 :]
    return True


def _chain(chain: tuple[str, str], word: str) -> tuple[str, str]:
    """Return the chain after one more statement; an ``else`` alone is going to be an ``if``."""
    if word in _FOLLOWS:
        return (chain[0], word) if _continues(word, chain) else ("if", "if")
    return word, word


def _continues(word: str, chain: tuple[str, str]) -> bool:
    """Tell whether ``else`` and its like can follow a chain that goes from ``if`` to ``elif``."""
    start, last = chain
    if word == "elif":
        return start == "if" and last in {"if", "elif"}
    if word == "else":
        loop = start in {"if", "for", "while"} and last in {start, "elif"}
        return loop or (start == "try" and last == "except")
    return start == "try" and last in {"try", "except", *(["else"] * (word == "finally"))}


def _adapt(node: _Node, chain: tuple[str, str], after: str, parent: str) -> None:
    """Change what cannot stand alone: an ``else`` without its ``if``, a ``try`` without more."""
    if node.word == "elif" and not _continues("elif", chain):
        node.text, node.moved, node.word = node.text[2:], node.moved - 2, "if"
        return
    alone = (
        (node.word in _FOLLOWS and not _continues(node.word, chain))
        or (node.word == "try" and after not in {"except", "finally"})
        or (node.word == "case" and parent != "match")
        or (
            node.word == "match" and not (node.body and {one.word for one in node.body} == {"case"})
        )
    )
    if alone:
        # Its body, on the same line or below, is read as that of an if.
        inline = "" if node.header else node.text[node.text.find(":") + 1 :]
        text = f"if 1:{inline}"
        if not node.header and _parsed(text) is None:
            text = "pass"
        node.moved += len(text) - len(node.text) if inline else 0
        node.text, node.word = text, "if"


def _reason(texts: Sequence[str]) -> str:
    try:
        ast.parse("\n".join(texts).strip())
    except SyntaxError as error:
        return f"not Python: {error.msg}"
    except _ERRORS as error:
        return f"cannot be read: {type(error).__name__}"
    return "not Python where it stands"


# ----------------------------------------------------------------------------------- repairs
#
# A repair returns what code may have been meant, or None. It keeps the length in bytes, so that
# what follows keeps its columns.


def _variants(code: str, statement: _Statement, followed: bool) -> Iterator[tuple[str, int]]:
    """Yield code as it stands and as it may have been meant, and how far that moved it."""
    moved = 0
    for closed in _closed(code + statement.quotes, statement.closers):
        yield closed, 0
        prompt = re.match(r"(?:>>>|\.\.\.) (?=\S)", closed)
        if prompt:
            closed, moved = closed[prompt.end() :], -prompt.end()
            yield closed, moved
        repaired = closed
        for repair in _REPAIRS:
            if one := repair(closed):
                yield one, moved
            repaired = repair(repaired) or repaired
        word = _word(repaired)
        header = word in _FOLLOWS or word in _COMPOUND
        if header and not repaired.endswith(":") and (followed or word in {"def", "class"}):
            yield f"{closed}:", moved
            repaired = f"{repaired}:"
        if repaired != closed:
            yield repaired, moved


def _closed(code: str, closers: str) -> Iterator[str]:
    """Yield code with its open brackets closed."""
    if not closers:
        yield code
        return
    colon = ""
    if code.endswith(":") and _word(code) in _COMPOUND | _FOLLOWS:
        code, colon = code[:-1].rstrip(), ":"
    # Arguments may be missing: the call says so, or the audit would miss them.
    unknown = "**_)" if code.rstrip().endswith((",", "(")) else ", **_)"
    if closers[0] == ")" and _word(code) not in {"def", "class", "import", "from"}:
        yield code + unknown + closers[1:].replace(")", ", **_)") + colon
        yield code + unknown + closers[1:] + colon
    yield code + closers.replace(")", ", **_)") + colon
    yield code + closers + colon


_PRINT = re.compile(r"(?:^|[:;]\s*)(?:print|exec)([ \t]+)(?!=)")


def _with_print_call(code: str) -> str | None:
    """Python 2 needed no brackets here."""
    if not (match := _PRINT.search(code)):
        return None
    space = "(".rjust(len(match[1]))
    return f"{code[: match.start(1)]}{space}{code[match.end() :]})"


def _with_python_3(code: str) -> str | None:
    """Other forms of Python 2: ``except E, e``, ``raise E, text``, ``<>``, ``10L``, ``0777``."""
    new = re.sub(r"^(except\b[^:]*),\s*\w+\s*:$", r"\1:", code)
    new = re.sub(r"^(raise\s+[\w.]+)\s*,.*", r"\1", new, flags=re.DOTALL)
    new = re.sub(r"\b(\d+)[lL]\b", r"\1 ", new.replace("<>", "!="))
    new = re.sub(r"(?<![\w.])0(?=[0-7]+\b(?!\.))", " ", new)
    new = re.sub(r"\bur(?=[\"'])", " r", new)
    return new if new != code else None


def _without_assignment(code: str) -> str | None:
    """``return = x`` means what it returns."""
    return re.sub(r"^return(\s*)=(?!=)", r"return\1 ", code) if code.startswith("return") else None


#: Wide punctuation takes three bytes, a no-break space two.
_WIDE = str.maketrans(
    {"（": "  (", "）": ")  ", "，": ",  ", "：": ":  ", "；": ";  ", "＝": "=  "}
    | {"【": "  [", "】": "]  ", "“": '  "', "”": '"  ', "‘": "  '", "’": "'  ", "．": ".  "}
)
_SPACES = str.maketrans(
    {"\xa0": "  ", "\u3000": "   ", "\u200b": "   ", "\ufeff": "   ", "\0": " "}
)


def _with_spaces(code: str) -> str | None:
    new = code.translate(_SPACES)
    return new if new != code else None


def _with_narrow_punctuation(code: str) -> str | None:
    """Input methods for Chinese type wide brackets and commas; prose has them without a call."""
    if code.isascii() or not re.search(r"[\w)\]]\s*[(（].*[)）]", code, re.DOTALL):
        return None
    new = code.translate(_WIDE)
    return new if new != code else None


def _with_ellipsis(code: str) -> str | None:
    return code.replace("…", "...") if "…" in code else None


def _with_unknown_arguments(code: str) -> str | None:
    """``fit(x, epochs=1, ...)`` leaves something out."""
    new = code.replace("…", "...")
    return new.replace("...", "**_") if "..." in new else None


def _without_strays(code: str) -> str | None:
    """Take out the brackets that close nothing."""
    lines = _Lines(code.split("\n"))
    texts = lines.texts
    depth = 0
    found = False
    for number, column, kind, _ in list(lines._tokens(0, len(texts))):
        if kind == "open":
            depth += 1
        elif kind == "close" and depth:
            depth -= 1
        elif kind == "close":
            found = True
            texts[number] = f"{texts[number][:column]} {texts[number][column + 1 :]}"
    return "\n".join(texts).rstrip() if found else None


_REPAIRS: tuple[Callable[[str], str | None], ...] = (
    _with_spaces,
    _without_assignment,
    _with_print_call,
    _with_python_3,
    _with_ellipsis,
    _with_unknown_arguments,
    _with_narrow_punctuation,
    _without_strays,
)
