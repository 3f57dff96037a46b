"""The rules of forking safely, and what a parent notices of changed files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import kernels
import pytest

from kcourse.kernel import fallback
from kcourse.kernel.preloading import MORE_THREADS, Origin, open_files

#: How long a program of a test may take on a busy machine, in seconds.
PATIENCE = 120


def _run(program: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | env,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=_ignore_nothing,
    )
    assert done.returncode == 0, done.stderr
    return done


def _ignore_nothing() -> None:
    """Take no notice of what the shell that started these tests ignores, as after ``nohup``."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    """Return what happened in a process that imports all, forks, runs an op, and forks again."""
    program = """
import json, os, sys
from pathlib import Path
from kcourse import kernel
from kcourse.kernel import preloading
from kcourse.kernel.errors import NotForkable
told = {}
preloading.preload(kernel.LIBRARIES)
import gc, tensorflow as tf
told["imported"] = [name for name in kernel.LIBRARIES if name in sys.modules]
told["frozen"] = gc.get_freeze_count()
told["files"] = [*preloading.open_files().values()]
told["maps"] = Path("/proc/self/maps").read_text()
context = sys.modules["tensorflow.python.eager.context"].context()
told["has run an op"] = context._context_handle is not None
reading, writing = os.pipe()
if preloading.fork() == 0:
    sum_of_ones = float(tf.reduce_sum(tf.ones([100, 100]) @ tf.ones([100, 100])))
    os.write(writing, json.dumps(sum_of_ones).encode())
    os._exit(0)
os.close(writing)
told["child's sum"] = json.loads(os.read(reading, 100))
told["child's end"] = os.wait()[1]
tf.constant(1)
try:
    preloading.fork()
except NotForkable as error:
    told["refused"] = str(error)
try:
    os.wait()
except ChildProcessError:
    told["no child"] = True
print("\\n" + json.dumps(told))
"""
    told: dict[str, Any] = json.loads(_run(program).stdout.splitlines()[-1])
    return told


def test_the_libraries_run_no_op_when_they_are_imported(story: dict[str, Any]) -> None:
    assert len(story["imported"]) == 5
    assert story["has run an op"] is False


def test_the_libraries_open_no_gpu_when_they_are_imported(story: dict[str, Any]) -> None:
    assert [file for file in story["files"] if file.startswith(("/dev/nvidia", "/dev/kfd"))] == []
    # Without the driver's library, nothing can have asked for a GPU, even where there is none.
    assert "libcuda.so" not in story["maps"]


def test_a_forked_process_runs_ops(story: dict[str, Any]) -> None:
    assert story["child's sum"] == 1e6
    assert story["child's end"] == 0


def test_nothing_is_forked_once_an_op_has_run(story: dict[str, Any]) -> None:
    assert story["refused"] == ("TensorFlow has run an op, so children of this process would hang")
    assert story["no child"]


def test_imported_objects_are_kept_from_the_collector(story: dict[str, Any]) -> None:
    assert story["frozen"] > 100_000


def test_open_files_are_known_by_name(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert open_files()[file.fileno()] == str(tmp_path / "file")


@pytest.mark.parametrize("device", ["/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd"])
def test_nothing_is_forked_while_a_gpu_is_open(device: str) -> None:
    program = f"""
from kcourse.kernel import preloading
preloading.open_files = lambda: {{0: "/dev/null", 7: {device!r}}}
try:
    preloading.fork()
except preloading.NotForkable as error:
    print(error)
"""
    assert _run(program).stdout == (
        f"{device} is open, so children of this process could not use the GPU\n"
    )


#: A library that gives each forked process a thread, as thread pools that restart do.
STARTS_THREADS = """
import os, threading
os.register_at_fork(
    after_in_child=lambda: threading.Thread(target=threading.Event().wait, daemon=True).start()
)
"""


def test_a_child_that_is_not_alone_in_its_process_ends() -> None:
    program = f"""
{STARTS_THREADS}
from kcourse.kernel import preloading
if preloading.fork() == 0:
    print("the child goes on")
else:
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert _run(program).stdout == f"{MORE_THREADS}\n"


def test_a_kernel_starts_the_ordinary_way_where_a_forked_one_is_not_alone(
    runtime: Path, modules: Path
) -> None:
    (modules / "starts_threads.py").write_text(STARTS_THREADS)
    with kernels.running(("starts_threads",)) as kernel:
        assert not kernel.is_warm
        assert kernel.value("1 + 1") == "2"
    last = fallback.last()
    assert last is not None
    assert f"ended with code {MORE_THREADS}" in last["reason"]


