"""The shell steps of the workflows, run as they stand on learners' repositories."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from github_runner import CLASS, REUSABLE, ROOT, Job, Ran, commands

from kcourse import lessons
from kcourse.lessons import Lesson

KEY = "01_tensors/04_linear_algebra"
COMMIT = "0123456789" * 4
COURSE = {"job.workflow_repository": "owner/kcourse", "job.workflow_sha": COMMIT}
OTHER = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
COMMANDS = "::error::pwned\n  ::add-mask::1\n##[set-output name=code;]0\n::stop-commands::x"


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return next(one for one in lessons.all_lessons() if one.key == KEY)


@pytest.fixture(scope="module")
def solved(lesson: Lesson) -> str:
    return str(nbformat.writes(lessons.fill_solutions(lesson.notebook)))


@pytest.fixture(scope="module")
def shouting(solved: str) -> str:
    """A notebook with one answer that prints, and raises, commands to GitHub's runner."""
    notebook = json.loads(solved)
    (cell,) = (one for one in notebook["cells"] if one["id"] == "exercise-spectral_norms")
    cell["source"] = (
        "# EXERCISE spectral_norms\n"
        "def spectral_norms(matrices):\n"
        f"    print({COMMANDS!r})\n"
        f"    raise ValueError({COMMANDS!r})\n"
    )
    return json.dumps(notebook)


def git(*arguments: str | Path, folder: Path) -> str:
    identity = ("-c", "user.name=Learner", "-c", "user.email=learner@example.org")
    command = ["git", *identity, *arguments]
    environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return ended.stdout.strip()


def repository(folder: Path, files: Mapping[str, str | Path]) -> str:
    """Make a learner's repository of texts, and links to paths; return its commit."""
    folder.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", ".", folder=folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_text(content)
    for setting in ("allowFilter", "allowAnySHA1InWant"):  # as on GitHub
        git("config", f"uploadpack.{setting}", "true", folder=folder)
    git("add", "--all", folder=folder)
    git("commit", "--quiet", "--allow-empty", "--message=My answers", folder=folder)
    return git("rev-parse", "HEAD", folder=folder)


def hostile_files(marker: Path) -> dict[str, str]:
    """Files that leave ``marker`` if anything runs, imports or believes them."""
    python = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    shell = f"#!/bin/sh\ntouch {marker}\n"
    return {
        "kcourse/__init__.py": python,
        "sitecustomize.py": python,
        "usercustomize.py": python,
        "conftest.py": python,
        "tensorflow.py": python,
        "pyproject.toml": '[project]\nname = "kcourse"\n',
        "tools/environment.sh": shell,
        ".github/workflows/grade.yml": "on: pull_request_target\n",
        ".gitattributes": "*.ipynb filter=lfs\n",
        f"$(touch {marker.name}).ipynb": OTHER,
        "`touch pwned`;touch pwned.ipynb": OTHER,
        "new\n::error::line.ipynb": OTHER,
        "--out=elsewhere.ipynb": OTHER,
    }


def course_in(workspace: Path) -> None:
    """Lay out what the checkout of the course and a stored environment leave."""
    course = workspace / "course"
    for name in ("tools/environment.sh", "requirements.lock", "pyproject.toml"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, course / name)
    (course / ".venv").mkdir()
    (course / ".venv/bin").symlink_to(ROOT / ".venv/bin")
    (course / ".venv/pyvenv.cfg").write_text(f"command = python -m venv {course}/.venv\n")
    stamp = subprocess.check_output(
        "(pwd -P; cat requirements.lock pyproject.toml) | cksum", shell=True, cwd=course, text=True
    ).split()[0]
    (course / f".venv/made-from-{stamp}").touch()


def check_out(job: Job, source: Path, commit: str) -> Path:
    """Do what the checkout step asks of its action, and return the folder."""
    step = job["Check out the notebooks of the submission, as data"]
    assert step["with"]["sparse-checkout-cone-mode"] is False
    folder = job.workspace / str(step["with"]["path"])
    folder.mkdir(parents=True)
    git("init", "--quiet", ".", folder=folder)
    git("sparse-checkout", "set", "--no-cone", step["with"]["sparse-checkout"], folder=folder)
    git("fetch", "--quiet", "--depth=1", source, commit, folder=folder)
    git("checkout", "--quiet", "--detach", "FETCH_HEAD", folder=folder)
    return folder


def inputs(**values: str) -> dict[str, str]:
    """Return the values of the inputs in expressions: the defaults, but for ``values``."""
    given = {"id": "ada", "lessons": KEY, "threshold": "1", "jobs": "1", "fail-below": "true"}
    given |= {"environment-only": "false", "commit": COMMIT, "artifact": ""}
    given |= {name.replace("_", "-"): value for name, value in values.items()}
    return COURSE | {f"inputs.{name}": value for name, value in given.items()}


