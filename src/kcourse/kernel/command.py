"""``kcourse kernel status``, ``start`` and ``stop``, and what the doctor says of warm kernels."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import click

from kcourse import kernel
from kcourse.errors import KcourseError
from kcourse.kernel import fallback
from kcourse.kernel.errors import Unavailable

#: How long to wait for the libraries to be imported, in seconds.
_LONGEST_START = 120.0


def status(*, as_json: bool) -> int:
    """Print which parents run, and why the last kernel was not warm, if so."""
    why = kernel.switched_off()
    parents, failures = _parents(), _failures()
    if as_json:
        result = {
            "switched_off": why,
            "parents": parents,
            "failures": failures,
            "fallback": fallback.last(),
        }
        click.echo(json.dumps(result, indent=2))
        return 0
    for line in _lines(parents, failures):
        click.echo(line)
    return 0


def start() -> int:
    """Start the parent for kernels of this Python, and wait until it is ready."""
    if why := kernel.switched_off():
        raise KcourseError(f"There are no warm kernels: {why}.", exit_code=1)
    try:
        prepare()
    except Unavailable as error:
        raise _ordinary(error) from None
    return status(as_json=False)


def stop(*, as_json: bool) -> int:
    """Stop all parents; kernels that were forked by them run on."""
    stopped = []
    for parent in _parents():
        from kcourse.kernel import client  # not before: it needs what parents need

        kernels = client.stop(parent["name"])
        stopped.append({"pid": parent["pid"], "killed": kernels is None, "kernels": kernels})
    if as_json:
        click.echo(json.dumps({"stopped": stopped}, indent=2))
        return 0
    for one in stopped:
        how = "did not answer and was killed" if one["killed"] else "was stopped"
        if number := one["kernels"]:
            how += f"; {_count(number, 'kernel')} of it {'runs' if number == 1 else 'run'} on"
        click.echo(f"The parent process {one['pid']} {how}.")
    if not stopped:
        click.echo("There was no parent process to stop.")
    return 0


def prepare(env: Mapping[str, str] = os.environ) -> None:
    """Have a parent ready for kernels of this Python; raises ``Unavailable``."""
    from kcourse.kernel import client

    client.prepare(client.Kind(env=env), patience=_LONGEST_START)


def finding() -> str:
    """Return what the doctor says: whether the next kernel will be warm, and if not, why.

    Whatever it is, it is no fault of the machine: kernels start, only later.
    """
    try:
        return " ".join(_lines(_parents(), _failures()))
    except KcourseError as error:
        return str(error)


def _parents() -> list[dict[str, Any]]:
    """Return the parents that run, even if warm kernels were switched off since."""
    if not hasattr(os, "pidfd_open"):  # they could be neither started nor found
        return []
    from kcourse.kernel import client, place

    try:
        os.close(place.open_folder())  # or else the first kernel says that it cannot be
        return client.parents()
    except Unavailable as error:
        if kernel.switched_off():
            return []
        raise _ordinary(error) from None


def _ordinary(error: Unavailable) -> KcourseError:
    why = " ".join(str(error).split())  # it may be what a library said, over many lines
    return KcourseError(f"Kernels start the ordinary way: {why}.", exit_code=1)


def _failures() -> list[str]:
    if kernel.switched_off():
        return []
    from kcourse.kernel import client

    return client.failures()


def _lines(parents: list[dict[str, Any]], failures: list[str]) -> list[str]:
    lines = [_line(parent) for parent in parents]
    lines += [
        f"A parent process failed: {why}. Kernels start the ordinary way for ten minutes, or until "
        "`kcourse kernel start` succeeds."
        for why in failures
    ]
    if why := kernel.switched_off():
        return [f"Warm kernels are off: {why}.", *lines]
    if not lines:
        lines.append("No parent process runs; the first kernel starts one.")
    if last := fallback.last():
        lines.append(
            f"The last kernel ({last['when']}) started the ordinary way: {last['reason']}."
        )
    return lines


def _line(parent: dict[str, Any]) -> str:
    if not parent["ready"]:
        return f"The parent process {parent['pid']} is not ready yet, or does not answer."
    minutes = int(time.time() - parent["started"]) // 60
    state = f"gives way to a new one, as {parent['stale']}" if parent["stale"] else "is ready"
    return (
        f"The parent process {parent['pid']} {state}: {_count(len(parent['kernels']), 'kernel')}, "
        f"{_count(minutes, 'minute')} old, {parent['memory'] >> 20} MiB, "
        f"with {', '.join(parent['libraries'])} of {parent['python']}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
