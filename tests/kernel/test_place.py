"""Where parents and those who want kernels meet: private, one parent of a kind, one key a kind."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import kernels
import pytest

from kcourse import proving
from kcourse.kernel import LIBRARIES, client, place
from kcourse.kernel.errors import Unavailable
from kcourse.kernel.place import LOCK, MAX_MESSAGE, SOCKET, Peer, Place, receive, send
from kcourse.kernel.preloading import open_files

NAME = "0123456789abcdef"


@pytest.fixture
def folder(runtime: Path) -> Path:
    """Return the private directory, which is not there yet."""
    return runtime / "kcourse"


# The directory


def test_the_directory_is_made_for_this_user_alone(folder: Path) -> None:
    os.close(place.open_folder())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.getuid()


def test_the_directory_is_private_whatever_the_umask_is(folder: Path) -> None:
    before = os.umask(0)
    try:
        os.close(place.open_folder())
        with Place(NAME) as where:
            assert where.acquire()
            os.close(where.open_log())
            where.listen().close()
            modes = {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in folder.glob("*.lo*")}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {0}


@pytest.mark.parametrize("mode", [None, 0o755, 0o700])
def test_a_run_of_a_lesson_finds_it_although_its_temporary_folder_is_another(
    mode: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``mode`` is that of what an earlier version made in the temporary folder."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("KCOURSE_WARM", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if mode is not None:
        (tmp_path / f"runtime-{os.getuid()}").mkdir(mode=mode)
    os.close(place.open_folder())
    ours = place.folder_path()

    monkeypatch.setenv("XDG_RUNTIME_DIR", proving.environment()["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "its-own"))
    assert place.folder_path() == ours


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770, 0o777, 0o1777])
def test_a_directory_that_others_may_enter_is_not_used(mode: int, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(Unavailable, match="does not belong to this user alone"):
        place.open_folder()


def test_a_directory_of_another_user_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(mode=0o700)
    another = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: another)
    with pytest.raises(Unavailable, match="does not belong to this user alone"):
        place.open_folder()


def test_a_link_to_a_directory_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="cannot be used"):
        place.open_folder()


def test_a_file_in_the_place_of_the_directory_is_not_used(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(Unavailable, match=f"{folder} cannot be used"):
        place.open_folder()
    folder.unlink()


def test_no_descriptor_is_left_open_by_a_directory_that_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    before = open_files()
    with pytest.raises(Unavailable):
        place.open_folder()
    assert open_files() == before


@pytest.mark.parametrize("ending", [LOCK, ".log"])
def test_a_link_in_the_place_of_a_file_is_not_followed(
    ending: str, folder: Path, tmp_path: Path
) -> None:
    os.close(place.open_folder())
    precious = tmp_path / "precious"
    precious.write_text("precious")
    link = folder / f"{NAME}{ending}"
    link.symlink_to(precious)
    with Place(NAME) as where, pytest.raises(OSError, match="symbolic links"):
        where.acquire() if ending == LOCK else where.open_log()
    assert precious.read_text() == "precious"
    link.unlink()


def test_exchanging_the_directory_after_the_check_changes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    with Place(NAME) as where:
        folder.rename(tmp_path / "checked")
        folder.mkdir()
        where.listen().close()
    assert (tmp_path / "checked" / f"{NAME}{SOCKET}").is_socket()
    assert not list(folder.iterdir())


# The lock

#: A process that takes the lock, then does what each line of its input says.
HOLDER = """
import sys
from kcourse.kernel.place import Place
where = Place(sys.argv[1])
print(where.acquire(), flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Holder:
    """Another process that has taken the lock, or tried to."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, NAME],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.has_it = self._answer() == "True"

    def do(self, expression: str) -> str:
        """Let the process evaluate an expression, and wait for its value."""
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the process."""
        self.process.send_signal(number)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def _holder() -> Iterator[Holder]:
    holder = Holder()
    try:
        yield holder
    finally:
        holder.end()


def test_the_lock_has_one_holder_whom_all_can_name(folder: Path) -> None:
    with Place(NAME) as where, _holder() as one:
        assert one.has_it
        assert where.holder() == one.process.pid
        assert not where.acquire()
        with _holder() as other:
            assert not other.has_it
            assert other.do("where.holder()") == str(one.process.pid)
        assert where.holder() == one.process.pid


def test_looking_at_the_lock_does_not_take_it(folder: Path) -> None:
    with Place(NAME) as where:
        assert where.holder() is None
        assert where.acquire()
        with _holder() as other:
            assert [other.do("where.holder()") for _ in range(2)] == [str(os.getpid())] * 2
            assert other.do("where.acquire()") == "False"


def test_locks_of_different_kinds_are_different(folder: Path) -> None:
    with _holder() as one, Place("fedcba9876543210") as where:
        assert one.has_it
        assert where.holder() is None
        assert where.acquire()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_lock_is_free_whatever_way_its_holder_ends(
    number: signal.Signals, folder: Path
) -> None:
    with Place(NAME) as where, _holder() as holder:
        assert where.holder() == holder.process.pid
        holder.end(number)
        assert where.holder() is None
        assert where.acquire()


def test_a_forked_child_of_the_holder_does_not_hold_the_lock(folder: Path) -> None:
    """A kernel outlives its parent: the next parent must not wait for it."""
    with Place(NAME) as where, _holder() as holder:
        child = int(holder.do("__import__('os').fork() or __import__('time').sleep(600)"))
        try:
            holder.end()
            assert where.holder() is None
            assert where.acquire()
        finally:
            os.kill(child, signal.SIGKILL)


def test_who_waited_while_the_lock_was_removed_locks_the_next_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Place._open
    with Place(NAME) as where, _holder() as holder:
        removed: list[str] = []

        def open_then_let_it_be_removed(self: Place, ending: str, flags: int) -> int:
            descriptor = opened(self, ending, flags)
            if not removed:
                removed.append(holder.do("where.clear()"))
            return descriptor

        with monkeypatch.context() as patch:
            patch.setattr(Place, "_open", open_then_let_it_be_removed)
            assert where.acquire()
        assert removed == ["None"]
        with _holder() as other:
            assert not other.has_it
            assert other.do("where.holder()") == str(os.getpid())


#: A process that takes and clears the lock many times, and says how often it was not alone.
CONTENDER = """
import os, sys
from kcourse.kernel.place import Place
times, not_alone = 0, 0
while times < 100:
    where = Place(sys.argv[1])
    if where.acquire():
        times += 1
        try:
            os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
            os.sched_yield()
            os.unlink(sys.argv[2])
        except FileExistsError:
            not_alone += 1
        where.clear()
    where.close()
print(not_alone)
"""


def test_the_lock_has_one_holder_also_when_many_want_it_and_let_it_go(
    folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", CONTENDER, NAME, str(tmp_path / "inside")]
    contenders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [contender.communicate(timeout=kernels.SECONDS)[0] for contender in contenders]
    assert said == ["0\n"] * 4
    assert not list(folder.glob(f"*{LOCK}"))


# The socket


def test_a_parent_and_a_client_meet_and_know_each_other(folder: Path) -> None:
    with Place(NAME) as theirs, Place(NAME) as ours:
        assert ours.connect(10) is None
        with theirs.listen() as listener:
            connection = ours.connect(10)
            assert connection is not None
            accepted, _ = listener.accept()
            with connection, accepted:
                assert Peer.of(connection) == Peer(os.getpid(), os.getuid())
                assert Peer.of(accepted) == Peer(os.getpid(), os.getuid())
                send(connection, {"do": "x" * 100_000}, [0, 1, 2])
                message, descriptors = receive(accepted)
                for descriptor in descriptors:
                    os.close(descriptor)
                assert message == {"do": "x" * 100_000}
                assert len(descriptors) == 3


def test_open_files_that_come_with_a_message_are_not_passed_on_to_programs() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        send(ours, {}, [0])
        _, (descriptor,) = receive(theirs)
        inheritable = os.get_inheritable(descriptor)
        os.close(descriptor)
    assert not inheritable


def test_the_path_of_the_directory_may_be_longer_than_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / ("long" * 20) / ("longer" * 20) / "runtime"
    runtime.mkdir(parents=True, mode=0o700)
    assert len(str(runtime)) > 108
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with Place(NAME) as theirs, Place(NAME) as ours, theirs.listen():
        connection = ours.connect(10)
        assert connection is not None
        connection.close()
        assert theirs.is_ours()
        theirs.clear()
    assert not list((runtime / "kcourse").iterdir())


def test_a_kernel_is_warm_also_below_a_long_path(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = runtime / ("long" * 30)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with kernels.running() as kernel:
        assert kernel.is_warm
    (parent,) = client.parents()
    client.stop(parent["name"])
    kernels.until(lambda: not kernels.processes(long))


def test_a_socket_that_nobody_listens_on_counts_as_none(folder: Path) -> None:
    with Place(NAME) as where:
        where.listen().close()
        assert (folder / f"{NAME}{SOCKET}").is_socket()
        assert where.connect(10) is None


def _make_file(path: Path) -> None:
    path.write_text("")


def _make_link(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize("make", [_make_file, Path.mkdir, _make_link])
def test_anything_else_in_the_place_of_the_socket_is_refused(
    make: Callable[[Path], None], folder: Path
) -> None:
    with Place(NAME) as where:
        make(folder / f"{NAME}{SOCKET}")
        with pytest.raises(Unavailable, match="is no socket"):
            where.connect(10)


def test_a_socket_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another = os.getuid() + 1
    with Place(NAME) as where, where.listen():
        monkeypatch.setattr(os, "getuid", lambda: another)
        with pytest.raises(Unavailable, match="belongs to another user"):
            where.connect(10)


def test_another_user_who_listens_on_our_socket_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = Peer(os.getpid(), os.getuid() + 1)
    monkeypatch.setattr(Peer, "of", classmethod(lambda cls, connection: another))
    with (
        Place(NAME) as where,
        where.listen(),
        pytest.raises(Unavailable, match="another user listens"),
    ):
        where.connect(10)


def test_who_listens_and_takes_no_connection_is_not_waited_for(folder: Path) -> None:
    with Place(NAME) as where:
        where.listen().close()
        (folder / f"{NAME}{SOCKET}").unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
            deaf.bind(where._address)
            deaf.listen(0)
            first = where.connect(10)  # fills the queue
            assert first is not None
            with first, pytest.raises(Unavailable, match="takes no connection"):
                where.connect(0.01)


def test_a_listener_replaces_whatever_was_left(folder: Path) -> None:
    with Place(NAME) as where:
        where.listen().close()
        with where.listen():
            connection = where.connect(10)
            assert connection is not None
            connection.close()


def test_a_parent_notices_that_its_socket_was_exchanged_and_leaves_the_other(
    folder: Path,
) -> None:
    with Place(NAME) as first, Place(NAME) as second, first.listen():
        assert first.is_ours()
        with second.listen():
            assert not first.is_ours()
            first.clear()
            assert second.is_ours()


def test_a_message_that_is_too_long_is_an_error_of_the_sender(folder: Path) -> None:
    with Place(NAME) as where, where.listen():
        connection = where.connect(10)
        assert connection is not None
        with connection, pytest.raises(OSError, match="too long"):
            send(connection, "x" * (4 * MAX_MESSAGE))


# The key

PRINT_KEY = """
import json, sys
from kcourse.kernel import place
print(place.key(*json.loads(sys.argv[1])))
"""
PYTHON = [sys.executable]


def _key(
    interpreter: list[str] = PYTHON,
    libraries: tuple[str, ...] = LIBRARIES,
    env: dict[str, str] | None = None,
) -> str:
    return place.key(interpreter, libraries, {"HOME": "/home/x", **(env or {})})


def _key_in(become: Callable[[], object]) -> str:
    """Return the key in a process that has become something else first."""
    given = json.dumps([PYTHON, LIBRARIES, {"HOME": "/home/x"}])
    return subprocess.run(
        [sys.executable, "-c", PRINT_KEY, given],
        preexec_fn=become,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_key_is_the_same_for_the_same() -> None:
    assert _key() == _key()
    assert _key_in(lambda: None) == _key()


@pytest.mark.parametrize(
    "options", [["-O"], ["-W", "error"], ["-X", "utf8"], ["-I"], ["-P"], ["-s"]]
)
def test_the_key_differs_by_options_of_the_interpreter(options: list[str]) -> None:
    assert _key([sys.executable, *options]) != _key()


def test_the_key_differs_by_the_interpreter(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    assert _key([str(tmp_path / "python")]) != _key()


def test_the_key_differs_by_the_libraries_and_their_order() -> None:
    keys = {_key(libraries=libraries) for libraries in ((), ("a", "b"), ("b", "a"), ("a b",))}
    assert len(keys) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("CUDA_VISIBLE_DEVICES", "HOME", "KERAS_BACKEND", "LANG", "LC_ALL", "LD_LIBRARY_PATH"),
        *("MATPLOTLIBRC", "MPLCONFIGDIR", "OMP_NUM_THREADS", "PYTHONHASHSEED", "PYTHONPATH"),
        *("PYTHONWARNINGS", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "TZ", "XLA_FLAGS"),
    ],
)
def test_the_key_differs_by_variables_that_count_at_import(name: str) -> None:
    assert len({_key(), _key(env={name: ""}), _key(env={name: "1"}), _key(env={name: "2"})}) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "MPLBACKEND", "TERM", "COLUMNS", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"),
        *("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_AUTH_SOCK", "WINDOWID"),
        *("JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTER_TOKEN", "AWS_SECRET_ACCESS_KEY"),
        *("GITHUB_TOKEN", "USER", "XDG_SESSION_ID", "PYTHONSTARTUP", "KCOURSE_WARM"),
    ],
)
def test_the_key_is_the_same_whatever_a_session_sets(name: str) -> None:
    assert _key(env={name: "1"}) == _key()


def test_no_value_shows_in_the_key() -> None:
    assert len(_key(env={"TF_TOKEN": "secret"})) == 16


def test_the_key_differs_by_priority() -> None:
    assert _key_in(lambda: os.nice(3)) != _key()


@pytest.mark.parametrize(
    "limit", [resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC]
)
def test_the_key_differs_by_hard_limits(limit: int) -> None:
    _, hard = resource.getrlimit(limit)
    lower = 10_000 if hard == resource.RLIM_INFINITY else hard - 1
    assert _key_in(lambda: resource.setrlimit(limit, (lower, lower))) != _key()


def test_the_key_is_the_same_for_another_soft_limit() -> None:
    """It is set in each kernel."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert _key_in(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, hard))) == _key()


def test_the_key_is_the_same_for_another_umask() -> None:
    assert _key_in(lambda: os.umask(0o007)) == _key()


def test_the_key_differs_where_a_process_may_do_less() -> None:
    assert _key_in(_allow_no_new_privileges) != _key()


def _allow_no_new_privileges() -> None:
    import ctypes

    no_new_privileges = 38  # PR_SET_NO_NEW_PRIVS
    assert ctypes.CDLL(None).prctl(no_new_privileges, 1, 0, 0, 0) == 0