def graded(job: Job, **values: str) -> tuple[Ran, Ran, Ran]:
    """Run the steps from the environment to the result; return the last three."""
    environment = job.run("Make the environment")
    assert (environment.code, environment.log) == (0, "")
    grade = job.run("Grade", inputs(**values))
    assert grade.code == 0, grade.log
    code = {"steps.grade.outputs.code": grade.outputs["code"]}
    return grade, job.run("Write the summary"), job.run("Result", inputs(**values) | code)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(REUSABLE, "grade", tmp_path)
    course_in(made.workspace)
    return made


def test_a_good_submission_passes_and_leaves_summary_and_reports(
    job: Job, tmp_path: Path, solved: str
) -> None:
    check_out(job, tmp_path / "ada", repository(tmp_path / "ada", {f"{KEY}.ipynb": solved}))
    grade, summary, result = graded(job)
    assert grade.outputs == {"code": "0"}, grade.log
    assert result.code == 0
    results = job.workspace / "results"
    assert summary.summary == (results / "summary.md").read_text(encoding="utf-8")
    assert "<code>ada</code>" in summary.summary
    (entry,) = json.loads((results / "report.json").read_text(encoding="utf-8"))["submissions"]
    assert (entry["id"], entry["score"]) == ("ada", entry["max_score"])
    assert (results / "junit.xml").is_file()
    assert list((results / "feedback").glob("*.html"))


def test_a_hostile_repository_is_graded_as_data_and_its_words_are_not_obeyed(
    job: Job, tmp_path: Path, shouting: str
) -> None:
    marker = tmp_path / "pwned"
    files = hostile_files(marker) | {f"{KEY}.ipynb": shouting}
    folder = check_out(job, tmp_path / "eve", repository(tmp_path / "eve", files))
    present = [path for path in folder.rglob("*") if ".git" not in path.parts and path.is_file()]
    assert {path.suffix for path in present} == {".ipynb"}
    grade, summary, result = graded(job)
    assert grade.outputs == {"code": "1"}, grade.log
    assert "::error::pwned" in grade.log
    assert grade.obeyed == ["stop-commands"]
    assert "::error::pwned" not in summary.summary
    assert (result.code, result.obeyed) == (1, ["error"])
    (entry,) = json.loads((job.workspace / "results/report.json").read_text())["submissions"]
    outcomes = {one["name"]: one["status"] for one in entry["exercises"]}
    assert outcomes.pop("spectral_norms") == "raised"
    assert set(outcomes.values()) == {"correct"}
    assert not list(tmp_path.rglob("pwned"))


def test_below_the_threshold_can_be_left_to_the_report(job: Job) -> None:
    result = job.run("Result", inputs(fail_below="false") | {"steps.grade.outputs.code": "1"})
    assert (result.code, result.obeyed) == (0, ["notice"])


def test_a_repository_without_the_lesson_and_with_a_hostile_id_says_why(
    job: Job, tmp_path: Path
) -> None:
    check_out(job, tmp_path / "ada", repository(tmp_path / "ada", {"README.md": "Later"}))
    name = "--out=pwned $(touch pwned)"
    grade, summary, result = graded(job, id=name)
    assert (grade.outputs["code"], result.code) == ("1", 1)
    assert "no notebook" in summary.summary
    (entry,) = json.loads((job.workspace / "results/report.json").read_text())["submissions"]
    assert entry["id"] == name
    assert grade.obeyed == ["stop-commands"]
    assert not list(tmp_path.rglob("pwned*"))


@pytest.mark.parametrize("name", ["../../pwned", "a\n::error::b"])
def test_an_id_that_names_no_file_is_refused(job: Job, tmp_path: Path, name: str) -> None:
    check_out(job, tmp_path / "ada", repository(tmp_path / "ada", {"README.md": "Later"}))
    grade, _, result = graded(job, id=name)
    assert (grade.outputs["code"], result.code) == ("2", 2)
    assert grade.obeyed == ["stop-commands"]
    assert not list(tmp_path.rglob("pwned*"))


@pytest.mark.parametrize("code", ["3", "137", ""])
def test_a_grader_that_failed_is_no_judgement(job: Job, code: str) -> None:
    result = job.run("Result", inputs() | {"steps.grade.outputs.code": code})
    assert result.code == 3
    ((name, said),) = commands(result.log)
    assert name == "error"
    assert "says nothing about the submission" in said


@pytest.mark.parametrize("code", [0, 1])
def test_a_grader_that_left_no_report_failed(job: Job, code: int) -> None:
    programs = job.workspace / "course/.venv/bin"
    programs.unlink()
    programs.mkdir()
    (programs / "python").symlink_to(ROOT / ".venv/bin/python")
    (programs / "kcourse").write_text(f"#!/bin/sh\necho Traceback\nexit {code}\n")
    (programs / "kcourse").chmod(0o755)
    grade = job.run("Grade", inputs())
    assert grade.outputs == {"code": "3"}
    assert "| Traceback" in grade.log


