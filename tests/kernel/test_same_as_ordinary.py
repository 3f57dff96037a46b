"""A warm kernel shows what an ordinary one shows: the same cells, the same answers, twice."""

from __future__ import annotations

import hashlib
import os
import queue
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import kernels
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from kernels import Kernel

from kcourse.kernel import LIBRARIES, client

#: How long a cell may take on a busy machine, in seconds.
PATIENCE = 120


@dataclass(frozen=True)
class Cell:
    """A cell to run in both kernels.

    Args:
        code: what it runs.
        answer: what is typed if it asks for input.
        echoes: texts that reach the outputs by way of a file descriptor, so perhaps late.
    """

    code: str
    answer: str = ""
    echoes: tuple[str, ...] = ()


CELLS = {
    "imports": Cell(
        "import kcourse.notebook, tensorflow as tf, keras, numpy as np, matplotlib, sys, os\n"
        "import matplotlib.pyplot as plt, logging, random, warnings, pathlib, threading"
    ),
    # The process
    "arguments": Cell("sys.argv[:-1], sys.orig_argv[:-1], sys.warnoptions"),
    "interpreter": Cell("sys.flags, sys.executable, sys.prefix, sys.dont_write_bytecode"),
    "module path": Cell("sys.path, os.getcwd()"),
    "main module": Cell(
        "sys.modules['__main__'].__dict__ is globals(), __name__, "
        "sorted(k for k in globals() if k.startswith('__'))"
    ),
    "environment": Cell("dict(sorted(os.environ.items()))"),
    "signals": Cell(
        "import signal\n"
        "([(s, signal.getsignal(s)) for s in sorted(signal.valid_signals())"
        " if signal.getsignal(s) != signal.SIG_DFL],"
        " signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getitimer(signal.ITIMER_REAL))"
    ),
    "limits": Cell(
        "import resource\n"
        "([(n, resource.getrlimit(getattr(resource, n)))"
        " for n in sorted(dir(resource)) if n.startswith('RLIMIT_')],"
        " os.nice(0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0))"
    ),
    "session and group": Cell("os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()"),
    "main thread": Cell(
        "main = threading.main_thread()\n"
        "(main is threading.current_thread(), main.name, main.daemon, main.is_alive(),"
        " main.native_id == os.getpid(), threading.get_native_id() == os.getpid())"
    ),
    "numbers of threads": Cell(
        "import threadpoolctl, joblib, sklearn.datasets\n"
        "(sorted((p['internal_api'], p['num_threads']) for p in threadpoolctl.threadpool_info()),"
        " os.cpu_count(), joblib.cpu_count())"
    ),
    "standard streams": Cell(
        "(sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__.fileno(),"
        " os.isatty(0), sys.stdout.encoding, sys.displayhook, sys.excepthook)"
    ),
    "collector": Cell("import gc; gc.isenabled(), gc.get_threshold(), gc.callbacks"),
    "locale": Cell(
        "import locale, time, decimal\n"
        "(locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), time.tzname,"
        " decimal.getcontext(), sys.getrecursionlimit(), sys.getswitchinterval())"
    ),
    "temporary folder": Cell("import tempfile; tempfile.gettempdir()"),
    "a faulthandler": Cell("import faulthandler; faulthandler.is_enabled()"),
    # IPython
    "shell": Cell(
        "shell = get_ipython()\n"
        "(type(shell), type(shell.kernel), shell.config, type(shell.parent), shell.starting_dir)"
    ),
    "startup file": Cell("from_startup_file"),
    "line of the profile": Cell("from_profile"),
    "magics": Cell("sorted(shell.magics_manager.lsmagic()['line'])"),
    "loaded extensions": Cell("sorted(shell.extension_manager.loaded)"),
    "an error": Cell("1 / 0"),
    "an error in a function": Cell("def fails(x):\n    assert x > 1, 'too small'\n\n\nfails(0)"),
    "an error in a library": Cell("np.ones(2) @ np.ones(3)"),
    "a syntax error": Cell("a = ="),
    "source of a function": Cell("import inspect; print(inspect.getsource(fails))"),
    "help": Cell("keras.utils.to_categorical?"),
    "time": Cell("%time sum(range(10))"),
    "timeit": Cell("%%timeit -n1 -r1\nsum(range(10))"),
    "capture": Cell("%%capture captured\nprint('inside')"),
    "captured": Cell("captured.stdout"),
    "environment of a shell": Cell("%env ADDED=1\n!echo $ADDED"),
    "bash": Cell("%%bash\necho out; echo err >&2"),
    "a script": Cell(
        "pathlib.Path('script.py').write_text('print(__name__, __file__); made = 1')\n"
        "%run script.py\nmade"
    ),
    "directories": Cell("%pwd"),
    "input": Cell("input('What? ')", answer="typed"),
    "a password": Cell("import getpass; getpass.getpass()", answer="secret"),
    "a breakpoint": Cell("def stops(x):\n    breakpoint()\n    return x\n\n\nstops(3)", answer="c"),
    "await": Cell("import asyncio\nawait asyncio.gather(*(asyncio.sleep(0, n) for n in range(3)))"),
    "running loop": Cell(
        "loop = asyncio.get_running_loop()\n"
        "type(loop), await loop.run_in_executor(None, abs, -2), type(asyncio.get_event_loop())"
    ),
    "asynchronous process": Cell(
        "p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\n"
        "await p.communicate(), p.returncode"
    ),
    "rich display": Cell(
        "from IPython.display import HTML, JSON, Image, Markdown, clear_output, display\n"
        "display(HTML('<b>x</b>'), Markdown('*x*'), JSON({'a': 1}), metadata={'a': 1})\n"
        "handle = display('first', display_id='here')\n"
        "handle.update('second')\n"
        "clear_output(wait=True)\n"
        "Image(data=b'\\x89PNG\\r\\n', format='png')"
    ),
    # What is written where
    "print": Cell("print('out'); print('err', file=sys.stderr)"),
    "a shell command": Cell("os.system('echo s_out; echo s_err >&2')", echoes=("s_out", "s_err")),
    "a program": Cell(
        "import subprocess\n"
        "subprocess.run(['sh', '-c', 'echo p_out; echo p_err >&2; exit 3']).returncode",
        echoes=("p_out", "p_err"),
    ),
    "output of a program": Cell("subprocess.run(['pwd'], capture_output=True, text=True).stdout"),
    "a line from C": Cell(
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.puts(b'from C'); libc.fflush(None)",
        echoes=("from C",),
    ),
    "print in a thread": Cell(
        "t = threading.Thread(target=print, args=('in a thread',)); t.start(); t.join()"
    ),
    "warning": Cell("warnings.warn('careful')"),
    "warning filters": Cell("print(*sorted(str(f[:4]) for f in warnings.filters), sep='\\n')"),
    "logging": Cell(
        "logging.warning('plain'); logging.getLogger('keras').warning('keras')\n"
        "logging.root.handlers, logging.root.level, logging.lastResort"
    ),
    "logging of TensorFlow": Cell(
        "tf.get_logger().warning('w'); tf.get_logger().info('i')\n"
        "tf.get_logger().handlers, tf.get_logger().level, tf.get_logger().propagate"
    ),
    "logging of absl": Cell(
        "from absl import logging as absl_logging\n"
        "absl_logging.warning('w'); absl_logging.info('i')\n"
        "absl_logging.get_absl_handler().python_handler.stream is sys.stderr"
    ),
    # More processes
    "forked pool": Cell(
        "import multiprocessing as mp\n"
        "with mp.get_context('fork').Pool(2) as pool:\n"
        "    r = pool.map(abs, [-1, -2])\n"
        "r, mp.get_start_method(), mp.current_process().name"
    ),
    "spawned pool": Cell(
        "with mp.get_context('spawn').Pool(2) as pool:\n    r = pool.map(abs, [-1, -2])\nr"
    ),
    "spawned pool with a module beside the notebook": Cell(
        "pathlib.Path('beside.py').write_text('def double(x):\\n    return 2 * x\\n')\n"
        "import beside\n"
        "with mp.get_context('spawn').Pool(1) as pool:\n"
        "    r = pool.map_async(beside.double, [1, 2]).get(20)\n"
        "r"
    ),
    "joblib": Cell(
        "from joblib import Parallel, delayed\n"
        "Parallel(n_jobs=2)(delayed(abs)(n) for n in (-1, -2))"
    ),
    "scikit-learn": Cell(
        "from sklearn.datasets import load_digits\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "x, y = load_digits(return_X_y=True)\n"
        "RandomForestClassifier(10, n_jobs=2, random_state=0).fit(x, y).score(x, y)"
    ),
    "OpenMP": Cell(
        "from sklearn.ensemble import HistGradientBoostingClassifier\n"
        "HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(x, y).score(x, y)"
    ),
    "linear algebra": Cell("float((np.ones((600, 600)) @ np.ones((600, 600))).sum())"),
    # TensorFlow and Keras
    "devices": Cell(
        "(tf.config.list_physical_devices(), tf.executing_eagerly(),"
        " tf.config.threading.get_intra_op_parallelism_threads(),"
        " tf.config.threading.get_inter_op_parallelism_threads())"
    ),
    "settings of Keras": Cell(
        "(keras.backend.backend(), keras.config.floatx(), keras.config.image_data_format(),"
        " keras.config.epsilon(), keras.config.is_traceback_filtering_enabled())"
    ),
    "threads of ops": Cell(
        "tf.config.threading.set_inter_op_parallelism_threads(2)\n"
        "tf.config.threading.get_inter_op_parallelism_threads(), tf.reduce_sum(tf.ones([300, 300]))"
    ),
    "too late for threads": Cell("tf.config.threading.set_inter_op_parallelism_threads(3)"),
    "tf.print": Cell(
        "tf.print('a', tf.range(3)); tf.print('b', output_stream=sys.stderr)\n"
        "tf.print('c', output_stream=sys.stdout)"
    ),
    "a graph": Cell(
        "@tf.function\n"
        "def doubled(x):\n"
        "    print('tracing')\n"
        "    tf.print('running', x)\n"
        "    return 2 * x\n"
        "doubled(tf.constant(2)), doubled(tf.constant(3))"
    ),
    "compiled graph": Cell("tf.function(lambda x: x * x, jit_compile=True)(tf.constant(3.0))"),
    "an error of TensorFlow": Cell("tf.ones([2]) @ tf.ones([3])"),
    "seeded numbers": Cell(
        "keras.utils.set_random_seed(3)\n"
        "(tf.random.normal([2]), tf.random.stateless_uniform([2], [1, 2]), np.random.rand(),"
        " random.random(), keras.random.uniform([2]), np.random.default_rng(1).random())"
    ),
    "deterministic ops": Cell(
        "tf.config.experimental.enable_op_determinism(); tf.random.normal([2])"
    ),
    "tf.data": Cell(
        "data = tf.data.Dataset.range(64).map(lambda n: n * n, num_parallel_calls=4)\n"
        "data = data.interleave(lambda n: tf.data.Dataset.from_tensors(n), num_parallel_calls=2)\n"
        "sum(int(n) for n in data.batch(8).prefetch(tf.data.AUTOTUNE).unbatch())"
    ),
    "tf.data with Python": Cell(
        "def numbers():\n"
        "    yield from range(5)\n"
        "kind = tf.TensorSpec([], 'int64')\n"
        "data = tf.data.Dataset.from_generator(numbers, output_signature=kind)\n"
        "data = data.map(lambda n: tf.py_function(lambda m: m + 1, [n], 'int64'))\n"
        "list(data.shuffle(5, seed=1).as_numpy_iterator())"
    ),
    "a model": Cell(
        "keras.utils.set_random_seed(1)\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.summary()"
    ),
    "training": Cell(
        "done = model.fit(np.ones((40, 2)), np.ones((40, 3)), epochs=2, verbose=2)\n"
        "done.history, model.predict(np.ones((2, 2)), verbose=0)"
    ),
    "progress": Cell("_ = model.evaluate(np.ones((40, 2)), np.ones((40, 3)))"),
    "training from tf.data": Cell(
        "data = tf.data.Dataset.from_tensors((np.ones(2), np.ones(3))).repeat(40).batch(4)\n"
        "model.fit(data.prefetch(2), verbose=2).history"
    ),
    "saving and loading": Cell(
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    model.save(f'{folder}/model.keras')\n"
        "    model.export(f'{folder}/exported', verbose=False)\n"
        "    loaded = keras.models.load_model(f'{folder}/model.keras')\n"
        "    served = tf.saved_model.load(f'{folder}/exported').serve(np.ones((1, 2), 'float32'))\n"
        "loaded.predict(np.ones((1, 2)), verbose=0), served"
    ),
    # Figures
    "backend": Cell(
        "(matplotlib.get_backend(auto_select=False), matplotlib.matplotlib_fname(),"
        " plt.isinteractive(), matplotlib.rcParams['lines.linewidth'],"
        " sorted(k for k in matplotlib.rcParams"
        " if matplotlib.rcParams[k] != matplotlib.rcParamsDefault[k]))"
    ),
    "a figure": Cell("plt.plot([1, 2, 3]); plt.title('x'); plt.show()"),
    "a figure as a result": Cell("fig, ax = plt.subplots(); ax.plot([3, 1]); fig"),
    "the inline backend": Cell("%matplotlib inline\nplt.plot([1])"),
    "another backend": Cell("matplotlib.use('Agg'); plt.plot([1]); plt.show(); plt.get_fignums()"),
}

