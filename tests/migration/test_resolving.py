"""Names are followed through imports, aliases, scopes, branches, classes and functions."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kcourse.migration import table
from kcourse.migration.auditing import audit

ENTRIES = table.parse(
    "\n".join(
        f"[[change]]\nrule = '{rule}'\n{find}\n{raises}\n"
        "kind = 'removed'\ncall = ''\nsince = ''\nnow = ''\ninstead = ''\nlesson = ''\n"
        "old = ''\nnew = ''\nproves = ''"
        for rule, find, raises in [
            ("log", "find = [{ name = 'tensorflow.log' }]", "raises = 'AttributeError: '"),
            ("contrib", "find = [{ name = 'tensorflow.contrib.*' }]", "raises = 'ImportError: '"),
            (
                "lr",
                "find = [{ call = 'keras.optimizers.Optimizer', keyword = 'lr' }]",
                "raises = 'ValueError: '",
            ),
            (
                "classes",
                "find = [{ method = 'keras.Model.predict_classes' }]",
                "raises = 'AttributeError: '",
            ),
            (
                "reset",
                "find = [{ method = 'keras.metrics.Metric.reset_states' },"
                " { define = 'keras.metrics.Metric.reset_states' }]",
                "raises = 'AttributeError: '",
            ),
            (
                "ending",
                "find = [{ method = 'keras.Model.save', argument = ['filepath', 0],"
                " matches = '^(?!.*[.]keras$)' }]",
                "raises = 'ValueError: '",
            ),
            (
                "split",
                "find = [{ method = 'keras.Model.fit', keyword = 'validation_split',"
                " argument = ['x', 0], type = 'tensorflow.data.Dataset' }]",
                "raises = 'ValueError: '",
            ),
        ]
    )
)

FOUND = {
    "an import under another name": "import tensorflow as t\nt.log(1)  # log",
    "a module of a module": "from tensorflow import keras as k\nk.optimizers.SGD(lr=1)  # lr",
    "a name from a module": "from tensorflow.keras.optimizers import Adam as A\nA(lr=1)  # lr",
    "a module in a variable": "import keras\nopt = keras.optimizers\nopt.Adam(lr=1)  # lr",
    "an import of what is gone": "from tensorflow import log  # log\nlog(3)\nlog(4)",
    "a module below one that is gone": "import tensorflow.contrib.slim as slim  # contrib\nslim.x",
    "everything from a module": "from keras.optimizers import *\nAdam(lr=1)  # lr",
    "a fallback": """
        try:
            import keras
        except ImportError:
            from tensorflow import keras
        keras.optimizers.Adam(lr=1)  # lr
        """,
    "the usual name without its import": "tf.log(1)  # log",
    "a model": "import keras\nm = keras.Sequential()\nm.predict_classes(x)  # classes",
    "a model of either kind": """
        import keras
        if small:
            m = keras.Sequential()
        else:
            m = keras.Model(a, b)
        m.predict_classes(x)  # classes
        """,
    "what a function returns": """
        import keras
        def build():
            model = keras.Sequential()
            return model
        build().predict_classes(x)  # classes
        """,
    "what is loaded": "import keras\nkeras.models.load_model(f).predict_classes(x)  # classes",
    "an annotated argument": """
        import keras
        def use(model: keras.Model):
            model.predict_classes(x)  # classes
        """,
    "an annotation in quotes": """
        import keras
        def use(model: "keras.Model"):
            model.predict_classes(x)  # classes
        """,
    "a name that a function sees later": """
        def use():
            tf.log(1)  # log
        import tensorflow as tf
        """,
    "an attribute of self": """
        import keras
        class Trainer:
            def __init__(self):
                self.accuracy = keras.metrics.Mean()
            def start(self):
                self.accuracy.reset_states()  # reset
        """,
    "self in a subclass of a subclass": """
        import keras
        class Base(keras.Model): pass
        class Mine(Base):
            def run(self):
                self.predict_classes(x)  # classes
        """,
    "a method of the class above": """
        import keras
        class Mine(keras.Model):
            def run(self):
                super().predict_classes(x)  # classes
        """,
    "an element of a list": """
        import keras
        for m in [keras.metrics.Mean(), keras.metrics.Mean()]:
            m.reset_states()  # reset
        [m.reset_states() for m in keras.Sequential().metrics]  # reset
        """,
    "an old method that is defined": """
        from keras.metrics import Metric
        class Mine(Metric):
            def reset_states(self):  # reset
                pass
        """,
    "the ending of a name that is put together": """
        import os, keras
        from pathlib import Path
        m = keras.Sequential()
        m.save(os.path.join(folder, "model"))  # ending
        m.save(f"{folder}/model.h5")  # ending
        m.save(folder + "/model")  # ending
        m.save(Path(folder) / "model")  # ending
        m.save("%s-%d.h5" % (a, b))  # ending
        m.save("{}.h5".format(a))  # ending
        """,
    "a name in a variable": "import keras\nname = 'a'\nkeras.Sequential().save(name)  # ending",
    "a dataset at the end of a chain": """
        import tensorflow as tf, keras
        ds = tf.data.Dataset.range(9).map(f).batch(2)
        keras.Sequential().fit(ds, validation_split=0.1)  # split
        """,
    "a walrus, a lambda, a comprehension, a decorator's argument": """
        import tensorflow as tf
        if (y := tf.log(1)): pass  # log
        f = lambda x: tf.log(x)  # log
        [tf.log(i) for i in y]  # log
        @register(tf.log)  # log
        def g(): pass
        """,
    "what a loop leaves behind": """
        import keras
        while True:
            m = keras.Sequential()
            break
        m.predict_classes(x)  # classes
        """,
    "a call that is prepared": """
        from functools import partial
        import keras
        make = partial(keras.optimizers.Adam, lr=0.1)  # lr
        """,
    "under a handler for another error": """
        import tensorflow as tf
        try:
            tf.log(1)  # log
        except ValueError:
            pass
        """,
    "under a handler for every error": """
        import tensorflow as tf
        try:
            tf.log(1)  # log
        except Exception as error:
            print(error)
        """,
}

NOT_FOUND = {
    "an old import for an old version": """
        try:
            from tensorflow.math import log
        except ImportError:
            from tensorflow import log
        """,
    "Keras 2 as it can be had": """
        import os
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow as tf
        tf.keras.optimizers.Adam(lr=1)
        """,
    "a method of the user's own, with arguments": """
        import keras
        class Mine(keras.Model):
            def save(self, where): pass
        Mine().save("folder")
        """,
    "another library": "import torch as tf\ntf.log(1)",
    "another function's keyword": "import keras\nmine.Adam(lr=1)\nkeras.optimizers.Adam(0.1)",
    "version 1 by its own name": "import tensorflow.compat.v1 as tf\ntf.log(1)",
    "a name bound by the file": "tf = object()\ntf.log(1)",
    "a name that may come from a star": "from .common import *\ntf.log(1)",
    "an object of unknown type": "def use(model):\n    model.predict_classes(x)",
    "an object of another type": "import sklearn\nm = sklearn.Model()\nm.predict_classes(x)",
    "a method of the user's own": """
        import keras
        class Mine(keras.Model):
            def predict_classes(self, x): return x
            def run(self): self.predict_classes(x)
        Mine().predict_classes(x)
        """,
    "an attribute of the user's own": """
        import keras
        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.predict_classes = lambda x: x
        Mine().predict_classes(x)
        """,
    "an argument of the user's own": """
        import keras
        class Mine(keras.optimizers.Adam):
            def __init__(self, lr, **kwargs):
                super().__init__(learning_rate=lr, **kwargs)
        Mine(lr=0.1)
        """,
    "a variable that became something else": """
        import keras
        m = keras.Sequential()
        m = other(m)
        m.predict_classes(x)
        """,
    "one of two types": """
        import keras
        m = keras.Sequential() if a else sklearn_model()
        m.predict_classes(x)
        """,
    "a failure that is shown": """
        import tensorflow as tf
        try:
            tf.log(1)
        except AttributeError as error:
            print(error)
        """,
    "a failure that a function shows": """
        import tensorflow as tf
        def attempt(operation, *arguments):
            try:
                operation(*arguments)
            except Exception as error:
                print(error)
        attempt(lambda: tf.log(1))
        attempt(tf.log, 1)
        """,
    "a failure that a test expects": """
        import keras, pytest
        with pytest.raises(ValueError):
            keras.optimizers.Adam(lr=1)
        """,
    "an import with a fallback": """
        try:
            from tensorflow import log
        except ImportError:
            from tensorflow.math import log
        """,
    "code for an old version": """
        import tensorflow as tf
        if tf.__version__ < "2":
            tf.log(1)
        """,
    "code for an old version, by a name of its own": """
        import tensorflow as tf
        log = tf.math.log if is_tf2() else tf.log
        """,
    "code that asks first": """
        import tensorflow as tf
        log = tf.log if hasattr(tf, "log") else tf.math.log
        """,
    "a name whose end is not known": "import keras\nkeras.Sequential().save(f'model-{name}')",
    "a name that is right": "import keras\nkeras.Sequential().save('a.keras')",
    "a line that is meant": "import tensorflow as tf\ntf.log(1)  # audit: allow log",
    "a line on which everything is meant": "import tensorflow as tf\ntf.log(1)  # audit: allow",
}


def rules(code: str, folder: Path) -> list[tuple[int, str]]:
    file = folder / "code.py"
    file.write_text(code, encoding="utf-8")
    result = audit(file, entries=ENTRIES)
    assert not result.skipped
    return [(finding.line, finding.rule) for finding in result.findings]


@pytest.mark.parametrize("code", FOUND.values(), ids=FOUND)
def test_found(code: str, tmp_path: Path) -> None:
    code = textwrap.dedent(code)
    lines = enumerate(code.splitlines(), start=1)
    expected = [(number, line.rpartition("# ")[2]) for number, line in lines if "  # " in line]
    assert rules(code, tmp_path) == expected


@pytest.mark.parametrize("code", NOT_FOUND.values(), ids=NOT_FOUND)
def test_not_found(code: str, tmp_path: Path) -> None:
    assert rules(textwrap.dedent(code), tmp_path) == []


def test_the_wrong_rule_does_not_allow_a_line(tmp_path: Path) -> None:
    code = "import tensorflow as tf\ntf.log(1)  # audit: allow lr"
    assert rules(code, tmp_path) == [(2, "log")]


def test_the_cells_of_a_notebook_share_their_names(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(
        '{"cells": [{"cell_type": "code", "metadata": {}, "source": "import tensorflow as t"},'
        ' {"cell_type": "markdown", "metadata": {}, "source": "t.log"},'
        ' {"cell_type": "code", "metadata": {}, "source": "1\\nt.log(1)"}],'
        ' "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        encoding="utf-8",
    )
    (finding,) = audit(notebook, entries=ENTRIES).findings
    assert (finding.cell, finding.line, finding.column) == (3, 2, 1)


@pytest.mark.parametrize(
    ("tag", "count"), [("audit-allow", 0), ("audit-allow-log", 0), ("audit-allow-lr", 1)]
)
def test_a_tag_says_that_a_cell_is_meant(tag: str, count: int, tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(
        '{"cells": [{"cell_type": "code", "metadata": {"tags": ["TAG"]}, "source": "tf.log(1)"}],'
        ' "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'.replace("TAG", tag),
        encoding="utf-8",
    )
    assert len(audit(notebook, entries=ENTRIES).findings) == count


def test_the_blocks_of_a_text_share_their_names(tmp_path: Path) -> None:
    text = tmp_path / "notes.md"
    text.write_text(
        "# Notes\n\n```python\nimport tensorflow as t\n```\n\n1. then\n\n   ```python\n"
        "   y = t.log(1)\n   ```\n",
        encoding="utf-8",
    )
    (finding,) = audit(text, entries=ENTRIES).findings
    assert (finding.cell, finding.line, finding.column) == (None, 10, 8)


def test_columns_count_characters(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("import tensorflow as tf\n'张量', tf.log(1)\n", encoding="utf-8")
    (finding,) = audit(file, entries=ENTRIES).findings
    assert (finding.line, finding.column, finding.end_column) == (2, 7, 13)


def test_pedantic_reports_what_may_be_old(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("def use(model):\n    model.predict_classes(x)\n", encoding="utf-8")
    (finding,) = audit(file, entries=ENTRIES, pedantic=True).findings
    assert (finding.line, finding.rule) == (2, "classes")
