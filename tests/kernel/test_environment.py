"""Environment variables: each counts in a kernel as it would in an ordinary one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kernels
import pytest

from kcourse.kernel import environment, fallback

#: A library that reads a variable when it is imported, in one of the ways there are.
READERS = {
    "get": "import os; value = os.environ.get('COURSE_SETTING')",
    "getenv": "import os; value = os.getenv('COURSE_SETTING')",
    "an item": "import os; value = os.environ['COURSE_SETTING'] if 'COURSE_SETTING' in os.environ "
    "else None",
    "in": "import os; value = '2' if 'COURSE_SETTING' in os.environ else None",
    "setdefault": "import os; value = os.environ.setdefault('COURSE_SETTING', '1')",
    "pop": "import os; value = os.environ.pop('COURSE_SETTING', None)",
    "bytes": "import os; value = os.fsdecode(os.environb.get(b'COURSE_SETTING', b'')) or None",
    "getenvb": "import os; value = os.fsdecode(os.getenvb(b'COURSE_SETTING', b'')) or None",
}


@pytest.fixture(scope="module")
def reads() -> dict[str, Any]:
    """Return which variables the libraries read when they are imported, found in another way."""
    program = """
import collections, json, os
from kcourse import kernel
from kcourse.kernel import environment, preloading
class Recorder(collections.UserDict):
    def __init__(self, data):
        self.data = data
    def __getitem__(self, key):
        read.add(os.fsdecode(key))
        return self.data[key]
read, noted = set(), {}
with environment.noted(noted):
    os.environ._data = os.environb._data = Recorder(os.environ._data)
    preloading.preload(["kcourse.kernel.app", *kernel.LIBRARIES])
