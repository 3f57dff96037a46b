"""What grading costs: nbgrader's autograder, ``otter run`` and ``kcourse grade``, side by side.

The same submissions of one lesson of chapter 1 are graded by each, in turns and in changing order
in one go, so that a slow moment of the machine hits all alike. The lesson is the one that
``kcourse release --nbgrader`` writes and nbgrader hands out. A submission is made by a seed from
the course's own solutions, other right answers, near misses and untouched stubs, so what each
exercise earns is known beforehand; every score that differs from it is listed. But for the
untouched ones, no two are the same.

All three do the same judging: the course's checks, on fresh random inputs. What differs:

- nbgrader runs the whole notebook in a new kernel; its checks are cells of it. One command grades
  all submissions (``nbgrader autograde``).
- otter runs the whole notebook in a new kernel, then its test files, one an exercise, which call
  the course's checks; check cells are emptied, so that nothing is checked twice. It has a command
  for one submission (``otter run``), so each time it is started anew.
- kcourse runs the set-up cell, the learner's own cells and the answers in a confined fork of a
  process that has TensorFlow imported, and judges outside of it. One command grades all.

The kernels are ordinary ones, everything is byte-compiled, and each way grades one submission
untimed before. Quantities:

- wall and CPU: seconds a submission, of the whole command, its processes and its report; medians
  of all runs. CPU is that of all processes, as the system counts it (``RUSAGE_CHILDREN``).
- memory: MiB, the highest sum over all processes of their proportional set sizes, where a page
  that several share is counted once. Sampled in a run of its own, which is not timed.
- many: whether the cost of a submission stays flat. Of ``--many`` submissions, whose second half
  is the first but for comments, kcourse, with two jobs, grades one, then half, then all. The first
  half's cost is the difference between the first two, without what starting costs; the second
  half's between the last two (medians). Half and all are graded again to sample the memory, and
  the largest private memory (unique set size) of a worker.

Needs the other graders (``make peers``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from kcourse import exercises, kernel
from kcourse.errors import KcourseError
from kcourse.grading.course import Course
from kcourse.lessons import exercise_name, marked
from kcourse.release import nbgrader_source
from kcourse.solutions import source_of

PEERS = Path(__file__).parents[1] / ".peers"
NBGRADER = (sys.executable, "-m", "nbgrader")
OTTER = (sys.executable, "-m", "otter")
KCOURSE = str(Path(sys.executable).with_name("kcourse"))
ASSIGNMENT = "lesson"
MIB = 1 << 20
#: Seconds between two looks at the memory. One takes some 10 ms a process, so that runs that are
#: timed are not looked at.
TICK = 0.1
#: How many submissions are graded while the memory is looked at.
SAMPLED = 4
LIBRARIES = ("nbgrader", "otter-grader", "tensorflow", "keras", "ipykernel")
#: Title and decimals of each row of the tables.
ROWS = {
    "wall": ("wall a submission (s)", 2),
    "cpu": ("CPU a submission (s)", 2),
    "memory": ("peak memory (MiB)", 0),
}
MANY_ROWS = {
    "worker": ("largest private memory of a worker (MiB)", 0),
    "differences": ("scores that differ", 0),
}
#: What ``--only`` may name.
QUANTITIES = ("nbgrader", "otter", "kcourse", "memory", "many")
#: How likely an answer is what, in a submission that is neither untouched nor all right.
MIX = {"solution": 40, "alternative": 20, "near miss": 25, "stub": 15}

#: Points by learner and exercise, from nbgrader's database.
NBGRADER_SCORES = """\
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    print(json.dumps({
        submission.student.id: {
            grade.name.removeprefix("check-"): grade.auto_score
            for notebook in submission.notebooks for grade in notebook.grades
        }
        for submission in gradebook.assignment_submissions("lesson")
    }))"""
OTTER_TEST = """\
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case()
def test_{name}(env):
    import numpy as np
    from kcourse import exercises
    from kcourse.notebook import check_answer

    verdict = check_answer(exercises.get("{name}"), env["{name}"], np.random.default_rng())
    assert verdict.correct, verdict.message
