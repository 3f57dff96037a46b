"""A class folder may hold anything: each learner gets their own grade, and nobody stops the run."""

from __future__ import annotations

import csv
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graded_run
import jsonschema
import pytest
import sample_course as sample
from graded_run import Run

from kcourse.grading import report

#: Names of folders that mean something to a terminal, a spreadsheet, a page or a shell.
NAMES = (
    "=cmd()|' C'!A0",
    "@SUM(1)",
    "-rf",
    "new\nline",
    "\x1b[31mred\x07",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "a,b;c\"d'e",
    "]]>&amp;",
    "bob",
    "Bob",
    "con",
    "~",
    "$(touch executed)",
    "名字",
    "x" * 240,
    os.fsdecode(b"\xff\xfe"),
)
WRONG = "def doubled(x):\n    return x"


@dataclass
class Graded:
    """What the command did with the class."""

    code: int
    shown: str
    entries: dict[str, Any]
    out: Path
    unchanged: bool
    run: Run


@pytest.fixture(scope="module")
def graded() -> Iterator[Graded]:
    with graded_run.open_folder() as folder:
        held = folder / "class"
        for name in NAMES:
            _hand_in(held / name, sample.untouched())
        _hand_in(held / "honest", sample.notebook())
        _same_names(held)
        _traps(held)
        before = graded_run.state(held)
        command = graded_run.with_course("sample_course", folder / "released")
        run = Run(command, folder / "home")
        options = ("--out", folder / "out", "--seed", 1, "--format", "nbgrader")
        code, out, err = run.finish("grade", held, *options)
        assert (folder / "out/report.json").exists(), err
        unchanged = graded_run.state(held) == before
        entries = graded_run.entries(folder / "out")
        yield Graded(code, out + err, entries, folder / "out", unchanged, run)


def _hand_in(folder: Path, document: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "homework.ipynb").write_text(json.dumps(document), encoding="utf-8")


def _same_names(held: Path) -> None:
    """Three submissions, of which one has the name that another's would be given."""
    _hand_in(held / "eve", sample.notebook({"doubled": WRONG}))
    (held / "eve.ipynb").write_text(json.dumps(sample.notebook()), encoding="utf-8")
    _hand_in(held / "eve (2)", sample.notebook({"row_sums": WRONG}))


def _traps(held: Path) -> None:
    """Submissions that are no notebooks, or notebooks made to bring their reader down."""
    (held / "loop").mkdir()
    (held / "loop/homework.ipynb").symlink_to("homework.ipynb")
    (held / "looped.ipynb").symlink_to("looped.ipynb")
    (held / "linked").symlink_to("honest")
    (held / "borrowed").mkdir()
    (held / "borrowed/homework.ipynb").symlink_to("../honest/homework.ipynb")
    (held / "piped").mkdir()
    os.mkfifo(held / "piped/homework.ipynb")
    (held / "device").mkdir()
    (held / "device/homework.ipynb").symlink_to("/dev/zero")
    (held / "deep").mkdir()
    here = os.open(held / "deep", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    document = sample.notebook({"doubled": WRONG})
    document["cells"][-1]["metadata"] = {"here": 1}
    nested = json.dumps(document).replace('{"here": 1}', '{"a":' * 900 + "1" + "}" * 900)
    _hand_in(held / "nested", {})
    (held / "nested/homework.ipynb").write_text(nested, encoding="utf-8")
    document = sample.notebook({"doubled": WRONG})
    for number, cell in enumerate(document["cells"]):
        cell["metadata"] = {"kcourse": [cell["metadata"]], "\ud800\x1b[31m": "\ud800"}
        cell["id"] = cell["id"] if number % 2 else f"{cell['id']}\ud800<b>"
    document["cells"].append(document["cells"][0] | {"id": "exercise-<script>\x1b\ud800"})
    _hand_in(held / "strange", document)
    text = json.dumps(sample.notebook())
    (held / "doubly").mkdir()
    (held / "doubly/homework.ipynb").write_text(text, encoding="utf-8")
    (held / "doubly/again.ipynb").write_text(text, encoding="utf-8")
    (held / "huge").mkdir()
    with (held / "huge/homework.ipynb").open("wb") as file:
        file.truncate(300 << 20)
    document = sample.notebook({"doubled": "x = f'" + "{1}" * 340_000 + "'"})
    _hand_in(held / "slow", document)


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        ("loop", "link"),
        ("looped.ipynb", "link"),
        ("linked", "link"),
        ("borrowed", "link"),
        ("device", "link"),
        ("piped", "not a file"),
        ("deep", ""),
        ("doubly", "two candidates"),
        ("huge", "too large"),
        ("slow", "too large"),
    ],
)
def test_what_is_no_submission_is_ungradable_with_the_reason_and_no_score(
    graded: Graded, learner: str, reason: str
) -> None:
    entry = graded.entries[learner]
    assert (entry["status"], entry["score"]) == ("ungradable", None)
    assert reason in entry["reason"]


@pytest.mark.parametrize("learner", ["nested", "strange"])
def test_strange_metadata_costs_at_most_its_own_notebook(graded: Graded, learner: str) -> None:
    entry = graded.entries[learner]
    assert entry["status"] in ("graded", "ungradable")
    if entry["status"] == "graded":
        assert graded_run.statuses(entry)["doubled"] == "wrong"


def test_an_honest_learner_among_them_gets_full_points(graded: Graded) -> None:
    assert graded.entries["honest"]["score"] == sample.FULL
    assert graded.code == 1  # somebody's work cannot be graded


def test_submissions_of_one_name_keep_their_own_grades(graded: Graded) -> None:
    grades = sorted(
        entry["score"] for name, entry in graded.entries.items() if name.startswith("eve")
    )
    without = [sample.FULL - sample.POINTS[name] for name in ("doubled", "row_sums")]
    assert grades == sorted([sample.FULL, *without])
    assert graded.entries["eve (2)"]["score"] == sample.FULL - sample.POINTS["row_sums"]


def test_every_name_is_there_once_and_acts_on_nothing(graded: Graded) -> None:
    untouched = [
        name
        for name, entry in graded.entries.items()
        if entry["score"] == 0 and entry["status"] == "graded"
    ]
    assert len(untouched) == len(NAMES)
    assert not [
        name for name in untouched if re.search(r"[\x00-\x1f\x7f\u202e\ud800-\udfff]", name)
    ]
    assert "\x1b[31m" not in graded.shown
    assert "\u202e" not in graded.shown
    assert "Traceback" not in graded.shown


def test_reports_of_such_names_are_valid_and_escaped(graded: Graded) -> None:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in graded.out.glob("*.*[a-z]")
        if path.is_file()
    }
    jsonschema.Draft202012Validator(report.schema()).validate(json.loads(texts["report.json"]))
    suites = ElementTree.fromstring(texts["junit.xml"])
    assert len(suites.findall("testsuite")) == len(graded.entries)
    rows = list(csv.reader(texts["grades.csv"].splitlines()))
    assert len(rows) == len(graded.entries) + 1
    assert not [cell for row in rows for cell in row if re.match(r"[=+@\t\r]|-\D", cell)]
    pages = list((graded.out / "feedback").iterdir())
    assert len(pages) == len(graded.entries)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
    assert any("&lt;script&gt;" in page.read_text(encoding="utf-8") for page in pages)
    assert "<script" not in texts["summary.md"]


def test_nothing_handed_in_was_changed_and_nothing_is_left(graded: Graded) -> None:
    assert graded.unchanged
    assert graded.run.nothing_is_left()