def test_a_summary_that_github_would_refuse_is_cut_at_a_line(job: Job) -> None:
    results = job.workspace / "results"
    results.mkdir()
    (results / "summary.md").write_text("| é |\n" * 300_000, encoding="utf-8")
    summary = job.run("Write the summary").summary
    assert len(summary.encode()) < 1 << 20
    assert set(summary.splitlines()[:-2]) == {"| é |"}
    assert summary.endswith("summary.md of the artifact.\n")


def test_no_reports_at_all_is_said_in_the_summary(job: Job) -> None:
    assert "no grades" in job.run("Write the summary").summary


@pytest.mark.parametrize(
    "wrong",
    [
        {"commit": ""},
        {"commit": "main"},
        {"commit": COMMIT, "artifact": "submissions"},
        {"lessons": " \n"},
        {"environment_only": "true"},
    ],
)
def test_a_call_that_could_pass_without_grading_is_refused(job: Job, wrong: dict[str, str]) -> None:
    refused = job.run("Check the inputs", inputs(**wrong))
    assert (refused.code, refused.obeyed) == (2, ["error"])


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"commit": "", "artifact": "submissions"},
        {"commit": "", "environment_only": "true", "lessons": ""},
    ],
)
def test_right_calls_go_on(job: Job, right: dict[str, str]) -> None:
    assert job.run("Check the inputs", inputs(**right)).code == 0


def test_a_runner_that_does_not_know_the_commit_of_the_workflow_is_refused(job: Job) -> None:
    unknown = {"job.workflow_repository": "", "job.workflow_sha": ""}
    refused = job.run("Check the inputs", inputs() | unknown)
    assert (refused.code, refused.obeyed) == (2, ["error"])


def collector(tmp_path: Path, listed: str) -> Job:
    """Return the collecting job, with a folder in the place of GitHub."""
    made = Job(
        CLASS, "collect", tmp_path / "collect", GITHUB_SERVER_URL=f"file://{tmp_path}/github"
    )
    (made.workspace / "list").mkdir()
    (made.workspace / "list/class.csv").write_text(listed)
    return made


def test_a_class_is_collected_as_data_and_graded_at_once(
    job: Job, tmp_path: Path, solved: str, shouting: str
) -> None:
    github = tmp_path / "github/class"
    marker = tmp_path / "pwned"
    repository(github / "good.git", {f"{KEY}.ipynb": solved})
    repository(github / "eve.git", hostile_files(marker) | {f"{KEY}.ipynb": shouting})
    secret = tmp_path / "secret.ipynb"
    secret.write_text("not for learners")
    repository(github / "link.git", {f"{KEY}.ipynb": secret})
    listed = "id,repository\nada,class/good\neve,class/eve\r\nlink,class/link\n\nnobody,class/none"
    collect = collector(tmp_path, listed)
    collected = collect.run("Collect the notebooks", {"secrets.SUBMISSIONS_TOKEN": "abc"})
    assert (collected.code, collected.obeyed) == (0, ["warning"]), collected.log
    archive = collect.workspace / "submissions.tar"
    assert b"not for learners" not in archive.read_bytes()
    (job.workspace / "collected").mkdir()
    shutil.copy(archive, job.workspace / "collected/submissions.tar")
    assert job.run("Unpack the submissions").code == 0
    present = [path for path in (job.workspace / "submission").rglob("*") if path.is_file()]
    assert {path.suffix for path in present} == {".ipynb"}
    assert not [path for path in present if path.is_symlink()]
    grade, _, result = graded(job, id="", jobs="2", fail_below="false")
    assert (grade.outputs["code"], result.code) == ("1", 0), grade.log
    assert grade.obeyed == ["stop-commands"]
    entries = json.loads((job.workspace / "results/report.json").read_text())["submissions"]
    assert [(one["id"], one["status"]) for one in entries] == [
        ("ada", "graded"),
        ("eve", "graded"),
        ("link", "ungradable"),
        ("nobody", "ungradable"),
    ]
    assert entries[0]["score"] == entries[0]["max_score"] > entries[1]["score"]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "line",
    [
        "../ada,class/good",
        "ada,good",
        "ada,class/$(touch pwned)",
        "-x,class/good",
        "ada;class/good",
    ],
)
def test_a_list_with_a_line_that_is_wrong_is_refused(tmp_path: Path, line: str) -> None:
    collect = collector(tmp_path, f"id,repository\n{line}\n")
    refused = collect.run("Collect the notebooks", {"secrets.SUBMISSIONS_TOKEN": ""})
    assert (refused.code, refused.obeyed) == (2, ["error"])
    assert not list(tmp_path.rglob("pwned"))


def test_an_id_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    collect = collector(tmp_path, "ada,class/a\nada,class/b\n")
    refused = collect.run("Collect the notebooks", {"secrets.SUBMISSIONS_TOKEN": ""})
    assert (refused.code, refused.obeyed) == (2, ["warning", "error"])
