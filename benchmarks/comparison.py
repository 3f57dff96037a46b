"""What the benchmarks share: ways to one result, checked to agree, then timed in turns."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass
class Comparison:
    """Ways to the same result.

    Args:
        title: what is computed, and on what.
        ways: name to a function that does it once and returns the result; ours first.
        tolerance: how far the results may be apart.
        least_seconds: short calls are repeated so long before they are timed as one.
    """

    title: str
    ways: dict[str, Callable[[], Any]]
    tolerance: float = 1e-5
    least_seconds: float = 0.2

    def check(self) -> dict[str, float]:
        """Make sure that all ways give the same; this traces and compiles, too.

        Return how far each way's result is from the first one's: the largest difference.
        """
        results = {name: np.asarray(way()) for name, way in self.ways.items()}
        ours = next(iter(results.values()))
        for name, result in results.items():
            np.testing.assert_allclose(
                result, ours, rtol=0, atol=self.tolerance, err_msg=f"{self.title}: {name}"
            )
        return {name: float(np.abs(result - ours).max()) for name, result in results.items()}

    def seconds(self, rounds: int) -> dict[str, float]:
        """Return the median time of one call of each way, in seconds."""
        timers = {name: timeit.Timer(way) for name, way in self.ways.items()}
        calls = {name: self._calls(timer) for name, timer in timers.items()}
        times: dict[str, list[float]] = {name: [] for name in timers}
        order = list(timers)
        for _ in range(rounds):
            for name in order:
                times[name].append(timers[name].timeit(calls[name]) / calls[name])
            order.append(order.pop(0))
        return {name: statistics.median(measured) for name, measured in times.items()}

    def _calls(self, timer: timeit.Timer) -> int:
        """Return how many calls take long enough: one may be too short for the clock."""
        return max(1, round(self.least_seconds / max(timer.timeit(1), 1e-9)))


def options(description: str | None, **numbers: int) -> argparse.Namespace:
    """Read the command line: a whole number above 0 for each name, with its default; ``--json``."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    for name in numbers:
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: give a whole number above 0.")
    return arguments


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Return what the figures depend on; a package that is not installed is None."""
    found: dict[str, Any] = {"processors": os.cpu_count(), "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def show(
    seconds: dict[str, dict[str, float]],
    where: dict[str, Any],
    *,
    as_json: bool,
    extra: dict[str, Any] | None = None,
    rates: dict[str, int] | None = None,
) -> None:
    """Print the medians, each against the first way of its comparison.

    Args:
        seconds: the medians, by comparison and way.
        where: from :func:`machine`.
        as_json: print JSON instead of a table.
        extra: further results for the JSON.
        rates: by comparison, how many examples one call handles: shown as examples a second.
    """
    if as_json:
        print(json.dumps({"machine": where, "seconds": seconds} | (extra or {}), indent=2))
        return
    unit = "examples a second" if rates else "median, ms"
    table = Table("comparison", "way", unit, "times the first's time")
    for title, measured in seconds.items():
        first = next(iter(measured.values()))
        for k, (name, one) in enumerate(measured.items()):
            shown = f"{rates[title] / one:,.0f}" if rates else f"{1000 * one:.3g}"
            table.add_row(title if k == 0 else "", name, shown, f"{one / first:.2g}")
        table.add_section()
    about = ", ".join(f"{name} {value or 'not installed'}" for name, value in where.items())
    # As wide as it needs to be, also into a file.
    Console(width=120).print(table, about)
