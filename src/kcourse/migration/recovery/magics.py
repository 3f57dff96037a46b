"""Make magics, shell commands and questions harmless: Python in their place, in their columns."""

from __future__ import annotations

import ast
import re

from kcourse.migration.recovery.indents import without_indent
from kcourse.migration.recovery.trying import tree_of

#: Magics whose line is a statement. "%time " is as long as "if 1: ", and the others are longer.
_TIMED = re.compile(r"(%(?:timeit|time|prun|memit)(?:\s+-[a-z]+\s*\d*)*\s+)(?=[^\s-])")

_ASSIGNED = re.compile(r"([\w.,\s\[\]'\"]+=\s*)(?:%time(?:it)?\s+(?=\S)|(%\w|!).*)")

_HELP = re.compile(r"\?{1,2}\s*[\w.*%]+$|%{0,2}[\w.*]+(?:\[[^\]]*\])?\s?\?{1,2}$")

_SHELL = re.compile(
    r"\$\s*\w|(?:sudo|pip3?|conda|mamba|uv|apt|apt-get|brew|git|wget|curl|cd|mkdir|ls|nvidia-smi"
    r"|tensorboard|jupyter|docker|export|source|python3?)\s+[\w./~-]"
)


def without_magic(text: str) -> str | None:
    """Return Python in place of a line that is a magic, a shell command or a question.

    ``None`` if it is none of these. What stays of the line keeps its columns.
    """
    bare = without_indent(text)
    if not bare:
        return None
    indent = text[: len(text) - len(bare)]
    if bare[0] in "%!":
        if timed := _TIMED.match(bare):
            plain = "if 1: ".ljust(timed.end()) + bare[timed.end() :]
            if tree_of(plain) is not None:
                return indent + plain
        return f"{indent}pass"
    if "?" in bare and _HELP.match(bare.rstrip("; \t")):
        return f"{indent}pass"
    if ("%" in bare or "!" in bare) and (assigned := _ASSIGNED.match(bare)):
        if assigned[2]:
            return f"{indent}{assigned[1]}None"
        return indent + assigned[1].ljust(assigned.end()) + bare[assigned.end() :]
    if _SHELL.match(bare) and tree_of(bare) is None:
        return f"{indent}pass"
    return None


def without_timing(tree: ast.Module, timed: set[int]) -> ast.Module:
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
