"""Importing kcourse starts nothing heavy, and TensorFlow then starts without a word."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_kcourse_imports_no_tensorflow() -> None:
    done = run("import kcourse, sys; print('tensorflow' in sys.modules, 'numpy' in sys.modules)")
    assert done.stdout == "False False\n"


def test_tensorflow_says_nothing_when_it_starts() -> None:
    done = run("import kcourse, tensorflow as tf; print(int(tf.constant(1) + 1), tf.__spec__.name)")
    assert done.stdout == "2 tensorflow\n"
    assert done.stderr == ""


def test_a_failing_import_is_not_hushed_up(tmp_path: object) -> None:
    broken = f"{tmp_path}/tensorflow.py"
    with open(broken, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("import os; os.write(2, b'the reason'); raise ImportError('broken')")
    done = run("import kcourse, tensorflow", PYTHONPATH=str(tmp_path))
    assert "the reason" in done.stderr
    assert "ImportError: broken" in done.stderr


def test_a_level_the_user_set_is_left_alone() -> None:
    done = run(
        "import kcourse, os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])", TF_CPP_MIN_LOG_LEVEL="0"
    )
    assert done.stdout == "0\n"
