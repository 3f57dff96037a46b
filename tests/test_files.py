"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kcourse.files import write_text


def test_text_is_written_and_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "héllo\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "héllo\n".encode()


def test_the_old_file_survives_a_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640
