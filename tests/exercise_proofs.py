"""Every exercise is proved: stub, solution, alternatives, near misses, mutants, and its places."""

from __future__ import annotations

import ast
import functools
import inspect
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from answers import submission_from
from mutants import mutants

from kcourse import exercises, lessons
from kcourse.comparing import difference
from kcourse.exercise import (
    Case,
    Exercise,
    Observation,
    Verdict,
    assess,
    method_source,
    observe_here,
)
from kcourse.notebook import check_answer
from kcourse.scaffolding import still_to_write
from kcourse.solutions import source_of

SEEDS = 20
NEAR_MISS_SEEDS = 5
MUTANT_BEHAVIOUR_SEEDS = range(1000, 1004)
LEAST_SHARE_REFUSED = 0.95


def verdict_on(exercise: Exercise, source: str, seed: int) -> Verdict:
    return check_answer(exercise, submission_from(exercise, source), np.random.default_rng(seed))


def the_stub(exercise: Exercise) -> str:
    notebook = lessons.lesson_of(exercise.chapter, exercise.topic).notebook
    return next(c.source for c in notebook.cells if lessons.exercise_name(c) == exercise.name)


def parameters(source: str, name: str) -> list[str]:
    for node in ast.parse(source).body:
        if getattr(node, "name", "") == name:
            if isinstance(node, ast.FunctionDef):
                return [argument.arg for argument in node.args.args]
            return sorted(n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef))
    raise AssertionError(f"{name} is not defined")


def behaves_differently(exercise: Exercise, mutant: str) -> bool:
    """Whether the mutant gives another observation than the solution on some fresh input."""
    try:
        changed = submission_from(exercise, mutant)
    except Exception:
        return True
    for seed in MUTANT_BEHAVIOUR_SEEDS:
        for case, want in observed(exercise, seed):
            got = observe_here(exercise, changed, case)
            if (got.status, got.error) != (want.status, want.error):
                return True
            if difference(got.value, want.value):
                return True
    return False


@functools.cache
def observed(exercise: Exercise, seed: int) -> list[tuple[Case, Observation]]:
    """Return the cases of one run, each with what the solution gives."""
    original = submission_from(exercise, source_of(exercise))
    cases = exercise.cases(np.random.default_rng(seed))
    return [(case, observe_here(exercise, original, case)) for case in cases]


def is_accepted(exercise: Exercise, mutant: str) -> bool:
    try:
        return verdict_on(exercise, mutant, seed=1).correct
    except Exception:
        return False


class _NeverEnds(BaseException):
    """Passes through every ``except Exception`` on its way out of a mutant."""


