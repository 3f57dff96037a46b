"""The files that are audited, the Python in them, and new code in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcourse.errors import KcourseError
from kcourse.migration import sources
from kcourse.migration.sources import Source, Unreadable, find_files, lines_of_cells, rewritten
from kcourse.migration.sources.lines import lines_of
from kcourse.migration.sources.reading import blocks_of


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def found(*paths: Path | str) -> list[str]:
    return [path.name for path in find_files(paths)]


def read(folder: Path, name: str, text: str | bytes) -> Source:
    return sources.read(written(folder, name, text))


def codes(folder: Path, text: str, name: str = "a.md") -> list[str]:
    return [block.text for block in read(folder, name, text).blocks]


def notebook(*cells: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "cells": [
            cell
            if isinstance(cell, dict)
            else {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell}
            for cell in cells
        ],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def markdown_cell(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def cells_of(folder: Path, *cells: Any, **metadata: Any) -> list[tuple[int | None, str]]:
    text = json.dumps(notebook(*cells, **metadata))
    return [(block.cell, block.text) for block in read(folder, "a.ipynb", text).blocks]


# Finding files ------------------------------------------------------------------------------


def test_a_folder_gives_its_files_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.py", "a.ipynb", "c/d.md", "c/a.txt", "e.PY", "f.pyi", "g.csv", "h"):
        written(tmp_path, name, "")
    assert found(tmp_path) == ["a.ipynb", "b.py", "e.PY", "a.txt", "d.md"]


def test_other_peoples_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    written(tmp_path, "mine.py", "")
    for name in (".hidden.py", ".git/a.py", ".ipynb_checkpoints/a.ipynb", "__pycache__/a.py"):
        written(tmp_path, name, "")
    for name in ("node_modules/a.md", "lib/site-packages/a.py", "env/pyvenv.cfg", "env/bin/a.py"):
        written(tmp_path, name, "")
    assert found(tmp_path) == ["mine.py"]


def test_each_file_comes_once(tmp_path: Path) -> None:
    path = written(tmp_path, "sub/a.py", "")
    (tmp_path / "link.py").symlink_to(path)
    assert len(found(path, tmp_path, tmp_path / "sub", tmp_path / "sub" / ".." / "sub")) == 1


def test_links_to_folders_are_not_followed_and_make_no_loops(tmp_path: Path) -> None:
    written(tmp_path, "here/a.py", "")
    written(tmp_path, "there/b.py", "")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here", target_is_directory=True)
    (tmp_path / "here" / "out").symlink_to(tmp_path / "there", target_is_directory=True)
    assert found(tmp_path / "here") == ["a.py"]


def test_a_link_to_nothing_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, "a.py", "")
    (tmp_path / "b.py").symlink_to(tmp_path / "gone.py")
    assert found(tmp_path) == ["a.py"]


def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, "a.py", "")
    os.mkfifo(tmp_path / "b.py")
    assert found(tmp_path) == ["a.py"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.py", "gone.py: no such file or folder; check the spelling"),
        ("data.csv", "data.csv: cannot audit this kind of file; name a .py, .ipynb, .md or .txt"),
        ("empty", "empty: there is no .py, .ipynb, .md or .txt file in this folder"),
        ("pipe.py", "pipe.py: neither a file nor a folder"),
    ],
)
def test_what_cannot_be_audited_is_one_line_that_names_it(
    tmp_path: Path, name: str, said: str
) -> None:
    written(tmp_path, "data.csv", "")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(KcourseError) as caught:
        found(tmp_path / name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_folder_that_cannot_be_listed_is_told_by_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "a.py", "")
    written(tmp_path, "closed/b.py", "")
    scan = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    first, second = find_files([tmp_path])
    assert (first.name, second.name) == ("a.py", "closed")
    with pytest.raises(Unreadable, match="closed"):
        sources.read(second)


# Modules ------------------------------------------------------------------------------------


def test_a_module_is_one_block(tmp_path: Path) -> None:
    source = read(tmp_path, "a.py", "import tensorflow\r\nx = 1\r\n")
    (block,) = source.blocks
    assert (source.kind, source.newline) == ("module", "\r\n")
    assert (block.text, block.cell, block.offset, block.indent) == (source.text, None, 0, 0)
    assert block.place(2, 4) == (2, 4)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é = 1\n".encode(), "é = 1\n"),
        (b"\xef\xbb\xbf" + "é = 1\n".encode(), "é = 1\n"),
        ("# coding: gbk\n变量 = 1\n".encode("gbk"), "# coding: gbk\n变量 = 1\n"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\n\xe9 = 1\n", None),
        (b"", ""),
    ],
)
def test_a_module_is_decoded_as_python_does_it(
    tmp_path: Path, data: bytes, text: str | None
) -> None:
    assert read(tmp_path, "a.py", data).text == (data.decode("latin-1") if text is None else text)


@pytest.mark.parametrize(
    "data",
    [
        b"x = '\xff\xfe'\n",
        "x = 1\n".encode("utf-16"),
        b"# coding: klingon\nx = 1\n",
        b"# coding: rot13\nx = 1\n",
        b"# coding: ascii\nx = '\xc3\xa9'\n",
    ],
)
def test_a_module_that_cannot_be_decoded_is_one_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"a\.py: cannot be decoded \(.*\); save it as UTF-8$"):
        read(tmp_path, "a.py", data)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        sources.read(tmp_path / "gone.py")


# Notebooks ----------------------------------------------------------------------------------


def test_code_cells_are_blocks_and_all_cells_count(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "x = 1", markdown_cell("text"), ["y = 2\n", "z = 3"], "")
    assert cells == [(1, "x = 1"), (3, "y = 2\nz = 3"), (4, "")]


def test_nbformat_3_is_read(tmp_path: Path) -> None:
    old = {
        "worksheets": [
            {"cells": [{"cell_type": "code", "input": ["a = 1\n", "b"], "language": "python"}]},
            {
                "cells": [
                    {"cell_type": "heading", "source": "Title"},
                    {"cell_type": "code", "input": "c", "language": "python"},
                    {"cell_type": "code", "input": "d", "language": "R"},
                ]
            },
        ],
        "metadata": {"name": ""},
        "nbformat": 3,
    }
    blocks = read(tmp_path, "a.ipynb", json.dumps(old)).blocks
    assert [(block.cell, block.text) for block in blocks] == [(1, "a = 1\nb"), (3, "c")]


@pytest.mark.parametrize(
    ("metadata", "is_python"),
    [
        ({}, True),
        ({"kernelspec": {"language": "python"}}, True),
        ({"kernelspec": {"name": "python3"}}, True),
        ({"language_info": {"name": "ipython"}}, True),
        ({"kernelspec": {"language": "R"}}, False),
        ({"language_info": {"name": "julia"}, "kernelspec": {"language": "python"}}, False),
        ({"kernelspec": None, "language_info": []}, True),
    ],
)
def test_only_notebooks_in_python_are_read(
    tmp_path: Path, metadata: dict[str, Any], is_python: bool
) -> None:
    assert bool(cells_of(tmp_path, "x = 1", **metadata)) is is_python


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("%%time\nf()", "\nf()"),
        ("\n%%capture out\n%%time\nf()", "\n\n\nf()"),
        ("  %%timeit -n 10\nf()\n", "\nf()\n"),
        ("%%writefile model.py\nf()", "\nf()"),
        ("%%script python3 -u\nf()", "\nf()"),
        ("%%time\r\nf()", "\r\nf()"),
        ("x = 1\n%%time\n", "x = 1\n%%time\n"),
        ("%matplotlib inline\n", "%matplotlib inline\n"),
        ("%%bash\nls", None),
        ("%%html\n<b>", None),
        ("%%writefile notes.txt\nhello", None),
        ("%%script bash\nls", None),
        ("%%R\nx <- 1", None),
        ("%%\n", None),
    ],
)
def test_cell_magics_hold_python_or_something_else(
    tmp_path: Path, source: str, code: str | None
) -> None:
    assert cells_of(tmp_path, source) == ([] if code is None else [(1, code)])


def test_a_cell_in_another_language_is_left_out(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "metadata": {"vscode": {"languageId": "sql"}}, "source": "x"}
    assert cells_of(tmp_path, cell, "y") == [(2, "y")]


def test_python_fences_in_markdown_cells_are_read_and_others_are_not(tmp_path: Path) -> None:
    text = "Text\n\n```python\nx = 1\n```\n```\ny = 2\n```\n```bash\nz\n```\n"
    (block,) = read(tmp_path, "a.ipynb", json.dumps(notebook("a", markdown_cell(text)))).blocks[1:]
    assert (block.cell, block.text, block.place(1, 0)) == (2, "x = 1\n", (4, 0))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '{"metadata": {}}', '{"cells": [}', "[" * 100_000, '{"cells": ['],
)
def test_a_broken_notebook_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(Unreadable, match=r"a\.ipynb: not a notebook, it(s JSON is| has no cells)"):
        read(tmp_path, "a.ipynb", text)


@pytest.mark.parametrize(
    "cells",
    [None, 1, "x", {}, [None, 1, "x", []], [{}], [{"cell_type": "code"}]]
    + [[{"cell_type": "code", "source": source}] for source in (None, 1, {}, [1], [["x"]])],
)
def test_what_no_notebook_holds_is_passed_over(tmp_path: Path, cells: Any) -> None:
    assert read(tmp_path, "a.ipynb", json.dumps({"cells": cells})).blocks == []


def test_a_notebook_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(notebook("x")).encode()
    assert [block.text for block in read(tmp_path, "a.ipynb", data).blocks] == ["x"]


# Fences -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    [
        *("", "python", "Python", "PY", "python3", "py3", "ipython", "ipython3", "python title=x"),
        *("{.python}", "{.python .numberLines}", "{#id .python}", "{python}"),
        *("{code-cell} python", "{code-cell} ipython3", "{code-cell}", "{code-block} python"),
        *("python{1,3}", "python,name"),
    ],
)
@pytest.mark.parametrize("fence", ["```", "~~~", "`````"])
def test_a_fence_of_python_or_without_a_label_is_read(
    tmp_path: Path, label: str, fence: str
) -> None:
    assert codes(tmp_path, f"{fence}{label}\nx = 1\n{fence}\n") == ["x = 1\n"]


@pytest.mark.parametrize(
    "label",
    [
        *("bash", "r", "{r}", "json", "properties", "{note}", "{code-block} bash", "{.bash}"),
        *("{", "pyx", "text", "console", "{figure} a.png", "javascript"),
    ],
)
def test_other_fences_are_left_out(tmp_path: Path, label: str) -> None:
    assert codes(tmp_path, f"```{label}\nx = 1\n```\n") == []


def test_only_a_label_says_that_a_fence_is_python(tmp_path: Path) -> None:
    blocks = read(tmp_path, "a.md", "```\nx\n```\n```py\nx\n```\n```\n>>> x\n```\n").blocks
    assert [block.labelled for block in blocks] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("- item\n\n  ```python\n  if x:\n      y\n  ```\n", "if x:\n    y\n", (5, 2 + 4)),
        ("> ```python\n> if x:\n>     y\n> ```\n", "if x:\n    y\n", (3, 2 + 4)),
        ("1. > ```\n   > if x:\n   >     y\n", "if x:\n    y\n", (3, 5 + 4)),
        ("  ```python\n  if x:\n      y\n  ```\n", "if x:\n    y\n", (3, 2 + 4)),
        ("\t- a\n\n- b\n\n\t```python\n\tif x:\n\t    y\n\t```\n", "if x:\n    y\n", (7, 1 + 4)),
        ("```python\r\nif x:\r\n    y\r\n```\r\n", "if x:\r\n    y\r\n", (3, 4)),
        ("# Title\n~~~\nif x:\n    y", "if x:\n    y", (4, 4)),
    ],
)
def test_a_fence_in_lists_and_quotes_keeps_its_place(
    tmp_path: Path, text: str, code: str, place: tuple[int, int]
) -> None:
    (block,) = read(tmp_path, "a.md", text).blocks
    assert block.text == code
    assert block.place(2, 4) == place


def test_a_fence_that_is_never_closed_goes_to_the_end(tmp_path: Path) -> None:
    assert codes(tmp_path, "```python\nx = 1\n\nMore text", "a.txt") == ["x = 1\n\nMore text"]


def test_an_empty_fence_is_no_block(tmp_path: Path) -> None:
    assert codes(tmp_path, "```python\n```\n\n```python") == []


def test_prompts_go_and_output_is_blank(tmp_path: Path) -> None:
    text = "```pycon\n>>> def f(x):\n...     return x\n...\n>>> f(1)\n1\n... not code\n>>>\n```\n"
    (block,) = read(tmp_path, "a.md", text).blocks
    assert block.text == "def f(x):\n    return x\n\nf(1)\n\n\n\n"
    assert (block.indent, block.rewritable, block.place(2, 4)) == (4, False, (3, 8))


def test_the_prompts_of_ipython_go_too(tmp_path: Path) -> None:
    text = "```ipython\nIn [1]: for x in y:\n   ...:     f(x)\n   ...: \nOut[1]: 3\n```\n"
    assert codes(tmp_path, text) == ["for x in y:\n    f(x)\n\n\n"]


def test_the_options_of_a_code_cell_are_blank(tmp_path: Path) -> None:
    assert codes(tmp_path, "```{code-cell} python\n:tags: [x]\nf()\n```\n") == ["\nf()\n"]
    assert codes(tmp_path, "```{code-cell}\n---\ntags: x\n---\nf()\n```\n") == ["\n\n\nf()\n"]
    assert codes(tmp_path, "```{code-cell}\n---\nf()\n```\n") == ["---\nf()\n"]


def test_text_without_fences_has_no_blocks(tmp_path: Path) -> None:
    assert codes(tmp_path, "# import tensorflow\n\n    indented\n") == []


@given(st.text(alphabet="`~> \n\r\t-1.{}py#x=\0\x0c\u2028é", max_size=80))
def test_any_text_can_be_read_and_written_back(text: str) -> None:
    path = Path("a.md")
    blocks = blocks_of(path, text, "text")
    source = Source(path, text, "text", blocks)
    for index, block in enumerate(blocks):
        lines = lines_of(block.text)
        for number, line in enumerate(lines, 1):
            at, column = block.place(number, 0)
            if block.rewritable:
                assert lines_of(text)[at - 1][column:] == line or not line.strip()
        if block.rewritable:
            new = "y = 2\n" + block.text if not block.head else block.text + "y = 2\n"
            try:
                changed = rewritten(source, {index: new})
            except KcourseError:
                continue
            assert changed.startswith(text[: block.start])
            assert changed.endswith(text[block.end :])


# Rewriting ----------------------------------------------------------------------------------


def test_a_module_is_replaced_as_a_whole(tmp_path: Path) -> None:
    source = read(tmp_path, "a.py", "x = 1\r\n")
    assert rewritten(source, {0: "y = 1\r\n"}) == "y = 1\r\n"


def test_only_the_code_of_a_fence_changes_and_keeps_its_indent(tmp_path: Path) -> None:
    text = "Text  \n\n> - ```python\n>   if x:\n>\n>       y = 1\n>   ```\n\n```\nz\n```\nEnd"
    source = read(tmp_path, "a.md", text)
    new = rewritten(source, {0: "if x:\n\n    y = 22\n", 1: "zz\n"})
    assert new == text.replace("y = 1", "y = 22").replace("\nz\n", "\nzz\n")


def test_a_fence_can_lose_and_gain_lines(tmp_path: Path) -> None:
    source = read(tmp_path, "a.md", "- ```\n  f(\n      a,\n\n      b,\n  )\n  ```\n")
    assert rewritten(source, {0: "f(\n    a,\n\n)\n"}) == "- ```\n  f(\n      a,\n\n  )\n  ```\n"
    new = rewritten(source, {0: "f(\n    a,\n    c,\n\n    b,\n)\n"})
    assert new == "- ```\n  f(\n      a,\n      c,\n\n      b,\n  )\n  ```\n"


def test_code_with_prompts_is_not_rewritten(tmp_path: Path) -> None:
    source = read(tmp_path, "a.md", "```\n>>> x\n```\n")
    with pytest.raises(KcourseError, match="prompts"):
        rewritten(source, {0: "y\n"})
    assert rewritten(source, {0: "x\n"}) == source.text


def test_code_that_would_end_its_fence_is_refused(tmp_path: Path) -> None:
    source = read(tmp_path, "a.md", "```\nx\n```\n")
    with pytest.raises(KcourseError, match="cannot stand"):
        rewritten(source, {0: 'x = """\n```\n"""\n'})


def test_options_and_cell_magics_come_back(tmp_path: Path) -> None:
    source = read(tmp_path, "a.md", "```{code-cell}\n:tags: [x]\nf()\n```\n")
    assert rewritten(source, {0: "\ng()\n"}) == source.text.replace("f()", "g()")
    source = read(tmp_path, "a.ipynb", json.dumps(notebook("%%time\nf()")))
    assert rewritten(source, {0: "\ng()"}) == source.text.replace("f()", "g()")
    with pytest.raises(KcourseError, match="not code"):
        rewritten(source, {0: "g()"})


STYLES: list[dict[str, Any]] = [
    {"indent": 1, "ensure_ascii": False},
    {"indent": 1},
    {"indent": 4, "sort_keys": True},
    {"indent": "\t"},
    {},
    {"separators": (",", ":")},
]


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_notebook_changes_in_the_changed_lines_alone(
    tmp_path: Path, style: dict[str, Any], end: str, as_list: bool
) -> None:
    def text(*codes: str) -> str:
        sources_ = [code.splitlines(keepends=True) if as_list else code for code in codes]
        content = notebook(
            sources_[0],
            markdown_cell("Text “é”\n\n```python\nx.old\n```\n"),
            {"cell_type": "raw", "metadata": {}, "source": "x.old"},
            *sources_[1:],
            kernelspec={"language": "python", "name": "é", "nan": float("nan"), "big": 1e400},
        )
        return json.dumps(content, **style) + end

    before = text("a = 'é\\u00e9\u2028'\nx.old\nb", "", "x.old", "one\ntwo\nthree\n")
    source = read(tmp_path, "a.ipynb", before)
    assert len(source.blocks) == 5
    changes = {
        0: "a = 'é\\u00e9\u2028'\nx.new\nb",
        2: "added 'é'",
        3: "x.new\nmore",
        4: "one\nthree\n",
    }
    assert rewritten(source, {}) == before
    after = rewritten(source, changes)
    expected = text(changes[0], changes[2], changes[3], changes[4])
    if as_list and style.get("indent"):
        # What was an empty list has no line of its own to copy.
        assert json.dumps(json.loads(after)) == json.dumps(json.loads(expected))
        after = rewritten(source, {k: v for k, v in changes.items() if k != 2})
        expected = text(changes[0], "", changes[3], changes[4])
    assert after == expected


def test_escapes_in_unchanged_code_stay_as_they_are(tmp_path: Path) -> None:
    raw = r'{"cells": [{"cell_type": "code", "source": "a = \"\/\u00E9\uD83D\uDE00\" # x.old 1"}]}'
    source = read(tmp_path, "a.ipynb", raw)
    code = source.blocks[0].text
    assert code == 'a = "/é😀" # x.old 1'
    assert rewritten(source, {0: code.replace("old", "new")}) == raw.replace("old", "new")


def test_half_a_surrogate_pair_stays_an_escape(tmp_path: Path) -> None:
    raw = (
        '{"cells": [{"cell_type": "code", "source": ["é = \'\\ud800\'\\n", "x.old \'\\ud800\'"]}]}'
    )
    source = read(tmp_path, "a.ipynb", raw)
    new = rewritten(source, {0: source.blocks[0].text.replace("old", "new")})
    assert new == raw.replace("old", "new")
    new.encode()


def test_fences_in_one_markdown_cell_are_rewritten_together(tmp_path: Path) -> None:
    text = "```python\nold\n```\n\n- ```py\n  old\n  ```\n"
    source = read(tmp_path, "a.ipynb", json.dumps(notebook(markdown_cell(text))))
    new = rewritten(source, {0: "new\n", 1: "new\n"})
    assert new == source.text.replace("old", "new")


code_lines = st.lists(st.text(alphabet="ab \"'\\\té\n😀", max_size=12), max_size=6)


@given(code_lines, code_lines, st.booleans(), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_cell_can_become_any_other(
    old: list[str], new: list[str], as_list: bool, ascii_only: bool, indent: Any
) -> None:
    before: Any = old if as_list else "".join(old)
    content = notebook("first", before, "last")
    text = json.dumps(content, ensure_ascii=ascii_only, indent=indent)
    path = Path("a.ipynb")
    source = Source(path, text, "notebook", blocks_of(path, text, "notebook"))
    after = rewritten(source, {1: "".join(new)})
    loaded = json.loads(after)
    value = loaded["cells"][1]["source"]
    assert "".join(value) == "".join(new)
    assert isinstance(value, type(before))
    loaded["cells"][1]["source"] = before
    assert loaded == content
    assert after.isascii() or not text.isascii()


def test_the_lessons_of_this_course_can_be_rewritten() -> None:
    folder = Path(__file__).parents[2] / "notebooks"
    for path in find_files([folder]):
        source = sources.read(path)
        new = {index: f"{block.text}\nx = 1\n" for index, block in enumerate(source.blocks)}
        after = nbformat.reads(rewritten(source, new), as_version=4)
        nbformat.validate(after)
        before = nbformat.reads(source.text, as_version=4)
        assert [cell.cell_type for cell in after.cells] == [cell.cell_type for cell in before.cells]


# Physical lines -----------------------------------------------------------------------------


def test_lines_of_cells_are_the_lines_of_the_file() -> None:
    text = json.dumps(notebook("x = 1\ny = 2", ["a\n", "b\n", "c"], ["a", "b\nc\n", "d"]), indent=1)
    lines = text.split("\n")
    physical = lines_of_cells(text)
    assert {physical[1, 1], physical[1, 2]} == {1 + lines.index('   "source": "x = 1\\ny = 2"')}
    assert [lines[physical[2, line] - 1].strip(' ",') for line in (1, 2, 3)] == [
        "a\\n",
        "b\\n",
        "c",
    ]
    assert [lines[physical[3, line] - 1].strip(' ",') for line in (1, 2, 3)] == [
        "a",
        "b\\nc\\n",
        "d",
    ]


def test_all_lines_of_a_notebook_on_one_line_are_that_line() -> None:
    assert set(lines_of_cells(json.dumps(notebook("a\nb", ["c\n", "d"]))).values()) == {1}


@pytest.mark.parametrize("text", ["", "{", '{"cells": [{"source": "x"}, {', "[" * 100_000, "3"])
def test_broken_json_has_the_lines_that_it_has(text: str) -> None:
    assert lines_of_cells(text) in ({}, {(1, 1): 1})


def test_reading_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from kcourse.migration import sources, recovery, fixing\n"
        "slow = {'tensorflow', 'keras', 'numpy', 'IPython', 'nbformat', 'libcst', 'markdown_it'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