"""

Scores = Mapping[str, Mapping[str, float]]


class Untrue(Exception):
    """A command failed: there is nothing to report."""


@dataclass(frozen=True)
class Submission:
    """What a learner hands in, and the points that each exercise must earn."""

    learner: str
    notebook: nbformat.NotebookNode
    points: Mapping[str, float]


@dataclass
class Used:
    """What a command took, and the points it gave by learner and exercise."""

    wall: float
    cpu: float
    memory: float = 0.0
    worker: float = 0.0
    scores: Scores = field(default_factory=dict)


class Sampler(threading.Thread):
    """Looks at the memory of a process and its descendants until it is told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.memory = self.worker = 0.0
        self._root = psutil.Process(pid)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(TICK):
            total = 0.0
            for process in self._family():
                try:
                    size = process.memory_full_info()
                    if process.ppid() not in (self._root.pid, os.getpid()):
                        self.worker = max(self.worker, size.uss / MIB)
                except psutil.Error:
                    continue  # it ended in this moment
                total += size.pss / MIB
            self.memory = max(self.memory, total)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


class Benchmark:
    """One lesson, its submissions, and the ways to grade them; files go into ``folder``."""

    def __init__(self, folder: Path, lesson: str, seed: int) -> None:
        self._folder = folder
        self._lesson = Course.installed().lesson(lesson)
        self._seed = seed
        self._course = self._hand_out()
        self._autograder = self._otter_tests()
        self.submissions: list[Submission] = []
        self.ways: dict[str, Callable[[Sequence[Submission], bool], Used]] = {
            "nbgrader": self.nbgrader,
            "otter": self.otter,
            "kcourse, 1 job": lambda chosen, sampled: self.kcourse(chosen, sampled, 1),
            "kcourse, 2 jobs": lambda chosen, sampled: self.kcourse(chosen, sampled, 2),
        }

    def nbgrader(self, chosen: Sequence[Submission], sampled: bool) -> Used:
        """Have nbgrader grade them all by one command."""
        with self._scratch() as scratch:
            course = scratch / "course"
            shutil.copytree(self._course, course)
            for one in chosen:
                path = course / "submitted" / one.learner / ASSIGNMENT / self._lesson.path.name
                path.parent.mkdir(parents=True)
                nbformat.write(one.notebook, path)
            used = _run([*NBGRADER, "autograde", ASSIGNMENT], course, sampled, peers=True)
            read = [sys.executable, "-c", NBGRADER_SCORES]
            told = subprocess.run(
                read, cwd=course, env=_environment(peers=True), stdout=subprocess.PIPE, check=True
            )
            used.scores = json.loads(told.stdout)
        return used

    def otter(self, chosen: Sequence[Submission], sampled: bool) -> Used:
        """Have otter grade them, one after the other."""
        total, scores = Used(0, 0), {}
        for one in chosen:
            with self._scratch() as scratch:
                notebook = nbformat.from_dict(one.notebook)
                for cell in notebook.cells:
                    if cell.id.startswith("check-"):
                        cell.source = ""
                nbformat.write(notebook, scratch / self._lesson.path.name)
                command = [*OTTER, "run", "--no-logo", "-a", str(self._autograder), "-o", "."]
                used = _run([*command, self._lesson.path.name], scratch, sampled, peers=True)
                results = json.loads((scratch / "results.json").read_text())["tests"]
            total.wall += used.wall
            total.cpu += used.cpu
            total.memory = max(total.memory, used.memory)
            scores[one.learner] = {
                name: next((test["score"] for test in results if name in test["name"]), 0)
                for name in one.points
            }
        total.scores = scores
        return total

    def kcourse(self, chosen: Sequence[Submission], sampled: bool, jobs: int) -> Used:
        """Have kcourse grade them all by one command, so many at a time."""
        with self._scratch() as scratch:
            for one in chosen:
                path = scratch / "class" / one.learner / self._lesson.path.name
                path.parent.mkdir(parents=True)
                nbformat.write(one.notebook, path)
            command = [KCOURSE, "grade", "class", "--out", "reports", "--seed", "1"]
            command += ["--lesson", self._lesson.key, "--jobs", str(jobs)]
            used = _run(command, scratch, sampled)
            report = json.loads((scratch / "reports/report.json").read_text())
        used.scores = {
            entry["id"]: {one["name"]: one["points"] for one in entry["exercises"]}
            for entry in report["submissions"]
        }
        return used

    def differences(self, scores: Scores) -> list[str]:
        """Return each score that is not what the answer was made to earn."""
        return [
            f"{one.learner}, {name}: {given} of {points:g}"
            for one in self.submissions
            if one.learner in scores
            for name, points in one.points.items()
            if (given := scores[one.learner].get(name)) != points
        ]

    def _hand_out(self) -> Path:
        """Return a course of nbgrader with the lesson as its only assignment, handed out."""
        course = self._folder / "course"
        source = course / "source" / ASSIGNMENT / self._lesson.path.name
        source.parent.mkdir(parents=True)
        nbformat.write(nbgrader_source(self._lesson.notebook), source)
        _run([*NBGRADER, "generate_assignment", ASSIGNMENT], course, peers=True)
        return course

    def _otter_tests(self) -> Path:
        """Return an autograder for otter, with one test file an exercise."""
        tests = self._folder / "otter" / "tests"
        tests.mkdir(parents=True)
        for name in self._lesson.exercises:
            text = OTTER_TEST.format(name=name, points=exercises.get(name).points)
            (tests / f"{name}.py").write_text(text)
        _run(
            [*OTTER, "generate", "-t", "tests", "-o", "autograder.zip"],
            tests.parent,
            peers=True,
        )
        return tests.parent / "autograder.zip"

    def make_submissions(self, count: int, rounds: int = 1) -> None:
        """Have submissions of which a tenth is untouched, a fifth all right, the rest mixed.

        In each of several rounds they are the same but for a comment.
        """
        self.submissions = []
        for turn in range(rounds):
            self._draw_submissions(count // rounds, 1 + turn * (count // rounds))

    def _draw_submissions(self, count: int, first: int) -> None:
        handed_out = nbformat.read(
            self._course / "release" / ASSIGNMENT / self._lesson.path.name, as_version=4
        )
        draw = random.Random(self._seed)
        untouched, right = round(count / 10), round(count / 5)
        kinds = ["stub"] * untouched + ["solution"] * right + [""] * (count - untouched - right)
        draw.shuffle(kinds)
        for number, kind in enumerate(kinds, start=first):
            notebook, points = nbformat.from_dict(handed_out), {}
            for cell in notebook.cells:
                if name := exercise_name(cell):
                    chosen = kind or draw.choices(list(MIX), list(MIX.values()))[0]
                    source, points[name] = _answer(name, chosen, draw)
                    # A comment of each learner's own: kcourse runs what is the same only once.
                    if source:
                        cell.source = marked(name, f"{source}\n# {number}")
            self.submissions.append(Submission(f"learner-{number:03}", notebook, points))

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            yield Path(name)


def _answer(name: str, kind: str, draw: random.Random) -> tuple[str, float]:
    """Return the source of an answer of a kind (nothing for the stub) and what it earns."""
    exercise = exercises.get(name)
    if kind == "stub":
        return "", 0.0
    if kind == "near miss":
        return draw.choice(exercise.near_misses).code, 0.0
    if kind == "alternative" and exercise.alternatives:
        return draw.choice(exercise.alternatives), float(exercise.points)
    return source_of(exercise), float(exercise.points)


def _run(command: Sequence[str], cwd: Path, sampled: bool = False, *, peers: bool = False) -> Used:
    """Run a command to its end; return what it and its processes took."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=_environment(peers=peers),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        sampler = Sampler(process.pid)
        if sampled:
            sampler.start()
        code = process.wait()
        wall = time.perf_counter() - started
        if sampled:
            sampler.stop()
        if code:
            output.seek(0)
            told = output.read().decode(errors="replace")[-2000:]
            raise Untrue(f"{' '.join(command[-5:])} ended with {code}: {told}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Used(wall, cpu, sampler.memory, sampler.worker)


def _environment(*, peers: bool) -> dict[str, str]:
    """Return the environment of a command: as on a usual machine, and no settings of the user's."""
    left_out = {"KCOURSE_WARM", "MPLBACKEND", "PYTHONPATH", kernel.VARIABLE}
    left_out |= {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    if peers:
        environment["PYTHONPATH"] = str(PEERS)
        environment["PATH"] = os.pathsep.join([str(PEERS / "bin"), environment["PATH"]])
    return environment


def rehearse(benchmark: Benchmark, ways: Sequence[str]) -> None:
    """Grade one submission by each way, so that all files have been read from disk once."""
    for way in ways:
        _say(
            f"untimed, {way}", {"wall": benchmark.ways[way](benchmark.submissions[:1], False).wall}
        )


def measure(
    benchmark: Benchmark, ways: Sequence[str], options: argparse.Namespace
) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[str]]]:
    """Grade all submissions by each way; return samples by way and quantity, and differences."""
    chosen = benchmark.submissions
    samples: dict[str, dict[str, list[float]]] = {way: {} for way in ways}
    differences: dict[str, list[str]] = {}
    for run in range(options.runs):
        first = run % max(len(ways), 1)
        for way in [*ways[first:], *ways[:first]]:
            used = benchmark.ways[way](chosen, False)
            sample = {"wall": used.wall / len(chosen), "cpu": used.cpu / len(chosen)}
            _say(f"run {run + 1} of {options.runs}, {way}", sample)
            for quantity, value in sample.items():
                samples[way].setdefault(quantity, []).append(value)
            differences[way] = benchmark.differences(used.scores)
    if "memory" in options.only:
        for way in ways:
            used = benchmark.ways[way](chosen[:SAMPLED], True)
            samples[way]["memory"] = [used.memory]
            _say(f"untimed, {way}", {"memory": used.memory})
    return samples, differences


