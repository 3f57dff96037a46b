"""What an answer saves is loaded where no learner's code has run, and nothing in it acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import graded_run
import pytest
import sample_course as sample
import saving_course
from graded_run import Run

_EVIDENCE = "touch @OUTSIDE@/executed"
_PAYLOAD = f"""
import os, pickle
class Payload:
    def __reduce__(self):
        return os.system, ({_EVIDENCE!r},)
"""


def _numbers(body: str) -> dict[str, str]:
    return {"saved_numbers": f"{_PAYLOAD}\ndef saved_numbers(folder, x):\n{body}"}


def _model(body: str) -> dict[str, str]:
    return {"saved_model": f"{_PAYLOAD}\nimport zipfile, json\ndef saved_model(folder, x):\n{body}"}


_TAMPERED = """
    path = folder / "model.keras"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    layers = config["config"]["layers"]
    CHANGE
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
"""


def _config(change: str) -> dict[str, str]:
    return _model(_TAMPERED.replace("CHANGE", change))


#: By the id of the case: the answers, and what the message on the first one says.
ATTACKS: dict[str, tuple[dict[str, str], str]] = {
    "C10 an array of pickled objects": (
        _numbers("    np.save(folder / 'numbers.npy', np.array([Payload()]), allow_pickle=True)"),
        "cannot be used: ValueError",
    ),
    "C10 a pickle named like an array": (
        _numbers("    (folder / 'numbers.npy').write_bytes(pickle.dumps(Payload()))"),
        "cannot be used: ValueError",
    ),
    "C10 an archive of pickled arrays": (
        _numbers(
            "    np.savez(folder / 'numbers', a=np.array([Payload()], dtype=object))\n"
            "    (folder / 'numbers.npz').rename(folder / 'numbers.npy')"
        ),
        "",
    ),
    "C10 a header that announces more than there is": (
        _numbers(
            "    np.save(folder / 'numbers.npy', np.zeros(1))\n"
            "    data = (folder / 'numbers.npy').read_bytes().replace(b'(1,)', b'(9' + b'0' * 9"
            " + b',)')\n"
            "    (folder / 'numbers.npy').write_bytes(data)"
        ),
        "cannot be used",
    ),
    "C10 a pickle named like weights": (
        {
            "saved_weights": f"{_PAYLOAD}\ndef saved_weights(folder, x):\n"
            "    (folder / 'model.weights.h5').write_bytes(pickle.dumps(Payload()))"
        },
        "cannot be used",
    ),
    "C22 a Lambda layer": (
        _model(
            "    def act(x):\n"
            f"        __import__('os').system({_EVIDENCE!r})\n        return 2 * x\n"
            "    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(act)]).save(\n"
            "        folder / 'model.keras')"
        ),
        "cannot be used",
    ),
    "C22 a class of the learner's own": (
        _model(
            "    @keras.saving.register_keras_serializable()\n"
            "    class Own(keras.layers.Layer):\n"
            "        def call(self, x): return 2 * x\n"
            "    keras.Sequential([keras.Input((4,)), Own()]).save(folder / 'model.keras')"
        ),
        "cannot be used",
    ),
    "C22 a module of the learner's choice": (
        _config(
            "layers[1] |= {'module': 'os', 'class_name': 'system', 'registered_name': None,"
            f" 'config': {_EVIDENCE!r}}}"
        ),
        "cannot be used",
    ),
    "C22 a function of the learner's choice": (
        _config(
            "layers[1]['config']['activation'] = {'module': 'builtins', 'class_name': 'function',"
            " 'config': 'exec', 'registered_name': 'function'}"
        ),
        "cannot be used",
    ),
    "C22 safe mode switched off from within": (
        _config(
            "layers[1] |= {'module': 'keras.config',"
            " 'class_name': 'enable_unsafe_deserialization', 'config': {}}"
        ),
        "cannot be used",
    ),
    "C22 a zip bomb": (
        _model(
            "    path = folder / 'model.keras'\n"
            "    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:\n"
            "        archive.writestr('metadata.json', '{}')\n"
            "        with archive.open('config.json', 'w') as part:\n"
            "            for _ in range(1500): part.write(bytes(1 << 20))"
        ),
        "",
    ),
    "C22 names that lead out of the archive": (
        _config(
            "parts |= {name: b'x' for name in"
            " ('../executed', '../../executed', '@OUTSIDE@/executed')}"
        ),
        "",
    ),
    "C22 a graph that writes files": (
        {
            "exported": "def exported(folder, x):\n"
            "    class Writing(tf.Module):\n"
            "        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])\n"
            "        def serve(self, x):\n"
            "            tf.io.write_file('@OUTSIDE@/executed', 'x')\n"
            "            return 2 * x\n"
            "    tf.saved_model.save(Writing(), str(folder / 'exported'))"
        },
        "cannot be used: PermissionDeniedError",
    ),
    "C22 a link out of the folder": (
        _numbers("    (folder / 'numbers.npy').symlink_to('@OUTSIDE@/right.npy')"),
        "neither a file nor a folder",
    ),
    "C22 the folder is a link": (
        _numbers("    folder.rmdir(); folder.symlink_to('@OUTSIDE@')"),
        "cannot be read",
    ),
    "C22 a folder of more files than are taken": (
        _numbers("    for n in range(300): (folder / str(n)).touch()"),
        "more than 200 files",
    ),
    "C22 more bytes than are taken": (
        _numbers("    for n in range(2): (folder / str(n)).write_bytes(bytes(60 << 20))"),
        "more than 64 MiB",
    ),
    "C22 folders nested too deep": (
        _numbers("    (folder / '/'.join('d' * 50)).mkdir(parents=True)"),
        "nested more than 16 deep",
    ),
    "C22 a folder that nobody may list": (
        _numbers("    (folder / 'shut').mkdir(0); (folder / 'shut').chmod(0)"),
        "",
    ),
    "C22 the folder is gone": (_numbers("    folder.rmdir()"), "cannot be read"),
    "C22 a file that changes while it is taken": (
        _numbers(
            "    import threading\n"
            "    def change():\n"
            "        while True:\n"
            "            for path in (folder / 'numbers.npy', folder / 'other'):\n"
            "                try:\n"
            "                    path.unlink(missing_ok=True); path.mkdir(); path.rmdir()\n"
            "                    path.symlink_to('@OUTSIDE@/right.npy'); path.unlink()\n"
            "                    np.save(path, np.zeros(2))\n"
            "                except OSError: pass\n"
            "    threading.Thread(target=change, daemon=True).start()"
        ),
        "",
    ),
}


@dataclass
class Inspected:
    """What the command did with the answers, and what lay outside before and after."""

    shown: str
    entries: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    run: Run


@pytest.fixture(scope="module")
def inspected() -> Iterator[Inspected]:
    with graded_run.open_folder() as folder:
        outside = folder / "outside"
        outside.mkdir()
        outside.chmod(0o777)
        right = saving_course.SOLUTIONS
        handed_in = {"honest": saving_course.notebook(right)}
        for number, (answers, _) in enumerate(ATTACKS.values()):
            texts = {name: one.replace("@OUTSIDE@", str(outside)) for name, one in answers.items()}
            handed_in[f"i-{number:03}"] = saving_course.notebook(
                {"saved_numbers": right["saved_numbers"], **texts}
            )
        sample.write(folder / "class", handed_in)
        run = Run(graded_run.with_course("saving_course", folder / "released"), folder / "home")
        before = graded_run.state(outside, folder / "class")
        options = ("--seed", 3, "--timeout", 20, "--jobs", 2)
        _, out, err = run.finish("grade", folder / "class", "--out", folder / "out", *options)
        entries = graded_run.entries(folder / "out")
        after = graded_run.state(outside, folder / "class")
        yield Inspected(out + err, entries, before, after, run)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_answer_saves_is_wrong_with_a_message_and_does_nothing(
    inspected: Inspected, attack: str
) -> None:
    answers, says = ATTACKS[attack]
    entry = inspected.entries[f"i-{list(ATTACKS).index(attack):03}"]
    (name,) = answers
    assert graded_run.statuses(entry)[name] == "wrong"
    assert says in graded_run.message(entry, name)
    assert graded_run.message(entry, name)
    others = {one for one, status in graded_run.statuses(entry).items() if status == "correct"}
    assert others == {"saved_numbers"} - {name}


def test_nothing_was_executed_or_written_outside(inspected: Inspected) -> None:
    assert inspected.after == inspected.before
    assert "Traceback" not in inspected.shown


def test_nothing_is_left_of_the_workers_and_the_verifiers(inspected: Inspected) -> None:
    assert inspected.run.nothing_is_left()


@pytest.mark.parametrize("name", saving_course.SOLUTIONS)
def test_an_honest_array_model_export_or_training_is_correct(
    inspected: Inspected, name: str
) -> None:
    entry = inspected.entries["honest"]
    assert graded_run.statuses(entry)[name] == "correct", graded_run.message(entry, name)