@contextmanager
def at_most(*, seconds: float) -> Iterator[None]:
    """End a mutant that never ends; it behaves differently and is refused by any time limit."""

    def stop(*_: object) -> None:
        raise _NeverEnds

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _NeverEnds:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class ExerciseProofs:
    """Subclassed once a chapter, so that chapters can run side by side."""

    chapter: ClassVar[str]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Prove each exercise of the chapter."""
        if "exercise" in metafunc.fixturenames:
            registered = exercises.all_exercises().values()
            chosen = [one for one in registered if one.chapter == self.chapter]
            metafunc.parametrize("exercise", chosen, ids=[one.name for one in chosen])

    def test_every_lesson_of_the_chapter_has_exercises(self) -> None:
        registered = exercises.all_exercises().values()
        chosen = [one for one in lessons.all_lessons() if one.chapter == self.chapter]
        assert chosen
        for lesson in chosen:
            assert lesson.exercises, f"{lesson.key} has no exercise"
            its_own = [one.name for one in registered if one.topic == lesson.topic]
            assert sorted(its_own) == sorted(lesson.exercises)

    def test_it_is_complete(self, exercise: Exercise) -> None:
        written = (inspect.getsource(type(exercise)), source_of(exercise), the_stub(exercise))
        left = still_to_write(*written)
        assert not left, "\n".join([f"Still to be written of {exercise.name}:", *left])
        assert len(exercise.hints) >= 2, f"{exercise.name} needs two hints that narrow down."
        assert len(set(exercise.hints)) == len(exercise.hints)
        assert len(exercise.near_misses) >= 2, f"{exercise.name} needs two near misses."
        assert exercise.points >= 1
        assert exercise.title
        assert exercise.why

    def test_the_section_it_points_to_exists(self, exercise: Exercise) -> None:
        notebook = lessons.lesson_of(exercise.chapter, exercise.topic).notebook
        headings = [
            line.lstrip("# ").strip()
            for cell in notebook.cells
            if cell.cell_type == "markdown"
            for line in cell.source.splitlines()
            if line.startswith("## ")
        ]
        assert exercise.see in headings, f"{exercise.see!r} (see) is no section: {headings}"

    def test_stub_and_solution_have_the_same_signature(self, exercise: Exercise) -> None:
        stub, solution = the_stub(exercise), source_of(exercise)
        found, wanted = (parameters(source, exercise.name) for source in (stub, solution))
        assert found == wanted, f"The stub takes {found}, the solution {wanted}."

    def test_the_stub_is_not_attempted(self, exercise: Exercise) -> None:
        assert verdict_on(exercise, the_stub(exercise), seed=0).outcome == "not attempted"

    def test_the_solution_is_correct_whatever_the_seed(self, exercise: Exercise) -> None:
        for seed in range(SEEDS):
            verdict = verdict_on(exercise, source_of(exercise), seed)
            assert verdict.correct, f"seed {seed}: {verdict.message}"

    def test_alternatives_are_correct_whatever_the_seed(self, exercise: Exercise) -> None:
        for source in exercise.alternatives:
            for seed in range(SEEDS):
                verdict = verdict_on(exercise, source, seed)
                assert verdict.correct, f"seed {seed}: {verdict.message}\n{source}"

    def test_near_misses_are_wrong_for_their_own_reason(self, exercise: Exercise) -> None:
        for miss in exercise.near_misses:
            for seed in range(NEAR_MISS_SEEDS):
                verdict = verdict_on(exercise, miss.code, seed)
                fragment = miss.says or miss.because
                assert verdict.outcome == "wrong", f"seed {seed}: {verdict}\n{miss.code}"
                assert fragment in verdict.message, f"seed {seed}: {verdict.message}\n{miss.code}"

    def test_the_judge_refuses_mutants_that_behave_differently(self, exercise: Exercise) -> None:
        changed, accepted = 0, []
        for seed in MUTANT_BEHAVIOUR_SEEDS:
            observed(exercise, seed)  # outside the time that a mutant is given
        for mutant in mutants(source_of(exercise)):
            with at_most(seconds=20):
                # The solution is correct whatever the seed, so what is refused is no longer it.
                if not is_accepted(exercise, mutant):
                    changed += 1
                elif behaves_differently(exercise, mutant):
                    changed += 1
                    accepted.append(mutant)
        assert changed, f"no mutant of {exercise.name} behaves differently"
        assert len(accepted) <= (1 - LEAST_SHARE_REFUSED) * changed, "\n---\n".join(
            [f"{len(accepted)} of {changed} mutants of {exercise.name} pass:", *accepted]
        )

    def test_it_can_be_observed_in_another_process(self, exercise: Exercise) -> None:
        sent: dict[str, Any] = {"inspect": None}
        for function in filter(None, (exercise.observe, exercise.inspect)):
            exec(method_source(function), sent)
        methods = {name: sent[name] and staticmethod(sent[name]) for name in ("observe", "inspect")}
        elsewhere = type("Elsewhere", (type(exercise),), methods)()
        submission = submission_from(exercise, source_of(exercise))
        verdict = assess(
            exercise,
            lambda case: observe_here(elsewhere, submission, case),
            np.random.default_rng(0),
        )
        assert verdict.correct, verdict.message

    def test_the_oracle_does_not_use_the_solution(self, exercise: Exercise) -> None:
        source = inspect.getsource(inspect.getmodule(type(exercise)))  # type: ignore[arg-type]
        assert "kcourse.solutions" not in source

    def test_cases_are_fresh_for_every_run(self, exercise: Exercise) -> None:
        first, second = (list(exercise.cases(np.random.default_rng(seed))) for seed in (1, 2))
        assert any(
            difference(list(a.inputs.values()), list(b.inputs.values()), rtol=0, atol=0)
            for a, b in zip(first, second, strict=False)
        ), f"{exercise.name} gives the same inputs in every run: an answer could be hard-coded."
