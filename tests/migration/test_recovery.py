"""As much as can be read of Python that does not parse."""

from __future__ import annotations

import ast
import random
import re
import textwrap
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcourse.migration.recovery import Parsed, neutral, parse
from kcourse.migration.recovery.parsing import NEWLINE

PACKAGE = Path(__file__).parents[2] / "src" / "kcourse"


def code(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def read(text: str) -> str:
    """Return what was read, without what only says that something is missing."""
    return re.sub(r"(, )?\*\*_(?!_)", "", ast.unparse(parse(text).tree))


def names(tree: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def places(parsed: Parsed, text: str) -> None:
    """Assert that each name stands where the tree says that it stands."""
    lines = NEWLINE.split(text)
    for node in ast.walk(parsed.tree):
        if isinstance(node, ast.Name) and node.id != "_" and node.id.isascii():
            line, start, end_line, end = parsed.place(node)
            assert line == end_line
            assert lines[line - 1][start:end] == node.id


# Whole programs -----------------------------------------------------------------------------


def test_python_is_parsed_as_it_stands() -> None:
    text = "import tensorflow as tf\n\nclass A(tf.Module):\n    x = 'é'; y = tf.log(x)\n"
    parsed = parse(text)
    assert ast.dump(parsed.tree, include_attributes=True) == ast.dump(
        ast.parse(text), include_attributes=True
    )
    assert (parsed.skipped, parsed.whole) == ([], True)


def test_columns_are_counted_in_characters() -> None:
    text = "x = 'é😀变'; y = f(x)"
    node = parse(text).tree.body[1]
    assert parse(text).place(node) == (1, 11, 1, 19)
    assert text[11:19] == "y = f(x)"


@pytest.mark.parametrize("text", ["", "\n", "   ", "# only a comment", "\r\n", "# c\n  # d"])
def test_nothing_is_an_empty_program(text: str) -> None:
    parsed = parse(text)
    assert (parsed.tree.body, parsed.skipped, parsed.whole) == ([], [], True)


def test_the_warnings_of_the_code_are_not_heard() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse("x = '\\d'\nx is 1\n")
        parse("x = '\\d'\nx is 1\n)(\n")


def test_a_text_that_is_indented_as_a_whole_keeps_its_columns() -> None:
    text = "    # a comment\n    x = f(\n1)\n\n    def g():\n        return '''\n'''\n"
    parsed = parse(text)
    assert (parsed.whole, parsed.skipped) == (True, [])
    assert parsed.place(parsed.tree.body[0]) == (2, 4, 3, 2)
    assert [type(one) for one in parsed.tree.body] == [ast.Assign, ast.FunctionDef]
    assert parse("\tx = 1\n\ty = 2\n").whole


# Magics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "magic",
    [
        *("%matplotlib inline", "!pip install keras==2.3", "!ls \\\n  *.py", "%%time", "%cd /tmp"),
        *(
            "model?",
            "model.fit??",
            "?model",
            "??tf.keras.Model",
            "$ pip install x",
            "%load_ext a.b",
        ),
        *("pip install tensorflow==1.15", "git clone https://x.y/z", "%time", "%timeit -n 10"),
        *("%config InlineBackend.figure_format = 'retina'", "!echo 'unclosed (", "cd data"),
    ],
)
def test_magics_and_shell_commands_are_neither_read_nor_reported(magic: str) -> None:
    parsed = parse(f"x = 1\n{magic}\nif x:\n    {magic}\ny = 2\n")
    assert (parsed.skipped, parsed.whole) == ([], True)
    assert set(names(parsed.tree)) == {"x", "y"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%time model.fit(x, y)", "model.fit(x, y)"),
        ("%timeit -n 10 -r 3 f(x)", "f(x)"),
        ("%time y = f(x)", "y = f(x)"),
        ("y = %time f(x)", "y = f(x)"),
        ("y = %timeit -o f(x)", None),
        ("y = !ls *.py", "y = None"),
        ("a, b = %lsmagic", "a, b = None"),
        ("%time f(x", "pass"),
        ("%time for", "pass"),
    ],
)
def test_what_is_timed_is_read(line: str, expected: str | None) -> None:
    text = f"def g():\n    {line}\n"
    parsed = parse(text)
    assert (parsed.skipped, parsed.whole) == ([], True) or expected is None
    if expected is not None:
        assert ast.unparse(parsed.tree) == f"def g():\n    {expected}"
    places(parsed, text)


