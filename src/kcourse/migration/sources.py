"""Where code stands in a file: a module, the cells of a notebook, the fenced blocks of a text.

``find_files`` lists the files, ``read`` cuts one into blocks of Python, and ``rewritten`` puts
new code in their place and leaves every other byte of the file as it was.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kcourse.errors import KcourseError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Kind = Literal["module", "notebook", "text"]

#: What is read, by the end of the file's name.
KINDS: dict[str, Kind] = {".py": "module", ".ipynb": "notebook", ".md": "text", ".txt": "text"}

#: Folders of other people's code, which nobody means when they name the folder above.
_LEFT_OUT = {"__pycache__", "node_modules", "site-packages"}

#: The labels of fences that hold Python; a fence without a label is taken too.
_PYTHON = {"python", "py", "python3", "py3", "ipython", "ipython3", "pycon", "pycon3", ""}

#: Cell magics below which Python stands.
_PYTHON_MAGICS = {
    *("time", "timeit", "capture", "prun", "debug", "python", "python3", "py", "pypy", "px"),
    *("memit", "mprun", "lprun", "pyinstrument", "snakeviz", "heat", "scalene", "wandb"),
    *("ipytest", "run_pytest", "tb", "skip", "black", "nb_black", "blackcellmagic", "notify"),
    *("bash_timeit", "tensorboard", "cache", "local", "spark", "pyspark"),
}

#: The newlines that Python, Markdown and editors agree on; ``str.splitlines`` knows many more.
_NEWLINE = re.compile(r"\r\n|\r|\n")
_PROMPT = re.compile(r">>>(?: |$)")
_MORE = re.compile(r"\.\.\.(?: |$)")
_IPYTHON_PROMPT = re.compile(r"In \[\d+\]: ?")
_IPYTHON_MORE = re.compile(r" *\.\.\.+: ?")
#: One character of a JSON string; two escapes may make up one.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u.{4}|\\.|.", re.DOTALL
)
_SPACE = re.compile(r"[ \t\n\r]*")


class Unreadable(KcourseError):
    """One file cannot be read; the others can."""


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


@dataclass(frozen=True)
class Source:
    """A file, and the Python in it."""

    path: Path
    #: The whole file, decoded; without its byte-order mark, with its own newlines.
    text: str = field(repr=False)
    kind: Kind
    blocks: list[Block]
    encoding: str = "utf-8"
    #: The newline of its first line.
    newline: str = "\n"


def find_files(paths: Iterable[Path | str]) -> Iterator[Path]:
    """Yield each file to audit once: those named, and those in the folders named.

    A folder that cannot be listed is yielded too, for ``read`` to say so.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        found = False
        for file in _files_of(path):
            found = True
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file
        if not found:
            raise KcourseError(
                f"{path}: there is no {_named(KINDS)} file in this folder; name one that has some"
            )


def _named(suffixes: Iterable[str]) -> str:
    first, last = list(suffixes)[:-1], list(suffixes)[-1]
    return f"{', '.join(first)} or {last}"


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path)
    elif not path.exists():
        raise KcourseError(f"{path}: no such file or folder; check the spelling of the path")
    elif not path.is_file():
        raise KcourseError(f"{path}: neither a file nor a folder; name a {_named(KINDS)} file")
    elif path.suffix.lower() not in KINDS:
        raise KcourseError(f"{path}: cannot audit this kind of file; name a {_named(KINDS)} file")
    else:
        yield path


def _walk(top: Path) -> Iterator[Path]:
    closed: list[Path] = []
    walk = os.walk(top, onerror=lambda error: closed.append(Path(error.filename)))
    for folder, names, files in walk:
        names[:] = sorted(name for name in names if not _is_left_out(Path(folder, name)))
        for name in sorted(files):
            file = Path(folder, name)
            if not name.startswith(".") and file.suffix.lower() in KINDS and file.is_file():
                yield file
    yield from closed


