"""Pictures of models need nothing of the machine but what pip installs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image

DRAW = """
import sys
import kcourse
import keras
from kcourse.plotting import draw_model

first = keras.Input((4,), name="first")
model = keras.Model(first, keras.layers.Dense({units}, name="second")(first))
sys.stdout.buffer.write(draw_model(model).data)
"""


def drawn(units: int, **environment: str) -> tuple[bytes, str]:
    """Draw a model in a process of its own; return the picture and what went to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW.format(units=units)], capture_output=True, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout, done.stderr.decode()


def test_a_model_is_drawn_without_programs_fonts_or_settings_of_the_machine(
    tmp_path: Path,
) -> None:
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    picture, said = drawn(3, **bare)
    height, width, _ = matplotlib.image.imread(io.BytesIO(picture), format="png").shape
    assert height > 100
    assert width > 100
    assert "Fontconfig" not in said
    assert drawn(3, **bare)[0] == picture
    assert drawn(5, **bare)[0] != picture, "the shapes are written in the picture"


def test_the_settings_of_fonts_are_the_users_again_afterwards() -> None:
    before = dict(os.environ)
    from kcourse.plotting import _fonts_of_matplotlib

    with _fonts_of_matplotlib():
        assert os.environ["FONTCONFIG_FILE"] != before.get("FONTCONFIG_FILE")
    assert dict(os.environ) == before
