"""Rewrite single names, keywords and arguments of a program, and leave the rest as it is.

``apply`` finds the places in libcst's concrete syntax tree, where every comma and every comment
has its place, and cuts the new text in there; ``write`` puts it into the file and keeps the old.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import tempfile
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from kcourse.errors import KcourseError
from kcourse.migration import recovery, sources

if TYPE_CHECKING:
    import libcst

    Node = TypeVar("Node", bound=libcst.CSTNode)

_NEWLINE = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"#[^\r\n]*")


class Unfixable(KcourseError):
    """The edits cannot be made; the message says why."""


@dataclass(frozen=True)
class Edit:
    """One change at one node of the syntax tree.

    ===============  ==============================================================
    ``expression``   a name or dotted name as a whole becomes ``new``
    ``keyword``      the keyword argument ``old`` of a call is called ``new``
    ``drop``         the keyword argument ``old`` of a call goes, with its comma
    ``attribute``    the last part ``old`` of a dotted name becomes ``new``
    ``definition``   the function ``old`` is called ``new``
    ``import``       the module of a ``from … import`` becomes ``new``
    ===============  ==============================================================
    """

    kind: Literal["expression", "keyword", "drop", "attribute", "definition", "import"]
    #: The span of the node as ``ast`` gives it, but with columns in characters: lines count
    #: from 1, columns from 0. ``recovery.Parsed.place`` gives these four.
    line: int
    column: int
    end_line: int
    end_column: int
    new: str = ""
    old: str = ""


@dataclass(frozen=True, order=True)
class _Change:
    """New text for a stretch of the old."""

    start: int
    end: int
    new: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits made; ``Unfixable`` if any of them cannot be made.

    The text may hold magics and may be indented as a whole; else it must be Python.
    """
    edits = list(dict.fromkeys(edits))
    if not edits:
        return text
    plain = recovery.neutral(text)
    if plain is None:
        raise Unfixable("the code does not parse as Python")
    lines = _NEWLINE.split(plain)
    starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
    statements = _statements(plain)
    wanted: dict[tuple[int, int], list[Edit]] = {}
    for edit in edits:
        wanted.setdefault(_around(statements, edit), []).append(edit)
    changes: list[_Change] = []
    for (first, last), mine in sorted(wanted.items()):
        part = _Part(text, lines, starts, first, last)
        changes += part.changes(mine)
    return _checked(text, plain, _made(text, changes))


def _statements(plain: str) -> list[tuple[int, int]]:
    """Return the first and the last line of every statement at the top, from 1."""
    tree = recovery.parse(plain).tree
    found: list[tuple[int, int]] = []
    for node in tree.body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        last = node.end_lineno or node.lineno
        if found and first <= found[-1][1]:
            # Two statements on one line.
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _around(statements: Sequence[tuple[int, int]], edit: Edit) -> tuple[int, int]:
    index = bisect_right(statements, (edit.line, 10**9)) - 1
    if index < 0 or not statements[index][0] <= edit.line <= statements[index][1]:
        raise Unfixable(f"line {edit.line}: there is no statement here")
    return statements[index]