#: Run in kernels that are asked for by an unusual process, with an unusual environment.
UNUSUAL_CELLS = {
    "imports": Cell(
        "import kcourse.notebook, tensorflow as tf, numpy as np, matplotlib.pyplot as plt\n"
        "import os, resource, locale, matplotlib, sys, time, warnings, pathlib"
    ),
    "limits": CELLS["limits"],
    "arguments": CELLS["arguments"],
    "umask": Cell(
        "old = os.umask(0); os.umask(old); pathlib.Path('file').touch()\n"
        "oct(old), oct(pathlib.Path('file').stat().st_mode)"
    ),
    "too many files": Cell("files = [open(os.devnull) for _ in range(300)]"),
    "locale and time zone": Cell(
        "(locale.setlocale(locale.LC_ALL), locale.getlocale(), time.tzname,"
        " time.localtime(0).tm_hour, sys.getfilesystemencoding(), os.environ['LANG'])"
    ),
    "numbers of threads": Cell("import threading\n" + CELLS["numbers of threads"].code),
    "warnings": Cell("warnings.warn('careful', FutureWarning)"),
    "backend": Cell("matplotlib.get_backend(), plt.plot([1]), plt.show(), plt.get_fignums()"),
    "devices": Cell(
        "cpu, = tf.config.list_physical_devices('CPU')\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
        "tf.config.list_logical_devices(), tf.ones(2)"
    ),
}