def test_what_is_not_written_yet_is_written_once() -> None:
    program = """
import ctypes, os, sys
from kcourse.kernel import preloading
sys.stdout.write("Python out\\n")
sys.stderr = open(2, "w", buffering=1 << 16, closefd=False)
sys.stderr.write("Python err\\n")
ctypes.CDLL(None).puts(b"C out")
if preloading.fork() != 0:
    os.wait()
"""  # both processes end as usual, so both write out what they still hold
    done = _run(program)
    assert sorted(done.stdout.splitlines()) == ["C out", "Python out"]
    assert done.stderr.splitlines() == ["Python err"]


def test_a_child_starts_with_signals_as_a_fresh_interpreter_does() -> None:
    look = """
import json, signal
def look():
    return [
        {int(n): str(signal.getsignal(n)) for n in signal.valid_signals()},
        [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        signal.set_wakeup_fd(-1),
    ]
"""
    fresh = _run(look + "print(json.dumps(look()))").stdout
    forked = _run(
        look
        + """
import os, socket, sys
from kcourse.kernel import preloading
for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGPIPE):
    signal.signal(n, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
ours, theirs = socket.socketpair()
theirs.setblocking(False)
signal.set_wakeup_fd(theirs.fileno())
if preloading.fork() == 0:
    print(json.dumps(look()))
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
    ).stdout
    assert forked == fresh


def test_all_files_are_closed_but_those_that_are_kept() -> None:
    program = """
import os
from kcourse.kernel import preloading
opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(9)]
kept = [opened[6], opened[2]]
preloading.close_all_but(kept)
still = [n for n in opened if os.path.exists(f"/proc/self/fd/{n}")]
print(still == sorted(kept), all(os.path.exists(f"/proc/self/fd/{n}") for n in (0, 1, 2)))
"""
    assert _run(program).stdout == "True True\n"


# What a parent was made from


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a module that this process has imported."""
    file = tmp_path / "imported.py"
    file.write_text("x = 1\n")
    module = types.ModuleType("imported")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "imported", module)
    return file


def test_without_a_change_there_is_none(imported: Path) -> None:
    assert Origin().change() is None


def test_a_changed_module_is_noticed(imported: Path) -> None:
    origin = Origin()
    imported.write_text("x = 22\n")
    assert origin.change() == f"{imported} has changed"


def test_a_module_with_another_date_is_noticed(imported: Path) -> None:
    origin = Origin()
    os.utime(imported, (1, 1))
    assert origin.change() == f"{imported} has changed"


def test_a_removed_module_is_noticed(imported: Path) -> None:
    origin = Origin()
    imported.unlink()
    assert origin.change() == f"{imported} has changed"


def test_another_interpreter_at_the_same_path_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    origin = Origin()
    python.unlink()
    python.write_text("another")
    assert origin.change() == f"{python} has changed"


@pytest.mark.parametrize("before", [None, "1"])
def test_another_version_of_a_package_is_noticed(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    if before:
        (tmp_path / f"package-{before}.dist-info").mkdir()
    origin = Origin()
    if before:
        (tmp_path / f"package-{before}.dist-info").rmdir()
    (tmp_path / "package-2.dist-info").mkdir()
    assert origin.change() == "other packages are installed"


def test_a_removed_package_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "package-1.dist-info").mkdir()
    origin = Origin()
    (tmp_path / "package-1.dist-info").rmdir()
    assert origin.change() == "other packages are installed"


def test_new_settings_of_keras_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    origin = Origin()
    settings = tmp_path / "keras.json"
    settings.write_text("{}")
    assert origin.change() == f"{settings} has changed"


@pytest.mark.parametrize("before", [None, "lines.linewidth: 2\n"])
def test_new_settings_of_figures_are_noticed(before: str | None, tmp_path: Path) -> None:
    settings = tmp_path / "matplotlibrc"
    if before:
        settings.write_text(before)
    program = f"""
import matplotlib.pyplot
from pathlib import Path
from kcourse.kernel.preloading import Origin
origin = Origin()
Path({str(settings)!r}).write_text("lines.linewidth: 33\\n")
print(origin.change())
"""
    said = _run(program, MPLCONFIGDIR=str(tmp_path), MATPLOTLIBRC="").stdout
    assert str(settings) in said


#: A library that is replaced by another version just after it was read.
CHANGES_MEANWHILE = """
from pathlib import Path
here = Path(__file__).parent
version = (here / "version.txt").read_text()
(here / "version.txt").write_text("2")
(here / "package-2.dist-info").mkdir(exist_ok=True)
"""


def test_packages_that_change_while_they_are_imported_are_noticed(
    runtime: Path, modules: Path
) -> None:
    (modules / "meanwhile.py").write_text(CHANGES_MEANWHILE)
    (modules / "version.txt").write_text("1")
    with kernels.running(("meanwhile",)) as kernel:
        assert kernel.run("import meanwhile; print(meanwhile.version)") == [("stdout", "2\n")]