class _Part:
    """The statements on some whole lines, as a concrete syntax tree."""

    def __init__(
        self, text: str, lines: Sequence[str], starts: Sequence[int], first: int, last: int
    ) -> None:
        import libcst
        from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

        self.text = text
        self.starts = starts
        code = "\n".join(lines[first - 1 : last]) + "\n"
        self.before = first - 1
        if recovery.indent_of(lines[first - 1]):
            code = f"if 1:\n{code}"
            self.before -= 1
        try:
            module = libcst.parse_module(code)
        except (libcst.ParserSyntaxError, RecursionError, ValueError) as error:
            raise Unfixable(f"line {first}: the code does not parse ({error})") from None
        wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        found: dict[libcst.CSTNode, CodeRange] = dict(wrapper.resolve(PositionProvider))  # type: ignore[arg-type]
        self.places = found
        kinds = (libcst.Call, libcst.Attribute, libcst.Name, libcst.FunctionDef, libcst.ImportFrom)
        self.nodes: dict[tuple[type, int, int], list[libcst.CSTNode]] = {}
        for node in found:
            if isinstance(node, kinds):
                start, end = self.span(node)
                if isinstance(node, libcst.FunctionDef):
                    end = 0
                self.nodes.setdefault((type(node), start, end), []).append(node)

    def span(self, node: libcst.CSTNode) -> tuple[int, int]:
        """Return where a node starts and ends in the text."""
        place = self.places[node]
        return (
            self._offset(place.start.line + self.before, place.start.column),
            self._offset(place.end.line + self.before, place.end.column),
        )

    def _offset(self, line: int, column: int) -> int:
        line = min(max(line, 1), len(self.starts))
        return self.starts[line - 1] + column

    def changes(self, edits: Sequence[Edit]) -> list[_Change]:
        """Return what the edits change in the text."""
        import libcst

        found: list[_Change] = []
        drops: dict[libcst.Call, set[str]] = {}
        for edit in edits:
            if edit.kind == "drop":
                call = self._node(edit, libcst.Call)
                self._argument(call, edit)
                drops.setdefault(call, set()).add(edit.old)
            else:
                found.append(self._change(edit))
        for call, names in drops.items():
            found += self._drop(call, names)
        return found

    def _change(self, edit: Edit) -> _Change:
        import libcst

        if not all(part.isidentifier() and not iskeyword(part) for part in edit.new.split(".")):
            raise Unfixable(f"line {edit.line}: {edit.new!r} is not a name")
        if edit.kind == "expression":
            return _Change(*self.span(self._node(edit, libcst.Attribute, libcst.Name)), edit.new)
        if edit.kind == "keyword":
            call = self._node(edit, libcst.Call)
            argument = self._argument(call, edit)
            if any(one.keyword and one.keyword.value == edit.new for one in call.args):
                raise Unfixable(f"line {edit.line}: {edit.new} is given already")
            assert argument.keyword
            return _Change(*self.span(argument.keyword), edit.new)
        name: libcst.CSTNode | None
        if edit.kind == "attribute":
            name = self._node(edit, libcst.Attribute).attr
        elif edit.kind == "definition":
            name = self._node(edit, libcst.FunctionDef).name
        else:
            statement = self._node(edit, libcst.ImportFrom)
            if statement.module is None or statement.relative:
                raise Unfixable(f"line {edit.line}: the import is relative")
            return _Change(*self.span(statement.module), edit.new)
        if not isinstance(name, libcst.Name) or name.value != edit.old:
            raise Unfixable(f"line {edit.line}: there is no {edit.old} here")
        return _Change(*self.span(name), edit.new)

    def _node(self, edit: Edit, *kinds: type[Node]) -> Node:
        """Return the node of one of these kinds that has the span of the edit."""
        start = self._offset(edit.line, edit.column)
        end = 0 if edit.kind == "definition" else self._offset(edit.end_line, edit.end_column)
        for kind in kinds:
            for node in self.nodes.get((kind, start, end), []):
                assert isinstance(node, kind)
                return node
        raise Unfixable(f"line {edit.line}, column {edit.column + 1}: there is no such node here")

    def _argument(self, call: libcst.Call, edit: Edit) -> libcst.Arg:
        for argument in call.args:
            if argument.keyword and argument.keyword.value == edit.old:
                return argument
        raise Unfixable(f"line {edit.line}: there is no keyword argument {edit.old} here")

    # Leaving out arguments -----------------------------------------------------------------

    def _drop(self, call: libcst.Call, names: set[str]) -> list[_Change]:
        import libcst

        gone = [bool(one.keyword and one.keyword.value in names) for one in call.args]
        if all(gone):
            inside = (self.span(call.args[0])[0], self.span(call.args[-1])[1])
            before = self._opening(call, inside[0])
            after = self.span(call)[1] - 1
            if not self._comments(before, after):
                return [_Change(before, after, "")]
        cuts: list[tuple[int, int]] = []
        for argument, going in zip(call.args, gone, strict=True):
            if going:
                cuts.append(self.span(argument))
                if isinstance(argument.comma, libcst.Comma):
                    cuts.append(self.span(argument.comma))
        last = len(gone) - 1
        if gone[last] and not isinstance(call.args[last].comma, libcst.Comma):
            # What is last now had a comma for what followed; comments stay where they are.
            stays = max((number for number, going in enumerate(gone) if not going), default=-1)
            if stays >= 0:
                comma = call.args[stays].comma
                assert isinstance(comma, libcst.Comma)
                start, end = self.span(comma)
                if not self._comments(end, cuts[-1][1]):
                    cuts = [*(cut for cut in cuts if cut[1] <= start), (start, cuts[-1][1])]
        merged: list[tuple[int, int]] = []
        for start, end in cuts:
            if merged and not self.text[merged[-1][1] : start].strip():
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        return [_Change(*self._tidy(start, end), "") for start, end in merged]

    def _opening(self, call: libcst.Call, first: int) -> int:
        """Return where the arguments start: after the bracket, which a comment may stand behind."""
        start = self.span(call.func)[1]
        plain = _COMMENT.sub(lambda match: " " * len(match.group()), self.text[start:first])
        return start + plain.rindex("(") + 1

    def _comments(self, start: int, end: int) -> bool:
        """Tell whether a comment stands between; a ``#`` in a string counts as one."""
        return "#" in self.text[start:end]

    def _tidy(self, start: int, end: int) -> tuple[int, int]:
        """Widen a cut by the space that would be left over."""
        text = self.text
        left = start
        while left and text[left - 1] in " \t":
            left -= 1
        right = end
        while right < len(text) and text[right] in " \t":
            right += 1
        begins = left == 0 or text[left - 1] in "\r\n"
        newline = _NEWLINE.match(text, right)
        if begins and newline:
            return left, newline.end()
        if begins:
            return start, right
        if newline or text[right : right + 1] in {"#", ")"}:
            return left, (end if text[right : right + 1] == "#" else right)
        return start, right