def test_what_looks_like_a_magic_in_a_string_or_in_brackets_is_none() -> None:
    text = "a = '''\n%time x\n!ls\n'''\nb = (c\n%d)\n%matplotlib inline\n"
    assert read(text) == "a = '\\n%time x\\n!ls\\n'\nb = c % d\npass"


def test_neutral_keeps_lines_and_columns() -> None:
    text = "%matplotlib inline\nif x:\n    %time f(x)\n    y = !ls\n"
    plain = neutral(text)
    assert plain == "pass\nif x:\n    if 1: f(x)\n    y = None\n"
    assert neutral("x = 1\n") == "x = 1\n"
    assert neutral("  x = 1\n  %pdb\n") == "  x = 1\n  pass\n"
    assert neutral("x = = 1\n") is None


# What is lost and what survives -------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(
            "x = = 3",
            "这是一个说明，请注意。",
            "This is a sentence.",
            "@",
            "x y",
            "for",
            "class",
            "1x",
        ),
        *("Don't do this (see below", "a ==> b", "<your code here>", "def", "import", "lambda"),
        *("x = $y", "if (a", "x[", "f(a b)", '"no end', "del", "print 'a' b", "\\ x", "???x"),
    ],
)
def test_one_bad_line_loses_nothing_else(line: str) -> None:
    good = code(
        """
        import tensorflow as tf
        class A(tf.Module):
            def f(self):
                return tf.log(
                    self.x,
                )
            # comment
            def g(self):
                pass
        a = '''
        text
        '''
        a.f()
        """
    ).split("\n")
    whole = ast.unparse(ast.parse("\n".join(good)))
    for number in (0, 1, 6, 9, 12, 13):
        lines = [*good[:number], line, *good[number:]]
        parsed = parse("\n".join(lines))
        assert not parsed.whole
        kept = ast.unparse(parsed.tree)
        for part in whole.split("\n"):
            assert part.strip() in kept, (number, kept)
        assert all(first == last == number + 1 for first, last, _ in parsed.skipped)
        places(parsed, "\n".join(lines))


def test_what_is_lost_is_named_with_its_lines_and_a_reason() -> None:
    parsed = parse("x = 1\n\ny = = 2\nz z\nw = (1,\n  2 3,\n  4)\n")
    assert [(first, last) for first, last, _ in parsed.skipped] == [(3, 4), (6, 6)]
    assert parsed.skipped[0][2] == "not Python: invalid syntax"


def test_a_class_with_one_broken_method_keeps_the_others() -> None:
    text = code(
        """
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
            def build(self, shape):
                    self.w = self.add_weight(shape)
                  self.b = self.add_weight(shape
                self.c = = 3
            def call(self, x):
                return x
        net = Net()
        """
    )
    parsed = parse(text)
    net, last = parsed.tree.body
    assert isinstance(net, ast.ClassDef)
    assert [one.name for one in net.body if isinstance(one, ast.FunctionDef)] == [
        "__init__",
        "build",
        "call",
    ]
    assert "self.w = self.add_weight(shape)" in ast.unparse(net.body[1])
    assert "self.b = self.add_weight(shape" in ast.unparse(net.body[1])
    assert ast.unparse(last) == "net = Net()"
    assert [(one[0], one[1]) for one in parsed.skipped] == [(7, 7)]
    places(parsed, text)