def _is_left_out(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _LEFT_OUT:
        return True
    return os.path.exists(folder / "pyvenv.cfg")  # noqa: PTH110, Path.exists() may raise


def read(path: Path) -> Source:
    """Read a file and find the Python in it; ``Unreadable`` says why that cannot be done."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise Unreadable(f"{path}: cannot audit this kind of file; name a {_named(KINDS)} file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    text, encoding = decode(path, data)
    newline = _NEWLINE.search(text)
    return Source(
        path,
        text,
        kind,
        _blocks(path, text, kind),
        encoding,
        newline.group() if newline else "\n",
    )


def decode(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text of a file's bytes, and the encoding that it is in."""
    try:
        if KINDS.get(path.suffix.lower()) == "module":
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        else:
            encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
        return data.decode(encoding), encoding
    except (SyntaxError, LookupError, ValueError) as error:
        # A codec's message may quote the bytes; which encoding was tried is all that helps.
        reason = error.msg if isinstance(error, SyntaxError) else ""
        known = re.search(r"unknown encoding: [\w.-]+", reason or "")
        said = known.group() if known else "not in UTF-8, or in the encoding that it declares"
        raise Unreadable(f"{path}: cannot be decoded ({said}); save it as UTF-8") from None


def _blocks(path: Path, text: str, kind: Kind) -> list[Block]:
    if kind == "module":
        return [Block(text, None, 0, end=len(text))]
    if kind == "text":
        return list(_fences(text, None, unlabelled=True))
    try:
        notebook = json.loads(text, strict=False)
        cells = list(_cells(text))
    except (ValueError, RecursionError, IndexError, StopIteration) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"{path}: not a notebook, its JSON is broken{where}") from None
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise Unreadable(f"{path}: not a notebook, it has no cells")
    if not _is_python(notebook):
        return []
    return [block for cell in cells for block in _blocks_of_cell(cell)]


# --------------------------------------------------------------------------------- notebooks


@dataclass(frozen=True)
class _Cell:
    """A notebook's cell, and where in the file the JSON of its source stands."""

    number: int
    content: dict[str, Any]
    source: str
    #: Start and end of the value; ``None`` where there is no source to read.
    span: tuple[int, int] | None
    #: Start and end of every string of a list, empty for a single string.
    items: tuple[tuple[int, int], ...]


def _is_python(notebook: Mapping[str, Any]) -> bool:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return True
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        entry = metadata.get(key)
        language = entry.get(name) if isinstance(entry, dict) else None
        if isinstance(language, str) and language:
            return "python" in language.lower()
    return True


def _blocks_of_cell(cell: _Cell) -> Iterator[Block]:
    kind = cell.content.get("cell_type")
    if cell.span is None:
        return
    if kind == "markdown":
        yield from _fences(cell.source, cell.number, unlabelled=False)
    if kind != "code" or not _holds_python(cell.content):
        return
    lines = _lines(cell.source)
    head = 0
    # IPython passes over blank lines; a magic below code is a mistake that the parser sees.
    for number, line in enumerate(lines):
        if line.lstrip().startswith("%%"):
            if not _is_python_magic(line.split()):
                return
            head = number + 1
        elif line.strip():
            break
    block = _block(lines, [""] * len(lines), cell.number, 0, (0, len(cell.source)), head=head)
    yield replace(block, tags=_tags(cell.content))


