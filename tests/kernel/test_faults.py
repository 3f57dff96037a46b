"""Whatever is in the way of a warm kernel, a kernel starts, and the next one is warm again."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kernels
import psutil
import pytest
from jupyter_client import connect
from jupyter_client.manager import AsyncKernelManager, KernelManager

from kcourse import kernel as warm
from kcourse import terminal
from kcourse.kernel import client, fallback, place
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.place import Peer, Place

#: The numbers of a user that is not this one, and of nobody.
OTHER, NOBODY = os.getuid() + 1, 65534
IS_ROOT = os.getuid() == 0
TESTS = Path(kernels.__file__).parent


def reason() -> str:
    """Return why the last kernel was not warm."""
    last = fallback.last()
    assert last is not None
    return last["reason"]


def assert_ordinary(why: str, libraries: Sequence[str] = kernels.LIGHT, **options: Any) -> None:
    """Start a kernel and end it; it must be an ordinary one, and that must be the reason."""
    with kernels.started(libraries, **options) as hindered:
        assert not kernels.is_warm(hindered)
    assert why in reason()


def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what ``kcourse doctor`` says of warm kernels."""
    looks = {"warm kernel": terminal._LOOKS["warm kernel"]}
    with monkeypatch.context() as patch:
        patch.setattr(terminal, "_LOOKS", looks)  # the others take their time
        terminal.doctor(as_json=False)
    return capsys.readouterr().out


def name() -> str:
    """Return the name of the parent of light kernels."""
    with client.Kind(libraries=kernels.LIGHT).place() as where:
        return where.name


def socket_of(runtime: Path) -> Path:
    return runtime / "kcourse" / f"{name()}{place.SOCKET}"


