"""No chapter's exercises go without proof."""

from __future__ import annotations

from pathlib import Path

from kcourse import lessons


def test_every_chapter_has_its_proofs() -> None:
    proved = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert {lesson.chapter for lesson in lessons.all_lessons()} <= proved
