"""``kcourse audit`` tells people and programs what it found, and writes only what was shown."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import kcourse
from ruamel.yaml import YAML

from kcourse.migration import auditing, sources, table
from kcourse.migration.auditing import Audit
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.fixing import Unfixable

ROOT = Path(__file__).parents[2]
HOOKS, ACTION = ROOT / ".pre-commit-hooks.yaml", ROOT / "action.yml"

# The first tests audit for a word, not for what the table says: they are about the command.
WORD, CURE = "old_call", "new_call"
RULE = "old-call"


def audit_for_a_word(path: Path, *, pedantic: bool) -> Audit:
    """Find each ``old_call``; and each ``odd_call``, which cannot be fixed, if pedantic."""
    try:
        source = sources.read(path)
    except sources.Unreadable as error:
        return Audit([], [Skipped(path, None, None, str(error))])
    findings, skipped = [], []
    for number, line in enumerate(source.text.splitlines(), 1):
        if "= =" in line:
            skipped.append(Skipped(path, None, (number, number), "invalid syntax"))
        for match in re.finditer(r"old_call|odd_call", line):
            fixable = match.group() == WORD
            if fixable or pedantic:
                place = (number, match.start() + 1, number, match.end() + 1)
                message, cure = f"`{match.group()}`: it is gone.", f"Call `{CURE}`."
                findings.append(Finding(path, None, *place, RULE, message, cure, fixable))
    return FoundWord(findings, skipped, source)


class FoundWord(Audit):
    """What was found of the word."""

    @property
    def fixed(self) -> str | None:
        """The text with the other word."""
        assert self.source
        text = self.source.text.replace(WORD, CURE)
        return text if text != self.source.text else None


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the audit runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def word(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit for a word, and a table that knows it."""
    entry = table.Change(
        rule=RULE,
        call="keras.old_call()",
        kind="removed",
        since="Keras 3.0",
        now="`AttributeError`",
        instead="Call `new_call`.",
        lesson="01_tensors/01_tensors_and_variables",
        find=(table.Pattern(name="keras.old_call"),),
        old="import keras\n",
        new="import keras\n",
        proves="assert True",
        raises="AttributeError",
        fix=table.Fix(name="keras.new_call"),
    )
    monkeypatch.setattr(table, "changes", lambda: (entry,))
    monkeypatch.setattr(table, "change", {RULE: entry}.__getitem__)
    monkeypatch.setattr(auditing, "audit", audit_for_a_word)