#: What a frontend asks apart from cells.
QUESTIONS: dict[str, Callable[[BlockingKernelClient], str]] = {
    "kernel information": lambda client: client.kernel_info(),
    "completion of a module": lambda client: client.complete("tf.constan"),
    "completion of a method": lambda client: client.complete("model.pred"),
    "completion of a key": lambda client: client.complete("{'first': 1}['f"),
    "completion of a file": lambda client: client.complete("open('scri"),
    "inspection": lambda client: client.inspect("keras.Sequential"),
    "source": lambda client: client.inspect("fails", detail_level=1),
    "comms": lambda client: client.comm_info(),
    "completeness": lambda client: client.is_complete("if x:"),
    "history": lambda client: client.history(hist_access_type="tail", n=4),
    "search of the history": lambda client: client.history(
        hist_access_type="search", pattern="keras.*", n=9
    ),
}

DEBUGGED = "debugged = 1\nother = debugged + 1\nlast = keras.utils.to_categorical([other], 5)\n"


@dataclass(frozen=True)
class Situation:
    """Where both kernels run: an emptied folder, and the environment."""

    folder: Path
    env: dict[str, str]


@contextmanager
def _kernel(situation: Situation, libraries: Sequence[str] | None) -> Iterator[Kernel]:
    """Start a kernel in the emptied folder, warm if it has libraries; end it as a frontend does."""
    shutil.rmtree(situation.folder, ignore_errors=True)
    work, profile = situation.folder / "work", situation.folder / "ipython" / "profile_default"
    work.mkdir(parents=True)
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00-first.py").write_text("from_startup_file = __file__\n")
    (profile / "ipython_kernel_config.py").write_text(
        "c = get_config()\n"
        "c.InteractiveShellApp.exec_lines = ['from_profile = 1']\n"
        "c.InteractiveShellApp.extensions = ['autoreload']\n"
        "c.InlineBackend.figure_formats = {'svg'}\n"
        "c.Completer.jedi_compute_type_timeout = 60_000\n"
    )
    # A backend in a settings file is weaker than the one that a kernel asks for.
    (situation.folder / "matplotlibrc").write_text(
        "backend: Agg\nlines.linewidth: 3\nsvg.hashsalt: x\n"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    manager = kernels.manager(libraries) if libraries else KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(work), env=situation.env, **quiet)
    try:
        kernel = Kernel(manager)
        assert kernel.is_warm is bool(libraries)
        yield kernel
        manager.shutdown_kernel()
        kernel.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def _shown(kernel: Kernel, cell: Cell) -> list[object]:
    """Run a cell; return what it shows: each stream in one piece, then the rest in order."""
    streams = {"stdout": "", "stderr": ""}
    rest: list[object] = []

    def note(message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            streams[content["name"]] += content["text"]
        elif kind not in ("status", "execute_input"):
            rest.append((kind, content))

    def type_in(message: dict[str, Any]) -> None:
        rest.append(("input_request", message["content"]))
        kernel.client.input(cell.answer)

    reply = kernel.client.execute_interactive(
        cell.code, timeout=PATIENCE, allow_stdin=True, stdin_hook=type_in, output_hook=note
    )
    while not all(text in streams["stdout"] + streams["stderr"] for text in cell.echoes):
        message = kernel.client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") == reply["parent_header"]["msg_id"]:
            note(message)
    asked = {name: reply["content"][name] for name in ("status", "execution_count", "payload")}
    return [streams, *rest, asked]


def _run(kernel: Kernel, cells: dict[str, Cell]) -> dict[str, object]:
    """Run all cells; one that does not end is the last."""
    found: dict[str, object] = {}
    for name, cell in cells.items():
        try:
            found[name] = _same_every_time(_shown(kernel, cell))
        except (TimeoutError, queue.Empty):
            found[name] = "it did not end"
            break
    return found


def _asked(kernel: Kernel) -> dict[str, object]:
    return {
        name: _same_every_time(_reply(kernel, ask(kernel.client)))
        for name, ask in QUESTIONS.items()
    }


def _reply(kernel: Kernel, number: str) -> dict[str, Any]:
    """Wait for the answer to a message and return its content."""
    while True:
        message = kernel.client.get_shell_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") == number:
            content: dict[str, Any] = message["content"]
            return content


class _Debugger:
    """The debugger of a kernel, as a frontend drives it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._count = 0

    def ask(self, command: str, arguments: dict[str, object] | None = None) -> dict[str, Any]:
        """Send a request on the control channel and return the answer's body."""
        self._count += 1
        channels = self._kernel.client
        content = {"type": "request", "seq": self._count, "command": command}
        request = channels.session.msg("debug_request", {**content, "arguments": arguments or {}})
        channels.control_channel.send(request)
        while True:
            reply = channels.get_control_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                break
        answer = reply["content"]
        assert answer["success"], answer
        return answer.get("body") or {}

    def stopped_in(self, cell: str) -> int | None:
        """Wait until a cell has stopped; return its thread, or ``None`` if it came to its end."""
        while True:
            message = self._kernel.client.get_iopub_msg(timeout=PATIENCE)
            content = message["content"]
            if message["msg_type"] == "debug_event" and content["event"] == "stopped":
                return int(content["body"]["threadId"])
            ours = message["parent_header"].get("msg_id") == cell
            if ours and content.get("execution_state") == "idle":
                return None


def _debugged(kernel: Kernel) -> dict[str, object]:
    """Stop at a breakpoint in a cell, then at one in Keras; return what the debugger says."""
    found: dict[str, Any] = {}
    function = "keras.utils.to_categorical.__code__"
    file = kernel.value(f"{function}.co_filename").strip("'")
    line = int(kernel.value(f"sorted({{n for *_, n in {function}.co_lines() if n}})[1]"))
    debugger = _Debugger(kernel)
    found["abilities"] = debugger.ask(
        "initialize",
        {
            "clientID": "test",
            "adapterID": "",
            "pathFormat": "path",
            "linesStartAt1": True,
            "columnsStartAt1": True,
            "supportsVariableType": True,
        },
    )
    debugger.ask("attach")
    path = debugger.ask("dumpCell", {"code": DEBUGGED})["sourcePath"]
    for name, source, number in (("in a cell", path, 2), ("in Keras", file, line)):
        found[f"breakpoint {name}"] = debugger.ask(
            "setBreakpoints", {"source": {"path": source}, "breakpoints": [{"line": number}]}
        )
    debugger.ask("configurationDone")
    found["information"] = debugger.ask("debugInfo")
    cell = kernel.client.execute(DEBUGGED)
    for name in ("in a cell", "in Keras"):
        thread = debugger.stopped_in(cell)
        if thread is None:
            found[f"frames {name}"] = "it did not stop"
            break
        frames = debugger.ask("stackTrace", {"threadId": thread})["stackFrames"]
        found[f"frames {name}"] = [(f["name"], f["line"], f["source"]["path"]) for f in frames]
        if name == "in a cell":
            frame = frames[0]["id"]
            scopes = debugger.ask("scopes", {"frameId": frame})["scopes"]
            values = debugger.ask(
                "variables", {"variablesReference": scopes[0]["variablesReference"]}
            )["variables"]
            found["variables"] = [v["value"] for v in values if v["name"] == "debugged"]
            found["an expression"] = debugger.ask(
                "evaluate", {"expression": "debugged + 40", "frameId": frame}
            )["result"]
        debugger.ask("continue", {"threadId": thread})
    found["the cell"] = _reply(kernel, cell)["status"]
    debugger.ask("disconnect", {"restart": False, "terminateDebuggee": False})
    return {name: _same_every_time(value) for name, value in found.items()}


#: What differs between any two kernels, in this order.
_DIFFERENCES = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"[^\n]*[\r\x08]+(?=[^\n\r\x08])"), ""),  # a progress bar, before its last state
    (re.compile(r" +(?=\n)"), ""),  # with which it covers a longer state
    (re.compile(r" +\n"), "\n"),  # a progress bar overwrites a longer one with blanks
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"(ipykernel_|pid=)\d+"), r"\1PROCESS"),
    (re.compile(r"/[\w/.-]*/(kernel-[\w-]+|tmp\w+)\.json"), "CONNECTION"),
    (re.compile(r"/tmp\w{8}\b"), "/TEMPORARY"),
    (
        re.compile(r"\d+(\.\d+)?(e[+-]\d+)? ?([mµμun]?s|min)( ± [\w. ]+ per loop)?(?=[/\s,]|$)"),
        "TIME",
    ),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ][\d:.,]+(\+00:00|Z)?"), "WHEN"),
]