@contextmanager
def script(code: str, *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run Python code in a process of its own, which has printed its first line at the start."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


# The parent is killed


def test_kernels_outlive_their_parent(runtime: Path) -> None:
    with kernels.running() as kernel:
        kernel.run("x = 41")
        kernels.parent().kill()

        assert kernel.value("x + 1") == "42"

        cell = kernel.begin("print('looping')\nwhile True: pass", shown="looping")
        kernel.manager.interrupt_kernel()
        assert kernel.end(cell)[-1] == ("error", "KeyboardInterrupt: ")
        assert kernel.value("x") == "41"
        process = psutil.Process(kernel.process.pid)
        kernel.manager.shutdown_kernel()
        assert kernels.has_ended(process)


def test_the_end_of_a_kernel_that_outlived_its_parent_is_noticed(runtime: Path) -> None:
    with kernels.started() as manager:
        kernels.parent().kill()
        process = manager.provisioner.process
        assert process.poll() is None
        assert manager.is_alive()

        os.kill(process.pid, signal.SIGKILL)

        kernels.until(lambda: process.poll() is not None)
        assert not manager.is_alive()


def test_a_killed_parent_is_replaced(runtime: Path) -> None:
    with kernels.running() as kernel:
        killed = kernels.parent()
        killed.kill()
        kernels.until(lambda: kernels.has_ended(killed))

        with kernels.started() as another:
            assert kernels.is_warm(another)
            assert kernels.parent() != killed
        kernel.restart()
        assert kernel.is_warm
        assert kernel.value("1 + 1") == "2"


# Something else is in the place of the socket


def _plain_file(where: Path) -> None:
    where.unlink()
    where.write_text("no socket")


def _link_to_a_socket(where: Path) -> None:
    elsewhere = where.with_suffix(".elsewhere")
    where.rename(elsewhere)
    where.symlink_to(elsewhere)


def _dangling_link(where: Path) -> None:
    where.unlink()
    where.symlink_to("nothing")


def _pipe(where: Path) -> None:
    where.unlink()
    os.mkfifo(where)


@pytest.mark.parametrize("replace", [_plain_file, _link_to_a_socket, _dangling_link, _pipe])
def test_what_is_no_socket_is_not_used_and_gives_way(
    runtime: Path, replace: Callable[[Path], None]
) -> None:
    with kernels.started() as before:
        replace(socket_of(runtime))

        assert_ordinary("is no socket")

        with kernels.started() as after:
            assert kernels.is_warm(after)
        assert before.is_alive()


def test_a_socket_of_another_kind_is_not_used_and_gives_way(runtime: Path) -> None:
    with kernels.started(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        path = socket_of(runtime)
        path.unlink()
        with Place(name()) as where:
            other.bind(where._address)
        other.listen()

        with kernels.started() as hindered:
            assert not kernels.is_warm(hindered)
        with kernels.started() as after:
            assert kernels.is_warm(after)


def test_a_directory_in_the_place_of_the_socket_is_left_alone(runtime: Path) -> None:
    with kernels.started():
        path = socket_of(runtime)
        path.unlink()
        path.mkdir()

        for _ in range(2):
            assert_ordinary("is no socket")

        path.rmdir()
        with kernels.started() as after:
            assert kernels.is_warm(after)


def test_a_socket_file_of_another_user_is_not_used(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kernels.started():
        if IS_ROOT:
            os.chown(socket_of(runtime), NOBODY, NOBODY)
            assert_ordinary("belongs to another user")
            with kernels.started() as after:
                assert kernels.is_warm(after)
        with monkeypatch.context() as patch:
            look = Place._stat
            patch.setattr(Place, "_stat", lambda *given: _of_another(look(*given)))
            assert_ordinary("belongs to another user")
        with kernels.started() as after:
            assert kernels.is_warm(after)


def _of_another(found: os.stat_result | None) -> os.stat_result | None:
    """Return what is found of a file, but for its owner."""
    if found is None:
        return None
    fields = list(found)
    fields[stat.ST_UID] = OTHER
    return os.stat_result(fields)


def test_a_socket_on_which_another_user_listens_is_not_used(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if IS_ROOT:
        with script(_LISTENS_AS_NOBODY, name()):
            assert_ordinary("another user listens")
    with kernels.started() as warm_one:
        assert kernels.is_warm(warm_one)
        with monkeypatch.context() as patch:
            patch.setattr(Peer, "of", lambda _: Peer(os.getpid(), OTHER))
            assert_ordinary("another user listens")
        with kernels.started() as after:
            assert kernels.is_warm(after)


_LISTENS_AS_NOBODY = f"""
import os, socket, sys
from kcourse.kernel.place import Place
place = Place(sys.argv[1])
assert place.acquire()
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(place._address)
os.seteuid({NOBODY})
listener.listen()
print("begun", flush=True)
sys.stdin.read()
"""


def test_the_parent_answers_no_other_user(runtime: Path, modules: Path) -> None:
    (modules / "takes_all_for_others.py").write_text(
        "import os\n"
        "from kcourse.kernel.place import Peer\n"
        "Peer.of = lambda connection: Peer(os.getpid(), os.getuid() + 1)\n"
    )
    with kernels.started(("takes_all_for_others",)) as refused:
        assert not kernels.is_warm(refused)
        (process,) = kernels.processes(runtime)  # the parent, and no kernel
        process.kill()
    if IS_ROOT:
        with kernels.started():
            path = socket_of(runtime)
            path.parent.chmod(0o711)
            path.chmod(0o666)
            with script(_ASKS_AS_NOBODY, path.name, cwd=path.parent) as asking:
                assert asking.stdout is not None
                assert asking.stdout.read() == "no answer\n"
            path.parent.chmod(0o700)
            (status,) = client.parents()
            assert len(status["kernels"]) == 1


_ASKS_AS_NOBODY = f"""
import os, socket, sys
os.seteuid({NOBODY})
print("begun", flush=True)
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect(sys.argv[1])
try:
    connection.send(b'{{"do": "status"}}')
    answer = connection.recv(1000)
except (BrokenPipeError, ConnectionResetError):
    answer = b""
print("an answer" if answer else "no answer", flush=True)
"""


# The private directory


def _readable_by_the_group(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o750)


def _writable_by_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to("elsewhere")


def _no_directory(folder: Path) -> None:
    folder.write_text("no directory")


def _of_nobody(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "make",
    [
        _readable_by_the_group,
        _writable_by_all,
        _link,
        _no_directory,
        *([_of_nobody] if IS_ROOT else []),
    ],
)
def test_a_directory_that_is_not_private_is_not_used(
    runtime: Path,
    make: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = runtime / "kcourse"
    make(folder)

    with kernels.started() as hindered:
        assert not kernels.is_warm(hindered)
    assert not kernels.processes(runtime)
    try:
        said = doctor(monkeypatch, capsys)
    finally:
        folder.rename(runtime / "put aside")
    with kernels.started() as after:
        assert kernels.is_warm(after)
    assert f"start the ordinary way: {folder} " in said


def test_a_directory_of_another_user_is_not_used(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runtime / "kcourse"
    folder.mkdir(mode=0o700)
    look = os.fstat

    def of_another(descriptor: int) -> os.stat_result | None:
        found = look(descriptor)
        return _of_another(found) if os.path.samestat(found, folder.stat()) else found

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", of_another)
        with kernels.started() as hindered:
            assert not kernels.is_warm(hindered)
        assert not kernels.processes(runtime)
    with kernels.started() as after:
        assert kernels.is_warm(after)


# The parent does not answer


def test_a_hung_parent_is_killed_and_replaced(runtime: Path) -> None:
    with kernels.running() as before:
        hung = kernels.parent()
        hung.suspend()

        assert_ordinary("did not answer within 2 s", patience=2)

        kernels.until(lambda: kernels.has_ended(hung))
        with kernels.started() as after:
            assert kernels.is_warm(after)
        assert before.value("1 + 1") == "2"


_LISTENER = """
import sys
from kcourse.kernel.place import Place
place = Place(sys.argv[1])
assert place.acquire()
listener = place.listen()
listener.setblocking(True)
"""
_NEVER_ANSWERS = f"""{_LISTENER}
print("begun", flush=True)
held = []
while True:
    held.append(listener.accept())
"""
_NEVER_ACCEPTS = f"""{_LISTENER}
import socket
listener.listen(0)
waiting = socket.socket(listener.family, listener.type)
waiting.connect(place._address)  # now nobody else can wait
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("code", [_NEVER_ANSWERS, _NEVER_ACCEPTS], ids=["answers", "accepts"])
def test_one_that_never_does_its_work_loses_the_parents_place(runtime: Path, code: str) -> None:
    with script(code, name()) as idler:
        with kernels.started(patience=2) as hindered:
            assert not kernels.is_warm(hindered)

        assert idler.wait(timeout=kernels.SECONDS) == -signal.SIGKILL
        with kernels.started() as after:
            assert kernels.is_warm(after)


def test_a_parent_that_had_no_time_to_answer_is_kept(runtime: Path) -> None:
    with kernels.started():
        busy = kernels.parent()
        busy.suspend()
        with kernels.started(patience=0.01) as hasty:
            assert not kernels.is_warm(hasty)
        busy.resume()
        with kernels.started() as after:
            assert kernels.is_warm(after)
        assert kernels.parent() == busy


# The parent does not come up


def test_a_missing_library_is_told_by_its_name(runtime: Path) -> None:
    assert_ordinary("ModuleNotFoundError: No module named 'no_such_library'", ("no_such_library",))
    assert not kernels.processes(runtime)
    assert not {place.SOCKET, place.LOCK, place.LOG} & set(_endings(runtime))


def test_a_parent_that_dies_while_it_imports_is_told_of(runtime: Path, modules: Path) -> None:
    (modules / "deadly.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")

    assert_ordinary("ended", ("deadly",), patience=3)


def test_trying_in_vain_leaves_no_open_file(runtime: Path, modules: Path) -> None:
    (modules / "deadly.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    kind = client.Kind(libraries=("deadly",))
    before = psutil.Process().num_fds()

    with pytest.raises(Unavailable):
        client.prepare(kind, patience=2)

    assert psutil.Process().num_fds() == before


def test_a_parent_that_does_not_even_begin_is_told_of(runtime: Path, modules: Path) -> None:
    (modules / "sitecustomize.py").write_text(
        "import os, sys\nif 'kcourse.kernel' in sys.orig_argv: os._exit(3)\n"
    )

    assert_ordinary("could not be started")


def test_kernels_are_warm_once_a_slow_import_is_over(runtime: Path, modules: Path) -> None:
    over = modules / "over"
    (modules / "slow.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(over)!r}): time.sleep(0.02)\n"
    )
    assert_ordinary("still being imported", ("slow",), patience=0.5)
    importing = kernels.parent()

    over.touch()

    with kernels.started(("slow",)) as late:
        assert kernels.is_warm(late)
        assert kernels.parent() == importing


def test_a_parent_whose_import_never_ends_is_replaced(runtime: Path, modules: Path) -> None:
    (modules / "endless.py").write_text("import time\nwhile True: time.sleep(1)\n")
    with kernels.started(("endless",), patience=0.5) as early:
        assert not kernels.is_warm(early)
    hung = kernels.parent()
    (lock,) = (runtime / "kcourse").glob(f"*{place.LOCK}")
    os.utime(lock, (0, 0))  # as if it had begun long ago
    (modules / "endless.py").write_text("")

    with kernels.started(("endless",)) as late:
        assert kernels.is_warm(late)
        assert kernels.parent() != hung
    assert kernels.has_ended(hung)


# The reason


def test_a_reason_is_logged_once_and_kept_until_a_kernel_is_warm(
    runtime: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for library in ("missing_1", "missing_1", "missing_2"):
        manager = kernels.manager((library,))
        manager.log = logging.getLogger("kcourse.test")
        manager.start_kernel()
        manager.shutdown_kernel(now=True)
        assert library in reason()

    first, second = (one.getMessage() for one in caplog.records if one.name == "kcourse.test")
    assert "missing_1" in first
    assert "missing_2" in second
    said = doctor(monkeypatch, capsys)
    assert "The last kernel" in said
    assert "missing_2" in said

    with kernels.started() as after:
        assert kernels.is_warm(after)
    assert fallback.last() is None
    assert "The last kernel" not in doctor(monkeypatch, capsys)


# The disk is full


def _ordinary_manager() -> KernelManager:
    return KernelManager(kernel_name="python3")


def test_a_full_disk_is_the_ordinary_error(
    runtime: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure_write = connect.secure_write

    @contextmanager
    def full(*given: Any) -> Iterator[SimpleNamespace]:
        def write(_: str) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with secure_write(*given):
            yield SimpleNamespace(write=write)

    def start(manager: KernelManager) -> tuple[str, list[int]]:
        before = set(temporary.iterdir())
        with pytest.raises(OSError, match="No space left") as raised:
            manager.start_kernel()
        left = set(temporary.iterdir()) - before
        return repr(raised.value), [path.stat().st_size for path in left]

    with kernels.started():
        ready = kernels.parent()
        with monkeypatch.context() as patch:
            patch.setattr(connect, "secure_write", full)
            assert start(kernels.manager()) == start(_ordinary_manager())
        (status,) = client.parents()
        assert len(status["kernels"]) == 1
        with kernels.started() as after:
            assert kernels.is_warm(after)
            assert kernels.parent() == ready


_NO_ROOM = f"""
import errno, os, resource, sys, tempfile
tempfile.gettempdir()  # which Python finds out, once, by writing to it
sys.path.insert(0, {str(TESTS)!r})
import kernels
from jupyter_client.manager import AsyncKernelManager, KernelManager
manager = kernels.manager() if sys.argv[1] == "warm" else KernelManager(kernel_name="python3")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
print("begun", flush=True)
try:
    manager.start_kernel()
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_no_room_for_the_connection_file_is_the_ordinary_error(
    runtime: Path, temporary: Path
) -> None:
    def start(how: str) -> tuple[str, list[int]]:
        with script(_NO_ROOM, how) as process:
            assert process.stdout is not None
            said = process.stdout.read()
        sizes = [path.stat().st_size for path in temporary.iterdir()]
        for path in temporary.iterdir():
            path.unlink()
        return said, sizes

    assert start("warm") == start("ordinary") == ("EFBIG\n", [0])
    assert not kernels.processes(runtime)


# What a parent imported has changed


def test_a_changed_module_means_a_new_parent_and_no_end_of_kernels(
    runtime: Path, modules: Path
) -> None:
    (modules / "changing.py").write_text("version = 1\n")
    with kernels.running(("changing",)) as old:
        stale = kernels.parent()
        (modules / "changing.py").write_text("version = 'two'\n")

        with kernels.running(("changing",)) as new:
            assert new.is_warm
            assert kernels.parent() != stale
            assert new.value("__import__('changing').version") == "'two'"
        assert old.value("__import__('changing').version") == "1"

        old.client.execute("import os; os._exit(3)")
        assert old.process.wait(kernels.SECONDS) == 3  # which the old parent tells
    kernels.until(lambda: kernels.has_ended(stale))


def test_another_package_means_a_new_parent(runtime: Path, modules: Path) -> None:
    with kernels.running() as old:
        stale = kernels.parent()
        (modules / "another-1.0.dist-info").mkdir()

        with kernels.started() as new:
            assert kernels.is_warm(new)
            assert kernels.parent() != stale
        assert old.value("1 + 1") == "2"
    kernels.until(lambda: kernels.has_ended(stale))


# What the parent left is removed


@pytest.fixture
def attentive(modules: Path) -> str:
    """Return a library with which a parent looks around all the time, not every few seconds."""
    name = "attentive"
    (modules / f"{name}.py").write_text("from kcourse.kernel import parent\nparent._TICK = 0.05\n")
    return name


def _endings(runtime: Path) -> list[str]:
    return sorted(path.suffix for path in (runtime / "kcourse").iterdir())


def test_a_parent_whose_socket_is_removed_gives_up_for_a_new_one(
    runtime: Path, attentive: str
) -> None:
    with kernels.started((attentive,)):
        lost = kernels.parent()
        next((runtime / "kcourse").glob(f"*{place.SOCKET}")).unlink()

        with kernels.started((attentive,)) as after:
            assert kernels.is_warm(after)
            assert kernels.parent() != lost
    kernels.until(lambda: kernels.has_ended(lost))
    assert client.parents()
    assert _endings(runtime) == [place.LOCK, place.LOG, place.SOCKET]


def _all_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _directory(folder: Path) -> None:
    _all_files(folder)
    folder.rmdir()


@pytest.mark.parametrize("remove", [_all_files, _directory])
def test_a_parent_whose_files_are_removed_does_not_harm_the_next(
    runtime: Path, remove: Callable[[Path], None]
) -> None:
    with kernels.started():
        lost = kernels.parent()
        remove(runtime / "kcourse")
        with kernels.started() as after:
            assert kernels.is_warm(after)
            assert kernels.parent() != lost
        lost.terminate()
    kernels.until(lambda: kernels.has_ended(lost))
    assert client.parents()
    assert _endings(runtime) == [place.LOCK, place.LOG, place.SOCKET]


def test_an_idle_parent_ends_and_leaves_nothing(runtime: Path, attentive: str) -> None:
    with kernels.running((attentive,), idle=0.1) as kernel:
        parent = kernels.parent()
        kernel.run("import time; time.sleep(1)")  # many times longer than the parent may be idle
        assert kernels.parent() == parent
    kernels.until(lambda: kernels.has_ended(parent))
    assert not list((runtime / "kcourse").iterdir())


# Requests that no client of ours makes


def _messages() -> Iterator[tuple[bytes, int]]:
    """Return raw messages and how many open files go with them."""
    yield b"", 0
    yield b"\xff\xfe\x00", 0
    yield b"\xff\xfe\x00", 3
    yield b"x" * 150_000, 1
    yield b"[" * 150_000, 0
    yield b'{"a":' * 20_000, 0
    yield b"1" * 10_000, 0
    for text in ("null", "[]", "{}", '"do"', '{"do": {}}', '{"do": "dance"}', '{"do": "start"}'):
        yield text.encode(), 0
        yield text.encode(), 3
    yield b'{"do": "start", "env": {}}', 0
    yield b'{"do": "start", "env": {}}', 2
    yield b'{"do": "start", "env": {}}', 3
    yield b'{"do": "start", "env": {"A": 1}}', 3
    yield b'{"do": "dance"}', 50


def test_no_request_harms_the_parent(runtime: Path) -> None:
    with kernels.started() as before, Place(name()) as where:
        parent = kernels.parent()
        files = parent.num_fds()
        for message, count in _messages():
            _send(where, message, [0] * count)

        kernels.until(lambda: parent.num_fds() <= files)
        kernels.until(lambda: len(parent.children()) == 1)
        with kernels.started() as after:
            assert kernels.is_warm(after)
            assert kernels.parent() == parent
        assert before.is_alive()


def _send(where: Place, message: bytes, files: Sequence[int]) -> None:
    """Send a message; then hear all that the parent says to it."""
    connection = where.connect(kernels.SECONDS)
    assert connection is not None, f"nobody listens after {message[:50]!r} or what came before it"
    with connection:
        connection.settimeout(kernels.SECONDS)
        with suppress(ConnectionError):
            socket.send_fds(connection, [message], files)
            while b"exit" not in (answer := connection.recv(place.MAX_MESSAGE)) and answer:
                pass


def test_a_parent_that_fails_at_work_is_replaced(runtime: Path, modules: Path) -> None:
    (modules / "frail.py").write_text(
        "from kcourse.kernel.parent import Parent\nParent._status = lambda self: 1 / 0\n"
    )
    with kernels.started(("frail",)) as before:
        failing = kernels.parent()
        client.parents()
        kernels.until(lambda: kernels.has_ended(failing))
        assert before.is_alive()

        with kernels.started(("frail",)) as after:
            assert kernels.is_warm(after)


def test_more_connections_than_a_parent_can_have_harm_no_kernel(runtime: Path) -> None:
    with script(_OPENS_MANY) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "alive\nwarm\n"


_OPENS_MANY = f"""
import resource, sys
sys.path.insert(0, {str(TESTS)!r})
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))  # of the parent as well
import kernels
from kcourse.kernel.place import Place, names
print("begun", flush=True)
with kernels.started() as before:
    parent = kernels.parent()
    files = parent.num_fds()
    (name,) = names()
    with Place(name) as where:
        connections = [where.connect(10) for _ in range(70)]
        del connections
    # Until the parent has hung up as well, a kernel may have to start the ordinary way.
    kernels.until(lambda: parent.num_fds() <= files)
    print("alive" if before.is_alive() else "ended", flush=True)
    with kernels.started() as after:
        print("warm" if kernels.is_warm(after) else "ordinary", flush=True)
"""


def test_a_start_that_is_called_off_leaves_no_kernel(runtime: Path) -> None:
    async def call_off() -> None:
        parent.suspend()
        manager = kernels.manager(made_by=AsyncKernelManager)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(manager.start_kernel(), 0.5)
        parent.resume()

    with kernels.started() as before:
        parent = kernels.parent()
        asyncio.run(call_off())  # waits for threads
        kernels.until(lambda: len(parent.children()) == 1)
        assert before.is_alive()


def test_clients_that_say_or_hear_nothing_harm_nobody(runtime: Path) -> None:
    with kernels.started(), Place(name()) as where:
        parent = kernels.parent()
        mute, deaf = where.connect(1), where.connect(1)
        assert mute is not None
        assert deaf is not None
        with mute, deaf:
            deaf.settimeout(kernels.SECONDS)
            with suppress(ConnectionError):  # in the end, the parent hangs up
                while True:
                    deaf.send(b'{"do": "status"}')

            with kernels.started() as after:
                assert kernels.is_warm(after)
                assert kernels.parent() == parent


# Where there is no warm kernel at all


@pytest.mark.parametrize("launch", [{"preexec_fn": os.getpid}, {"stdout": subprocess.PIPE}])
def test_what_a_fork_cannot_do_an_ordinary_kernel_does(
    runtime: Path, launch: dict[str, Any]
) -> None:
    with kernels.started(**launch) as manager:
        assert not kernels.is_warm(manager)
    assert next(iter(launch)) in reason() or "pipe" in reason()


def test_a_kernel_that_is_not_warm_is_as_good_as_any(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KCOURSE_WARM", "0")
    with kernels.running() as kernel:
        assert not kernel.is_warm
        assert kernel.value("1 + 1") == "2"
        kernel.restart()
        assert not kernel.is_warm
        assert kernel.value("2 + 2") == "4"
    assert reason() == "KCOURSE_WARM=0 is set"
    assert not kernels.processes(runtime)
    assert warm.variables() == {}


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_other_systems_have_ordinary_kernels(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(warm, "sys", SimpleNamespace(platform=platform))
    assert_ordinary(platform)
    assert not kernels.processes(runtime)
    assert warm.variables() == {}


_WITHOUT_UNIX = f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
import asyncio, jupyter_client.manager, subprocess, types  # these do without it there
from kcourse import kernel
kernel.sys = types.SimpleNamespace(platform="win32")
del os.pidfd_open
for name in ("fcntl", "resource"):
    sys.modules[name] = None
from jupyter_client.kernelspec import KernelSpecManager
from kcourse.kernel.command import finding
manager = jupyter_client.manager.KernelManager(kernel_name="python3")
manager.kernel_spec.metadata["kernel_provisioner"] = {{"provisioner_name": kernel.PROVISIONER}}
manager.start_kernel()
print("begun", flush=True)
print(type(manager.provisioner.process).__name__, finding(), sep="\\n")
manager.shutdown_kernel(now=True)
"""


def test_nothing_is_imported_that_windows_lacks(runtime: Path) -> None:
    with script(_WITHOUT_UNIX) as process:
        assert process.stdout is not None
        kind, finding = process.stdout.read().splitlines()
    assert kind == "Popen"
    assert "cannot be forked safely on win32" in finding


@pytest.mark.parametrize("missing", ["pidfd_open", "P_PIDFD"])
def test_a_system_without_process_descriptors_has_ordinary_kernels(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    with monkeypatch.context() as patch:
        patch.delattr(os, missing)
        with kernels.started() as manager:
            assert not kernels.is_warm(manager)
        assert warm.variables() == {}
    assert missing in reason()
    assert not kernels.processes(runtime)
