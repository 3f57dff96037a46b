"""Single names, keywords and arguments are rewritten, and nothing else."""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kcourse.errors import KcourseError
from kcourse.migration import recovery, sources
from kcourse.migration.fixing import Edit, Unfixable, apply, write

Want = Callable[[ast.AST], list[tuple[str, str, str]]]


def edits(text: str, want: Want) -> list[Edit]:
    """Return the edits that are wanted of the nodes: kind, old and new."""
    parsed = recovery.parse(text)
    return [
        Edit(kind, *parsed.place(node), new=new, old=old)  # type: ignore[arg-type]
        for node in ast.walk(parsed.tree)
        for kind, old, new in want(node)
    ]


def old_calls(node: ast.AST) -> list[tuple[str, str, str]]:
    """Rewrite what ends in _old, or begins with old."""
    if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == "old.log":
        return [("expression", "", "new.math.log")]
    if isinstance(node, ast.Name) and node.id == "old_name":
        return [("expression", "", "new.name")]
    if isinstance(node, ast.Attribute) and node.attr == "old_method":
        return [("attribute", "old_method", "new_method")]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "old_def":
        return [("definition", "old_def", "new_def")]
    if isinstance(node, ast.ImportFrom) and node.module == "old.module":
        return [("import", "old.module", "new.module")]
    if isinstance(node, ast.Call):
        given = [word.arg for word in node.keywords]
        found = [("keyword", "lr_old", "rate")] if "lr_old" in given else []
        return found + [("drop", one, "") for one in ("gone", "gone2") if one in given]
    return []


def fixed(text: str) -> str:
    return apply(text, edits(text, old_calls))


# Kinds of edits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = old.log(x)", "y = new.math.log(x)"),
        ("y = (old . log)(x)", "y = (new.math.log)(x)"),
        ("y = old.log", "y = new.math.log"),
        ("@old.log\ndef f(): ...", "@new.math.log\ndef f(): ..."),
        ("class A(old.log): ...", "class A(new.math.log): ..."),
        ("old.log.x.y()", "new.math.log.x.y()"),
        ("f(old_name)[old_name]", "f(new.name)[new.name]"),
        ("a.b(c).old_method(x)", "a.b(c).new_method(x)"),
        (
            "(a\n  .old_method  # why\n  .old_method())",
            "(a\n  .new_method  # why\n  .new_method())",
        ),
        ("from old.module import (a,  # why\n  b)", "from new.module import (a,  # why\n  b)"),
        ("def  old_def (self): pass", "def  new_def (self): pass"),
        ("@d\nasync def old_def(): pass", "@d\nasync def new_def(): pass"),
        (
            "class A:\n    @d(1)\n    def old_def(self): pass",
            "class A:\n    @d(1)\n    def new_def(self): pass",
        ),
        ("f(lr_old = 0.1, b=2)", "f(rate = 0.1, b=2)"),
        ("f(**a, lr_old=lr_old)", "f(**a, rate=lr_old)"),
    ],
)
def test_only_what_is_meant_changes(before: str, after: str) -> None:
    assert fixed(before) == after
    assert fixed(f"é = '变'; {before}" if "\n" not in before and "@" not in before else before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(gone=1)", "f()"),
        ("f( gone = 1, )", "f()"),
        ("f(\n    gone=1,\n)", "f()"),
        ("f(  # (why\n    gone=1,\n)", "f(  # (why\n)"),
        ("f(a, gone=1)", "f(a)"),
        ("f(a , gone=1 )", "f(a)"),
        ("f(a, gone=1, b=2)", "f(a, b=2)"),
        ("f(a, gone=1,b=2)", "f(a, b=2)"),
        ("f(gone=1, b=2)", "f(b=2)"),
        ("f(gone=1, **k)", "f(**k)"),
        ("f(a, gone=(1, 2), b=2,)", "f(a, b=2,)"),
        ("f(a, gone=(1,\n  2), b=2,)", "f(a, b=2,)"),
        ("f(a, gone=1, gone2=2)", "f(a)"),
        ("f(a, gone=1, gone2=2,)", "f(a,)"),
        ("f(gone=1, a=2, gone2=2)", "f(a=2)"),
        ("f(gone='#', gone2=2)", "f()"),
        ("f(\n    a,\n    gone=1\n)", "f(\n    a\n)"),
        ("f(\n    a,\n    gone=1,\n)", "f(\n    a,\n)"),
        ("f(\n    gone=1,\n    b=2,\n)", "f(\n    b=2,\n)"),
        ("f(\n    gone=1, b=2,\n)", "f(\n    b=2,\n)"),
        ("f(\n    a, gone=1,\n    b=2,\n)", "f(\n    a,\n    b=2,\n)"),
        ("f(\n    a\n    , gone=1\n    , b=2\n)", "f(\n    a\n    , b=2\n)"),
        ("f(\n    a\n    , gone=1\n)", "f(\n    a\n)"),
        ("f(a,\n  gone=1)", "f(a)"),
        ("f(gone=1,\n  b=2)", "f(\n  b=2)"),
        ("f(a, gone=1, \\\n  b=2)", "f(a, \\\n  b=2)"),
        ("f(\r\n    a,\r\n    gone=1,\r\n)\r\n", "f(\r\n    a,\r\n)\r\n"),
        ("f(\n\ta,\n\tgone=1,\n\tb=2)", "f(\n\ta,\n\tb=2)"),
    ],
)
def test_an_argument_goes_with_its_comma_and_its_space(before: str, after: str) -> None:
    assert fixed(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "f(\n    a,  # a\n    gone=1,  # g\n    b=2,  # b\n)",
            "f(\n    a,  # a\n    # g\n    b=2,  # b\n)",
        ),
        ("f(\n    a,  # a\n    gone=1  # g\n)", "f(\n    a,  # a\n    # g\n)"),
        ("f(a,  # a\n  gone=1)", "f(a,  # a\n  )"),
        ("f(a, gone=1,  # g\n  b=2)", "f(a,  # g\n  b=2)"),
        ("f(  # f\n  gone=1)", "f(  # f\n  )"),
        ("f(a,\n  # above\n  gone=1,\n  # below\n)", "f(a,\n  # above\n  # below\n)"),
        ("f(gone=1  # g\n  , b=2)", "f(  # g\n  b=2)"),
    ],
)
def test_comments_stay(before: str, after: str) -> None:
    assert fixed(before) == after