@pytest.mark.parametrize(
    ("header", "read_as"),
    [
        ("def f(x y):", "def f(*_, **__):"),
        ("def f(x, y", "def f(x, y):"),
        ("def f(x)", "def f(x):"),
        ("class A(keras.Model:", "class A(keras.Model):"),
        ("class A(keras..Model):", "class A:"),
        ("async def f(x=):", "def f(*_, **__):"),
        ("def 1f(x):", "if 1:"),
        ("for x on y:", "if 1:"),
        ("if x == 1", "if x == 1:"),
        ("while x <:", "if 1:"),
        ("with tf.Session() as:", "if 1:"),
        ("try", "if 1:"),
        ("else:", "if 1:"),
        ("elif x:", "if x:"),
        ("except:", "if 1:"),
        ("finally:", "if 1:"),
        ("case 1:", "if 1:"),
        ("match x y:", "if 1:"),
    ],
)
def test_the_body_of_a_broken_header_is_kept(header: str, read_as: str) -> None:
    text = f"{header}\n    y = g(x)\n    return y\nz = 1\n"
    assert read(text) == f"{read_as}\n    y = g(x)\n    return y\nz = 1"
    places(parse(text), text)


def test_broken_parts_of_compound_statements_keep_the_others() -> None:
    text = code(
        """
        try:
            a()
        except E, e:
            b()
        else
            c()
        finally:
            d()
        if x y:
            e()
        elif z:
            f()
        else:
            g()
        """
    )
    assert names(parse(text).tree)[-7:] == ["f", "g"] or set("abcdefg") <= set(
        names(parse(text).tree)
    )
    assert read(text).startswith("try:\n    a()\nexcept E:\n    b()\nelse:\n    c()\nfinally:")
    places(parse(text), text)


@pytest.mark.parametrize("end", ["def f():", "class A:\n", "for x in y:", "if x: # why", "try:"])
def test_a_header_without_a_body_is_kept(end: str) -> None:
    parsed = parse(f"a = 1\n{end}")
    assert len(parsed.tree.body) == 2
    assert parsed.skipped == []


def test_a_body_that_is_not_indented_follows_its_header() -> None:
    assert read("with a() as b:\nc = b.d()\n") == "with a() as b:\n    pass\nc = b.d()"


def test_decorators_without_a_function_are_read_as_expressions() -> None:
    assert read("@tf.function\n@b\nx = = 1\n") == "tf.function\nb"
    assert read("@tf.function\ndef f(:\n    x\n") == "@tf.function\ndef f():\n    x"


# Repairs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("print 'loss', x", "print('loss', x)"),
        ("print x % y,", "print(x % y)"),
        ("if x: print x", "if x:\n    print(x)"),
        ("exec 'x'", "exec('x')"),
        ("raise E, 'text'", "raise E"),
        ("x <> 10L", "x != 10"),
        ("y = 0777", "y = 777"),
        ("y = ur'a'", "y = 'a'"),
        ("return = f(x)", "return f(x)"),
        ("Dense(…)", "Dense(...)"),
        ("Dense(units=3, …)", "Dense(units=3)"),
        ("model.fit(x, epochs=1, ...)", "model.fit(x, epochs=1)"),
        ("if f(x=1, ...):", "if f(x=1):\n    pass"),
        ("y = f(x))", "y = f(x)"),
        ("y = f(x", "y = f(x)"),
        ("y = [f(x, lr=1), {1: 2", "y = [f(x, lr=1), {1: 2}]"),
        ("f('text", "f('text')"),
        ("f(x，y)  # é", "f(x, y)"),
        ("model.fit（x，y=“é”）", "model.fit(x, y='é')"),
        ("\xa0\xa0y\xa0= f(x)", "y = f(x)"),
        ("f(\u200bx)", "f(x)"),
        (">>> f(x)", "f(x)"),
        ("y = f(x)\0", "y = f(x)"),
        ("'''text", "'text'"),
    ],
)
def test_what_was_meant_is_read(line: str, expected: str) -> None:
    text = f"a = 1\n{line}\nb = 2\nc = = d\n"
    parsed = parse(text)
    assert read(text) == f"a = 1\n{expected}\nb = 2"
    assert [one[0] for one in parsed.skipped] == [4]
    assert not parsed.whole
    places(parsed, text)


def test_a_call_that_is_not_closed_says_that_arguments_may_be_missing() -> None:
    (call,) = parse("f(a, g(b\n").tree.body
    assert ast.unparse(call) == "f(a, g(b, **_), **_)"
    (call,) = parse("f(a,\n  b c,\n  d=1)\n").tree.body
    assert ast.unparse(call) == "f(a, **_, d=1)"


