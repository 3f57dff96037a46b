"""Models that are built and trained by one answer after the other, graded by the real command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graded_run
import pytest
import sample_course as sample
import saving_course
from graded_run import Run

BUILD, TRAIN = "built_model", "trained_model"
RIGHT = {name: saving_course.SOLUTIONS[name] for name in (BUILD, TRAIN)}
WRONG_MODEL = RIGHT[BUILD].replace("(4,)", "(3,)")
#: Looks for what the judge expects in all that the worker holds, and gives what it finds.
SEARCH = """
import gc, sys
import numpy as np

def trained_model(x, y):
    class Searching:
        def predict(self, unseen, verbose):
            seen = [x, y, unseen, x.T, y.T, unseen.T]
            for one in gc.get_objects() + [v for f in sys._current_frames().values()
                                           for v in f.f_back.f_locals.values()]:
                if isinstance(one, dict):
                    for name, value in list(one.items()):
                        if isinstance(value, np.ndarray) and value.shape == unseen.shape[:1]:
                            return value[:, None]
            return np.zeros_like(unseen)
    return Searching()
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with graded_run.open_folder() as made:
        yield made


def _grade(folder: Path, name: str, answers: dict[str, dict[str, str]], *options: object) -> Any:
    """Grade a class of ``answers``, by learner; return what the report says of each."""
    handed_in = {who: saving_course.notebook(given) for who, given in answers.items()}
    sample.write(folder / name, handed_in)
    command = graded_run.with_course("saving_course", folder / f"released-{name}")
    run = Run(command, folder / f"home-{name}")
    out = folder / f"out-{name}"
    code, shown, err = run.finish("grade", folder / name, "--out", out, *options)
    assert code == 0, shown + err
    assert run.nothing_is_left()
    return graded_run.entries(out)


def test_training_is_not_punished_for_a_model_that_was_built_wrongly(folder: Path) -> None:
    answers = {"ada": {**RIGHT, BUILD: WRONG_MODEL}}
    entry = _grade(folder, "wrong-model", answers, "--seed", 1)["ada"]
    statuses = graded_run.statuses(entry)
    assert (statuses[BUILD], statuses[TRAIN]) == ("wrong", "correct")
    assert f"{TRAIN} was judged with the course's own {BUILD}." in entry["notes"]


def test_a_right_training_is_right_each_time_whatever_the_seed_and_the_jobs(folder: Path) -> None:
    for seed, jobs, copies in ((1, 2, 3), (2, 1, 2)):
        answers = {f"copy-{number}": RIGHT for number in range(copies)}
        entries = _grade(folder, f"jobs-{jobs}", answers, "--seed", seed, "--jobs", jobs)
        assert len(entries) == copies
        for entry in entries.values():
            assert graded_run.statuses(entry)[TRAIN] == "correct", graded_run.message(entry, TRAIN)


def test_what_is_expected_is_nowhere_in_the_worker(folder: Path) -> None:
    answers = {"eve": {BUILD: RIGHT[BUILD], TRAIN: SEARCH}}
    entry = _grade(folder, "search", answers, "--seed", 1)["eve"]
    assert graded_run.statuses(entry)[TRAIN] == "wrong", graded_run.message(entry, TRAIN)