def _same_every_time(value: Any) -> Any:
    """Return what a kernel said without addresses, process ids and times; long data as a digest."""
    if isinstance(value, dict):
        return {key: _same_every_time(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_same_every_time(one) for one in value]
    if not isinstance(value, str):
        return value
    if "<svg" in value or (len(value) > 1000 and " " not in value):
        value = re.sub(r"<dc:date>.*?</dc:date>", "", value)
        return f"{len(value)} characters, {hashlib.sha256(value.encode()).hexdigest()}"
    for pattern, instead in _DIFFERENCES:
        value = pattern.sub(instead, value)
    return value


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Give the module's kernels an environment of their own."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def situation(
    tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch
) -> Iterator[Situation]:
    """Return where the kernels run; nothing of them is left at the end."""
    runtime = tmp_path_factory.mktemp("runtime", numbered=True)
    runtime.chmod(0o700)
    folder = tmp_path_factory.mktemp("situation") / "here"
    patched.setenv("XDG_RUNTIME_DIR", str(runtime))
    patched.setenv("IPYTHONDIR", str(folder / "ipython"))
    patched.setenv("MATPLOTLIBRC", str(folder / "matplotlibrc"))
    for name in [*os.environ]:
        if name.startswith(("JPY_", "JUPYTER_", "KCOURSE_", "MPLBACKEND", "PYTHONPATH")):
            patched.delenv(name)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    yield Situation(folder, env)
    for parent in client.parents():
        client.stop(parent["name"])
    kernels.until(lambda: not kernels.processes(runtime))


