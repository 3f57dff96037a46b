"""How fast ``kcourse audit`` is, beside ``tf_upgrade_v2``, TensorFlow's own upgrade script.

The code is the project's own modules and the old and new forms of the table of changes, in files
of about 500 lines, again and again until there are enough lines. Every run is a whole command in
a process of its own, on one core, in turns. Quantities:

- lines a second: lines of all files by the wall time of the command, start-up included; medians,
  at an eighth, a quarter and a half of ``--lines`` and at all of them.
- ratio: the peer's time by ours, for the same files; it gets the smallest set.
- memory: MiB, the most that the process had resident.
- one file: the same number of lines in a single file, to see whether the length of a file matters.

``tf_upgrade_v2`` knows what TensorFlow 2.0 changed and rewrites a copy of the files; the audit
knows what Keras 3 and TensorFlow 2.0 to 2.21 changed, follows types, and only reports.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import comparison
from rich import box
from rich.console import Console
from rich.table import Table

from kcourse.migration.table import changes

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LINES_OF_A_FILE = 500


def pieces() -> list[str]:
    """Return modules and snippets that stand for code as it is met."""
    modules = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("src/**/*.py"))]
    snippets = [text for change in changes() for text in (change.old, change.new)]
    return [*modules, *snippets]


def write_code(folder: Path, lines: int, *, one_file: bool = False) -> int:
    """Write about this many lines of code below ``folder`` and return how many they are."""
    folder.mkdir(parents=True)
    written = files = 0
    waiting: list[str] = []
    for number, piece in enumerate(itertools.cycle(pieces())):
        waiting += [f"# piece {number}", *piece.splitlines()]
        enough = written + len(waiting) >= lines
        if enough or (not one_file and len(waiting) >= LINES_OF_A_FILE):
            # A module's __future__ import must stand first, so it goes.
            kept = [line for line in waiting if not line.startswith("from __future__")]
            (folder / f"code_{files}.py").write_text("\n".join(kept) + "\n", encoding="utf-8")
            written, files, waiting = written + len(kept), files + 1, []
        if enough:
            return written
    raise AssertionError


def measured(command: list[str]) -> tuple[float, float]:
    """Return the wall seconds and the peak MiB of a command on one core."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):  # 1 tells of findings
        raise SystemExit(f"audit: {' '.join(command)} ended with {code}.")
    return seconds, usage.ru_maxrss / 1024


def compare(sizes: list[int], rounds: int, scratch: Path) -> dict[str, Any]:
    """Measure the audit at every size, and the peer at the smallest."""
    rows: dict[tuple[str, int], list[tuple[float, float]]] = {}
    real: dict[tuple[str, int], int] = {}
    commands: dict[tuple[str, int], list[str]] = {}
    audit = [str(BIN / "kcourse"), "audit", "--format", "json"]
    for size in sizes:
        folder = scratch / str(size)
        real["kcourse audit", size] = write_code(folder, size)
        commands["kcourse audit", size] = [*audit, str(folder)]
    folder = scratch / "one"
    real["kcourse audit, one file", sizes[-1]] = write_code(folder, sizes[-1], one_file=True)
    commands["kcourse audit, one file", sizes[-1]] = [*audit, str(folder)]
    peer = [str(BIN / "tf_upgrade_v2"), "--intree", str(scratch / str(sizes[0]))]
    peer += ["--outtree", str(scratch / "upgraded"), "--reportfile", str(scratch / "report.txt")]
    real["tf_upgrade_v2", sizes[0]] = real["kcourse audit", sizes[0]]
    commands["tf_upgrade_v2", sizes[0]] = peer
    for _ in range(rounds):
        for key, command in commands.items():
            rows.setdefault(key, []).append(measured(command))
    results = [
        {
            "what": what,
            "lines": real[what, size],
            "seconds": statistics.median(seconds for seconds, _ in rows[what, size]),
            "lines_a_second": real[what, size]
            / statistics.median(seconds for seconds, _ in rows[what, size]),
            "mib": max(mib for _, mib in rows[what, size]),
        }
        for what, size in commands
    ]
    ours = next(row for row in results if row["what"] == "kcourse audit")
    theirs = next(row for row in results if row["what"] == "tf_upgrade_v2")
    return {"rows": results, "ratio": theirs["seconds"] / ours["seconds"], "rounds": rounds}


def main() -> None:
    """Measure and print."""
    options = comparison.options(__doc__, lines=100_000, rounds=3)
    sizes = [max(1, options.lines // part) for part in (8, 4, 2, 1)]
    with tempfile.TemporaryDirectory(prefix="kcourse-audit-") as scratch:
        result = compare(sizes, options.rounds, Path(scratch))
    if options.json:
        print(json.dumps(result, indent=2))
        return
    table = Table(box=box.SIMPLE)
    for column in ("", "lines", "seconds", "lines a second", "MiB"):
        table.add_column(column, justify="left" if not column else "right")
    for row in result["rows"]:
        table.add_row(
            row["what"],
            f"{row['lines']:,}",
            f"{row['seconds']:.1f}",
            f"{row['lines_a_second']:,.0f}",
            f"{row['mib']:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(f"For the same files tf_upgrade_v2 takes {result['ratio']:.1f} times as long.")


if __name__ == "__main__":
    main()
