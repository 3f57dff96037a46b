"""Run the code of the table of changes and see that the table tells the truth."""

from __future__ import annotations

import contextlib
import linecache
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kcourse.migration.table import Change


def prove(change: Change, folder: Path) -> None:
    """Assert that the old form does what the entry says, and that the new one does the job."""
    with _in(folder / "old"):
        if change.raises:
            _prove_that_it_raises(change)
        elif change.warns:
            _prove_that_it_warns(change)
        else:
            run(change.old + "\n" + change.shows, f"{change.rule}: old")
    prove_that_it_does_the_job(change, change.new, folder / "new")


def prove_that_it_does_the_job(change: Change, code: str, folder: Path) -> None:
    """Assert that ``code`` runs, and that what the entry proves of its new form holds."""
    with _in(folder):
        run(code + "\n" + change.proves, f"{change.rule}: new")


def _prove_that_it_raises(change: Change) -> None:
    name, _, part = change.raises.partition(": ")
    raised: Exception | None = None
    try:
        run(change.old, f"{change.rule}: old")
    except Exception as error:
        raised = error
    assert type(raised).__name__ == name, f"{change.rule}: raises {raised!r}, not {name}"
    assert part in str(raised), f"{change.rule}: {part!r} is not in {str(raised)!r}"


def _prove_that_it_warns(change: Change) -> None:
    name, _, part = change.warns.partition(": ")
    with warnings.catch_warnings(record=True) as caught, _logged() as lines:
        warnings.simplefilter("always")
        run(change.old, f"{change.rule}: old")
    said = [(one.category.__name__, str(one.message)) for one in caught]
    said += [("log", line) for line in lines]
    assert any(kind == name and part in text for kind, text in said), f"{change.rule}: {said}"


def run(code: str, name: str) -> dict[str, Any]:
    """Run code as a module of its own, whose source AutoGraph can read; return its names."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    filename = f"<{name}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    names: dict[str, Any] = {"__name__": "change"}
    exec(compile(code, filename, "exec"), names)
    return names


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what TensorFlow and Keras log from Python."""
    from tensorflow.python.util import deprecation

    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Collect()
    deprecation._PRINTED_WARNING.clear()  # what TensorFlow says once a process, it says again
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl", "keras")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.WARNING)
    try:
        yield lines
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.removeHandler(handler)
            one.setLevel(level)
