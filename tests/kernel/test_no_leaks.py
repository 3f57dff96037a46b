"""Nothing that happens in one kernel reaches another of the same parent, or is read there."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import kernels
import psutil
import pytest
from jupyter_client.manager import KernelManager
from kernels import Kernel

from kcourse.kernel import LIBRARIES, client
from kcourse.kernel.client import Kind
from kcourse.kernel.place import folder_path


@dataclass(frozen=True)
class Change:
    """What a cell changes in its process, and an expression that shows it."""

    code: str
    shown_by: str


CHANGES = {
    "an exit function": Change("atexit.register(print)", "atexit._ncallbacks()"),
    "an environment variable": Change(
        "os.environ['LEAK'] = '1'", "os.environ.get('LEAK'), os.popen('echo $LEAK').read()"
    ),
    "a removed variable": Change("del os.environ['KEPT']", "os.environ.get('KEPT')"),
    "a variable set from C": Change(
        "libc.setenv(b'LEAK_C', b'1', 1)", "bool(libc.getenv(b'LEAK_C'))"
    ),
    "the directory": Change("os.chdir('/')", "os.getcwd()"),
    "the arguments": Change("sys.argv[1:] = ['leak']", "'leak' in sys.argv"),
    "the module path": Change("sys.path.append('/leak')", "'/leak' in sys.path"),
    "a global name": Change("globals()['leak'] = 1", "'leak' in globals()"),
    "a builtin": Change("builtins.leak_builtin = 1", "hasattr(builtins, 'leak_builtin')"),
    "a monkeypatched module": Change("np.mean = 'leak'", "np.mean == 'leak'"),
    "a monkeypatched class": Change("keras.Model.leak = 1", "hasattr(keras.Model, 'leak')"),
    "an added module": Change("sys.modules['leaked'] = sys", "'leaked' in sys.modules"),
    "a removed module": Change(
        "del sys.modules['sklearn.datasets']", "'sklearn.datasets' in sys.modules"
    ),
    "a signal handler": Change(
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "signal.getsignal(signal.SIGUSR1)"
    ),
    "a blocked signal": Change(
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    ),
    "a timer": Change(
        "signal.setitimer(signal.ITIMER_VIRTUAL, 3600)",
        "signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0",
    ),
    "the umask": Change(
        "os.umask(0o707)", "pathlib.Path('/proc/self/status').read_text().split('Umask:')[1][:5]"
    ),
    "a resource limit": Change(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 2000))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)",
    ),
    "the priority": Change("os.nice(1)", "os.nice(0)"),
    "the scheduling": Change(
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))", "os.sched_getscheduler(0)"
    ),
    "an open file": Change(
        "globals()['file'] = open('/etc/passwd')",
        "[d for d in os.listdir('/proc/self/fd')"
        " if os.path.realpath(f'/proc/self/fd/{d}').startswith('/etc/')] != []",
    ),
    "a moved standard stream": Change(
        "os.dup2(os.open('/', os.O_RDONLY), 0)", "os.readlink('/proc/self/fd/0')"
    ),
    "mapped memory": Change(
        "globals()['shared'] = mmap.mmap(-1, 4096)",
        "[line for line in open('/proc/self/maps') if line.split()[1] == 'rw-s']",
    ),
    "a thread": Change(
        "threading.Thread(target=threading.Event().wait, name='leak', daemon=True).start()",
        "'leak' in [t.name for t in threading.enumerate()]",
    ),
    "the recursion limit": Change("sys.setrecursionlimit(2345)", "sys.getrecursionlimit()"),
    "a warning filter": Change("warnings.simplefilter('error', UserWarning)", "warnings.filters"),
    "a logging level": Change("logging.root.setLevel(55)", "logging.root.level"),
    "the collector": Change("gc.set_threshold(77)", "gc.get_threshold()"),
    "the temporary folder": Change("tempfile.tempdir = '/'", "tempfile.gettempdir()"),
    "the figures' backend": Change("matplotlib.use('svg')", "matplotlib.get_backend()"),
    "a setting of figures": Change(
        "plt.rcParams['lines.linewidth'] = 77", "plt.rcParams['lines.linewidth']"
    ),
    "a figure": Change("plt.figure()", "plt.get_fignums()"),
    "the float type of Keras": Change(
        "keras.config.set_floatx('float64')", "keras.config.floatx()"
    ),
    "names of layers": Change(
        "[keras.layers.Dense(1) for _ in range(5)]", "keras.layers.Dense(1).name"
    ),
    "a registered function": Change(
        "keras.saving.register_keras_serializable('leak', 'leaked')(lambda: 0)",
        "keras.saving.get_registered_object('leak>leaked') is None",
    ),
    "threads of TensorFlow": Change(
        "tf.config.threading.set_inter_op_parallelism_threads(3)",
        "tf.config.threading.get_inter_op_parallelism_threads()",
    ),
    "eager functions": Change(
        "tf.config.run_functions_eagerly(True)", "tf.config.functions_run_eagerly()"
    ),
    "placement on devices": Change(
        "tf.config.set_soft_device_placement(False)", "tf.config.get_soft_device_placement()"
    ),
    "devices that are set up": Change("tf.ones(1)", "tf_context._context_handle is not None"),
    "a seed of Python": Change(
        "random.seed(1)", "random.getstate() == random.Random(1).getstate()"
    ),
    "a seed of NumPy": Change(
        "np.random.seed(1)",
        "(np.random.get_state()[1] == np.random.RandomState(1).get_state()[1]).all()",
    ),
    "a seed of Keras": Change(
        "keras.utils.set_random_seed(2)", "random.getstate() == random.Random(2).getstate()"
    ),
}

#: Each must be another in each kernel.
DRAWS = {
    "Python": "random.random()",
    "secrets": "secrets.token_hex()",
    "UUIDs by time": "uuid.uuid1().hex",
    "random UUIDs": "uuid.uuid4().hex",
    "temporary names": "next(tempfile._get_candidate_names())",
    "NumPy": "np.random.random()",
    "a generator of NumPy": "np.random.default_rng().random()",
    "scikit-learn": "sklearn.utils.shuffle(range(1000))",
    "TensorFlow": "float(tf.random.normal([]))",
    "TensorFlow's generator": "float(tf.random.get_global_generator().normal([]))",
    "a graph": "float(tf.function(lambda: tf.random.normal([]))())",
    "tf.data": "list(tf.data.Dataset.range(1000).shuffle(1000).as_numpy_iterator())",
    "Keras": "float(keras.random.uniform([]))",
    "weights": "keras.initializers.GlorotUniform()([9]).numpy().tolist()",
    "a key between processes": "bytes(multiprocessing.current_process().authkey).hex()",
    "the kernel's name": "get_ipython().kernel.ident",
    "its session": "get_ipython().kernel.session.session",
}

SETUP = f"""
import atexit, builtins, ctypes, gc, logging, mmap, multiprocessing, os, pathlib, random, resource
import secrets, signal, sys, tempfile, threading, uuid, warnings
import keras, matplotlib, matplotlib.pyplot as plt, numpy as np, tensorflow as tf
import sklearn.datasets, sklearn.utils
from tensorflow.python.eager.context import context
tf_context = context()
libc = ctypes.CDLL(None)
CHANGES = {[(name, change.code, change.shown_by) for name, change in CHANGES.items()]!r}
DRAWS = {DRAWS!r}
"""
CHANGE_ALL = """
found = {}
for name, code, expression in CHANGES:
    before = repr(eval(expression))
    exec(code)
    found[name] = before, repr(eval(expression))
