"""The locks: one version of each package on every Python, with hashes, from no registry by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def test_the_locks_are_found() -> None:
    assert ROOT / "requirements.lock" in LOCKS
    assert {path.with_suffix(".lock") for path in ROOT.glob("requirements-*.in")} < set(LOCKS)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_python_gets_the_same_versions_and_each_has_a_hash(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", "")
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = [re.match(r"([A-Za-z0-9._-]+)==\S", pin) for pin in pins]
    assert pins
    assert all(names)
    once = [name[1] for name in names if name]
    assert len(once) == len(set(once)), "make lock resolves with --fork-strategy fewest"
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text