# Together -----------------------------------------------------------------------------------


def test_edits_inside_edits_are_all_made() -> None:
    before = "old.log(a.old_method(old.log(x), lr_old=f(gone=1, b=old_name)), gone=2, lr_old=3)"
    after = "new.math.log(a.new_method(new.math.log(x), rate=f(b=new.name)), rate=3)"
    assert fixed(before) == after


def test_an_edit_inside_what_goes_is_not_made() -> None:
    assert fixed("f(a, gone=old.log(f(lr_old=1)))") == "f(a)"


def test_the_wider_of_two_names_wins() -> None:
    text = "a.b.c(x)"
    outer = Edit("expression", 1, 0, 1, 5, new="z")
    inner = Edit("expression", 1, 0, 1, 3, new="y")
    assert apply(text, [inner, outer]) == apply(text, [outer, inner]) == "z(x)"


def test_the_same_edit_twice_is_one_edit() -> None:
    edit = Edit("expression", 1, 0, 1, 1, new="b")
    assert apply("a", [edit, edit]) == "b"


def test_no_edits_change_nothing() -> None:
    assert apply("x = = 1", []) == "x = = 1"


def test_edits_in_f_strings_and_lambdas_and_comprehensions() -> None:
    before = 'é = f"é{old.log(x)!r:>{old_name}} {old.log(y)}" + f"""\n{ old.log (z) }"""\n'
    assert fixed(before) == before.replace("old.log", "new.math.log").replace(
        "old_name", "new.name"
    )
    before = "[old.log(x) for x in (lambda y=old_name: y.old_method)]"
    assert fixed(before) == "[new.math.log(x) for x in (lambda y=new.name: y.new_method)]"


def test_several_statements_on_a_line() -> None:
    assert fixed("old.log(x); f(gone=1); old_name = (\n 1); old.log(y)") == (
        "new.math.log(x); f(); new.name = (\n 1); new.math.log(y)"
    )


def test_newlines_tabs_form_feeds_and_other_letters_stay() -> None:
    before = "# ü\r\n\x0cif é:\r\n\told.log('变😀', gone=1)\t# ß\r\n\r\rold_name()\n"
    assert fixed(before) == before.replace("old.log", "new.math.log").replace(
        ", gone=1", ""
    ).replace("old_name", "new.name")


def test_notebook_cells_with_magics_can_be_fixed() -> None:
    before = "%matplotlib inline\n!pip install 'x\nold.log(x)\n%time old.log(x, gone=1)\ny = !ls\n"
    assert fixed(before) == before.replace("old.log", "new.math.log").replace(", gone=1", "")


