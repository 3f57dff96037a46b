"""The blocks of Python that a file is cut into, and how lines become one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kcourse.migration.sources.lines import newline_of

_PROMPT = re.compile(r">>>(?: |$)")
_MORE = re.compile(r"\.\.\.(?: |$)")
_IPYTHON_PROMPT = re.compile(r"In \[\d+\]: ?")
_IPYTHON_MORE = re.compile(r" *\.\.\.+: ?")


@dataclass(frozen=True)
class Block:
    """A piece of Python code in a file."""

    text: str
    #: The number of the notebook's cell, from 1 and counting all cells; ``None`` elsewhere.
    cell: int | None
    #: How many lines of the file (of the cell, in a notebook) stand before the block's first.
    offset: int
    #: How many columns stand before every line: of an indented fence, or of a prompt.
    indent: int = 0
    #: Whether ``rewritten`` can put other code in its place.
    rewritable: bool = True
    #: Whether the file says that it is Python: a fence without a label may hold anything.
    labelled: bool = True
    #: What stands before each line, where that differs from line to line.
    prefixes: tuple[str, ...] = field(default=(), repr=False)
    #: Lines at its top that are no Python, such as ``%%time``; they are blank in ``text``.
    head: str = field(default="", repr=False)
    #: Where it begins and ends in the text of the file, or of its cell.
    start: int = field(default=0, repr=False)
    end: int = field(default=0, repr=False)
    #: The tags of the notebook's cell.
    tags: tuple[str, ...] = ()

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Return line and column in the file (or the cell) of a line and a column in the block.

        Lines count from 1; columns count from wherever they do in the question.
        """
        before = len(self.prefixes[line - 1]) if 0 < line <= len(self.prefixes) else self.indent
        return line + self.offset, column + before


def block_of(
    lines: list[str],
    prefixes: list[str],
    cell: int | None,
    offset: int,
    span: tuple[int, int],
    *,
    head: int = 0,
    pycon: bool = False,
    labelled: bool = True,
    rewritable: bool = True,
) -> Block:
    """Make a block of lines, what stands before each of them, and where they stand in the file.

    Its first ``head`` lines are no code. Of a session, only what was typed after the prompts is.
    """
    top = "".join(lines[:head])
    lines = [newline_of(line) for line in lines[:head]] + lines[head:]
    first = next((line for line in lines if line.strip()), "")
    if pycon or _PROMPT.match(first.rstrip("\r\n")) or _IPYTHON_PROMPT.match(first):
        lines, prompts = _without_prompts(lines)
        prefixes = [prefix + prompt for prefix, prompt in zip(prefixes, prompts, strict=True)]
        rewritable, labelled = False, True
    return Block(
        "".join(lines),
        cell,
        offset,
        _common(prefixes, lines),
        rewritable,
        labelled,
        tuple(prefixes) if any(prefixes) else (),
        top,
        *span,
    )


def _common(prefixes: Sequence[str], lines: Sequence[str]) -> int:
    """Return the length of what stands before most lines; blank ones often lack it."""
    widths = [len(prefix) for prefix, line in zip(prefixes, lines, strict=True) if line.strip()]
    return max(set(widths), key=widths.count) if widths else 0


def _without_prompts(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines without their prompts, those of the output blank, and the prompts."""
    code, prompts = [], []
    inside = False
    for line in lines:
        bare = line.rstrip("\r\n")
        prompt = _PROMPT.match(bare) or _IPYTHON_PROMPT.match(bare)
        if not prompt and inside:
            prompt = _MORE.match(bare) or _IPYTHON_MORE.match(bare)
        inside = prompt is not None
        code.append(line[prompt.end() :] if prompt else newline_of(line))
        prompts.append(prompt.group() if prompt else "")
    return code, prompts
