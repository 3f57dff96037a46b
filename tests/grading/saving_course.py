"""The sample course with a second lesson: answers that save files, and a model that is trained.

``inspect`` loads what an answer saved, in a process in which no learner's code has run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import sample_course as sample
from nbformat.v4 import new_code_cell, new_notebook

from kcourse.exercise import Case, Exercise
from kcourse.grading.course import Course
from kcourse.lessons import Lesson


class _Saved(Exercise):
    """An answer is called with a folder and numbers, and saves what doubles them."""

    title = "Save it"
    points = 1
    see = "Section"
    hints = ("One.", "Two.")
    why = "Because."
    near_misses = ()
    chapter = "sample"
    topic = "saving"

    @staticmethod
    def observe(submission: Any, folder: Any, **inputs: Any) -> Any:
        return submission(folder, *inputs.values())

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for rows in (3, 5):
            yield Case({"x": rng.normal(size=(rows, 4)).astype(np.float32)})

    def expected(self, x: np.ndarray) -> Any:
        return x + x


class SavedNumbers(_Saved):
    name = "saved_numbers"

    @staticmethod
    def inspect(folder: Any, returned: Any, x: Any) -> Any:
        import numpy as np

        return np.load(folder / "numbers.npy", allow_pickle=False)


class SavedModel(_Saved):
    name = "saved_model"

    @staticmethod
    def inspect(folder: Any, returned: Any, x: Any) -> Any:
        import keras

        model = keras.saving.load_model(folder / "model.keras", safe_mode=True)
        return model(x)


class SavedWeights(_Saved):
    name = "saved_weights"

    @staticmethod
    def inspect(folder: Any, returned: Any, x: Any) -> Any:
        import keras

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        model.load_weights(folder / "model.weights.h5")
        return model(x)


class Exported(_Saved):
    name = "exported"

    @staticmethod
    def inspect(folder: Any, returned: Any, x: Any) -> Any:
        import tensorflow as tf

        model = tf.saved_model.load(folder / "exported")  # its variables go with it
        return model.serve(x)


class BuiltModel(_Saved):
    """E3 of the cases: it builds a model."""

    name = "built_model"

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        model = submission()
        return [model.input_shape[1:], model.count_params()]

    inspect = None

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        yield Case({})

    def expected(self) -> Any:
        return [[4], 5]


class TrainedModel(_Saved):
    """E4 of the cases: it trains that model; what is demanded leaves room for another run."""

    name = "trained_model"
    atol = 0.05

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        return submission(inputs["x"], inputs["y"]).predict(inputs["unseen"], verbose=0)[:, 0]

    inspect = None

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        slope = rng.normal(size=4).astype(np.float32)
        x, unseen = (rng.normal(size=(n, 4)).astype(np.float32) for n in (64, 8))
        yield Case({"x": x, "y": x @ slope, "unseen": unseen})

    def expected(self, x: np.ndarray, y: np.ndarray, unseen: np.ndarray) -> Any:
        return unseen @ np.linalg.lstsq(x, y, rcond=None)[0]


EXERCISES: dict[str, Exercise] = {
    one.name: one
    for one in (
        *(SavedNumbers(), SavedModel(), SavedWeights(), Exported()),
        *(BuiltModel(), TrainedModel()),
    )
}
_DOUBLING = """
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.layers[0].set_weights([2 * np.eye(4), np.zeros(4)])
"""
SOLUTIONS = {
    "saved_numbers": 'def saved_numbers(folder, x):\n    np.save(folder / "numbers.npy", 2 * x)',
    "saved_model": f'def saved_model(folder, x):{_DOUBLING}    model.save(folder / "model.keras")',
    "saved_weights": (
        f"def saved_weights(folder, x):{_DOUBLING}"
        '    model.save_weights(folder / "model.weights.h5")'
    ),
    "exported": f'def exported(folder, x):{_DOUBLING}    model.export(folder / "exported")',
    "built_model": (
        "def built_model():\n"
        "    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])"
    ),
    "trained_model": (
        "def trained_model(x, y):\n"
        "    model = built_model()\n"
        '    model.compile(keras.optimizers.SGD(0.2), loss="mse")\n'
        "    model.fit(x, y, epochs=30, batch_size=64, verbose=0)\n"
        "    return model"
    ),
}


def _released() -> nbformat.NotebookNode:
    setup = "import keras\nimport numpy as np\nimport tensorflow as tf"
    cells = [new_code_cell(setup, id="setup")]
    for name in EXERCISES:
        stub = f"def {name}(*given):\n    raise NotImplementedError('Write your answer here.')"
        cells.append(new_code_cell(f"# EXERCISE {name}\n{stub}", id=f"exercise-{name}"))
        cells.append(new_code_cell(f"check({name})", id=f"check-{name}"))
    return new_notebook(cells=cells)


def make_course(folder: Path) -> Course:
    """Write both lessons below ``folder`` and return the course."""
    first = sample.make_course(folder)
    path = folder / "01_sample" / "02_saving.ipynb"
    nbformat.write(_released(), path)
    lesson = Lesson(path, "sample", "01", "saving", "02")
    solutions = sample.SOLUTIONS | SOLUTIONS
    return Course(
        [*first.lessons, lesson],
        {**sample.EXERCISES, **EXERCISES},
        lambda exercise: solutions[exercise.name],
    )


def notebook(answers: Mapping[str, str]) -> dict[str, Any]:
    """Return a submission to the second lesson: stubs, but for ``answers``."""
    document = _released()
    for cell in document.cells:
        name = cell.id.removeprefix("exercise-")
        if name in answers:
            cell.source = f"# EXERCISE {name}\n{answers[name]}"
    return dict(document)
