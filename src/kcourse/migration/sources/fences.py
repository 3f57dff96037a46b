"""Find the fenced blocks of a Markdown text that hold Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from kcourse.migration.sources.blocks import Block, block_of
from kcourse.migration.sources.lines import lines_of, newline_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: The labels of fences that hold Python; a fence without a label is taken too.
_PYTHON = {"python", "py", "python3", "py3", "ipython", "ipython3", "pycon", "pycon3", ""}


def fences(text: str, cell: int | None, *, unlabelled: bool) -> Iterator[Block]:
    """Yield the fenced blocks of a text that hold Python."""
    if "```" not in text and "~~~" not in text:
        return
    lines = lines_of(text)
    starts = list(accumulate(map(len, lines), initial=0))
    for token in _markdown().parse(text):
        if token.type != "fence" or token.map is None:
            continue
        label = _label(token.info)
        if label not in _PYTHON or (not label and not unlabelled):
            continue
        first = token.map[0] + 1
        code = token.content.removesuffix("\n").split("\n")
        raw = lines[first : first + len(code)]
        if not token.content or len(raw) != len(code):
            continue
        prefixes = []
        rewritable = True
        for number, inner in enumerate(code):
            bare = raw[number].rstrip("\r\n")
            if bare.endswith(inner):
                prefixes.append(bare[: len(bare) - len(inner)])
            else:
                # The fence's indent ends within a tab, or there is a null byte.
                rewritable = False
                prefixes.append("")
            code[number] = inner + newline_of(raw[number])
        yield block_of(
            code,
            prefixes,
            cell,
            first,
            (starts[first], starts[first + len(raw)]),
            head=_options(code) if "{" in token.info else 0,
            pycon=label.startswith("pycon"),
            labelled=bool(label),
            rewritable=rewritable,
        )


@cache
def _markdown() -> MarkdownIt:
    # Only a file with fences pays for the import.
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark")
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


def _label(info: str) -> str:
    """Return the language that the info string of a fence names, in lower case."""
    info = info.strip().lower()
    if directive := re.match(r"\{(?:code|code-cell|code-block|sourcecode)\}\s*(\S*)", info):
        return directive[1]
    if attributes := re.match(r"\{(.*)\}?", info):
        classes = re.findall(r"(?:^|\s)\.([\w+-]+)", attributes[1])
        name = re.match(r"\s*([\w+-]+)", attributes[1])
        return classes[0] if classes else name[1] if name else "{"
    return re.split(r"[\s{,:;]", info, maxsplit=1)[0]


def _options(code: Sequence[str]) -> int:
    """Return how many lines at the top of a directive are its options, and no code."""
    if code and code[0].strip() == "---":
        for number, line in enumerate(code[1:], 2):
            if line.strip() == "---":
                return number
        return 0
    head = 0
    while head < len(code) and re.match(r":[\w-]+:", code[head]):
        head += 1
    return head