def test_code_that_is_indented_as_a_whole_can_be_fixed() -> None:
    before = "    x = old.log(\n1)\n    def old_def():\n        f(\n            gone=1)\n"
    after = "    x = new.math.log(\n1)\n    def new_def():\n        f()\n"
    assert fixed(before) == after


# What cannot be done ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["x = = 1\nf(a)", "f(a\n", "print 'x'\nf(a)", "\0\nf(a)", "(" * 999]
)
def test_code_that_does_not_parse_is_not_touched(text: str) -> None:
    with pytest.raises(Unfixable, match="does not parse"):
        apply(text, [Edit("expression", 2, 0, 2, 1, new="g")])


@pytest.mark.parametrize(
    "edit",
    [
        Edit("expression", 1, 1, 1, 3, new="x"),
        Edit("expression", 0, 0, 0, 1, new="x"),
        Edit("expression", 9, 0, 9, 1, new="x"),
        Edit("expression", 1, 0, 1, 99, new="x"),
        Edit("expression", 1, 0, 1, 6, new="x"),
        Edit("keyword", 1, 0, 1, 6, old="b", new="c"),
        Edit("keyword", 1, 0, 1, 1, old="a", new="c"),
        Edit("drop", 1, 0, 1, 6, old="b"),
        Edit("attribute", 1, 0, 1, 1, old="f", new="g"),
        Edit("attribute", 2, 0, 2, 3, old="z", new="g"),
        Edit("definition", 3, 0, 3, 1, old="f", new="g"),
        Edit("import", 4, 0, 4, 18, new="new"),
        Edit("import", 3, 0, 3, 13, new="new"),
        Edit("expression", 1, 0, 1, 1, new="a b"),
        Edit("expression", 1, 0, 1, 1, new=""),
        Edit("expression", 1, 0, 1, 1, new="a.class"),
        Edit("keyword", 5, 0, 5, 11, old="a", new="b"),
    ],
    ids=str,
)
def test_an_edit_that_does_not_fit_is_refused_in_one_line(edit: Edit) -> None:
    text = "f(a=1)\nx.y\ndef h(): pass\nfrom . import a\nf(a=1, b=2)\n"
    with pytest.raises(Unfixable) as caught:
        apply(text, [edit])
    assert "\n" not in str(caught.value)


def test_edits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(Unfixable, match="contradict"):
        apply(
            "a", [Edit("expression", 1, 0, 1, 1, new="b"), Edit("expression", 1, 0, 1, 1, new="c")]
        )


def test_what_compiled_still_compiles() -> None:
    twice = [Edit("keyword", 1, 0, 1, 11, old=old, new="z") for old in ("x", "y")]
    with pytest.raises(Unfixable, match="compile"):
        apply("f(x=1, y=2)", twice)


def test_what_parses_but_does_not_compile_can_be_fixed() -> None:
    assert fixed("return old.log(x)\nawait f(gone=1)\n") == "return new.math.log(x)\nawait f()\n"


# Any program --------------------------------------------------------------------------------

SPACES = ["", " ", "\n  ", "  # c,)\n", "\r\n\t"]


def written_call(
    function: str, positional: list[str], keywords: list[tuple[str, str]], spaces: list[str]
) -> str:
    """Write a call with such space around its arguments, and perhaps a comma after the last."""
    space = iter(spaces)
    parts = [*positional, *(f"{name}={value}" for name, value in keywords)]
    text = ",".join(f"{next(space)}{part}{next(space)}" for part in parts)
    comma = "," if parts and spaces[0] else ""
    return f"{function}({text}{comma}{next(space)})"


names = st.sampled_from(["a", "b.c", "old.log", "old_name", "x.old_method", "é"])
values = st.recursive(
    names | st.sampled_from(["1", "'#'", "'变'", "[1, 2]"]),
    lambda inner: st.builds(
        written_call,
        names,
        st.lists(inner, max_size=2),
        st.lists(
            st.tuples(st.sampled_from(["gone", "gone2", "lr_old", "k", "m"]), inner),
            max_size=4,
            unique_by=lambda pair: pair[0],
        ),
        st.lists(st.sampled_from(SPACES), min_size=14, max_size=14),
    ),
    max_leaves=12,
)


