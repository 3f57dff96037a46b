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
    parents = [] if why else _parents()
    if as_json:
        result = {"switched_off": why, "parents": parents, "fallback": fallback.last()}
        click.echo(json.dumps(result, indent=2))
        return 0
    for line in [f"Warm kernels are off: {why}."] if why else _lines(parents):
        click.echo(line)
    return 0


def start() -> int:
    """Start the parent for kernels of this Python, and wait until it is ready."""
    if why := kernel.switched_off():
        raise KcourseError(f"There are no warm kernels: {why}.", exit_code=1)
    try:
        prepare()
    except Unavailable as error:
        raise KcourseError(f"Kernels start the ordinary way: {error}.", exit_code=1) from None
    return status(as_json=False)


def stop(*, as_json: bool) -> int:
    """Stop all parents; kernels that were forked by them run on."""
    from kcourse.kernel import client

    stopped = []
    if not kernel.switched_off():
        for parent in _parents():
            kernels = client.stop(parent["name"])
            stopped.append({"pid": parent["pid"], "killed": kernels is None, "kernels": kernels})
    if as_json:
        click.echo(json.dumps({"stopped": stopped}, indent=2))
        return 0
    for one in stopped:
        how = "did not answer and was killed" if one["killed"] else "was stopped"
        runs_on = f"; {_count(one['kernels'], 'kernel')} of it run on" if one["kernels"] else ""
        click.echo(f"The parent process {one['pid']} {how}{runs_on}.")
    if not stopped:
        click.echo("There was no parent process to stop.")
    return 0


def prepare(env: Mapping[str, str] = os.environ) -> None:
    """Have a parent ready for kernels of this Python; raises ``Unavailable``."""
    from kcourse.kernel import client

    client.prepare(client.Kind(env=env), patience=_LONGEST_START)


def finding() -> str:
    """Return what the doctor says: whether the next kernel will be warm, and if not, why."""
    if why := kernel.switched_off():
        return f"off, kernels start the ordinary way: {why}"
    lines = _lines(_parents())
    return " ".join(lines)


def _parents() -> list[dict[str, Any]]:
    from kcourse.kernel import client

    try:
        return client.parents()
    except Unavailable as error:
        raise KcourseError(f"Kernels start the ordinary way: {error}.", exit_code=1) from None


def _lines(parents: list[dict[str, Any]]) -> list[str]:
    lines = [_line(parent) for parent in parents]
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