print(found)
"""
LOOK = "print({name: repr(eval(expression)) for name, _, expression in CHANGES})"
DRAW = "print({name: repr(eval(expression)) for name, expression in DRAWS.items()})"

#: Draws from each generator object that there is, wherever it is.
DRAW_FROM_ALL = """
gc.unfreeze()
drawn = []
for one in gc.get_objects():
    if isinstance(one, tempfile._RandomNameSequence):
        next(one)  # at its first use after a fork, it makes its generator anew
for one in gc.get_objects():
    if isinstance(one, random.Random) and not isinstance(one, random.SystemRandom):
        drawn.append(("Random", one.random()))
    elif isinstance(one, np.random.RandomState | np.random.Generator):
        drawn.append((type(one).__name__, float(one.random())))
    elif isinstance(one, np.random.BitGenerator):
        drawn.append((type(one).__name__, one.random_raw()))
print(drawn)
"""


def _printed(kernel: Kernel, code: str) -> Any:
    """Run a cell and return the value that it prints."""
    outputs = kernel.run(code)
    assert [kind for kind, _ in outputs] == ["stdout"], outputs
    return ast.literal_eval(outputs[0][1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for sockets, for all tests here: what they use is one parent's kernels."""
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        patch.setenv("IPYTHONDIR", str(runtime / "ipython"))
        patch.setenv("KEPT", "1")
        for name in ("KCOURSE_WARM", "MPLBACKEND"):
            patch.delenv(name, raising=False)
        yield runtime
        for parent in client.parents():
            client.stop(parent["name"])
        kernels.until(lambda: not kernels.processes(runtime))


