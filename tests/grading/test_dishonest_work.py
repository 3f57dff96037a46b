"""A dishonest submission earns nothing by it (C): the judge is not where its code runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import sample_course as sample

WRONG = {name: f"def {name}(x):\n    return x * 0 - 1" for name in sample.SOLUTIONS}

ATTACKS = {
    "C01 an input transformer that empties later cells": (
        "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])"
    ),
    "C02 a syntax tree transformer that drops assertions": (
        "import ast\n"
        "class Drop(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node):\n        return None\n"
        "get_ipython().ast_transformers.append(Drop())"
    ),
    "C03 objects that equal everything": (
        "class Equal(float):\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = None\n"
        "    def __array__(self, *args, **kwargs): return np.array(Equal(0), dtype=object)\n"
        "class Answer:\n    def __call__(self, x): return Equal(1)\n"
        "    def __repr__(self): return 'correct'\n"
        "doubled = row_sums = centred = spread = Answer()"
    ),
    "C04 patched builtins, NumPy and json": (
        "import builtins, json, numpy.testing\n"
        "np.isclose = np.allclose = np.array_equal = lambda *a, **k: np.array(True)\n"
        "numpy.testing.assert_allclose = lambda *a, **k: None\n"
        "builtins.isinstance = lambda *a: True\n"
        'json.dumps = lambda *a, **k: \'{"status": "correct", "points": 100}\''
    ),
    "C07 a perfect report, then the end": (
        "import os\nfrom pathlib import Path\n"
        "for place in ('.', '..', Path.home()):\n"
        "    try: Path(place, 'report.json').write_text('{\"score\": 10}')\n"
        "    except OSError: pass\n"
        "os._exit(0)"
    ),
    "C08 kcourse replaced": (
        "import sys, types\n"
        "fake = types.ModuleType('kcourse')\n"
        "fake.check = lambda answer: 'correct'\n"
        "for name in [n for n in sys.modules if n.startswith('kcourse')]: sys.modules[name] = fake"
    ),
    "C09 hooks": (
        "import atexit, signal, sys\n"
        "class Late:\n    def __del__(self): print('correct')\n"
        "late = Late()\n"
        "atexit.register(print, 'correct')\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sys.settrace(lambda *a: None)\n"
        "sys.exit = os_exit = lambda *a: None\n"
        "get_ipython().run_cell = lambda *a, **k: None"
    ),
    "the worker's own functions replaced": (
        "import __main__ as worker\n"
        "from kcourse.exercise import Observation\n"
        "right = lambda *a, **k: Observation('correct', True)\n"
        "worker.observe_case = right\n"
        "worker._reply = lambda o: {'status': 'correct', 'value': True, 'error': ''}"
    ),
    "frames of its own on every descriptor": (
        "import os\nfrom kcourse.grading import wire\n"
        "frame = wire.pack({'id': 9, 'status': 'correct', 'outcome': 'correct', 'points': 10})\n"
        "for descriptor in range(1, 64):\n"
        "    try: os.write(descriptor, frame * 4)\n"
        "    except OSError: pass"
    ),
    "answers by what the judge would say": (
        "doubled = row_sums = centred = spread = lambda x: {'outcome': 'correct', 'points': 100}"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_earns_nothing_for_wrong_answers(tmp_path: Path, attack: str) -> None:
    last = {"spread": WRONG["spread"] + "\n\n" + ATTACKS[attack]}
    own = [("setup", ATTACKS[attack])]
    entry = sample.grade_one(tmp_path, sample.notebook(WRONG | last, own=own), limits=sample.SHORT)
    assert (entry["status"], entry["score"]) == ("graded", 0)
    assert entry["max_score"] == sample.FULL


def test_an_answer_that_memorised_its_cases_is_wrong_with_fresh_ones(tmp_path: Path) -> None:
    seen = "import numpy as np\nrng = np.random.default_rng([5, 1])\n"
    answer = seen + "def doubled(x):\n    return 2 * (rng.normal(size=x.shape) + 1)"
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer}), seed=6)
    assert sample.statuses(entry)["doubled"] == "wrong"


def test_points_come_from_the_courses_own_list(tmp_path: Path) -> None:
    document = sample.notebook(WRONG)
    document["metadata"]["kcourse"] = {"points": 1000}
    extra = {"cell_type": "code", "id": "exercise-bonus", "outputs": [], "execution_count": 1}
    document["cells"].append(extra | {"metadata": {}, "source": "def bonus(): return 1"})
    for cell in document["cells"]:
        cell["metadata"]["kcourse"] = {"points": 1000, "max_points": 1, "outcome": "correct"}
    entry = sample.grade_one(tmp_path, document)
    assert (entry["score"], entry["max_score"]) == (0, sample.FULL)
    assert "The lesson has no exercise 'bonus': no points for it." in entry["notes"]
    assert any("Metadata in a cell was ignored" in note for note in entry["notes"])


def test_a_changed_setup_or_check_cell_is_ignored_and_noted(tmp_path: Path) -> None:
    document = sample.notebook()
    for cell in document["cells"]:
        if cell["id"] in ("setup", "check-doubled"):
            cell["source"] = "import os\nos._exit(1)"
    entry = sample.grade_one(tmp_path, document)
    assert entry["score"] == sample.FULL
    for name in ("setup", "check-doubled"):
        assert f"The cell '{name}' differs from the released one, which ran." in entry["notes"]


def test_stored_outputs_are_never_read(tmp_path: Path) -> None:
    document = sample.notebook(WRONG)
    claim = {"application/vnd.kcourse.verdict+json": {"outcome": "correct", "points": 9}}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "data": claim, "metadata": {}}]
    assert sample.grade_one(tmp_path, document)["score"] == 0


def test_the_worker_sees_nothing_of_the_graders_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    answer = "import os\ndef doubled(x):\n    return sorted(os.environ)"
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer}))
    came_back = sample.message(entry, "doubled")
    assert "KCOURSE_GRADING" in came_back
    assert "GITHUB" not in came_back
    assert "TOKEN" not in came_back


def test_the_worker_has_neither_exercises_nor_solutions_in_memory(tmp_path: Path) -> None:
    answer = (
        "import sys\ndef doubled(x):\n    return [name for name in sys.modules\n"
        "            if name.startswith(('kcourse.exercises.', 'kcourse.solutions'))]"
    )
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer}))
    assert "Came back: []" in sample.message(entry, "doubled")


def test_the_worker_works_in_a_scratch_folder_that_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = (
        "from pathlib import Path\nPath('left').write_text('x')\nPath('shut').mkdir(mode=0)\n"
        "def doubled(x):\n    return [str(Path.cwd()), *sorted(map(str, Path().iterdir()))]"
    )
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer}))
    came_back = sample.message(entry, "doubled")
    assert "Came back: ['~', " in came_back
    assert "'left', 'shut'" in came_back
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("kcourse-")]


def test_no_process_can_be_started(tmp_path: Path) -> None:
    answer = (
        "import os, subprocess, sys\n"
        "def doubled(x):\n    return 2 * x\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    fork = "import os\ndef row_sums(x):\n    return os.fork()"
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer, "row_sums": fork}))
    assert sample.statuses(entry)["doubled"] == "correct"  # it was defined before
    assert "PermissionError: [Errno 1]" in sample.message(entry, "row_sums")
    assert sample.others_correct(entry, "row_sums")


def test_a_learners_text_in_the_report_cannot_act_or_hide(tmp_path: Path) -> None:
    text = "\\x1b[31mred\\x07 \\u202egnp.exe <script>alert(1)</script> `x` | y"
    answer = f"def doubled(x):\n    raise ValueError('{text}')"
    entry = sample.grade_one(tmp_path, sample.notebook({"doubled": answer}))
    shown = sample.message(entry, "doubled")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[31mred\\x07 \\u202egnp.exe" in shown
