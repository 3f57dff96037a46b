"""Attacks on the real command: no point, no file, no process and no secret is had by any.

Each attack is one learner's notebook in a class of all. A class without them tells what the
honest learners must get.
"""

from __future__ import annotations

import csv
import json
import secrets
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graded_run
import jsonschema
import pytest
from attack import ATTACKED, SOLVED, TOPIC
from attacks_inside import INSIDE
from attacks_outside import OUTSIDE
from graded_run import Run

import kcourse
from kcourse.grading import report

#: What honest learners write besides right answers, by their name.
HONEST = {
    "honest": "",
    "honest, and noisy": (
        "import logging, os, sys, warnings\n"
        "%matplotlib inline\n"
        "warnings.warn('careful'); logging.error('x'); os.write(2, b'E0000 failed')\n"
        "tf.get_logger().error('error'); tf.print('Traceback', output_stream=sys.stderr)\n"
        "tf.math.log(-1.0); !ls\nawait __import__('asyncio').sleep(0)\n"
        "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
        "model.compile(loss='mse'); model.fit(tf.ones((2, 1)), tf.ones((2, 1)))\n"
        "model.save('kept.keras'); model.export('kept')\n"
        "sys.exit('no matter')"
    ),
}
PACKAGE = Path(kcourse.__file__).parent
SEED, TIMEOUT = 3, 20
ATTACKS = OUTSIDE | INSIDE


@dataclass
class Attacked:
    """What the command did with the class of attackers, and what was there before and after."""

    code: int
    shown: str
    entries: dict[str, Any]
    alone: dict[str, Any]
    out: Path
    before: dict[str, Any]
    after: dict[str, Any]
    secret: str
    run: Run


@pytest.fixture(scope="module")
def attacked() -> Iterator[Attacked]:
    with graded_run.open_folder() as folder:
        yield _attacked(folder)


def _attacked(folder: Path) -> Attacked:
    secret, outside = secrets.token_hex(16), folder / "outside"
    places = {"OUTSIDE": outside, "CLASS": folder / "class", "OUT": folder / "out"}
    _somebodys_files(outside, secret)
    for name, source in HONEST.items():
        own = graded_run.answered(TOPIC, {}, solved=(ATTACKED, *SOLVED), own=source)
        _hand_in(folder / "alone", name, own)
        _hand_in(folder / "class", name, own)
    places |= {"PACKAGE": PACKAGE, "SOURCE": PACKAGE.parents[1]}
    places["MARK"] = Path(f"left-{secrets.token_hex(8)}")
    for number, attack in enumerate(ATTACKS.values()):
        source = attack.source
        for name, place in places.items():
            source = source.replace(f"@{name}@", str(place))
        notebook = graded_run.answered(TOPIC, {ATTACKED: source}, solved=SOLVED)
        _hand_in(folder / "class", f"i-{number:03}", notebook)
    options = ("--seed", SEED, "--timeout", TIMEOUT, "--jobs", 2)
    quiet = Run(graded_run.REAL, folder / "quiet-home")
    code, out, err = quiet.finish("grade", folder / "alone", "--out", folder / "before", *options)
    assert code == 0, out + err
    tokens = {"SECRET_TOKEN": secret, "GITHUB_OUTPUT": str(outside / "secret.txt")}
    run = Run(graded_run.REAL, folder / "home", tokens)
    (folder / "out").mkdir(mode=0o777)
    (folder / "out").chmod(0o777)
    watched = [outside, folder / "class", folder / "alone", folder / "before"]
    watched += [PACKAGE / "exercises", PACKAGE / "solutions"]
    before = graded_run.state(*watched)
    code, out, err = run.finish("grade", folder / "class", "--out", folder / "out", *options)
    entries = graded_run.entries(folder / "out")
    alone = graded_run.entries(folder / "before")
    after = graded_run.state(*watched)
    return Attacked(code, out + err, entries, alone, folder / "out", before, after, secret, run)


def _somebodys_files(outside: Path, secret: str) -> None:
    """Make files that nothing but the sandbox protects."""
    (outside / "folder").mkdir(parents=True)
    (outside / "secret.txt").write_text(secret, encoding="utf-8")
    (outside / "script.py").write_text("open('ran', 'w').close()\n", encoding="utf-8")
    (outside / "folder" / "inner.txt").write_text(secret, encoding="utf-8")
    (outside / "link").symlink_to("secret.txt")
    for path in (outside, *outside.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o777)


def _hand_in(folder: Path, learner: str, notebook: str) -> None:
    path = folder / learner / "homework.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(notebook, encoding="utf-8")
    for place in (folder, path.parent, path):
        place.chmod(0o777)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_earns_nothing_and_the_rest_of_its_notebook_counts(
    attacked: Attacked, attack: str
) -> None:
    entry = attacked.entries[f"i-{list(ATTACKS).index(attack):03}"]
    wanted = ATTACKS[attack]
    said = graded_run.message(entry, ATTACKED)
    status = graded_run.statuses(entry)
    assert entry["status"] == "graded", entry["reason"]
    assert status[ATTACKED] in wanted.status, said
    assert wanted.says in said
    assert {name: status[name] for name in SOLVED} == dict.fromkeys(SOLVED, "correct")
    earned = {one["name"]: one["points"] for one in entry["exercises"]}
    assert entry["score"] == sum(earned[name] for name in SOLVED)


def test_the_honest_get_what_they_get_without_the_attackers(attacked: Attacked) -> None:
    assert {name: attacked.entries[name] for name in HONEST} == attacked.alone
    for entry in attacked.alone.values():
        status = graded_run.statuses(entry)
        assert {status[name] for name in (ATTACKED, *SOLVED)} == {"correct"}, entry
    assert attacked.code == 0


def test_no_file_outside_has_changed_in_content_mode_owner_or_time(attacked: Attacked) -> None:
    assert attacked.after == attacked.before


def test_no_process_and_no_temporary_file_is_left(attacked: Attacked) -> None:
    assert attacked.run.nothing_is_left(), [
        list(attacked.run.home.iterdir()),
        attacked.run.processes(),
    ]


def test_nothing_that_is_secret_is_in_any_report_or_on_the_terminal(attacked: Attacked) -> None:
    everything = attacked.shown + "".join(_texts(attacked.out).values())
    assert attacked.secret not in everything
    assert "Traceback" not in attacked.shown


def test_the_reports_of_attackers_are_valid_and_their_text_is_harmless(attacked: Attacked) -> None:
    texts = _texts(attacked.out)
    jsonschema.Draft202012Validator(report.schema()).validate(_report(attacked.out))
    ElementTree.fromstring(texts["junit.xml"])
    for cell in (cell for row in csv.reader(texts["grades.csv"].splitlines()) for cell in row):
        assert cell[:1] not in ("=", "+", "@", "\t")
    assert not [name for name, text in texts.items() if "\x1b" in text or "\0" in text]
    pages = [text for name, text in texts.items() if name.endswith(".html")]
    assert len(pages) == len(attacked.entries)
    assert not [page for page in pages if "<script" in page]


def test_the_folder_of_reports_holds_reports_and_what_the_run_keeps(attacked: Attacked) -> None:
    expected = {".kcourse", "feedback", "grades.csv", "identical.json", "junit.xml"}
    assert {path.name for path in attacked.out.iterdir()} == expected | {
        "report.json",
        "summary.md",
    }


def _report(out: Path) -> Any:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def _texts(out: Path) -> dict[str, str]:
    """Return all reports, and what the run keeps, by their path."""
    paths = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.read_text(encoding="utf-8") for path in paths}
