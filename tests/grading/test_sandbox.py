"""What a confined process can and cannot do, tried in a process of its own for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graded_run
import pytest

from kcourse.grading import sandbox
from kcourse.grading.limits import Limits
from kcourse.grading.session import Session

MEMORY = 2 << 30
START = """
import json, sys
from pathlib import Path
from kcourse.grading import sandbox
sandbox.prepare()
confinement = sandbox.confine(Path.cwd(), {memory}, 60)
result = None
"""
END = """
found = {"result": result, "layers": confinement.layers, "missing": confinement.missing}
print(json.dumps(found))
"""


def confined(code: str, scratch: Path, *, before: str = "") -> dict[str, Any]:
    """Run code in a process that has confined itself to ``scratch``; it may set ``result``."""
    program = START.format(memory=MEMORY) + textwrap.dedent(code) + END
    done = subprocess.run(
        [sys.executable, "-s", "-P", "-c", textwrap.dedent(before) + program],
        cwd=scratch,
        env={"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that nothing but the sandbox protects."""
    with graded_run.open_folder() as folder:
        yield folder


@pytest.fixture
def scratch(place: Path) -> Path:
    folder = place / "scratch"
    folder.mkdir()
    return folder


def test_every_layer_is_in_force_here(scratch: Path) -> None:
    found = confined("", scratch)
    assert found["missing"] == []
    shown = " ".join(found["layers"])
    for layer in ("limits", "Landlock", "user", "seccomp"):
        assert layer in shown


def test_what_lessons_do_works(scratch: Path) -> None:
    code = """
    import asyncio, shutil, sqlite3, tempfile, threading, zoneinfo
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    from sklearn.datasets import load_digits

    async def answer():
        await asyncio.sleep(0)
        return 42

    result = {"await": asyncio.run(answer())}
    with ThreadPoolExecutor(4) as pool:
        result["threads"] = list(pool.map(abs, [-1, -2]))
    np.save("a.npy", np.arange(3))
    shutil.copy2("a.npy", "b.npy")
    Path("a.npy").rename("c.npy")
    result["copied"] = np.load("b.npy").tolist()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text").write_text("some")
    Path("touched").touch()
    with sqlite3.connect("d.sqlite") as database:
        database.execute("create table rows (value)")
    result["zone"] = str(zoneinfo.ZoneInfo("Europe/Berlin"))
    result["digits"] = load_digits().data.shape[0]
    result["files"] = sorted(path.name for path in Path.cwd().iterdir())
    """
    result = confined(code, scratch)["result"]
    assert result["await"] == 42
    assert result["threads"] == [1, 2]
    assert result["copied"] == [0, 1, 2]
    assert result["zone"] == "Europe/Berlin"
    assert result["digits"] == 1797
    assert {"b.npy", "c.npy", "d.sqlite", "touched"} <= set(result["files"])


def test_solutions_and_exercises_cannot_be_read_although_the_package_can(scratch: Path) -> None:
    code = """
    import kcourse, kcourse.cards
    package = Path(kcourse.__file__).parent
    read, refused = [], []
    for path in sorted(package.rglob("*")):
        if path.is_file():
            try:
                path.read_bytes()
                read.append(str(path.relative_to(package)))
            except PermissionError:
                refused.append(str(path.relative_to(package)))
    result = [read, refused]
    """
    read, refused = confined(code, scratch)["result"]
    assert {"__init__.py", "cards.py", "plain.py"} <= set(read)
    secrets = [path for path in read if path.startswith(("exercises/", "solutions/"))]
    assert set(secrets) == {"exercises/__init__.py", "solutions/__init__.py"}
    assert "solutions/tensors/linear_algebra.py" in refused
    assert all(path.startswith(("exercises/", "solutions/")) for path in refused)


def test_nothing_else_on_the_machine_can_be_read_or_written(scratch: Path, place: Path) -> None:
    secret = place / "secret"
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o666)
    other = place / "another-scratch"
    other.mkdir()
    other.chmod(0o777)
    code = f"""
    def refused(attempt):
        try:
            attempt()
        except OSError as error:
            return error.errno in (1, 13, 18)  # EPERM, EACCES, EXDEV
        return False

    secret, other = Path({str(secret)!r}), Path({str(other)!r})
    result = {{
        "read": refused(secret.read_text),
        "write": refused(lambda: secret.write_text("changed")),
        "append": refused(lambda: open(secret, "a")),
        "truncate": refused(lambda: __import__("os").truncate(secret, 0)),
        "remove": refused(secret.unlink),
        "rename": refused(lambda: secret.rename("mine")),
        "make": refused(lambda: (other / "new").touch()),
        "link out": refused(lambda: Path("link").hardlink_to(secret)),
        "list": refused(lambda: list(other.iterdir())),
        "accounts": refused(Path("/etc/passwd").read_text),
        "home": refused(lambda: list(Path("/root").iterdir())),
        "first process": refused(Path("/proc/1/environ").read_bytes),
    }}
    secret.chmod(0o600)
    """
    result = confined(code, scratch)["result"]
    assert result == dict.fromkeys(result, True)
    assert secret.read_text(encoding="utf-8") == "secret"
    assert secret.stat().st_mode & 0o777 == 0o666