@dataclass(frozen=True)
class Shown:
    """What a kernel showed and answered."""

    cells: dict[str, object]
    answers: dict[str, object]
    debugger: dict[str, object]


def _used(situation: Situation, *, warm: bool) -> Shown:
    with _kernel(situation, LIBRARIES if warm else None) as kernel:
        return Shown(_run(kernel, CELLS), _asked(kernel), _debugged(kernel))


@pytest.fixture(scope="module")
def ordinary(situation: Situation) -> Shown:
    """Return what an ordinary kernel shows."""
    return _used(situation, warm=False)


@pytest.fixture(scope="module")
def warm(situation: Situation, ordinary: Shown) -> Shown:
    """Return what a warm kernel shows; the ordinary one has ended by then."""
    return _used(situation, warm=True)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_shows_the_same(name: str, ordinary: Shown, warm: Shown) -> None:
    assert name in ordinary.cells
    assert warm.cells.get(name) == ordinary.cells[name]


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_frontend_is_answered_the_same(name: str, ordinary: Shown, warm: Shown) -> None:
    assert warm.answers[name] == ordinary.answers[name]


@pytest.mark.parametrize(
    "name",
    [
        *("abilities", "breakpoint in a cell", "breakpoint in Keras", "information"),
        *("frames in a cell", "variables", "an expression", "frames in Keras", "the cell"),
    ],
)
def test_the_debugger_says_the_same(name: str, ordinary: Shown, warm: Shown) -> None:
    assert warm.debugger[name] == ordinary.debugger[name]