print("\\n" + json.dumps({"read": sorted(read), "noted": noted}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": os.environ.get("HOME", "/"), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
        timeout=kernels.SECONDS,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_libraries_read_what_is_known_to_be_read(reads: dict[str, Any]) -> None:
    """Else the record is not what it is taken for."""
    assert {"KERAS_BACKEND", "MPLBACKEND", "SKLEARN_ASSUME_FINITE", "HOME"} <= set(reads["read"])


def test_each_variable_that_libraries_read_is_taken_care_of(reads: dict[str, Any]) -> None:
    """It selects the parent, is set anew in each kernel, or is noted and compared."""
    selecting = environment.at_import(dict.fromkeys(reads["read"], "x"))
    left = set(reads["read"]) - set(selecting) - environment._APPLIED - set(reads["noted"])
    assert left == set()


def test_what_is_set_anew_in_each_kernel_selects_no_parent() -> None:
    assert environment.at_import(dict.fromkeys(environment._APPLIED, "x")) == {}


def test_variables_of_a_noted_block_are_noted_with_their_value_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "at_start", lambda: {"READ_AND_SET": "first"})
    monkeypatch.setenv("READ_AND_SET", "second")
    monkeypatch.delenv("NOT_SET", raising=False)
    noted: dict[str, str | None] = {}
    with environment.noted(noted):
        os.environ.get("READ_AND_SET")
        os.environ.get("NOT_SET")
    os.environ.get("READ_AFTERWARDS")
    assert noted == {"READ_AND_SET": "first", "NOT_SET": None}


@pytest.mark.parametrize("way", READERS)
def test_a_kernel_sees_what_a_library_would_have_read(
    way: str, runtime: Path, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the library reads it: what does not suit the parent gets an ordinary kernel."""
    (modules / "reader.py").write_text(READERS[way])
    look = "import reader; print(reader.value)"
    with kernels.running(("reader",)) as kernel:
        assert kernel.is_warm
        before = kernel.run(look)
    monkeypatch.setenv("COURSE_SETTING", "2")
    with kernels.running(("reader",)) as kernel:
        assert kernel.run(look) == [("stdout", "2\n")]
        assert not kernel.is_warm
    last = fallback.last()
    assert last is not None
    assert last["reason"].startswith("COURSE_SETTING was another ")
    monkeypatch.delenv("COURSE_SETTING")
    with kernels.running(("reader",)) as kernel:
        assert kernel.is_warm
        assert kernel.run(look) == before
    assert fallback.last() is None


def test_a_variable_that_a_library_sets_is_set_in_its_kernels(runtime: Path, modules: Path) -> None:
    (modules / "setter.py").write_text("import os; os.environ.setdefault('SET_BY_LIBRARY', '1')")
    with kernels.running(("setter",)) as kernel:
        assert kernel.is_warm
        assert kernel.value("__import__('os').environ['SET_BY_LIBRARY']") == "'1'"


def test_a_variable_that_is_set_as_a_library_sets_it_is_no_difference(
    runtime: Path, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "setter.py").write_text("import os; os.environ.setdefault('SET_BY_LIBRARY', '1')")
    monkeypatch.setenv("SET_BY_LIBRARY", "1")
    with kernels.running(("setter",)) as kernel:
        assert kernel.is_warm


def test_another_value_of_a_selecting_variable_gets_another_parent(
    runtime: Path, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "reader.py").write_text("import os; value = os.environ.get('KERAS_SETTING')")
    for wanted in ("1", "2"):
        monkeypatch.setenv("KERAS_SETTING", wanted)
        with kernels.running(("reader",)) as kernel:
            assert kernel.is_warm
            assert kernel.value("__import__('reader').value") == repr(wanted)


def _reason_of_an_ordinary_kernel(**launch: Any) -> str:
    """Start a kernel, which must be an ordinary one, and return why it was."""
    with kernels.running(**launch) as kernel:
        assert not kernel.is_warm
        assert kernel.value("1 + 1") == "2"
    last = fallback.last()
    assert last is not None
    return last["reason"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_of_keras_gets_an_ordinary_kernel(backend: str, runtime: Path) -> None:
    reason = _reason_of_an_ordinary_kernel(env=os.environ | {"KERAS_BACKEND": backend})
    assert reason == f"KERAS_BACKEND={backend}: only TensorFlow is known to bear a fork"


@pytest.mark.parametrize("backend", ["", "tensorflow"])
def test_the_backend_of_the_course_may_be_named(backend: str, runtime: Path) -> None:
    with kernels.running(env=os.environ | {"KERAS_BACKEND": backend}) as kernel:
        assert kernel.is_warm


def test_another_backend_that_keras_has_by_its_settings_gets_an_ordinary_kernel(
    runtime: Path, modules: Path
) -> None:
    # As Keras says with "backend": "jax" in its keras.json; without the time that it takes.
    (modules / "keras.py").write_text(
        "import types\nconfig = backend = types.SimpleNamespace(backend=lambda: 'jax')\n"
    )
    reason = _reason_of_an_ordinary_kernel(libraries=("keras",))
    assert "only TensorFlow is known to bear a fork" in reason


@pytest.mark.parametrize("path", ["lib", ".", "/tmp:lib", ":/tmp", "/tmp:"])
def test_a_module_path_that_depends_on_the_directory_gets_an_ordinary_kernel(
    path: str, runtime: Path
) -> None:
    """Also an empty part: it stands for the directory."""
    reason = _reason_of_an_ordinary_kernel(env=os.environ | {"PYTHONPATH": path})
    assert reason == f"PYTHONPATH={path} depends on the directory"


def test_settings_of_figures_in_the_directory_get_an_ordinary_kernel(
    runtime: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 3")
    reason = _reason_of_an_ordinary_kernel(cwd=str(tmp_path))
    assert reason == f"{tmp_path} has a matplotlibrc of its own"


def test_a_backend_of_figures_that_there_is_not_gets_an_ordinary_kernel(runtime: Path) -> None:
    """Which says so when figures are wanted, not by its end."""
    env = os.environ | {"MPLBACKEND": "nonsense"}
    reason = _reason_of_an_ordinary_kernel(libraries=("matplotlib",), env=env)
    assert "nonsense" in reason


def test_a_variable_that_is_set_too_late_is_warned_of_once(runtime: Path, modules: Path) -> None:
    (modules / "reader.py").write_text(
        "import os; os.environ.get('KERAS_BACKEND'), os.environ.get('COURSE_SETTING')"
    )
    with kernels.running(("reader",)) as kernel:
        assert kernel.is_warm
        assert kernel.run("import os; x = os.environ.get('KERAS_BACKEND')") == []
        ((stream, text),) = kernel.run("os.environ['KERAS_BACKEND'] = 'jax'")
        assert stream == "stderr"
        assert text == (
            "KERAS_BACKEND has no effect now: the libraries of this warm kernel are imported "
            "already. Set KERAS_BACKEND (or KCOURSE_WARM=0) before you start Jupyter.\n"
        )
        assert kernel.run("os.environ['KERAS_BACKEND'] = 'torch'") == []
        assert kernel.run("os.environ['UNREAD'] = '1'") == []
        ((stream, text),) = kernel.run("%env COURSE_SETTING=1\nNone;")[1:]
        assert stream == "stderr"
        assert text.startswith("COURSE_SETTING has no effect now")


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_a_variable_that_is_set_too_late_for_c_is_warned_of(name: str, runtime: Path) -> None:
    with kernels.running() as kernel:
        assert kernel.is_warm
        ((stream, text),) = kernel.run(f"import os; os.environ[{name!r}] = '1'")
        assert stream == "stderr"
        assert text.startswith(f"{name} has no effect now")


def test_a_variable_with_its_value_from_the_start_is_not_warned_of(
    runtime: Path, modules: Path
) -> None:
    (modules / "setter.py").write_text("import os; os.environ.setdefault('SET_BY_LIBRARY', '1')")
    with kernels.running(("setter",), env=os.environ | {"KERAS_BACKEND": "tensorflow"}) as kernel:
        assert kernel.is_warm
        set_as_before = "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'"
        assert kernel.run(set_as_before) == []
        assert kernel.run("os.environ['SET_BY_LIBRARY'] = '1'") == []
