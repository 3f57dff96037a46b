"""A report with text of a hostile learner wherever a learner has a say."""

from __future__ import annotations

from kcourse.exercise import Verdict
from kcourse.grading import report
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.submission import Submission

HOSTILE = (
    "<img src=x onerror=alert(1)> **bold** [a](https://x.y) `c` | @all #1 \x1b[2J \u202e \ud800"
)


def hostile_document(
    course: Course, text: str = HOSTILE, *, timings: bool = False, sandbox: tuple[str, ...] = ()
) -> report.Document:
    """Return a report of one submission of each kind: graded in full, graded, and not graded."""
    given = LessonAnswers(course.lessons[0])
    verdicts = {
        name: Verdict(name, "correct", exercise.points, exercise.points)
        for name, exercise in course.exercises.items()
    }
    mixed = verdicts | {
        "doubled": Verdict("doubled", "raised", 0, 2, text, {text: text}, text),
        "centred": Verdict("centred", "wrong", 0, 1, text, {text: text}, text, text, text),
        "spread": Verdict("spread", "not attempted", 0, 4, "The stub still raises."),
    }
    key = given.lesson.key
    submissions = [
        Submission("ada", (given,)),
        Submission(f"bob {text}", (given,), notes=(text,)),
        Submission(f"cyd {text}", problem=text or "?"),
        Submission("dan", (given,)),
    ]
    results: dict[tuple[str, str], LessonResult | WorkerFailed] = {
        ("ada", key): LessonResult(verdicts, dict.fromkeys(verdicts, 0.5)),
        (submissions[1].id, key): LessonResult(mixed, notes=[text]),
        ("dan", key): WorkerFailed(text),
    }
    return report.document(submissions, results, course, 3, timings=timings, sandbox=sandbox)