def _made(text: str, changes: Sequence[_Change]) -> str:
    """Return the text with the changes made, of which the widest wins where one holds another."""
    pieces = []
    position = 0
    last: _Change | None = None
    for change in sorted(set(changes), key=lambda one: (one.start, -one.end)):
        if last and change.start < last.end:
            if change.end > last.end or (change.start, change.end) == (last.start, last.end):
                raise Unfixable("two edits contradict each other")
            continue
        pieces += [text[position : change.start], change.new]
        position = change.end
        last = change
    return "".join([*pieces, text[position:]])


def _checked(text: str, plain: str, new: str) -> str:
    again = recovery.neutral(new)
    if again is None:
        raise Unfixable("the new code would not parse as Python")
    if _compiles(plain) and not _compiles(again):
        raise Unfixable("the new code would not compile")
    return new


def _compiles(plain: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for code in (plain, f"if 1:\n{plain}\n"):
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                compile(code, "<new>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
                return True
    return False


# ------------------------------------------------------------------------------------ files


def write(path: Path, text: str) -> Path:
    """Write new text into a file as the old was written; return the backup of the old file.

    Encoding, byte-order mark, newlines and permissions stay; a link is followed. Nobody ever
    sees half a file.
    """
    try:
        real = Path(os.path.realpath(path))
        data = real.read_bytes()
        old, encoding = sources.decode(path, data)
        encoded = _encoded(path, text, old, encoding)
        if old.encode(encoding) != data:
            raise KcourseError(f"{path}: its encoding {encoding} would not be kept; save as UTF-8")
        _check_writable(path, real)
        return _replaced(real, data, encoded)
    except OSError as error:
        raise KcourseError(f"{path}: cannot be written ({error.strerror or error})") from None


def _encoded(path: Path, text: str, old: str, encoding: str) -> bytes:
    if "\r\n" not in text and "\r\n" in old and not re.search(r"(?<!\r)\n", old):
        text = text.replace("\n", "\r\n")
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise KcourseError(
            f"{path}: the new text cannot be written in {encoding}; save the file as UTF-8"
        ) from None


def _check_writable(path: Path, real: Path) -> None:
    # The folder alone decides whether a file can be replaced; a read-only file is meant to stay.
    if not real.stat().st_mode & 0o222 or not os.access(real, os.W_OK):
        raise KcourseError(f"{path}: the file is read-only; make it writable to have it rewritten")
    if not real.parent.stat().st_mode & 0o222 or not os.access(real.parent, os.W_OK):
        raise KcourseError(f"{path}: its folder is read-only; a backup cannot be kept there")


def _replaced(real: Path, data: bytes, encoded: bytes) -> Path:
    backup = _backup(real, data)
    descriptor, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        _like(real, temporary)
        temporary.replace(real)
    except BaseException:
        temporary.unlink(missing_ok=True)
        backup.unlink(missing_ok=True)
        raise
    return backup


def _backup(real: Path, data: bytes) -> Path:
    number = 0
    while True:
        backup = real.with_name(f"{real.name}.bak{number or ''}")
        try:
            with backup.open("xb") as file:
                file.write(data)
        except FileExistsError:
            number += 1
            continue
        shutil.copystat(real, backup)
        return backup


def _like(real: Path, temporary: Path) -> None:
    """Give a new file the permissions and, where that is allowed, the owner of the old."""
    status = real.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(temporary, status.st_uid, status.st_gid)
    temporary.chmod(status.st_mode & 0o7777)
