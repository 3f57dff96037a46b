"""Sort statements into blocks, and change those that cannot stand where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kcourse.migration.recovery.indents import indent_of
from kcourse.migration.recovery.keywords import FOLLOWS
from kcourse.migration.recovery.statements import Statement
from kcourse.migration.recovery.trying import tree_of

#: CPython takes 100 levels of indentation; deeper statements are read as if they stood here.
_DEEPEST = 90

#: What each word can follow: the first and the last word of a compound statement so far.
_CHAINS = {
    "elif": {("if", "if"), ("if", "elif")},
    "else": {("if", "if"), ("if", "elif"), ("for", "for"), ("while", "while"), ("try", "except")},
    "except": {("try", "try"), ("try", "except")},
    "finally": {("try", "try"), ("try", "except"), ("try", "else")},
}


@dataclass(slots=True)
class Node:
    """A statement in the tree of blocks that the indentation makes."""

    statement: Statement
    text: str
    word: str
    header: bool
    #: How many bytes to the right its first line moved, apart from the indent.
    moved: int = 0
    body: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class _Level:
    """A block, while statements are sorted into blocks."""

    #: The indents that its statements were seen with.
    indents: set[int]
    body: list[Node]
    header: Node | None
    #: The words of the compound statement at its end: the first, such as if, and the last.
    chain: tuple[str, str] = ("", "")


def arranged(nodes: Sequence[Node], texts: Sequence[str], tab: int) -> tuple[list[Node], int]:
    """Sort statements into blocks by indentation; return them and how much was guessed."""
    for node in nodes:
        node.body = []
    levels = [_Level(set(), [], None)]
    top = levels[0].body
    guesses = 0
    last: Node | None = None
    last_width = 0
    for node in nodes:
        width = indent_of(texts[node.statement.first], tab)
        opens = last is not None and last.header
        if last is not None and opens and width > last_width and len(levels) < _DEEPEST:
            levels.append(_Level({width}, last.body, last))
        else:
            guesses += opens + _settle(levels, node, width)
        levels[-1].indents.add(width)
        levels[-1].body.append(node)
        levels[-1].chain = chain_after(levels[-1].chain, node.word)
        last, last_width = node, width
    return top, guesses


def _settle(levels: list[_Level], node: Node, width: int) -> bool:
    """Go back to the block that a statement belongs to; return whether that was a guess."""
    if node.word in FOLLOWS:
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


def chain_after(chain: tuple[str, str], word: str) -> tuple[str, str]:
    """Return the chain after one more statement; an ``else`` alone is going to be an ``if``."""
    if word in FOLLOWS:
        return (chain[0], word) if _continues(word, chain) else ("if", "if")
    return word, word


def _continues(word: str, chain: tuple[str, str]) -> bool:
    """Tell whether ``else`` and its like can follow a chain that goes from ``if`` to ``elif``."""
    return chain in _CHAINS[word]


def adapt(node: Node, chain: tuple[str, str], after: str, parent: str) -> None:
    """Change what cannot stand alone: an ``else`` without its ``if``, a ``try`` without more."""
    if node.word == "elif" and not _continues("elif", chain):
        node.text, node.moved, node.word = node.text[2:], node.moved - 2, "if"
        return
    alone = (
        (node.word in FOLLOWS and not _continues(node.word, chain))
        or (node.word == "try" and after not in {"except", "finally"})
        or (node.word == "case" and parent != "match")
        or (node.word == "match" and {one.word for one in node.body} != {"case"})
    )
    if alone:
        # Its body, on the same line or below, is read as that of an if.
        inline = "" if node.header else node.text[node.text.find(":") + 1 :]
        text = f"if 1:{inline}"
        if not node.header and tree_of(text) is None:
            text = "pass"
        node.moved += len(text) - len(node.text) if inline else 0
        node.text, node.word = text, "if"