def test_limits_are_errors_of_python_and_not_crashes(scratch: Path) -> None:
    code = f"""
    import threading
    result = []
    try:
        bytearray({MEMORY})
    except MemoryError:
        result.append("memory")
    try:
        with open("large", "wb") as file:
            for _ in range(65):
                file.write(bytes(1 << 20))
                file.flush()
    except OSError as error:
        result.append(error.strerror)
    files = []
    try:
        for number in range(300):
            files.append(open(f"file-{{number}}", "w"))
    except OSError as error:
        result.append(error.strerror)
    for file in files:
        file.close()
    done, threads = threading.Event(), []
    try:
        for _ in range(3000):
            threads.append(threading.Thread(target=done.wait))
            threads[-1].start()
    except RuntimeError as error:
        result.append(str(error))
    done.set()
    """
    assert confined(code, scratch)["result"] == [
        "memory",
        "File too large",
        "Too many open files",
        "can't start new thread",
    ]


def test_root_becomes_a_user_without_rights(scratch: Path) -> None:
    code = """
    import os
    status = Path("/proc/self/status").read_text().splitlines()
    result = [os.getuid(), os.geteuid(), os.getgroups()]
    result += [line.split()[1] for line in status if line.startswith(("CapEff", "CapPrm"))]
    """
    user, effective, groups, *capabilities = confined(code, scratch)["result"]
    assert user == effective != 0
    read_anything = f"{sandbox._READ_ANYTHING:016x}"
    assert set(capabilities) <= {f"{0:016x}", read_anything}
    if os.getuid() == 0:
        assert groups == []
        assert user not in (0, os.getuid())


def test_a_layer_that_is_missing_is_named_with_the_reason(scratch: Path) -> None:
    # For real: a filter that was there before makes Landlock's own calls fail.
    before = f"""
    import errno
    from kcourse.grading import seccomp
    refusal = [seccomp._load(0)]
    for number in (444, 445, 446):
        refusal += seccomp._answer(number, {0x00050000} | errno.ENOSYS)
    seccomp.load([*refusal, seccomp._return(seccomp._ALLOW)], {os.uname().machine!r})
    """
    found = confined("", scratch, before=before)
    (missing,) = found["missing"]
    assert missing == "landlock: this kernel has none, or it is switched off"
    assert "seccomp" in found["layers"]


def test_threads_that_were_there_before_are_a_missing_layer(scratch: Path) -> None:
    before = """
    import threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    """
    (missing,) = confined("", scratch, before=before)["missing"]
    assert missing == "one thread: there are 2, and all but one stay unconfined"


def test_a_worker_that_is_not_forked_confines_itself_before_it_has_threads() -> None:
    with Session(Limits(start=120)) as session:
        session.wait_until_ready()
        assert session.missing == []
        assert any(layer.startswith("Landlock") for layer in session.layers)


def test_secrets_stay_hidden_wherever_the_package_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    package = packages / "kcourse"
    for folder in ("exercises/tensors", "solutions/tensors", "grading"):
        (package / folder).mkdir(parents=True)
    for file in ("__init__.py", "cards.py", "exercises/__init__.py", "solutions/__init__.py"):
        (package / file).touch()
    (package / "solutions/tensors/basics.py").touch()
    (packages / "numpy").mkdir()
    (packages / "link").symlink_to(package / "solutions")
    monkeypatch.setattr(sandbox.kcourse, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(sys, "path", [str(packages), "", str(tmp_path / "missing")])
    monkeypatch.setattr(sys, "prefix", "/")  # never the whole file system
    readable = sandbox._readable()
    assert readable[packages] is False  # its names alone
    assert readable[packages / "numpy"] is True
    assert readable[package / "grading"] is True
    assert readable[package / "solutions"] is False
    assert readable[package / "solutions/__init__.py"] is True
    assert package / "solutions/tensors" not in readable
    assert packages / "link" not in readable
    assert Path("/") not in readable


def test_a_filter_that_the_kernel_does_not_take_is_a_missing_layer(scratch: Path) -> None:
    before = """
    from kcourse.grading import seccomp
    seccomp.program = lambda machine, process: [b"no BPF.."]
    """
    found = confined("", scratch, before=before)
    assert found["missing"] == ["system_calls: the kernel takes no filter: Invalid argument"]
