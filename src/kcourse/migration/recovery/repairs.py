"""Guess what code that is no Python may have been meant as.

A repair returns what code may have been meant, or None. It keeps the length in bytes, so that
what follows keeps its columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kcourse.migration.recovery.keywords import HEADERS, word_of
from kcourse.migration.recovery.statements import Lines, Statement


def variants(code: str, statement: Statement, followed: bool) -> Iterator[tuple[str, int]]:
    """Yield code as it stands and as it may have been meant, and how far that moved it."""
    moved = 0
    for closed in with_brackets_closed(code + statement.quotes, statement.closers):
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
        word = word_of(repaired)
        headed = word in {"def", "class"} or (followed and word in HEADERS)
        if headed and not repaired.endswith(":"):
            yield f"{closed}:", moved
            repaired = f"{repaired}:"
        if repaired != closed:
            yield repaired, moved


def with_brackets_closed(code: str, closers: str) -> Iterator[str]:
    """Yield code with its open brackets closed."""
    if not closers:
        yield code
        return
    colon = ""
    if code.endswith(":") and word_of(code) in HEADERS:
        code, colon = code[:-1].rstrip(), ":"
    # Arguments may be missing: the call says so, or the audit would miss them.
    unknown = "**_)" if code.rstrip().endswith((",", "(")) else ", **_)"
    if closers[0] == ")" and word_of(code) not in {"def", "class", "import", "from"}:
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
    """Web pages add no-break, wide and zero-width spaces."""
    new = code.translate(_SPACES)
    return new if new != code else None


def _with_narrow_punctuation(code: str) -> str | None:
    """Input methods for Chinese type wide brackets and commas; prose has them without a call."""
    if code.isascii() or not re.search(r"[\w)\]]\s*[(（].*[)）]", code, re.DOTALL):
        return None
    new = code.translate(_WIDE)
    return new if new != code else None


def _with_ellipsis(code: str) -> str | None:
    """Word processors make one character of three dots."""
    return code.replace("…", "...") if "…" in code else None


def _with_unknown_arguments(code: str) -> str | None:
    """``fit(x, epochs=1, ...)`` leaves something out."""
    new = code.replace("…", "...")
    return new.replace("...", "**_") if "..." in new else None


def _without_strays(code: str) -> str | None:
    """Take out the brackets that close nothing."""
    lines = Lines(code.split("\n"))
    texts = lines.texts
    depth = 0
    found = False
    for number, column, kind, _ in list(lines.tokens(0, len(texts))):
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
