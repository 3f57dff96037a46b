"""How good the audit is, on snippets that were labelled by somebody who had not seen it work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcourse.migration.auditing import audit

LABELLED = Path(__file__).with_name("labelled")
_LABEL = re.compile(r"\s*# expect: (?P<rules>[a-z0-9, -]+)$")

#: A finding is a rule at a line.
Place = tuple[int, str]


def snippets() -> Iterator[tuple[str, str, set[Place]]]:
    """Yield the title of each snippet, its code without the labels, and what must be found."""
    for file in sorted(LABELLED.glob("*.py")):
        for part in re.split(r"^# %% ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            title, _, code = part.partition("\n")
            lines, expected = [], set()
            for number, line in enumerate(code.splitlines(), start=1):
                if label := _LABEL.search(line):
                    line = line[: label.start()]
                    expected |= {(number, rule) for rule in re.split(r", *", label["rules"])}
                lines.append(line)
            yield f"{file.stem}: {title}", "\n".join(lines) + "\n", expected


def test_precision_and_recall(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = 0
    false_alarms, missed = [], []
    count = 0
    for title, code, expected in snippets():
        count += 1
        file = tmp_path / "snippet.py"
        file.write_text(code, encoding="utf-8")
        found = {(one.line, one.rule) for one in audit(file).findings}
        right += len(found & expected)
        false_alarms += [f"{title}, line {line}: {rule}" for line, rule in found - expected]
        missed += [f"{title}, line {line}: {rule}" for line, rule in expected - found]
    precision = right / (right + len(false_alarms))
    recall = right / (right + len(missed))
    with capsys.disabled():
        print(
            f"\naudit: {count} labelled snippets, {right + len(missed)} labels; "
            f"precision {precision:.3f}, recall {recall:.3f}"
        )
    told = "\n".join(["false alarms:", *false_alarms, "missed:", *missed])
    assert count >= 150
    assert precision >= 0.98, told
    assert recall >= 0.95, told
