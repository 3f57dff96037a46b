"""Run a command in this process, as the command line would."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from kcourse import cli


def kcourse(
    arguments: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of ``kcourse`` with ``arguments``."""
    monkeypatch.setattr(sys, "argv", ["kcourse", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err