def _tags(cell: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _holds_python(cell: Mapping[str, Any]) -> bool:
    """Tell whether a code cell is Python, as old notebooks and other editors write that down."""
    language = cell.get("language")
    metadata = cell.get("metadata")
    editor = metadata.get("vscode") if isinstance(metadata, dict) else None
    if isinstance(editor, dict):
        language = editor.get("languageId") or language
    return not isinstance(language, str) or "python" in language.lower() or not language


def _is_python_magic(words: Sequence[str]) -> bool:
    name = words[0][2:]
    if name in {"writefile", "file"}:
        return words[-1].strip("'\"").endswith(".py")
    if name == "script":
        return any(word.startswith("python") for word in words[1:])
    return name in _PYTHON_MAGICS


def _cells(text: str) -> Iterator[_Cell]:
    """Scan the JSON of a notebook for its cells and where their sources stand."""
    number = 0
    for key, start in _members(text, _skip(text, 0)):
        if key == "cells":
            starts: Iterable[int] = _elements(text, start)
        elif key == "worksheets":
            starts = [
                cell
                for sheet in _elements(text, start)
                for name, cells in _members(text, sheet)
                if name == "cells"
                for cell in _elements(text, cells)
            ]
        else:
            continue
        for begin in starts:
            number += 1
            yield _cell(text, begin, number)


def _cell(text: str, start: int, number: int) -> _Cell:
    content: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    for key, begin in _members(text, start):
        content[key], end = _DECODER.raw_decode(text, begin)
        spans[key] = (begin, end)
    # nbformat 3 calls the source of a code cell its input.
    key = "source" if "source" in content else "input"
    value = content.get(key)
    if isinstance(value, str):
        return _Cell(number, content, value, spans[key], ())
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        items = tuple(
            (begin, scanstring(text, begin + 1, False)[1])
            for begin in _elements(text, spans[key][0])
        )
        return _Cell(number, content, "".join(value), spans[key], items)
    return _Cell(number, content, "", None, ())


_DECODER = json.JSONDecoder(strict=False)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match
    return match.end()


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Yield the keys of the JSON object that starts here, and where their values start."""
    if text[start] != "{":
        return
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = scanstring(text, position + 1, False)
        value = _skip(text, _skip(text, position) + 1)
        yield key, value
        position = _skip(text, _end_of_value(text, value))
        if text[position] == ",":
            position = _skip(text, position + 1)


def _elements(text: str, start: int) -> Iterator[int]:
    """Yield where the elements of the JSON array that starts here start."""
    if text[start] != "[":
        return
    position = _skip(text, start + 1)
    while text[position] != "]":
        yield position
        position = _skip(text, _end_of_value(text, position))
        if text[position] == ",":
            position = _skip(text, position + 1)


def _end_of_value(text: str, start: int) -> int:
    return _DECODER.raw_decode(text, start)[1]


def lines_of_cells(text: str) -> dict[tuple[int, int], int]:
    """Return the line in the .ipynb file of every line of every cell: ``{(cell, line): line}``.

    A source that is one long string stands on one line of the file, and so do all its lines.
    Broken JSON gives what was found before it broke.
    """
    ends = [match.end() for match in _NEWLINE.finditer(text)]
    found: dict[tuple[int, int], int] = {}
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        for cell in _cells(text):
            if cell.span is None:
                continue
            line = 1
            for start, _ in cell.items or (cell.span,):
                value = _DECODER.raw_decode(text, start)[0] or ""
                physical = bisect_right(ends, start) + 1
                for number in range(max(1, len(_lines(value)))):
                    found.setdefault((cell.number, line + number), physical)
                line += len(_NEWLINE.findall(value))
    return found


# ------------------------------------------------------------------------------------ fences


@cache
def _markdown() -> MarkdownIt:
    # Only a file with fences pays for the import.
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark")
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


def _fences(text: str, cell: int | None, *, unlabelled: bool) -> Iterator[Block]:
    """Yield the fenced blocks of a text that hold Python."""
    if "```" not in text and "~~~" not in text:
        return
    lines = _lines(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
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
            code[number] = inner + _newline_of(raw[number])
        yield _block(
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


# ------------------------------------------------------------------------------------ blocks


def _lines(text: str) -> list[str]:
    """Split a text into lines that keep their newlines."""
    lines = []
    start = 0
    for match in _NEWLINE.finditer(text):
        lines.append(text[start : match.end()])
        start = match.end()
    return [*lines, text[start:]] if start < len(text) else lines


def _newline_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _block(
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
    top = "".join(lines[:head])
    lines = [_newline_of(line) for line in lines[:head]] + lines[head:]
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
        code.append(line[prompt.end() :] if prompt else _newline_of(line))
        prompts.append(prompt.group() if prompt else "")
    return code, prompts


# --------------------------------------------------------------------------------- rewriting


def rewritten(source: Source, new_texts: Mapping[int, str]) -> str:
    """Return the text of the whole file with the code of some blocks replaced.

    ``new_texts`` maps the index of a block in ``source.blocks`` to its new code. ``KcourseError``
    if a block is not rewritable, or if more than these blocks would change.
    """
    changed = {
        index: text for index, text in new_texts.items() if text != source.blocks[index].text
    }
    for index in changed:
        if not source.blocks[index].rewritable:
            raise KcourseError(
                f"{source.path}: code behind prompts or broken tabs cannot be rewritten"
            )
    if source.kind == "notebook":
        text = _rewritten_notebook(source, changed)
    else:
        text = _rewritten_document(source.text, source.blocks, changed)
    again = _blocks(source.path, text, source.kind)
    if [block.text for block in again] != [
        changed.get(index, block.text) for index, block in enumerate(source.blocks)
    ]:
        raise KcourseError(f"{source.path}: the new code cannot stand where the old stood")
    return text


def _rewritten_document(text: str, blocks: Sequence[Block], changed: Mapping[int, str]) -> str:
    for index in sorted(changed, key=lambda index: blocks[index].start, reverse=True):
        block = blocks[index]
        text = text[: block.start] + _in_place(block, changed[index]) + text[block.end :]
    return text


def _in_place(block: Block, code: str) -> str:
    """Return new code with what stands before its lines in the file, and with its head."""
    lines = _lines(code)
    head = _lines(block.head)
    if [line.strip() for line in lines[: len(head)]] != [""] * len(head):
        raise KcourseError("the first lines of the block are not code and cannot be rewritten")
    old = _lines(block.text)
    prefixes = list(block.prefixes) or [""] * len(old)
    if len(lines) != len(old):
        # Lines were added or lost: what is the same before and after keeps what it had.
        same = _same(old, lines)
        after = _same(old[same:][::-1], lines[same:][::-1])
        usual = max(prefixes, key=prefixes.count) if prefixes else ""
        middle = [usual] * (len(lines) - same - after)
        prefixes = prefixes[:same] + middle + prefixes[len(prefixes) - after :]
    lines[: len(head)] = head
    return "".join(prefix + line for prefix, line in zip(prefixes, lines, strict=True))


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines, or characters, at the start are the same."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _rewritten_notebook(source: Source, changed: Mapping[int, str]) -> str:
    cells = {cell.number: cell for cell in _cells(source.text)}
    sources: dict[int, str] = {}
    for number in {source.blocks[index].cell for index in changed}:
        assert number is not None
        mine = {i: text for i, text in changed.items() if source.blocks[i].cell == number}
        sources[number] = _rewritten_document(cells[number].source, source.blocks, mine)
    text = source.text
    ascii_only = text.isascii()
    for number in sorted(sources, reverse=True):
        cell = cells[number]
        assert cell.span
        value = _value(text, cell, sources[number], ascii_only=ascii_only)
        text = text[: cell.span[0]] + value + text[cell.span[1] :]
    _check_notebook(source, text, sources)
    return text


def _value(text: str, cell: _Cell, new: str, *, ascii_only: bool) -> str:
    """Return the JSON of a cell's new source, written as the old one was."""
    assert cell.span
    # After a comma stands what stands after the colon before the value, or a new line.
    space = " " if text[cell.span[0] - 1] == " " else ""
    if not cell.items:
        if text[cell.span[0]] == '"':
            return _spliced(text[slice(*cell.span)], cell.source, new, ascii_only=ascii_only)
        lines = [_encoded(line, ascii_only=ascii_only) for line in _lines(new)]
        return f"[{f',{space}'.join(lines)}]"
    old: list[str] = [json.loads(text[start:end], strict=False) for start, end in cell.items]
    raw = [text[start:end] for start, end in cell.items]
    before = 0
    while before < len(old) and new.startswith(old[before]):
        # The last line has no newline: it must be the last again to be the same.
        if before == len(old) - 1 and not old[before].endswith("\n") and new != old[before]:
            break
        new = new[len(old[before]) :]
        before += 1
    after = len(old)
    while after > before and new.endswith(old[after - 1]) and old[after - 1]:
        rest = new[: len(new) - len(old[after - 1])]
        previous = old[after - 2] if after - 2 >= before else "\n"
        if rest and not rest.endswith(("\n", "\r", previous)):
            break
        new = rest
        after -= 1
    middle = [_encoded(line, ascii_only=ascii_only) for line in _lines(new)]
    lead = text[cell.span[0] + 1 : cell.items[0][0]]
    between = text[cell.items[0][1] : cell.items[1][0]] if len(old) > 1 else f",{lead or space}"
    tail = text[cell.items[-1][1] : cell.span[1]]
    return "[" + lead + between.join(raw[:before] + middle + raw[after:]) + tail


def _spliced(raw: str, old: str, new: str, *, ascii_only: bool) -> str:
    """Return the JSON of a new string in which what did not change is written as it was."""
    # Where each character of the string stands in its JSON.
    places = [match.start() for match in _CHARACTER.finditer(raw, 1, len(raw) - 1)]
    places.append(len(raw) - 1)
    before = _same(old, new)
    after = _same(old[before:][::-1], new[before:][::-1])
    middle = _encoded(new[before : len(new) - after], ascii_only=ascii_only)[1:-1]
    return raw[: places[before]] + middle + raw[places[len(old) - after] :]


def _encoded(text: str, *, ascii_only: bool) -> str:
    encoded = json.dumps(text, ensure_ascii=ascii_only)
    # Half of a surrogate pair can be written as an escape alone.
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", encoded)


def _check_notebook(source: Source, text: str, sources: Mapping[int, str]) -> None:
    """Raise ``KcourseError`` unless only these sources differ."""
    old, new = _loaded(source.text), _loaded(text)
    for number, (before, after) in enumerate(zip(_all_cells(old), _all_cells(new), strict=True), 1):
        if number in sources:
            key = "source" if "source" in before else "input"
            value = after[key]
            joined = "".join(value) if isinstance(value, list) else value
            if joined != sources[number] or type(before[key]) is not type(value):
                raise KcourseError(f"{source.path}: cell {number} did not take the new code")
            before[key] = value
    if old != new:
        raise KcourseError(f"{source.path}: more than the code of the cells would change")


def _loaded(text: str) -> Any:
    # Numbers stay as they are written: NaN is not equal to itself.
    return json.loads(text, strict=False, parse_constant=str, parse_float=str, parse_int=str)


def _all_cells(notebook: Mapping[str, Any]) -> list[Any]:
    cells: list[Any] = []
    for key, value in notebook.items():
        if key == "cells":
            cells += value
        elif key == "worksheets":
            cells += [cell for sheet in value for cell in sheet.get("cells", [])]
    return cells
