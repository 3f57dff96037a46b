"""The weekly audit opens one issue, brings it up to date, and closes it when all is well."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from github_runner import commands

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools/staleness.py"
#: A `gh` that keeps its one issue in a file beside it, and refuses what `gh` would refuse.
GH = """#!{python}
import json, pathlib, sys
state = pathlib.Path(__file__).with_name("issues.json")
issues = json.loads(state.read_text()) if state.exists() else []
calls = pathlib.Path(__file__).with_name("calls")
with calls.open("a") as log:
    print(json.dumps(sys.argv[1:]), file=log)
match sys.argv[1:]:
    case ["issue", "list", "--label", label, "--state", "open", "--json", "number"]:
        found = [one for one in issues if one["open"] and one["label"] == label]
        print(json.dumps([{{"number": one["number"]}} for one in found]))
    case ["label", "create", label, "--color", color, "--description", said, "--force"]:
        assert len(color) == 6 and len(said) <= 100
    case ["issue", "create", "--title", title, "--label", label, "--body-file", "-"]:
        number = len(issues) + 1
        issues.append({{"number": number, "open": True, "label": label, "title": title}})
        issues[-1]["body"] = sys.stdin.read()
        print(f"https://github.com/owner/kcourse/issues/{{number}}")
    case ["issue", "edit", number, "--body-file", "-"]:
        issues[int(number) - 1]["body"] = sys.stdin.read()
    case ["issue", "close", number, "--comment", comment]:
        issues[int(number) - 1] |= {{"open": False, "comment": comment}}
    case other:
        sys.exit(f"unknown command {{other}}")
state.write_text(json.dumps(issues))
"""
PROVED = '<testsuites><testsuite><testcase name="test_x[tf-log]"/></testsuite></testsuites>'
BROKEN = (
    '<testsuites><testsuite><testcase name="test_x[tf-log]"><failure message="{}"/></testcase>'
    '<testcase name="test_x[tf-exp]"/></testsuite></testsuites>'
)


@pytest.fixture
def gh(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gh").write_text(GH.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    return folder


def result(
    folder: Path, *, proofs: str = PROVED, audit: str = "[]", problems: tuple[str, ...] = ()
) -> Path:
    """What tools/newest.sh leaves."""
    folder.mkdir(exist_ok=True)
    (folder / "versions.json").write_text('{"TensorFlow": "2.99.0", "Keras": "4.0.0"}')
    (folder / "proofs.xml").write_text(proofs)
    (folder / "audit.json").write_text(audit)
    lesson = {"key": "01_tensors/04_linear_algebra", "problems": list(problems)}
    (folder / "verification.json").write_text(json.dumps({"lessons": [lesson]}))
    return folder


def run(what: str, folder: Path, gh: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = f"{gh}{os.pathsep}{os.environ['PATH']}" if gh else os.environ["PATH"]
    names = {"SERVER_URL": "https://github.com", "REPOSITORY": "owner/kcourse", "RUN_ID": "7"}
    return subprocess.run(
        [sys.executable, TOOL, what, folder],
        env={"PATH": path} | {f"GITHUB_{name}": value for name, value in names.items()},
        capture_output=True,
        text=True,
    )


def issues(gh: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((gh / "issues.json").read_text())
    return found


def test_one_issue_is_opened_then_brought_up_to_date_then_closed(tmp_path: Path, gh: Path) -> None:
    folder = result(tmp_path / "newest", proofs=BROKEN.format("AttributeError: no log"))
    assert run("issue", folder, gh).stdout == ("Opened https://github.com/owner/kcourse/issues/1\n")
    (issue,) = issues(gh)
    assert issue["label"] == "stale-course"
    said = str(issue["body"])
    assert "TensorFlow 2.99.0, Keras 4.0.0" in said
    assert "https://github.com/owner/kcourse/actions/runs/7" in said
    assert "## Entries of the table of changes: 1\n\n`tf-log`\n\n```text\nAttributeError" in said
    assert "tf-exp" not in said
    assert "## Lessons: all well" in said

    result(folder, problems=("as shipped: '3' == '2'",))
    assert run("issue", folder, gh).stdout == "Issue 1 brought up to date.\n"
    (issue,) = issues(gh)
    assert "01_tensors/04_linear_algebra" in str(issue["body"])
    assert "tf-log" not in str(issue["body"])

    result(folder)
    assert run("issue", folder, gh).stdout == "All is well; closed: 1.\n"
    (issue,) = issues(gh)
    assert (issue["open"], issue["comment"]) == (
        False,
        "All is well with TensorFlow 2.99.0, Keras 4.0.0.",
    )
    assert run("issue", folder, gh).stdout == "All is well; closed: 0.\n"
    assert len(issues(gh)) == 1

    result(folder, problems=("with solutions: x",))
    run("issue", folder, gh)
    assert [one["open"] for one in issues(gh)] == [False, True]


def test_what_was_seen_stays_text(tmp_path: Path) -> None:
    hostile = "\x1b[31m@everyone ``` </details>\n````\n## Owned\n" + "x" * 5000
    old = [{"file": "a`b](c)\n::error::x.py", "line": 3, "message": hostile}]
    folder = result(tmp_path / "newest", audit=json.dumps(old), problems=(hostile,))
    said = run("body", folder).stdout
    assert "\x1b" not in said
    assert "`ab]c::error::x.py:3`" in said
    inside = False
    for line in said.splitlines():
        if line in ("`````text", "`````"):
            inside = line.endswith("text")
        assert inside or "Owned" not in line
        assert inside or "@everyone" not in line
        assert len(line) <= 400
    assert said.count("`````text") == 2


def test_an_issue_is_never_longer_than_github_takes(tmp_path: Path) -> None:
    lines = "\n".join(["y" * 1000] * 100)
    many = "".join(
        f'<testcase name="test_x[rule-{number}]"><failure>{lines}</failure></testcase>'
        for number in range(400)
    )
    folder = result(
        tmp_path / "newest",
        proofs=f"<testsuite>{many}</testsuite>",
        audit=json.dumps([{"file": "a.py", "line": 1, "message": lines}] * 400),
        problems=(lines,) * 100,
    )
    said = run("body", folder).stdout
    assert "And 388 more." in said
    assert len(said) < 65_536


@pytest.mark.parametrize("lost", ["proofs.xml", "audit.json", "verification.json"])
def test_a_part_without_a_result_is_not_well(tmp_path: Path, lost: str) -> None:
    folder = result(tmp_path / "newest")
    (folder / lost).unlink()
    name = {"proofs.xml": "proofs", "audit.json": "audit", "verification.json": "lessons"}[lost]
    (folder / f"{name}.log").write_text("Traceback\nImportError: nothing of that name\n")
    said = run("body", folder).stdout
    assert (
        "`could not be measured`\n\n```text\nTraceback\nImportError: nothing of that name" in said
    )
    assert said.count("could not be measured") == 1


@pytest.mark.parametrize("nothing", ["<testsuite/>", "<testsuite>", ""])
def test_proofs_of_which_none_was_run_are_not_well(tmp_path: Path, nothing: str) -> None:
    said = run("warn", result(tmp_path / "newest", proofs=nothing)).stdout
    assert [one for one, _ in commands(said)] == ["warning"]


#: A Python whose newest TensorFlow and Keras nothing of ours can be measured with: only versions
#: are known. Its audit, with the lists of the names of other versions, would say that all is well.
BROKEN_PYTHON = """#!/bin/sh
case "$*" in
    "-m uv "*) exit 0 ;;
    *importlib.metadata*) exec {python} "$@" ;;
    *" audit "*) echo "[]" >"$NEWEST/audit.json" ;;
    *) echo "AttributeError: gone" >&2; exit 1 ;;