class Run:
    """Runs ``kcourse audit`` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._given = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        return kcourse(["audit", *arguments], *self._given)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# Exit codes


@pytest.mark.usefixtures("word")
def test_nothing_old_is_exit_code_0(run: Run, here: Path) -> None:
    write(here / "a.py", "new_call()\n")
    assert run(".") == (0, "No findings in 1 file.\n", "")


@pytest.mark.usefixtures("word")
def test_something_old_is_exit_code_1(run: Run, here: Path) -> None:
    write(here / "a.py", "old_call()\n")
    code, out, err = run("a.py")
    assert (code, err) == (1, "")
    assert out.startswith("a.py:1:1: removed old-call\n    old_call()\n  Now:     `old_call`")


@pytest.mark.usefixtures("word")
def test_what_only_may_be_old_is_told_if_asked_for(run: Run, here: Path) -> None:
    write(here / "a.py", "odd_call()\n")
    assert run("a.py")[0] == 0
    assert run("a.py", "--pedantic")[0] == 1


@pytest.mark.usefixtures("word")
def test_a_file_that_cannot_be_read_is_one_line_and_the_others_are_audited(
    run: Run, here: Path
) -> None:
    write(here / "a.ipynb", "{ torn")
    write(here / "b.py", "old_call()\n")
    code, out, err = run("a.ipynb", "b.py")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("kcourse: a.ipynb was not read: not a notebook")
    assert "b.py:1:1" in out
    assert "1 finding in 1 of 1 file" in out


@pytest.mark.usefixtures("word")
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_if_one_cannot_be_read_and_nothing_is_found_the_exit_code_is_2(
    run: Run, here: Path, form: str
) -> None:
    write(here / "a.ipynb", "{ torn")
    write(here / "b.py", "new_call()\n")
    code, _, err = run(".", "--format", form)
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.usefixtures("word")
def test_lines_that_cannot_be_read_are_told_and_change_no_exit_code(run: Run, here: Path) -> None:
    write(here / "a.py", "new_call()\nx = = 1\n")
    assert run(".") == (
        0,
        "No findings in 1 file.\n",
        "kcourse: a.py: line 2 was not read: invalid syntax\n",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give one of these: PATHs to audit, --explain RULE, or --list."),
        (["x.py", "--list"], "Give one of these"),
        (["--explain", "x", "--list"], "Give one of these"),
        (["nowhere.py"], "nowhere.py"),
        (["nowhere.py", "--yes"], "--yes goes with --fix."),
        (["--format", "xml", "."], "'xml' is not one of"),
        (["--list", "--format", "sarif"], "told as text or json, not as sarif"),
        (["--explain", "old-cal"], "There is no rule 'old-cal'. Did you mean 'old-call'?"),
        (["--explain", "zzz"], "There is no rule 'zzz'. `kcourse audit --list` lists the rules."),
    ],
)
@pytest.mark.usefixtures("word")
def test_a_mistake_is_one_line_and_exit_code_2(run: Run, arguments: list[str], says: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("kcourse: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.usefixtures("word")
def test_a_fault_of_the_audits_own_is_told_and_is_no_finding(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *, pedantic: bool) -> Audit:
        if path.name == "a.py":
            raise ZeroDivisionError("of what?")
        return audit_for_a_word(path, pedantic=pedantic)

    monkeypatch.setattr(auditing, "audit", fail)
    write(here / "a.py", "")
    write(here / "b.py", "")
    code, out, err = run("a.py", "b.py")
    assert (code, out) == (2, "No findings in 1 file.\n")
    assert err.startswith(
        "kcourse: a.py was not read: a fault of kcourse, please report it: "
        "ZeroDivisionError: of what? (test_audit_command.py:"
    )
    assert err.count("\n") == 1


@pytest.mark.usefixtures("word")
def test_a_fault_anywhere_else_is_not_taken_for_a_finding_either(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_files", lambda _: 1 / 0)
    code, _, err = run("a.py")
    assert code == 2
    assert "ZeroDivisionError" in err


# Where the report goes


@pytest.mark.usefixtures("word")
def test_paths_are_told_as_they_were_given(run: Run, here: Path) -> None:
    path = write(here / "code/a.py", "old_call()\n")
    told = [json.loads(run(given, "--format", "json")[1]) for given in ("code", str(path))]
    assert [entries[0]["file"] for entries in told] == ["code/a.py", str(path)]


@pytest.mark.usefixtures("word")
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_a_report_in_a_file_is_the_one_that_would_be_printed(
    run: Run, here: Path, form: str
) -> None:
    write(here / "a.py", "old_call()  # 旧\n")
    _, printed, _ = run("a.py", "--format", form)
    assert run("a.py", "--format", form, "--output", "out/report") == (1, "", "")
    assert (here / "out/report").read_text(encoding="utf-8") == printed


@pytest.mark.usefixtures("word")
def test_a_report_that_cannot_be_written_is_one_line(run: Run, here: Path) -> None:
    write(here / "a.py", "old_call()\n")
    code, out, err = run("a.py", "--output", "a.py/report")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("kcourse: a.py/report cannot be written: ")


@pytest.mark.usefixtures("word")
def test_one_rule_is_told_as_text_and_as_data(run: Run) -> None:
    code, out, _ = run("--explain", RULE)
    assert (code, out.splitlines()[0]) == (0, "old-call: keras.old_call()")
    data = json.loads(run("--explain", RULE, "--format", "json")[1])
    assert data["find"] == [{"name": "keras.old_call"}]
    assert data["fix"] == {"name": "keras.new_call"}


@pytest.mark.usefixtures("word")
def test_the_table_is_told_as_text_and_as_data(run: Run) -> None:
    assert run("--list")[1].startswith("old-call  removed  keras.old_call()\n")
    (entry,) = json.loads(run("--list", "--format", "json")[1])
    assert entry["rule"] == RULE


# --fix


@pytest.mark.usefixtures("word")
def test_fixes_are_shown_and_written_and_what_remains_is_told(run: Run, here: Path) -> None:
    path = write(here / "a.py", "x = 1\nold_call()\nodd_call()\n")
    write(here / "b.py", "new_call()\n")
    code, out, err = run(".", "--fix", "--pedantic")
    assert path.read_text(encoding="utf-8") == "x = 1\nnew_call()\nodd_call()\n"
    assert (code, err) == (1, "")
    assert "--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n x = 1\n-old_call()\n+new_call()\n" in out
    assert "Written: a.py. The file as it was: a.py.bak\n" in out
    assert (here / "a.py.bak").read_text(encoding="utf-8") == "x = 1\nold_call()\nodd_call()\n"
    assert out.endswith("1 finding in 1 of 2 files: 1 removed.\n`kcourse audit --explain RULE`"
                        " tells more of a rule.\n")  # fmt: skip


@pytest.mark.usefixtures("word")
def test_if_all_was_fixed_the_exit_code_is_0(run: Run, here: Path) -> None:
    write(here / "a.py", "old_call()\n")
    assert run("a.py", "--fix", "--yes")[0] == 0
    assert run("a.py", "--fix") == (0, "No findings in 1 file.\n", "")


@pytest.mark.usefixtures("word")
@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_for_a_program_standard_output_holds_the_report_alone(
    run: Run, here: Path, form: str
) -> None:
    write(here / "a.py", "old_call()\n")
    write(here / "b.py", "new_call()\n")
    expected = run("b.py", "--format", form)[1]
    code, out, err = run("a.py", "--fix", "--format", form)
    assert (code, out) == (0, expected)
    assert "+new_call()" in err
    assert "Written: a.py" in err


@pytest.mark.usefixtures("word")
def test_the_diff_tells_of_a_file_that_ends_without_a_newline(run: Run, here: Path) -> None:
    write(here / "a.py", "old_call()")
    out = run("a.py", "--fix")[1]
    no_newline = "\\ No newline at end of file\n"
    assert f"-old_call()\n{no_newline}+new_call()\n{no_newline}" in out


@pytest.mark.usefixtures("word")
def test_a_file_that_changes_after_it_was_shown_is_not_written(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(here / "a.py", "old_call()\n")

    def answer(question: str, **_: Any) -> bool:
        path.write_text("mine = old_call()\n", encoding="utf-8")
        return True

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", answer)
    code, _, err = run("a.py", "--fix")
    assert (code, path.read_text(encoding="utf-8")) == (1, "mine = old_call()\n")
    assert err == "kcourse: a.py: changed while the audit ran, so not written; run it again\n"
    assert [path.name for path in here.iterdir()] == ["a.py"]


@pytest.mark.usefixtures("word")
def test_a_file_that_cannot_be_written_is_one_line_and_the_others_are_fixed(
    run: Run, here: Path
) -> None:
    closed, path = (write(here / name, "old_call()\n") for name in ("a.py", "b.py"))
    closed.chmod(0o444)
    code, out, err = run(".", "--fix")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("kcourse: a.py: ")
    assert "Written: b.py" in out
    assert path.read_text(encoding="utf-8") == "new_call()\n"
    assert closed.read_text(encoding="utf-8") == "old_call()\n"


@pytest.mark.usefixtures("word")
def test_a_file_that_cannot_be_rewritten_is_one_line_and_is_reported(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(found: Audit) -> str | None:
        raise Unfixable("a node is gone")

    monkeypatch.setattr(FoundWord, "fixed", property(fail))
    write(here / "a.py", "old_call()\n")
    code, out, err = run("a.py", "--fix")
    assert (code, err) == (1, "kcourse: a.py was not rewritten: a node is gone\n")
    assert "a.py:1:1: removed old-call" in out


@pytest.mark.usefixtures("word")
def test_of_a_link_the_file_is_fixed_and_its_backup_is_told(run: Run, here: Path) -> None:
    path = write(here / "elsewhere/a.py", "old_call()\n")
    (here / "link.py").symlink_to(path)
    out = run("link.py", "--fix")[1]
    assert (here / "link.py").is_symlink()
    assert path.read_text(encoding="utf-8") == "new_call()\n"
    assert f"Written: link.py. The file as it was: {path}.bak\n" in out


# As a program of its own. From here on, the table and the audit are the real ones.

START = [sys.executable, "-c", "from kcourse.cli import main; main()", "audit"]


def program(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*START, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        **more,
    )


@pytest.fixture(scope="module")
def fixable() -> table.Change:
    """An entry of the table that ``--fix`` rewrites."""
    return next(one for one in table.changes() if one.fix)


def test_an_old_call_is_found_fixed_and_found_no_more(here: Path, fixable: table.Change) -> None:
    write(here / "old.py", fixable.old)
    found = program("old.py", "--format", "json", cwd=here)
    assert (found.returncode, found.stderr) == (1, "")
    assert {entry["rule"] for entry in json.loads(found.stdout)} == {fixable.rule}
    fixed = program("old.py", "--fix", cwd=here)
    assert (fixed.returncode, fixed.stderr) == (0, "")
    assert (here / "old.py.bak").read_text(encoding="utf-8") == fixable.old
    assert program("old.py", cwd=here).returncode == 0


def test_a_notebook_and_a_text_are_fixed_too(here: Path, fixable: table.Change) -> None:
    source = fixable.old.strip("\n").splitlines(keepends=True)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
    whole = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write(here / "a.ipynb", json.dumps(whole, indent=1))
    write(here / "b.md", f"Text.\n\n```python\n{fixable.old.strip()}\n```\n")
    found = program(".", cwd=here)
    assert found.returncode == 1
    assert "a.ipynb: cell 1, line " in found.stdout
    assert re.search(r"^b\.md:\d+:\d+: ", found.stdout, re.MULTILINE)
    assert program(".", "--fix", cwd=here).returncode == 0


def test_every_rule_can_be_explained_and_is_listed(run: Run) -> None:
    listed = run("--list")[1]
    for one in table.changes():
        assert re.search(rf"^{one.rule} +{one.kind}  ", listed, re.MULTILINE)
    assert len(json.loads(run("--list", "--format", "json")[1])) == len(table.changes())
    code, out, _ = run("--explain", table.changes()[0].rule)
    assert code == 0
    assert table.changes()[0].lesson in out


def test_help_answers_at_once(here: Path) -> None:
    taken = []
    for _ in range(3):  # the machine may be busy with other things
        begin = time.perf_counter()
        assert program("--help", cwd=here).returncode == 0
        taken.append(time.perf_counter() - begin)
    assert min(taken) < 0.5


def test_an_audit_imports_nothing_heavy(here: Path, fixable: table.Change) -> None:
    write(here / "old.py", fixable.old)
    code = (
        "import sys; from kcourse.cli import kcourse\n"
        "try: kcourse.main(['audit', 'old.py', '--fix', '--format', 'sarif'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'IPython', 'nbformat', 'rich'}\n"
        "sys.exit(repr(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True)
    assert done.stderr.endswith("\nset()\n")


def test_a_reader_that_stops_reading_gets_no_traceback(here: Path) -> None:
    started = subprocess.Popen(
        [*START, "--list", "--format", "json"],
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout
    started.stdout.close()
    assert started.stderr
    told = started.stderr.read()
    started.stderr.close()
    started.wait(60)
    assert b"Traceback" not in told


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_code_that_the_terminal_has_no_characters_for_is_told(
    here: Path, fixable: table.Change, encoding: str
) -> None:
    (here / "数据 é.md").write_text(f"```python\n{fixable.old.strip()} # é 数\n```", "utf-8")
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for form in ("text", "json", "sarif", "github"):
        done = subprocess.run(
            [*START, ".", "--format", form],
            cwd=here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, b"")
        done.stdout.decode(encoding)


class Terminal:
    """A program with a terminal for its input and output."""

    def __init__(self, *arguments: str, cwd: Path, **environment: str) -> None:
        ours, theirs = pty.openpty()
        known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self._program = subprocess.Popen(
            [*START, *arguments],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=known | {"TERM": "xterm"} | environment,
        )
        os.close(theirs)
        self._ours = ours

    def answered(self, answer: str) -> tuple[int, str]:
        """Type ``answer``; return the exit code, and all that stood on the terminal."""
        os.write(self._ours, answer.encode())
        shown = b"".join(self._read())
        os.close(self._ours)
        return self._program.wait(60), shown.decode().replace("\r\n", "\n")

    def _read(self) -> Iterator[bytes]:
        try:
            while part := os.read(self._ours, 4096):
                yield part
        except OSError:  # the program has ended
            pass


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_the_changes_are_shown_and_then_asked_for(
    here: Path, fixable: table.Change, answer: str, written: bool
) -> None:
    path = write(here / "old.py", fixable.old)
    code, shown = Terminal("old.py", "--fix", cwd=here).answered(answer)
    diff, _, rest = click.unstyle(shown).partition("Write these changes to 1 file? [y/N]: ")
    assert "--- old.py\n+++ old.py\n" in diff
    assert (path.read_text(encoding="utf-8") != fixable.old) is written
    assert (here / "old.py.bak").exists() is written
    assert ("Nothing was written." in rest) is not written
    assert code == (0 if written else 1)


def test_with_yes_nothing_is_asked_on_a_terminal(here: Path, fixable: table.Change) -> None:
    write(here / "old.py", fixable.old)
    code, shown = Terminal("old.py", "--fix", "--yes", cwd=here).answered("")
    assert code == 0
    assert "Write these changes" not in shown


def test_a_terminal_has_colours_unless_they_are_unwanted(here: Path, fixable: table.Change) -> None:
    write(here / "old.py", fixable.old)
    assert "\x1b[" in Terminal("old.py", cwd=here).answered("")[1]
    assert "\x1b[" not in Terminal("old.py", cwd=here, NO_COLOR="1").answered("")[1]
    assert "\x1b[" not in program("old.py", cwd=here).stdout


# Hooks of pre-commit, and the action of GitHub


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", load(HOOKS), ids=lambda hook: hook["id"])
def test_a_hook_runs_on_all_that_it_is_given(
    here: Path, fixable: table.Change, hook: dict[str, Any]
) -> None:
    command = hook["entry"].split()
    assert command[:2] == ["kcourse", "audit"]
    names = ["old.py", "b.md", "c.txt"]
    write(here / "old.py", fixable.old)
    write(here / "b.md", "Text.\n")
    write(here / "c.txt", "Text.\n")
    assert all(re.search(hook["files"], name) for name in [*names, "folder/d.ipynb"])
    assert not any(re.search(hook["files"], name) for name in ("e.pyi", "f.toml", "py"))
    done = program(*command[2:], *names, cwd=here)
    assert done.returncode == (0 if "--fix" in command else 1), done.stderr
    assert ((here / "old.py").read_text(encoding="utf-8") != fixable.old) is ("--fix" in command)


def test_the_action_follows_githubs_schema() -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.github-actions", str(ACTION)),
        ],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_input_of_the_action_becomes_part_of_a_script() -> None:
    for step in load(ACTION)["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step["name"]


def test_the_action_uses_what_the_grading_workflow_uses() -> None:
    uses = re.compile(r"uses: (\S+@[0-9a-f]{40} # \S+)")
    graded = uses.findall((ROOT / ".github/workflows/grade.yml").read_text(encoding="utf-8"))
    used = uses.findall(ACTION.read_text(encoding="utf-8"))
    assert used
    assert set(used) <= set(graded)


#: What the action installs, and under which name it is imported.
IMPORTED = {
    "click": "click",
    "libcst": "libcst",
    "markdown-it-py": "markdown_it",
    "mdurl": "mdurl",
    "pyyaml": "yaml",
}


class Action:
    """The shell steps of the action, where nothing is installed but what the action installs."""

    def __init__(self, workspace: Path, temporary: Path) -> None:
        self._workspace = workspace
        self._environment = temporary / "environment"
        (self._environment / "bin").mkdir(parents=True)
        packages = self._environment / "packages"
        packages.mkdir()
        for name in IMPORTED.values():
            spec = find_spec(name)
            assert spec
            assert spec.origin
            (packages / name).symlink_to(Path(spec.origin).parent)
        start = f"import sys; sys.path[:0] = [{str(packages)!r}, {str(ROOT / 'src')!r}]\n"
        python = self._environment / "bin/python"
        # As the environment's: -S leaves out the packages that this test runs with.
        python.write_text(
            f'#!{sys.executable} -IS\nimport sys\nassert sys.argv[1:3] == ["-I", "-c"]\n'
            f'code, sys.argv = sys.argv[3], ["-c", *sys.argv[4:]]\n{start}exec(code)\n'
        )
        python.chmod(0o755)

    def audit(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the step that audits."""
        action = load(ACTION)
        given = {name: what["default"] for name, what in action["inputs"].items()} | inputs
        step = action["runs"]["steps"][-1]
        values = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
        values["${{ runner.temp }}/kcourse-audit"] = str(self._environment)
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self._workspace,
            env=os.environ | {name: values[value] for name, value in step["env"].items()},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def action(here: Path, tmp_path_factory: pytest.TempPathFactory) -> Action:
    return Action(here, tmp_path_factory.mktemp("runner"))