def test_an_open_bracket_ends_before_the_next_statement() -> None:
    text = code(
        """
        model = Sequential([
            Dense(10),
            Dense(2),
        model.compile(loss='mse')
        model.fit(x, y
        def f():
            g(1,
            return 2
        x = (1,
             2
        import os
        """
    )
    kept = read(text)
    for part in ("Dense(2)", "model.compile(loss='mse')", "model.fit(x, y)", "g(1)", "return 2"):
        assert part in kept
    assert kept.endswith("x = (1, 2)\nimport os")
    places(parse(text), text)


def test_code_after_a_string_that_never_ends_is_read() -> None:
    text = 'def f():\n    """Docstring\n    return tf.log(1)\n\ndef g():\n    pass\n'
    assert [one.name for one in parse(text).tree.body if isinstance(one, ast.FunctionDef)] == [
        "f",
        "g",
    ]
    assert "tf.log(1)" in read(text)


def test_long_tables_at_the_margin_survive_an_error_elsewhere() -> None:
    table = "table = {\n" + "".join(f"{one}: 'x',\n" for one in range(300)) + "}\n"
    parsed = parse(f"x = = 1\n{table}")
    assert [one[:2] for one in parsed.skipped] == [(1, 1)]
    assert len(parsed.tree.body) == 1


def test_one_bad_element_does_not_lose_the_list() -> None:
    text = "m = Sequential([\n  Dense(1),\n  Dense(2 3),\n  Dense(4),\n])\n"
    assert read(text) == "m = Sequential([Dense(1), Dense(4)])"
    assert [one[:2] for one in parse(text).skipped] == [(3, 3)]


# Indentation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n  \tdef f(self):\n      \ta = 1\n        b = 2\n    def g(self):\n\t\tc = 3\n",
        "class A:\n \tdef f(self):\n \t\ta = 1\n\t\tb = 2\n\n def g(self):\n \tc = 3\n",
        "class A:\n    def f(self):\n\ta = 1\n        b = 2\n    def g(self):\n\tc = 3\n",
        "class A:\n    def f(self):\n        a = 1\n      b = 2\n"
        "    def g(self):\n         c = 3\n",
        "class A:\n\u3000\u3000def f(self):\n\u3000\u3000\u3000\u3000a = 1\n        b = 2\n"
        "    def g(self):\n\xa0\xa0\xa0\xa0    c = 3\n",
    ],
)
def test_mixed_tabs_and_spaces_mean_what_they_look_like(text: str) -> None:
    assert read(text) == (
        "class A:\n\n    def f(self):\n        a = 1\n        b = 2\n\n"
        "    def g(self):\n        c = 3"
    )
    assert parse(text).skipped == []
    places(parse(text), text)


def test_lines_that_stand_too_far_right_are_read_where_they_are() -> None:
    text = "x = 1\n    y = f(x)\n    if y:\n        g(y)\n    h(y)\nz = 1\n"
    assert read(text) == "x = 1\ny = f(x)\nif y:\n    g(y)\nh(y)\nz = 1"
    places(parse(text), text)


def test_a_method_is_not_read_into_the_method_before_it() -> None:
    text = "class A:\n    def f(self):\n        a = 1\n      def g(self):\n        b = 1\nx x\n"
    (one,) = parse(text).tree.body
    assert isinstance(one, ast.ClassDef)
    assert [method.name for method in one.body if isinstance(method, ast.FunctionDef)] == ["f", "g"]


def test_an_else_finds_its_if() -> None:
    text = "if a:\n    b\n  else:\n    c\nd d\n"
    assert read(text) == "if a:\n    b\nelse:\n    c"


