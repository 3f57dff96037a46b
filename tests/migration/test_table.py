"""Every entry of the table of changes is true, found by the audit, and cured by its replacement."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import change_proofs
import pytest

from kcourse import lessons
from kcourse.migration import installed, table
from kcourse.migration.auditing import Audit, audit
from kcourse.migration.checks import ALL
from kcourse.migration.table import Change, changes

every_change = pytest.mark.parametrize("change", changes(), ids=lambda change: change.rule)


def audited(code: str, folder: Path, *, pedantic: bool = False) -> Audit:
    file = folder / "code.py"
    file.write_text(code, encoding="utf-8")
    return audit(file, pedantic=pedantic)


@every_change
def test_what_the_table_says_happens_and_the_replacement_does_the_job(
    change: Change, tmp_path: Path
) -> None:
    change_proofs.prove(change, tmp_path)


@every_change
def test_the_audit_finds_the_old_form_and_nothing_in_the_new(
    change: Change, tmp_path: Path
) -> None:
    pedantic = all(pattern.pedantic for pattern in change.find)
    found = {one.rule for one in audited(change.old, tmp_path, pedantic=pedantic).findings}
    assert found == {change.rule}
    assert audited(change.new, tmp_path, pedantic=pedantic).findings == []


@pytest.mark.parametrize(
    "change", [one for one in changes() if one.fix], ids=lambda change: change.rule
)
def test_the_rewrite_does_the_job_and_leaves_nothing_to_find(
    change: Change, tmp_path: Path
) -> None:
    fixed = audited(change.old, tmp_path).fixed
    assert fixed is not None
    assert fixed != change.old
    assert audited(fixed, tmp_path).findings == []
    change_proofs.prove_that_it_does_the_job(change, fixed, tmp_path / "fixed")


def test_the_table_is_as_long_as_it_claims() -> None:
    rules = [change.rule for change in changes()]
    assert len(rules) == len(set(rules))
    assert len(rules) >= 120


@every_change
def test_what_stands_between_backticks_is_code(change: Change) -> None:
    for text in (change.now, change.instead, change.since):
        parts = text.split("`")
        assert len(parts) % 2 == 1
        assert all(part and part == part.strip() for part in parts[1::2])


def test_every_entry_names_a_lesson() -> None:
    course = {lesson.key for lesson in lessons.all_lessons()}
    assert {change.lesson for change in changes()} <= course


def test_every_check_of_the_table_is_written_and_every_written_one_is_in_the_table() -> None:
    named = {pattern.check for change in changes() for pattern in change.find if pattern.check}
    assert named == ALL.names | {"no_such_name", "no_such_argument"}


def test_the_lists_of_names_and_arguments_are_those_of_what_is_installed(tmp_path: Path) -> None:
    # In a process of its own: what a proof imports may add names to TensorFlow's modules.
    code = (
        "import pathlib, sys\n"
        "from kcourse.migration import installed\n"
        "names, arguments = installed.collect()\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "(folder / 'names.txt').write_text(names, encoding='utf-8')\n"
        "(folder / 'arguments.txt').write_text(arguments, encoding='utf-8')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    for name in ("names.txt", "arguments.txt"):
        listed = Path(installed.__file__).with_name(name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == listed


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_no_module_that_can_be_imported_is_missing(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    top = Path(spec.origin).parent
    modules = {file.relative_to(top.parent) for file in top.rglob("*.py")}
    assert len(modules) > 500
    for module in modules:
        parts = module.parent.parts if module.stem == "__init__" else module.with_suffix("").parts
        if all(
            (top.parent / Path(*parts[:n]) / "__init__.py").exists() for n in range(1, len(parts))
        ):
            assert installed.missing(".".join(parts)) is None, module


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("kind = 'odd'", "kind 'odd' is none of removed, changed, deprecated, mistake"),
        ("find = []", "find is empty"),
        ("raises = ''", "exactly one of raises, warns and shows"),
        ("rule = 'Not_Kebab'", "kebab-case"),
        ("find = [{ call = 'a', name = 'b' }]", "exactly one of name, call"),
        ("fix = { drop = true, keyword = 'x' }", "a fix is exactly one of"),
        ("colour = 'red'", "colour"),
    ],
)
def test_an_entry_that_is_not_as_it_must_be_is_named(entry: str, said: str) -> None:
    key = entry.partition(" ")[0]
    lines = {
        "rule": "rule = 'some-rule'",
        "find": "find = [{ name = 'tensorflow.log' }]",
        "raises": "raises = 'AttributeError: x'",
        "kind": "kind = 'removed'",
    }
    lines |= {name: f"{name} = 'x'" for name in ("call", "since", "now", "instead", "lesson")}
    lines |= {name: f"{name} = 'x'" for name in ("old", "new", "proves")}
    table.parse("[[change]]\n" + "\n".join(lines.values()))
    lines[key] = entry
    with pytest.raises(ValueError, match=said) as raised:
        table.parse("[[change]]\n" + "\n".join(lines.values()))
    assert str(raised.value).startswith("change '")