@pytest.mark.parametrize("warm", [False, True])
def test_a_kernel_finishes_what_it_has_begun_when_it_ends(warm: bool, situation: Situation) -> None:
    with _kernel(situation, kernels.LIGHT if warm else None) as kernel:
        shown = kernel.run(
            "import atexit, pathlib, threading\n"
            "_ = atexit.register(pathlib.Path('goodbye').touch)\n"
            "def work():\n"
            "    threading.main_thread().join()\n"
            "    pathlib.Path('worked').touch()\n"
            "threading.Thread(target=work).start()"
        )
        assert shown == []
        process = kernel.process
    assert process.returncode == 0
    assert {file.name for file in (situation.folder / "work").iterdir()} == {"goodbye", "worked"}


def _become_unusual() -> None:
    """Change this process, as a service, a shell's settings or ``taskset`` do."""
    os.umask(0o027)
    os.nice(3)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for limit, soft in (
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_STACK, 4 << 20),
    ):
        resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))


def _run_unusual(situation: Situation, *, warm: bool) -> dict[str, object]:
    with _kernel(situation, LIBRARIES if warm else None) as kernel:
        return _run(kernel, UNUSUAL_CELLS)


@pytest.fixture(scope="module")
def unusual(situation: Situation) -> dict[bool, dict[str, object]]:
    """Return what kernels of an unusual process show: the ordinary one, and the warm one."""
    env = situation.env | {
        "LANG": "C",
        "LC_ALL": "C",
        "MPLBACKEND": "Agg",
        "PYTHONWARNINGS": "error::FutureWarning",
        "TZ": "Asia/Shanghai",
    }
    other = Situation(situation.folder.with_name("unusual"), env)
    one_process = ProcessPoolExecutor(1, get_context("spawn"), _become_unusual)
    with one_process as executor:
        return {
            warm: executor.submit(_run_unusual, other, warm=warm).result() for warm in (False, True)
        }


@pytest.mark.parametrize("name", UNUSUAL_CELLS)
def test_an_unusual_process_gets_the_same(
    name: str, unusual: dict[bool, dict[str, object]]
) -> None:
    assert name in unusual[False]
    assert unusual[True].get(name) == unusual[False][name]


def test_a_kernel_on_fewer_processors_counts_as_few(situation: Situation) -> None:
    """Libraries count processors when they are imported, so for all kernels of a parent."""
    count = (
        "import numpy, threadpoolctl; [p['num_threads'] for p in threadpoolctl.threadpool_info()]"
    )
    libraries = ("numpy", "threadpoolctl")
    with kernels.running(libraries, env=situation.env) as kernel:
        assert kernel.is_warm
        kernel.value(count)
    with ProcessPoolExecutor(1, get_context("spawn"), _use_one_processor) as executor:
        counted = executor.submit(_counted, situation, libraries, count).result()
    assert counted == "[1]"


def _use_one_processor() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _counted(situation: Situation, libraries: tuple[str, ...], count: str) -> str:
    with kernels.running(libraries, env=situation.env) as kernel:
        assert kernel.is_warm
        return kernel.value(count)