def many(benchmark: Benchmark, runs: int) -> list[dict[str, float]]:
    """Grade one submission by kcourse, half of them, and all, in turns; return each half's cost."""
    chosen = benchmark.submissions
    parts = [chosen[:1], chosen[: len(chosen) // 2], chosen]
    timed = [[benchmark.kcourse(part, False, 2) for part in parts] for _ in range(runs)]
    for used in timed:
        walls = {str(len(part)): one.wall for part, one in zip(parts, used, strict=True)}
        _say("many, whole commands", walls)
    rows = []
    for number in (1, 2):
        added = len(parts[number]) - len(parts[number - 1])
        pairs = [(used[number - 1], used[number]) for used in timed]
        sampled = benchmark.kcourse(parts[number], True, 2)
        rows.append(
            {
                "wall": statistics.median((b.wall - a.wall) / added for a, b in pairs),
                "cpu": statistics.median((b.cpu - a.cpu) / added for a, b in pairs),
                "memory": sampled.memory,
                "worker": sampled.worker,
                "differences": len(benchmark.differences(sampled.scores)),
            }
        )
        _say(f"many, {len(parts[number])} submissions", rows[-1])
    return rows


def _say(what: str, measured: Mapping[str, float]) -> None:
    values = ", ".join(f"{name} {value:.2f}" for name, value in measured.items())
    print(f"{what}: {values}", file=sys.stderr, flush=True)


def print_table(result: dict[str, Any]) -> None:
    """Print what was measured for people to read."""
    console = Console(width=150)  # as wide as it needs to be, also into a file
    medians = result["median"]
    ours = [way for way in medians if way.startswith("kcourse")]
    pairs = [(other, one) for one in ours for other in medians if other not in ours]
    if medians:
        table = Table(box=box.SIMPLE)
        table.add_column(f"{result['submissions']} submissions")
        for heading in [*medians, *(f"{other} / {one}" for other, one in pairs)]:
            table.add_column(heading.replace(", ", ",\n"), justify="right")
        for key, (title, digits) in ROWS.items():
            values = {way: found[key] for way, found in medians.items() if key in found}
            if values:
                table.add_row(
                    title,
                    *(f"{value:.{digits}f}" for value in values.values()),
                    *(f"{values[other] / values[one]:.1f}" for other, one in pairs),
                )
        console.print(table)
    for way, found in result["differences"].items():
        print(f"{way}: {len(found)} scores are not what the answers were made to earn.")
        for one in found:
            print(f"  {one}")
    if result["many"]:
        table = Table(box=box.SIMPLE)
        for heading in ("kcourse, 2 jobs", "first half", "second half", "second / first"):
            table.add_column(heading, justify="left" if heading[0] == "k" else "right")
        first, second = result["many"]
        for key, (title, digits) in (ROWS | MANY_ROWS).items():
            ratio = second[key] / first[key] if first[key] else 1
            one, other = f"{first[key]:.{digits}f}", f"{second[key]:.{digits}f}"
            table.add_row(title, one, other, f"{ratio:.2f}")
        print(f"{result['many_submissions']} submissions, the first half and the second:")
        console.print(table)
    where = result["environment"]
    print(
        f"{result['lesson']}; {where['cores']} cores, load {where['load']} at the beginning, "
        + ", ".join(f"{name} {where[name]}" for name in ("python", *LIBRARIES))
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1, help="timed runs of each way (default 1)")
    parser.add_argument("--submissions", type=int, default=20, help="how many (20)")
    parser.add_argument("--many", type=int, default=200, help="submissions of many (200)")
    parser.add_argument("--many-runs", type=int, default=3, help="timed runs of many (3)")
    parser.add_argument("--lesson", default="01_tensors/03_shapes_arithmetic_broadcasting")
    parser.add_argument("--seed", type=int, default=1, help="seed of the submissions (1)")
    parser.add_argument("--only", help=f"some of: {','.join(QUANTITIES)}")
    parser.add_argument("--json", action="store_true", help="print JSON with all samples")
    options = parser.parse_args()
    options.only = options.only.split(",") if options.only else list(QUANTITIES)
    if unknown := set(options.only) - set(QUANTITIES):
        parser.error(f"--only knows no {min(unknown)}; it knows {', '.join(QUANTITIES)}")
    if min(options.runs, options.many_runs, options.submissions, options.many - 3) < 1:
        parser.error("numbers must be at least 1, and --many at least 4")
    if not PEERS.is_dir():
        parser.error("the other graders are not installed: run `make peers`")
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    samples: dict[str, dict[str, list[float]]] = {}
    differences: dict[str, list[str]] = {}
    halves: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="kcourse-benchmark-") as name:
        try:
            benchmark = Benchmark(Path(name), options.lesson, options.seed)
            ways = [way for way in benchmark.ways if way.partition(",")[0] in options.only]
            benchmark.make_submissions(options.submissions)
            rehearse(benchmark, ways)
            samples, differences = measure(benchmark, ways, options)
            if "many" in options.only:
                benchmark.make_submissions(options.many // 2 * 2, rounds=2)
                halves = many(benchmark, options.many_runs)
        except (KcourseError, Untrue) as error:
            sys.exit(f"{parser.prog}: {error}")
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "environment": {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": load,
            **{library: _version(library) for library in LIBRARIES},
        },
        "lesson": options.lesson,
        "seed": options.seed,
        "submissions": options.submissions,
        "samples": samples,
        "median": {
            way: {quantity: statistics.median(values) for quantity, values in found.items()}
            for way, found in samples.items()
        },
        "differences": differences,
        "many_submissions": options.many,
        "many": halves,
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)


def _version(library: str) -> str:
    found = metadata.distributions(name=library, path=[*sys.path, str(PEERS)])
    return next(iter(found)).version


if __name__ == "__main__":
    main()