@contextmanager
def _fresh() -> Iterator[Kernel]:
    """Start a warm kernel in which nothing has been done but imports."""
    with kernels.running(LIBRARIES, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as kernel:
        assert kernel.is_warm
        assert kernel.run(SETUP) == []
        yield kernel


@dataclass(frozen=True)
class Seen:
    """What was seen by the kernel that changed all, and by others of its parent."""

    changed: dict[str, tuple[str, str]]
    others: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def seen(place: Path) -> Seen:
    """Return what kernels saw when one of them had changed all."""
    others = {}
    with _fresh() as before:
        with _fresh() as first:
            changed = _printed(first, CHANGE_ALL)
            others["started before"] = _printed(before, LOOK)
            with _fresh() as beside:
                others["started meanwhile"] = _printed(beside, LOOK)
        with _fresh() as later:
            others["started afterwards"] = _printed(later, LOOK)
            assert len(client.parents()) == 1
    return Seen(changed, others)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_one_kernel_is_not_seen_in_another(name: str, seen: Seen) -> None:
    before, after = seen.changed[name]
    assert after != before, "the change is not seen where it is made"
    assert {when: values[name] for when, values in seen.others.items()} == {
        "started before": before,
        "started meanwhile": before,
        "started afterwards": before,
    }


@pytest.fixture(scope="module")
def draws(place: Path) -> list[dict[str, str]]:
    """Return what two fresh kernels drew, the second beside the first."""
    with _fresh() as first, _fresh() as second:
        return [_printed(kernel, DRAW) for kernel in (first, second)]


@pytest.mark.parametrize("name", DRAWS)
def test_two_fresh_kernels_draw_different_numbers(name: str, draws: list[dict[str, str]]) -> None:
    first, second = draws
    assert first[name] != second[name]


def test_no_generator_of_random_numbers_is_shared(place: Path) -> None:
    with _fresh() as first, _fresh() as second:
        one, other = (_printed(kernel, DRAW_FROM_ALL) for kernel in (first, second))
    kinds = {kind for kind, _ in one}
    assert {"Random", "RandomState", "MT19937"} <= kinds, "the scan does not find what is there"
    assert set(one).isdisjoint(other)


def test_a_secret_of_one_requester_is_nowhere_in_another_kernel(place: Path) -> None:
    secret = uuid.uuid4().hex
    look = (
        "import ctypes, os; getenv = ctypes.CDLL(None).getenv; getenv.restype = ctypes.c_char_p\n"
        "print([os.environ.get('LEARNER_TOKEN'), getenv(b'LEARNER_TOKEN'),"
        " os.popen('echo $LEARNER_TOKEN').read().strip()])"
    )
    with ExitStack() as stack:
        with_secret = dict(os.environ) | {"LEARNER_TOKEN": secret}
        first = stack.enter_context(kernels.running(env=with_secret))
        second = stack.enter_context(kernels.running())
        assert first.is_warm
        assert second.is_warm
        assert _printed(first, look) == [secret, secret.encode(), secret]
        assert _printed(second, look) == [None, None, ""]
        for process in [first.process.pid, second.process.pid, *_parents(place)]:
            for file in ("environ", "cmdline"):
                assert secret.encode() not in Path(f"/proc/{process}/{file}").read_bytes()


#: Limits that would end a process, or make its imports fail.
HARMFUL = (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_DATA)


def test_soft_limits_of_one_requester_do_not_hold_for_the_parent(place: Path) -> None:
    libraries = ("fractions",)  # of a parent that nobody has asked for yet
    with ProcessPoolExecutor(1, get_context("spawn"), _limit_this_process) as executor:
        executor.submit(_start_and_end, libraries).result()
    (pid,) = (one["pid"] for one in client.parents() if libraries[0] in one["libraries"])
    for limit in HARMFUL:
        soft, hard = psutil.Process(pid).rlimit(limit)
        assert soft == hard


def _limit_this_process() -> None:
    for limit in HARMFUL:
        _, hard = resource.getrlimit(limit)
        soft = 1 << 40 if hard == resource.RLIM_INFINITY else hard // 2
        resource.setrlimit(limit, (soft, hard))


def _start_and_end(libraries: tuple[str, ...]) -> None:
    with kernels.running(libraries) as kernel:
        assert kernel.is_warm


def test_a_kernel_holds_no_open_file_of_the_parent(place: Path) -> None:
    listing = (
        "import os\nfound = []\n"
        "for d in sorted(os.listdir('/proc/self/fd'), key=int)[3:]:\n"
        "    try: found.append(os.readlink(f'/proc/self/fd/{d}'))\n"
        "    except OSError: pass\n"
        "print(found)"
    )
    kind = Kind(libraries=kernels.LIGHT, idle=60)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(kernels.running())
        # Somebody who has connected, and has not said anything yet.
        waiting = stack.enter_context(kind.place()).connect(10)
        assert waiting is not None, "there is no parent of this kind"
        stack.enter_context(waiting)
        kernel = stack.enter_context(kernels.running())
        warm = _printed(kernel, listing)
        ordinary = _printed(stack.enter_context(_ordinary()), listing)
        sequenced = _sockets_of_sequenced_packets()
    assert sequenced, "the parent's sockets are not found"
    assert not sequenced & set(warm)
    assert not [file for file in warm if file.startswith(str(folder_path()))]
    # The one more is for the kernel to end with the process that asked for it.
    assert warm.count("anon_inode:[pidfd]") == 1
    assert _kinds(warm, place) - {"anon_inode:[pidfd]"} == _kinds(ordinary, place)


@contextmanager
def _ordinary() -> Iterator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    try:
        kernel = Kernel(manager)
        assert not kernel.is_warm
        yield kernel
        kernel.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def _kinds(files: list[str], place: Path) -> set[str]:
    """Return the kinds of open files; the number of some depends on the moment."""
    return {
        file.partition(":")[0] if file.startswith(("pipe:", "socket:")) else file
        for file in files
        if not file.startswith(str(place))  # the history, which is opened now and then
    }


def _sockets_of_sequenced_packets() -> set[str]:
    """Return the local sockets of the kind by which parents are asked, as a process sees them."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[6]}]" for line in lines if line.split()[4] == "0005"}


def _parents(place: Path) -> list[int]:
    found = [parent["pid"] for parent in client.parents()]
    assert found
    return found


def test_a_kernel_has_the_variables_of_its_requester_and_no_others(place: Path) -> None:
    names = "import os; print(sorted(os.environ))"
    with kernels.running() as kernel, _ordinary() as ordinary:
        assert kernel.is_warm
        assert _printed(kernel, names) == _printed(ordinary, names)