# Hostile text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 30_000, "-" * 300_000 + "1", "not " * 50_000 + "x", "a" + ".b" * 50_000),
        *("+".join(["a"] * 50_000), "lambda: " * 20_000 + "x", "[" * 5000 + "]" * 5000),
        *(
            "\0" * 10_000,
            "\ud800 = 1\n" * 100,
            "x = '\ud800'\n",
            "\x0c\x0bx = = 1",
            "\ufeff\ufeffx",
        ),
        *("f(\n" * 6000, '"""\n' * 10_001, "'\n" * 10_000, "See (the note\n" * 3000),
        *("else:\n" * 8000, "@a\n" * 8000, "if x y:\n a\n" * 5000, "\\\n" * 20_000),
        *("\n".join(" " * one + "if x:" for one in range(1500)), "x[\nfor a in b:\n" * 3000),
        *("if 1: " * 2000, "match x:\n case y z:\n  pass\n" * 2000, "9" * 5000 + "\n) (\n"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_hostile_text_neither_raises_nor_takes_long(text: str) -> None:
    start = time.perf_counter()
    parsed = parse(text)
    ast.dump(parsed.tree)
    assert time.perf_counter() - start < 20


@given(st.text(alphabet="ab(){}[]'\"\\#:=.,@%!?\n\n\n\t  \0é…：defi", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parsed = parse(text)
    count = len(NEWLINE.split(text))
    end = 0
    for first, last, reason in parsed.skipped:
        assert end < first <= last <= count
        assert reason
        end = last
    if parsed.whole:
        assert parsed.skipped == []


def test_damaged_modules_lose_little() -> None:
    """Break every module of this package at random: almost everything else survives."""
    chance = random.Random(1)
    junk = ["foo(", "bar)", "x = = 3", "说明，请注意", "'", '"""', "class", "def f(", "@", "else:"]
    lost = total = 0
    for path in chance.sample(sorted(PACKAGE.rglob("*.py")), 40):
        lines = path.read_text("utf-8").split("\n")
        for _ in range(3):
            damaged = list(lines)
            number = chance.randrange(len(damaged))
            if chance.random() < 0.5:
                damaged.insert(number, chance.choice(junk))
            elif damaged[number]:
                cut = chance.randrange(len(damaged[number]))
                damaged[number] = damaged[number][:cut] + damaged[number][cut + 1 :]
            text = "\n".join(damaged)
            parsed = parse(text)
            places(parsed, text)
            lost += sum(last - first + 1 for first, last, _ in parsed.skipped)
            total += len(damaged)
    assert lost < total / 100


def test_a_long_file_with_many_errors_takes_seconds() -> None:
    module = "import a\n\nclass A{0}:\n    def f(self, x):\n        return [x, {{'k': a.b(x)}}]\n\n"
    text = "".join(
        module.format(one) + ("x = = (\n" if one % 15 == 0 else "") for one in range(3000)
    )
    assert text.count("\n") > 18_000
    start = time.perf_counter()
    parsed = parse(text)
    assert time.perf_counter() - start < 20
    assert len(parsed.skipped) == 200
    assert sum(isinstance(one, ast.ClassDef) for one in parsed.tree.body) == 3000


def test_a_study_note_with_all_its_faults_is_read() -> None:
    """Faults as people make them: tabs, prose, output, ``return =``, and a lone ``@``."""
    text = code(
        """
        x：输入数据。如果模型只有一个输入，那么x的类型是numpy array
        optimizer = tf.keras.optimizers.SGD(lr=0.01)
        for _ in range(1000):
         →with tf.GradientTape() as tape:
         →y = a*tf.pow(x,2) + b*x + c
         →dy_dx = tape.gradient(y,x)
        # 矩阵乘法
        @
        tf.transpose→# 转置
        logdir = "./logs")
        class MLP(tf.keras.Model):
          →def __init__(self, **kwargs):
              →super(MLP, self).__init__(**kwargs)
                self.dense1 = layers.Dense(64)

            def call(self, inputs):
              →return = self.dense2(self.dense1(inputs))

        model.predict( [[5.5, 1.7]]

        >>> [1.]
        """
    ).replace("→", "\t")
    parsed = parse(text)
    assert [one[:2] for one in parsed.skipped] == [(1, 1), (8, 8)]
    kept = ast.unparse(parsed.tree)
    for part in ("SGD(lr=0.01)", "tape.gradient(y, x)", "tf.transpose", "return self.dense2(self"):
        assert part in kept
    mlp = next(one for one in parsed.tree.body if isinstance(one, ast.ClassDef))
    assert [one.name for one in mlp.body if isinstance(one, ast.FunctionDef)] == [
        "__init__",
        "call",
    ]
    places(parsed, text)
