"""Whatever a worker makes of its scratch folder, the grader survives it and believes none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import graded_run
import pytest

from kcourse.grading import scratch as module
from kcourse.grading.scratch import Scratch, Unfit


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """Return a scratch folder that is gone afterwards."""
    made = Scratch(tmp_path)
    yield made
    made.remove()
    assert not made.path.exists()


def nested(folder: Path, depth: int) -> None:
    """Make folders in folders, deeper than a path can be long."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_an_honest_folder_is_not_overfull(scratch: Scratch) -> None:
    (scratch.path / "models").mkdir()
    (scratch.path / "models" / "model.keras").write_bytes(bytes(1 << 20))
    (scratch.path / "link").symlink_to("/etc")
    assert scratch.overfull(os.getpid()) is None


def test_too_many_files_are_noticed(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 5)
    for number in range(6):
        (scratch.path / str(number)).touch()
    assert scratch.overfull(os.getpid()) == "It made more than 5 files."


def test_too_many_bytes_are_noticed_on_disk_and_not_in_holes(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    with (scratch.path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert scratch.overfull(os.getpid()) is None
    (scratch.path / "full").write_bytes(b"x" * (2 << 20))
    assert scratch.overfull(os.getpid()) == "It wrote more than 1 MiB to files."


def test_files_without_a_name_are_counted_as_long_as_they_are_open(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    hidden = scratch.path / "hidden"
    with hidden.open("wb") as file:
        file.write(b"x" * (2 << 20))
        file.flush()
        hidden.unlink()
        assert scratch.overfull(os.getpid()) == "It wrote more than 1 MiB to files."
    assert scratch.overfull(os.getpid()) is None


def test_folders_nested_beyond_any_path_are_noticed_and_removed(scratch: Scratch) -> None:
    nested(scratch.path, 3000)
    assert "cannot be read: File name too long" in str(scratch.overfull(os.getpid()))
    with pytest.raises(Unfit, match="nested more than 16 deep"):
        scratch.take("deeper")


def test_folders_that_an_ordinary_user_cannot_list_are_removed() -> None:
    # Root could list them: so if this is root, the folder is another user's, who removes it.
    user = 65534 if os.getuid() == 0 else os.getuid()
    with graded_run.open_folder() as place:
        made = Scratch(place)
        (made.path / "shut" / "inner").mkdir(parents=True)
        for folder in (made.path, made.path / "shut", made.path / "shut" / "inner"):
            os.chown(folder, user, -1)
        (made.path / "shut").chmod(0)
        remove = f"""
import os, sys
sys.path[:] = {sys.path!r}
from pathlib import Path
from kcourse.grading.scratch import Scratch
if os.getuid() == 0:
    os.setuid({user})
scratch = Scratch.__new__(Scratch)
scratch.path = Path({str(made.path)!r})
scratch.remove()
"""
        subprocess.run([sys.executable, "-c", remove], check=True)
        assert not made.path.exists()


def test_what_an_answer_saved_is_taken_and_handed_over_whole(
    scratch: Scratch, tmp_path: Path
) -> None:
    (scratch.path / "saved" / "variables").mkdir(parents=True)
    (scratch.path / "saved" / "model.pb").write_bytes(b"graph")
    (scratch.path / "saved" / "variables" / "index").write_bytes(b"")
    files = scratch.take("saved")
    assert files == {"model.pb": b"graph", "variables/index": b""}
    verifier = Scratch(tmp_path)
    old = os.umask(0o077)
    try:
        name = verifier.put(files)
    finally:
        os.umask(old)
    given = verifier.path / name
    assert (given / "model.pb").read_bytes() == b"graph"
    assert (given / "variables" / "index").stat().st_mode & 0o777 == 0o644
    assert (given / "variables").stat().st_mode & 0o777 == 0o755
    assert verifier.put({}) != name
    verifier.remove()


@pytest.mark.parametrize("place", ["saved", "saved/inner", "saved/file"])
def test_no_link_is_followed(scratch: Scratch, tmp_path: Path, place: str) -> None:
    secret = tmp_path / "secrets"
    secret.mkdir()
    (secret / "file").write_text("secret", encoding="utf-8")
    (scratch.path / place).parent.mkdir(exist_ok=True)
    target = secret / "file" if place.endswith("file") else secret
    (scratch.path / place).symlink_to(target)
    with pytest.raises(Unfit, match=r"cannot be read|neither a file nor a folder"):
        scratch.take("saved")


def test_what_is_no_file_is_refused_and_does_not_block(scratch: Scratch) -> None:
    (scratch.path / "saved").mkdir()
    os.mkfifo(scratch.path / "saved" / "pipe")
    with pytest.raises(Unfit, match="'pipe' is neither a file nor a folder"):
        scratch.take("saved")


def test_nothing_saved_and_too_much_saved_are_said(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unfit, match="saved cannot be read: No such file"):
        scratch.take("saved")
    (scratch.path / "saved").mkdir()
    for number in range(4):
        (scratch.path / "saved" / str(number)).write_bytes(bytes(10))
    monkeypatch.setattr(module, "MAX_LEFT_FILES", 3)
    with pytest.raises(Unfit, match="more than 3 files"):
        scratch.take("saved")
    monkeypatch.setattr(module, "MAX_LEFT_BYTES", 25)
    with pytest.raises(Unfit, match="more than 0 MiB"):
        scratch.take("saved")


def test_a_verifier_cannot_make_the_grader_write_elsewhere(
    scratch: Scratch, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (scratch.path / "given-1").symlink_to(outside)
    with pytest.raises(Unfit, match="cannot be read"):
        scratch.put({"model.keras": b"x"})
    (scratch.path / "given-2").mkdir()
    (scratch.path / "given-2" / "model.keras").symlink_to(outside / "model.keras")
    with pytest.raises(Unfit, match="cannot be handed over: File exists"):
        scratch.put({"model.keras": b"x"})
    assert list(outside.iterdir()) == []
