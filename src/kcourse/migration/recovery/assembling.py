"""Put a text together again from those of its statements that are Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kcourse.migration.recovery.blocks import Node, adapt, arranged, chain_after
from kcourse.migration.recovery.indents import without_indent
from kcourse.migration.recovery.keywords import FOLLOWS, word_of
from kcourse.migration.recovery.mending import Mending
from kcourse.migration.recovery.reading import Reading
from kcourse.migration.recovery.trying import reason_of, tree_of


class Assembly:
    """A text while it is put together again, and its tree."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.texts = reading.texts
        self.known = {one.first: one for one in reading.statements}
        self.output = [""] * len(self.texts)
        #: How many bytes to the right the code on a line moved; lines count from 1.
        self.moved: dict[int, int] = {}
        #: How many bytes long the lines are to which something was added.
        self.longest: dict[int, int] = {}
        self.skipped: list[tuple[int, int, str]] = []
        self.mending = Mending(reading, self.skipped)

    def result(self) -> tuple[ast.Module, list[tuple[int, int, str]]]:
        """Return the tree of what is Python, and first line, last line and reason of the rest."""
        chunks = list(self._chunks())
        for first, last in chunks:
            text = "\n".join(self.texts[first : last + 1])
            if tree_of(text) is not None:
                self.output[first : last + 1] = self.texts[first : last + 1]
            else:
                self._repair(first, last)
        tree = tree_of("\n".join(self.output))
        if tree is None:
            tree = self._piecemeal(chunks)
        self._move_back(tree)
        return tree, _merged(self.skipped)

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """Yield first and last line of the groups of statements that begin at the left margin."""
        first = last = -1
        decorated = False
        for statement in self.reading.statements:
            text = self.texts[statement.first]
            if first >= 0 and not text[:1].isspace() and not decorated:
                if word_of(text) not in FOLLOWS:
                    yield first, last
                    first = statement.first
            elif first < 0:
                first = statement.first
            last = statement.last
            decorated = text[:1] == "@"
        if first >= 0:
            yield first, last

    def _repair(self, first: int, last: int) -> None:
        """Put together what is Python in a chunk that is none."""
        nodes: list[Node] = []
        number = first
        while number <= last:
            statement = self.known.get(number) or self.reading.next(number, last + 1)
            if statement is None:
                number += 1
                continue
            # Of a statement that ends too late, what follows the good part is read again.
            node, used = self.mending.node(statement)
            nodes += [node] if node else []
            number = used + 1
        tabs = (4, 8, 2)
        best = min(tabs, key=lambda tab: arranged(nodes, self.texts, tab)[1])
        self._emit(arranged(nodes, self.texts, best)[0], 0)

    def _emit(self, nodes: Sequence[Node], depth: int, parent: str = "") -> None:
        """Write a block, with one space for each block that it stands in."""
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
            adapt(node, chain, after[-1], parent)
            self._put(node, depth)
            self._emit(node.body, depth + 1, node.word)
            chain = chain_after(chain, node.word)

    def _put(self, node: Node, depth: int) -> None:
        """Write a statement on its lines, and note how far its code moved."""
        first, last = node.statement.first, node.statement.last
        text = " " * depth + node.text
        if node.header and not node.body:
            text += " pass"
        for number, line in enumerate(text.split("\n"), first):
            self.output[number] = line
        was = self.texts[first]
        moved = depth - _bytes(was[: len(was) - len(without_indent(was))]) + node.moved
        if moved:
            self.moved[first + 1] = moved
        self.longest[last + 1] = _bytes(self.texts[last])

    def _piecemeal(self, chunks: Sequence[tuple[int, int]]) -> ast.Module:
        """Leave out the chunks that still do not parse."""
        for first, last in chunks:
            text = "\n".join(self.output[first : last + 1])
            if tree_of(text) is None:
                self.skipped.append((first + 1, last + 1, reason_of(text.split("\n"))))
                self.output[first : last + 1] = [""] * (last + 1 - first)
        tree = tree_of("\n".join(self.output))
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


def _merged(skipped: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Make one of what could not be read line after line."""
    merged: list[tuple[int, int, str]] = []
    for first, last, reason in sorted(skipped):
        if merged and first <= merged[-1][1] + 1:
            start, end, why = merged[-1]
            merged[-1] = (start, max(end, last), why)
        else:
            merged.append((first, last, reason))
    return merged


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