def test_the_action_installs_these_packages_from_the_lock() -> None:
    script = load(ACTION)["runs"]["steps"][1]["run"]
    (names,) = re.findall(r"names='(.+)'", script)
    assert set(IMPORTED) <= set(names.split("|"))
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in names.split("|"):
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name


def test_the_action_annotates_where_no_tensorflow_is_installed(
    action: Action, here: Path, fixable: table.Change
) -> None:
    write(here / "my code/old.py", fixable.old)
    write(here / "click.py", "raise SystemExit('imported from the repository')\n")
    done = action.audit(paths="my code\nclick.py\n")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.match(r"::\w+ file=my code/old\.py,line=\d+,", done.stdout)
    assert fixable.rule in done.stdout


def test_the_action_writes_sarif_if_asked(
    action: Action, here: Path, fixable: table.Change
) -> None:
    write(here / "old.py", fixable.old)
    done = action.audit(sarif="out/audit.sarif")
    assert done.returncode == 1
    log = json.loads((here / "out/audit.sarif").read_text(encoding="utf-8"))
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == [fixable.rule]


def test_the_action_is_content_with_code_of_today(action: Action, here: Path) -> None:
    write(here / "a.py", "import keras\n\nmodel = keras.Sequential()\n")
    done = action.audit(sarif="audit.sarif", pedantic="true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"paths": "nowhere"}, "nowhere"),
        ({"paths": "--fix"}, "--fix"),
        ({"paths": "$(touch hacked)"}, "$(touch hacked)"),
        ({"sarif": "a.py/x.sarif"}, "a.py/x.sarif cannot be written"),
    ],
)
def test_the_action_called_in_a_wrong_way_is_exit_code_2(
    action: Action, here: Path, inputs: dict[str, str], says: str
) -> None:
    write(here / "a.py", "a = 1\n")
    done = action.audit(**inputs)
    assert done.returncode == 2
    assert says in done.stderr
    assert sorted(path.name for path in here.iterdir()) == ["a.py"]