esac
"""


def test_versions_that_cannot_be_imported_are_told_part_by_part(tmp_path: Path) -> None:
    course, folder = tmp_path / "course", tmp_path / "course/build/newest"
    for made in ("tools", "src", ".venv/bin"):
        (course / made).mkdir(parents=True)
    shutil.copy(ROOT / "tools/newest.sh", course / "tools")
    (course / ".venv/bin/python").write_text(BROKEN_PYTHON.format(python=sys.executable))
    (course / ".venv/bin/python").chmod(0o755)
    ended = subprocess.run(
        ["tools/newest.sh", "build/newest"],
        cwd=course,
        env=os.environ | {"NEWEST": str(folder)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    said = run("body", folder).stdout
    assert said.count("`could not be measured`\n\n```text\nAttributeError: gone\n") == 3, said
    assert f"TensorFlow {metadata.version('tensorflow')}" in said


def test_nothing_measured_is_an_error_and_touches_no_issue(tmp_path: Path, gh: Path) -> None:
    ended = run("issue", tmp_path, gh)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert "versions.json cannot be read: nothing was measured. Run tools/newest.sh." in line
    assert not (gh / "calls").exists()


def test_a_refusal_of_github_is_one_line(tmp_path: Path, gh: Path) -> None:
    (gh / "gh").write_text("#!/bin/sh\necho 'HTTP 403: no' >&2\nexit 1\n")
    ended = run("issue", result(tmp_path / "newest", problems=("x",)), gh)
    assert (ended.returncode, ended.stderr) == (
        1,
        "staleness: gh issue list failed: HTTP 403: no\n",
    )


def test_warnings_name_what_fails_and_obey_nothing(tmp_path: Path) -> None:
    old = [{"file": "a.py\n::error::b", "line": 3, "message": "m"}]
    folder = result(tmp_path / "newest", proofs=BROKEN.format("no"), audit=json.dumps(old))
    ended = run("warn", folder)
    assert ended.returncode == 0
    assert commands(ended.stdout) == [
        ("warning", "With TensorFlow 2.99.0, Keras 4.0.0: tf-log"),
        ("warning", "With TensorFlow 2.99.0, Keras 4.0.0: a.py::error::b:3"),
    ]
    assert "Lessons: all well with TensorFlow 2.99.0, Keras 4.0.0." in ended.stdout
