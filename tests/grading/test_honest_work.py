"""Honest submissions get what they deserve, whatever went wrong in one of their cells (F, R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
import sample_course as sample

from kcourse.grading import report
from kcourse.grading.limits import Limits


def test_right_answers_get_full_points_and_the_same_report_with_other_jobs(tmp_path: Path) -> None:
    folder = sample.write(
        tmp_path / "class",
        {
            "ada": sample.notebook(),
            "bob": sample.notebook({"doubled": "def doubled(x):\n    return x"}),
            "cyd": sample.notebook(
                {"row_sums": "def row_sums(x):\n    return {object(), 'a', 'b'}"}
            ),
        },
    )
    first = report.as_json(sample.grade_folder(folder))
    assert first == report.as_json(sample.grade_folder(folder))
    assert first == report.as_json(sample.grade_folder(folder, jobs=2))
    entries = {entry["id"]: entry for entry in json.loads(first)["submissions"]}
    assert entries["ada"]["score"] == entries["ada"]["max_score"] == sample.FULL
    assert entries["bob"]["score"] == sample.FULL - sample.POINTS["doubled"]
    assert entries["cyd"]["score"] == sample.FULL - sample.POINTS["row_sums"]


def test_an_untouched_notebook_is_graded_zero_and_not_attempted(tmp_path: Path) -> None:
    entry = sample.grade_one(tmp_path, sample.untouched())
    assert (entry["status"], entry["score"]) == ("graded", 0)
    assert set(sample.statuses(entry).values()) == {"not attempted"}


def test_untouched_stubs_are_not_attempted_when_other_cells_were_added(tmp_path: Path) -> None:
    document = sample.untouched()
    document["cells"].append(document["cells"][1] | {"id": "own", "source": "x = 1"})
    entry = sample.grade_one(tmp_path, document)
    assert set(sample.statuses(entry).values()) == {"not attempted"}


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ("def row_sums(x):\n    return x.sum(axis=", "raised", "line 3"),
        ("raise ValueError('no sums today')", "raised", "ValueError: no sums today"),
        ("def row_sums(x):\n    return 1 / 0", "raised", "line 3 of your cell: return 1 / 0"),
        ("def row_sums(x):\n    return input('?')", "raised", "EOFError"),
        ("input('?')\n\ndef row_sums(x):\n    return x", "raised", "EOFError"),
        ("def row_sums(x):\n    breakpoint()", "raised", "BdbQuit"),
        ("def row_sums(x):\n    import sys\n    sys.exit(0)", "raised", "SystemExit"),
        ("def row_sum(x):\n    return x.sum(axis=1)", "missing", "does not define row_sums"),
        (None, "missing", "not in the notebook"),
        ("def row_sums(x):\n    return print", "wrong", "builtin_function_or_method"),
        ("def row_sums(x):\n    return 10**9999", "wrong", "an object of type int, of 33216 bits"),
        ("def row_sums(x):\n    return np.zeros(10**7)", "wrong", "too large to judge"),
        ("def row_sums(x):\n    raise ValueError('x' * 10**7)", "raised", "ValueError: xxx"),
        ("raise ValueError('x' * 10**7)", "raised", "ValueError: xxx"),
        ("eval('1 +')", "raised", "at line 2 of your cell: eval("),
        ("import os\nos._exit(0)", "crashed", "exit code 0"),
        ("import ctypes\nctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("def row_sums(x):\n    import os\n    os.abort()", "crashed", "SIGABRT"),
        ("def row_sums(x):\n    import os\n    os.close(1); os._exit(3)", "crashed", "code 3"),
    ],
)
def test_a_bad_answer_costs_only_itself(
    tmp_path: Path, answer: str | None, status: str, says: str
) -> None:
    entry = sample.grade_one(tmp_path, sample.notebook({"row_sums": answer}))
    assert sample.statuses(entry)["row_sums"] == status
    assert says in sample.message(entry, "row_sums")
    assert sample.others_correct(entry, "row_sums")
    assert entry["score"] == sample.FULL - sample.POINTS["row_sums"]


@pytest.mark.parametrize(
    ("inside", "loop"),
    [
        (False, "while True:\n    pass"),
        (
            True,
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
        ),
        (True, "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"),
        (False, "import threading\nthreading.Event().wait()"),
        (True, "while True:\n    print('x' * 1000)"),
        (False, "while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
    ],
)
def test_an_endless_answer_is_timed_out_and_the_rest_is_replayed(
    tmp_path: Path, inside: bool, loop: str
) -> None:
    body = loop.replace("\n", "\n    ")
    answer = f"def row_sums(x):\n    {body}" if inside else loop
    entry = sample.grade_one(tmp_path, sample.notebook({"row_sums": answer}), limits=sample.SHORT)
    assert sample.statuses(entry)["row_sums"] == "timed out"
    assert sample.others_correct(entry, "row_sums")


@pytest.mark.parametrize("inside", [True, False], ids=["in the answer", "in the cell"])
def test_a_memory_bomb_is_out_of_memory_and_the_rest_is_replayed(
    tmp_path: Path, inside: bool
) -> None:
    bomb = "hoard = []\n    while True:\n        hoard.append(bytearray(10**8))"
    answer = f"def row_sums(x):\n    {bomb}" if inside else f"if True:\n    {bomb}"
    limits = Limits(start=120, cell=60, observation=60, notebook=300, memory=3 << 29)
    entry = sample.grade_one(tmp_path, sample.notebook({"row_sums": answer}), limits=limits)
    assert sample.statuses(entry)["row_sums"] == "out of memory"
    assert sample.others_correct(entry, "row_sums")


def test_a_notebook_that_uses_up_its_time_keeps_what_was_judged_before(tmp_path: Path) -> None:
    endless = [("check-row_sums", "while True:\n    pass")] * 3
    limits = Limits(start=120, cell=4, observation=4, notebook=6)
    entry = sample.grade_one(tmp_path, sample.notebook(own=endless), limits=limits)
    outcome = sample.statuses(entry)
    assert (outcome["doubled"], outcome["row_sums"]) == ("correct", "correct")
    assert (outcome["centred"], outcome["spread"]) == ("timed out", "timed out")
    assert "6 s for one notebook were used up" in sample.message(entry, "spread")


@pytest.mark.parametrize(
    "answer",
    [
        "def row_sums(x):\n    return x.sum(axis=1)\nexit()",
        "def row_sums(x):\n    return x.sum(axis=1)\nquit()",
        "import sys\n\ndef row_sums(x):\n    return x.sum(axis=1)\n\nsys.exit(0)",
        "def row_sums(x):\n    return x.sum(axis=1)\n\nassert row_sums(np.ones((1, 1))) == 5",
        "import warnings\nwarnings.warn('careful')\n\ndef row_sums(x):\n"
        "    import sys, logging\n    print('noise', file=sys.stderr)\n"
        "    logging.error('more')\n    return x.sum(axis=1)",
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n\n"
        "def row_sums(x):\n    return x.sum(axis=1)",
        "%%time\ndef row_sums(x):\n    return x.sum(axis=1)",
        "import asyncio\nawait asyncio.sleep(0)\n\ndef row_sums(x):\n    return x.sum(axis=1)",
        "def row_sums(x):\n    return x.sum(axis=1).tolist()",
        "def row_sums(x):\n    return tuple(np.float64(row.sum()) for row in x)",
        "def row_sums(x):\n    return [np.array(float(row.sum())) for row in x]",
        "def row_sums(x):\n    total = x.sum(axis=1)\n    x[:] = 0\n    return total",
        "row_sums = lambda x: x.sum(axis=1)",
        "def row_sums(x):\n    print('x' * 3_000_000)\n    return x.sum(axis=1)",
    ],
)
def test_what_is_no_mistake_in_the_answer_costs_nothing(tmp_path: Path, answer: str) -> None:
    entry = sample.grade_one(tmp_path, sample.notebook({"row_sums": answer}))
    assert entry["score"] == sample.FULL, entry["exercises"]


@pytest.mark.parametrize("command", ["!ls", "%pip install nothing", "files = !ls", "!!ls"])
def test_shell_commands_are_refused_with_a_note_and_the_answer_counts(
    tmp_path: Path, command: str
) -> None:
    answer = f"{command}\n\ndef row_sums(x):\n    return x.sum(axis=1)"
    entry = sample.grade_one(tmp_path, sample.notebook({"row_sums": answer}))
    assert entry["score"] == sample.FULL
    assert any("Shell commands are not run" in note for note in entry["notes"])


def test_a_shell_script_in_a_cell_of_its_own_is_refused_with_a_note(tmp_path: Path) -> None:
    own = [("setup", "%%bash\ntouch should-not-exist"), ("setup", "from pathlib import Path"),
           ("setup", "assert not Path('should-not-exist').exists()")]  # fmt: skip
    entry = sample.grade_one(tmp_path, sample.notebook(own=own))
    assert entry["score"] == sample.FULL
    assert any("%%bash" in note for note in entry["notes"])


def test_an_answer_that_uses_another_wrong_answer_is_not_punished_twice(tmp_path: Path) -> None:
    entry = sample.grade_one(
        tmp_path, sample.notebook({"centred": "def centred(x):\n    return x"})
    )
    assert sample.statuses(entry)["centred"] == "wrong"
    assert sample.others_correct(entry, "centred")
    assert "spread was judged with the course's own centred." in entry["notes"]


def test_a_wrong_answer_stays_wrong_with_the_courses_own_part(tmp_path: Path) -> None:
    answers = {
        "centred": "def centred(x):\n    return x",
        "spread": "def spread(x):\n    return centred(x).sum(axis=0)",
    }
    entry = sample.grade_one(tmp_path, sample.notebook(answers))
    assert sample.statuses(entry)["spread"] == "wrong"


def test_an_answer_may_use_a_name_from_another_cell_of_the_lesson(tmp_path: Path) -> None:
    answers = {"doubled": "def doubled(x):\n    return FACTOR * x"}
    entry = sample.grade_one(tmp_path, sample.notebook(answers))
    assert entry["score"] == sample.FULL
    assert "doubled was judged with the whole lesson run." in entry["notes"]


@pytest.mark.parametrize("after", ["setup", "exercise-doubled", "check-spread"])
def test_an_answer_may_use_a_helper_from_an_added_cell(tmp_path: Path, after: str) -> None:
    answers = {"doubled": "def doubled(x):\n    return twice(x)"}
    own = [(after, "def twice(x):\n    return x + x")]
    entry = sample.grade_one(tmp_path, sample.notebook(answers, own=own))
    assert entry["score"] == sample.FULL


@pytest.mark.parametrize("place", ["exercise-doubled", "check-doubled"])
def test_an_answer_in_an_added_cell_counts_when_the_stub_was_left(
    tmp_path: Path, place: str
) -> None:
    stub = 'def doubled(x):\n    raise NotImplementedError("Write your answer here.")'
    own = [(place, sample.SOLUTIONS["doubled"])]
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": stub}, own=own))
    assert entry["score"] == sample.FULL


def test_what_an_added_cell_does_to_a_name_after_its_check_does_not_count(tmp_path: Path) -> None:
    own = [("check-doubled", "doubled = doubled(np.ones((2, 2)))")]
    assert sample.grade_one(tmp_path, sample.notebook(own=own))["score"] == sample.FULL


@pytest.mark.parametrize("bad", ["1 / 0", "import os\nos._exit(1)", "!ls", "nonsense ("])
def test_a_bad_added_cell_costs_nothing(tmp_path: Path, bad: str) -> None:
    entry = sample.grade_one(tmp_path, sample.notebook(own=[("setup", bad)]))
    assert entry["score"] == sample.FULL


def _without_metadata(document: dict[str, Any]) -> dict[str, Any]:
    for cell in document["cells"]:
        cell["metadata"] = {}
        cell.pop("id")
    return document | {"nbformat_minor": 4, "metadata": {}}


def _reordered(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"cells": document["cells"][::-1]}


def _by_metadata_alone(document: dict[str, Any]) -> dict[str, Any]:
    for cell in document["cells"]:
        cell.pop("id")
        cell["source"] = cell["source"].split("\n", 1)[-1] if "EXERCISE" in cell["source"] else ""
    return document | {"nbformat_minor": 4}


def _format_3(document: dict[str, Any]) -> dict[str, Any]:
    old = nbformat.convert(nbformat.from_dict(document), 3)
    return json.loads(json.dumps(old))


@pytest.mark.parametrize("change", [_without_metadata, _reordered, _by_metadata_alone, _format_3])
def test_answers_are_found_however_the_notebook_was_stored(tmp_path: Path, change: Any) -> None:
    entry = sample.grade_one(tmp_path, change(sample.notebook()))
    assert entry["score"] == sample.FULL, entry


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    document = sample.notebook()
    for cell in document["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    data = b"\xef\xbb\xbf" + json.dumps(document, indent=1).replace("\n", "\r\n").encode()
    assert sample.grade_one(tmp_path, data)["score"] == sample.FULL


def test_bombs_among_honest_submissions_change_nothing_for_these(tmp_path: Path) -> None:
    honest = {f"honest-{number}": sample.notebook() for number in range(4)}
    bombs = {
        "a-loop": {"doubled": "while True:\n    pass"},
        "b-memory": {"doubled": "hoard = [bytearray(10**8) for _ in range(10**6)]"},
        "h-exit": {"doubled": "import os\nos._exit(0)"},
        "i-flood": {"doubled": "while True:\n    print('flood' * 1000)"},
    }
    mixed = honest | {name: sample.notebook(answers) for name, answers in bombs.items()}
    folder = sample.write(tmp_path / "class", mixed)
    entries = sample.grade_folder(folder, limits=sample.SHORT, jobs=2)["submissions"]
    scores = {entry["id"]: entry["score"] for entry in entries}
    assert scores == dict.fromkeys(honest, sample.FULL) | dict.fromkeys(
        bombs, sample.FULL - sample.POINTS["doubled"]
    )


def test_who_asks_for_the_network_is_told_of_the_data_that_needs_none(tmp_path: Path) -> None:
    answers = {
        "doubled": "import keras\ndef doubled(x):\n    return keras.datasets.mnist.load_data()",
        "row_sums": "import urllib.request\nurllib.request.urlopen('https://example.org')",
        "centred": "import socket\ndef centred(x):\n    socket.getaddrinfo('example.org', 80)",
    }
    entry = sample.grade_one(tmp_path, sample.notebook(answers))
    for name in answers:
        assert sample.statuses(entry)[name] == "raised"
        assert "Data that needs none is in kcourse.datasets." in sample.message(entry, name)
