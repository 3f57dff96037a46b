"""The cards shown in a lesson: calm HTML for a notebook, plain text for a terminal.

A card's meaning never rests on colour alone: the outcome is a word beside a sign. Colours are
inherited from the page, so that a card is readable in light and in dark.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kcourse.exercise import Exercise, Verdict
from kcourse.journal import Standing
from kcourse.lessons import Lesson, lesson_of
from kcourse.overview import next_open, tally

VERDICT_MIME = "application/vnd.kcourse.verdict+json"

# The Okabe-Ito palette's blue, orange, vermilion and grey: told apart by colour-blind readers.
_BLUE, _ORANGE, _RED, _GREY = "#0072B2", "#E69F00", "#D55E00", "#888888"
_SIGNS = {
    "correct": ("✓", _BLUE),
    "wrong": ("✗", _RED),
    "raised": ("!", _ORANGE),
    "not attempted": ("○", _GREY),
}
_PRE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;margin:0.2em 0;padding:0.2em 0.5em;"
    "background:rgba(128,128,128,0.12);color:inherit;font-size:0.92em"
)
_TH = "text-align:left;vertical-align:top;padding:0.1em 0.8em 0.1em 0"


@dataclass(frozen=True)
class Card:
    """One thing to show, as HTML and as plain text; ``data`` is for machines."""

    html: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def mimebundle(self) -> dict[str, Any]:
        """Return the card in every form it has."""
        forms: dict[str, Any] = {"text/html": self.html, "text/plain": self.text}
        if self.data:
            forms[VERDICT_MIME] = dict(self.data)
        return forms


def show(card: Card) -> None:
    """Display the card in a notebook, or print its text where there is none."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display(card.mimebundle(), raw=True)
    else:
        print(card.text)


def verdict(result: Verdict, exercise: Exercise) -> Card:
    """Show the outcome of a check."""
    sign, colour = _SIGNS.get(result.outcome, ("!", _ORANGE))
    points = f"{result.points} of {result.max_points} points"
    head = f"{sign} {result.outcome}"
    body, lines = [], []
    if result.outcome == "not attempted":
        advice = "Write your answer in the cell above, run it, then run this check again."
    elif result.outcome == "correct":
        advice = f"Compare with ours: solution({exercise.name})."
    else:
        advice = f"For a hint, run hint({exercise.name})."
        body.append(_paragraphs(result.reason))
        lines.append(result.message)
        special = f" – {result.note}" if result.note else ""
        rows = [(f"input {name}", value) for name, value in result.given.items()]
        rows += [("came back", result.got)] if result.got else []
        rows += [("expected", result.expected)] if result.expected else []
        if rows:
            body.append(f"<div>The first case that failed{_e(special)}:</div>" + _table(rows))
    body.append(f"<div>{_e(advice)}</div>")
    title = f"<strong>{_e(head)}</strong> · <code>{_e(exercise.name)}</code> · {_e(points)}"
    return Card(
        _frame(title, "".join(body), colour),
        "\n".join([f"{head} · {exercise.name} · {points}", *lines, advice]),
        data=asdict(result),
    )


def hints(exercise: Exercise, shown: Sequence[str]) -> Card:
    """Show the hints so far, the newest last."""
    total = len(exercise.hints)
    items = "".join(f"<li>{_inline(text)}</li>" for text in shown)
    lesson = lesson_of(exercise.chapter, exercise.topic)
    if len(shown) < total:
        after = "Call hint again for the next one."
    else:
        after = (
            f"That was the last hint. Read the section “{exercise.see}” of “{lesson.title}” again, "
            f"or run solution({exercise.name})."
        )
    title = f"<strong>Hint {len(shown)} of {total}</strong> · <code>{_e(exercise.name)}</code>"
    lines = [f"Hint {len(shown)} of {total} · {exercise.name}"]
    lines += [f"{number}. {text}" for number, text in enumerate(shown, start=1)]
    return Card(
        _frame(
            title, f"<ol style='margin:0.3em 0'>{items}</ol><div>{_inline(after)}</div>", _ORANGE
        ),
        "\n".join([*lines, after]),
    )


def solution(exercise: Exercise, source: str) -> Card:
    """Show the solution's source and why it is as it is."""
    title = f"<strong>Solution</strong> · <code>{_e(exercise.name)}</code>"
    body = f"<pre style='{_PRE}'>{_e(source.strip())}</pre>{_paragraphs(exercise.why)}"
    return Card(
        _frame(title, body, _BLUE),
        f"Solution · {exercise.name}\n\n{source.strip()}\n\n{exercise.why}",
    )


def not_solved_yet(exercise: Exercise) -> Card:
    """Ask for a confirmation before the solution of an unsolved exercise."""
    text = (
        f"You have not solved {exercise.name} yet. Try hint({exercise.name}) first; "
        f"to see the solution all the same, run solution({exercise.name}, anyway=True)."
    )
    return Card(_frame("<strong>Not solved yet</strong>", f"<div>{_e(text)}</div>", _GREY), text)


def mistake(message: str) -> Card:
    """Show what was wrong with a call, without a traceback."""
    return Card(
        _frame("<strong>! Not possible</strong>", _paragraphs(message), _ORANGE),
        f"Not possible: {message}",
    )


def progress(
    lessons: Sequence[Lesson],
    exercises: Mapping[str, Exercise],
    standings: Mapping[str, Standing],
) -> Card:
    """Show the standing with every exercise, by lesson, and the first one that is open."""
    rows, lines = [], []
    for lesson in lessons:
        marks = [f"{_mark(standings.get(name))} {name}" for name in lesson.exercises]
        rows.append((lesson.title, ", ".join(marks) or "no exercises"))
        lines.append(f"{lesson.title}\n" + "\n".join(f"  {mark}" for mark in marks))
    done = tally([name for lesson in lessons for name in lesson.exercises], exercises, standings)
    head = (
        f"{done.solved} of {done.total} exercises solved · "
        f"{done.points} of {done.max_points} points"
    )
    following = "All exercises are solved."
    if found := next_open(lessons, standings):
        following = f"Go on with {found[1]} in “{found[0].title}”."
    return Card(
        _frame(
            f"<strong>Progress</strong> · {_e(head)}",
            _table(rows) + f"<div>{_e(following)}</div>",
            _BLUE,
        ),
        "\n".join([head, *lines, following]),
    )


def _mark(standing: Standing | None) -> str:
    """Return the sign of a standing: once solved, an exercise stays solved."""
    if standing is None:
        return _SIGNS["not attempted"][0]
    outcome = "correct" if standing.solved else standing.last_outcome
    return _SIGNS.get(outcome, _SIGNS["not attempted"])[0]


def _e(text: str) -> str:
    return html.escape(text)


def _inline(text: str) -> str:
    """Escape text and set what stands between backticks as code."""
    parts = _e(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))


def _paragraphs(text: str) -> str:
    blocks = textwrap.dedent(text).strip().split("\n")
    return "".join(f"<div>{_inline(block)}</div>" for block in blocks if block.strip())


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th scope='row' style='{_TH}'>{_e(name)}</th>"
        f"<td style='text-align:left'><code style='{_PRE}'>{_e(value)}</code></td></tr>"
        for name, value in rows
    )
    return f"<table style='margin:0.3em 0;border:0'>{cells}</table>"


def _frame(title: str, body: str, colour: str) -> str:
    return (
        f"<div class='kcourse-card' style='border-left:4px solid {colour};"
        f"padding:0.3em 0.8em;margin:0.3em 0;line-height:1.5'><div>{title}</div>{body}</div>"
    )