class Expected(ast.NodeTransformer):
    """The same edits on the abstract tree."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [one for one in node.keywords if one.arg not in {"gone", "gone2"}]
        for one in node.keywords:
            one.arg = "rate" if one.arg == "lr_old" else one.arg
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if ast.unparse(node) == "old.log":
            return ast.parse("new.math.log", mode="eval").body
        node.attr = "new_method" if node.attr == "old_method" else node.attr
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.parse("new.name", mode="eval").body if node.id == "old_name" else node


@given(values)
def test_any_call_becomes_what_the_edits_say_and_keeps_its_comments(value: str) -> None:
    text = f"é = {value}  # end\n"
    assume(recovery.neutral(text) == text)
    after = fixed(text)
    assert ast.dump(ast.parse(after)) == ast.dump(Expected().visit(ast.parse(text)))
    assert fixed(after) == after
    if "gone" not in text:
        assert after.count("# c,)") == text.count("# c,)")


def test_every_name_of_a_real_module_can_be_found_and_rewritten() -> None:
    """Rename every attribute, name and function of this package's modules, one module at a time."""
    chance = random.Random(1)
    package = Path(recovery.__file__).parents[2]
    for path in chance.sample(sorted(package.rglob("*.py")), 12):
        text = path.read_text("utf-8")
        parsed = recovery.parse(text)
        wanted = []
        for node in ast.walk(parsed.tree):
            if isinstance(node, ast.Attribute):
                wanted.append(Edit("attribute", *parsed.place(node), node.attr + "_", node.attr))
                node.attr += "_"
            elif isinstance(node, ast.FunctionDef):
                wanted.append(Edit("definition", *parsed.place(node), node.name + "_", node.name))
                node.name += "_"
        assert ast.dump(ast.parse(apply(text, wanted))) == ast.dump(parsed.tree)


# Files --------------------------------------------------------------------------------------


def test_the_old_file_is_kept_beside_the_new(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("old")
    assert write(path, "new") == tmp_path / "train.py.bak"
    assert write(path, "newer") == tmp_path / "train.py.bak1"
    assert write(path, "newest") == tmp_path / "train.py.bak2"
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        "train.py": "newest",
        "train.py.bak": "old",
        "train.py.bak1": "new",
        "train.py.bak2": "newer",
    }


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        (b"\xef\xbb\xbfx = 1\n", "x = 2\n", b"\xef\xbb\xbfx = 2\n"),
        (
            "# coding: gbk\n变\n".encode("gbk"),
            "# coding: gbk\n量\n",
            "# coding: gbk\n量\n".encode("gbk"),
        ),
        (b"a\r\nb\r\n", "a\nc\n", b"a\r\nc\r\n"),
        (b"a\r\nb\r\n", "a\r\nc\r\n", b"a\r\nc\r\n"),
        (b"a\r\nb\n", "a\r\nc\n", b"a\r\nc\n"),
        (b"a\rb", "a\rc", b"a\rc"),
        (b"a\nb", "a\nc", b"a\nc"),
    ],
)
def test_a_file_is_written_as_it_was(
    tmp_path: Path, before: bytes, text: str, after: bytes
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(before)
    backup = write(path, text)
    assert path.read_bytes() == after
    assert backup.read_bytes() == before
    assert sources.read(path).text.replace("\r\n", "\n") == text.replace("\r\n", "\n")


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    path.chmod(0o750)
    assert write(path, "new").stat().st_mode & 0o777 == path.stat().st_mode & 0o777 == 0o750


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("old")
    link = tmp_path / "link.py"
    link.symlink_to("real/a.py")
    assert write(link, "new") == tmp_path / "real" / "a.py.bak"
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.py").read_text() == "new"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.py", "No such file"),
        ("folder.py", "Is a directory"),
        ("closed.py", "closed.py: the file is read-only"),
        ("shut/a.py", "its folder is read-only"),
        ("latin.py", "cannot be written in iso-8859-1; save the file as UTF-8"),
        ("broken.py", "cannot be decoded"),
        ("loop.py", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_changes_nothing(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "shut").mkdir()
    for file in ("closed.py", "shut/a.py"):
        (tmp_path / file).write_text("old")
    (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\n")
    (tmp_path / "broken.py").write_bytes(b"\xff")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "closed.py").chmod(0o444)
    (tmp_path / "shut").chmod(0o555)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KcourseError) as caught:
        write(tmp_path / name, "变")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "shut").chmod(0o755)


def test_a_full_disk_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KcourseError, match=r"a\.py: cannot be written \(No space left"):
        write(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["a.py"]
    assert path.read_text() == "old"
