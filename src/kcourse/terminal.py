"""Hints, solutions, progress and the doctor on the command line."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax

from kcourse import __version__, cards, exercises, journal, lessons
from kcourse.backends import BACKENDS
from kcourse.errors import KcourseError
from kcourse.notebook import next_hints, standing
from kcourse.solutions import source_of


def hint(name: str, *, workspace: Path | None) -> None:
    """Print the hints for an exercise so far, one more each time."""
    exercise = exercises.get(name)
    home = journal.require_workspace(workspace)
    click.echo(cards.hints(exercise, next_hints(exercise, home)).text)


def solution(name: str, *, workspace: Path | None, yes: bool) -> None:
    """Print the explained solution; ask first if the exercise is not solved yet."""
    exercise = exercises.get(name)
    home = journal.require_workspace(workspace)
    if not yes and not standing(exercise, home).solved:
        question = f"You have not solved {name} yet. Show the solution all the same?"
        if not sys.stdin.isatty():
            raise KcourseError(
                f"You have not solved {name} yet. To see it all the same, add --yes."
            )
        if not click.confirm(question):
            return
    journal.record(name, "solution", workspace=home)
    console = Console()
    console.print(Syntax(source_of(exercise), "python", theme="ansi_dark", word_wrap=True))
    console.print(Markdown(exercise.why))


def progress(*, workspace: Path | None, as_json: bool) -> None:
    """Print the standing with every exercise."""
    home = journal.require_workspace(workspace)
    standings = journal.standings(home)
    if as_json:
        known = {name: asdict(standings.get(name, journal.Standing())) for name in _names()}
        click.echo(json.dumps({"workspace": str(home), "exercises": known}, indent=2))
        return
    card = cards.progress(lessons.all_lessons(), exercises.all_exercises(), standings)
    click.echo(card.text)
    if unreadable := journal.unreadable_lines(home):
        click.echo(
            f"{len(unreadable)} lines of {home / journal.MARKER / journal.JOURNAL} hold no entry "
            f"(the first is line {unreadable[0]}); they are left as they are.",
            err=True,
        )


def _names() -> list[str]:
    return list(exercises.all_exercises())


def doctor(*, as_json: bool) -> int:
    """Print what kcourse finds on this machine; return 1 if something needed is missing."""
    findings = [_look(name, look) for name, look in _LOOKS.items()]
    if as_json:
        click.echo(json.dumps(findings, indent=2))
    else:
        for finding in findings:
            click.echo(f"{'ok ' if finding['ok'] else 'NO '} {finding['name']}: {finding['found']}")
    return 0 if all(finding["ok"] for finding in findings) else 1


def _look(name: str, look: Callable[[], str]) -> dict[str, str | bool]:
    try:
        return {"name": name, "ok": True, "found": look()}
    except Exception as error:  # whatever is broken on this machine is a finding, not a crash
        reason = (str(error).splitlines() or [""])[0]
        return {"name": name, "ok": False, "found": f"{type(error).__name__}: {reason}"}


def _devices() -> str:
    import tensorflow as tf

    return ", ".join(device.name for device in tf.config.list_physical_devices())


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    return str(KernelSpecManager().get_kernel_spec("python3").argv[0])


def _warm_kernel() -> str:
    from kcourse.kernel import command

    return command.finding()


def _sandbox() -> str:
    """Return what confines the answers that `kcourse grade` runs; a learner needs none of it."""
    if os.name != "posix":
        return "none: grading needs Linux"
    from kcourse.grading import canaries
    from kcourse.grading.limits import Limits

    return ", ".join(canaries.prove(Limits(sandbox="best-effort"), None).shown())


def _backends() -> str:
    """Return the backends of Keras that are installed, and which one it would use now."""
    import keras

    found = [f"{name} {metadata.version(name)}" for name in BACKENDS if find_spec(name)]
    return f"{', '.join(found)}; Keras uses {keras.config.backend()}"


def _graphviz() -> str:
    import pygraphviz

    return f"pygraphviz {pygraphviz.__version__}"


def _data() -> str:
    from sklearn.datasets import load_digits, load_sample_image

    return f"digits {load_digits().images.shape}, photograph {load_sample_image('china.jpg').shape}"


_LOOKS: dict[str, Callable[[], str]] = {
    "kcourse": lambda: __version__,
    "python": platform.python_version,
    "tensorflow": lambda: metadata.version("tensorflow"),
    "keras": lambda: metadata.version("keras"),
    "jupyterlab": lambda: metadata.version("jupyterlab"),
    "kernel python3": _kernel,
    "warm kernel": _warm_kernel,
    "devices": _devices,
    "backends": _backends,
    "pictures of models": _graphviz,
    "lessons": lambda: f"{len(lessons.all_lessons())} in {lessons.root()}",
    "exercises": lambda: str(len(_names())),
    "offline data": _data,
    "sandbox for grading": _sandbox,
}
