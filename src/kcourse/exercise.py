"""What an exercise is, and how an answer to it is observed and judged.

One definition serves the lesson, the terminal, the grader and the tests. Its life cycle:

1. ``cases(rng)`` yields fresh inputs (trusted side, NumPy only).
2. ``observe(submission, **inputs)`` runs *with the learner's code* and returns anything;
   ``observe_case`` turns that into plain data or says what was raised. If the answer leaves
   files, ``inspect(folder, returned, **inputs)`` loads them *where no learner's code has run*.
3. ``judge(case, observation)`` runs *where the learner's code is not* and compares with an
   independent oracle. It raises ``Wrong`` with a message for the learner.

``assess`` strings these together over all cases and stops at the first that is not correct.
"""

from __future__ import annotations

import inspect
import linecache
import re
import tempfile
import textwrap
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from kcourse.comparing import difference
from kcourse.plain import Plain, describe, to_plain

#: What can go wrong before an answer gives a value; all but the first two only when grading,
#: where the learner's code runs in another process.
Failure = Literal[
    "raised", "not attempted", "missing", "timed out", "out of memory", "crashed", "forbidden"
]
ObservationStatus = Literal["returned", Failure]
Outcome = Literal["correct", "wrong", Failure]


@dataclass(frozen=True)
class Case:
    """One set of inputs, by the parameter names of the exercise, and what is special about it."""

    inputs: Mapping[str, Plain]
    note: str = ""


@dataclass(frozen=True)
class Observation:
    """What one call of the learner's code gave: a plain value, or what went wrong and where."""

    status: ObservationStatus
    value: Plain = None
    error: str = ""


@dataclass(frozen=True)
class NearMiss:
    """A plausible wrong answer, and the sentence that the learner who gives it must read.

    Attributes:
        code: source of the wrong answer, as the learner would write it in the lesson.
        because: why it is wrong, in one or two sentences for the learner.
        like: computes this wrong answer's result from the inputs (NumPy). When an answer is
            wrong and equals it, ``because`` is the message.
        says: for a near miss without ``like``, a fragment of the message it earns.
    """

    code: str
    because: str
    like: Callable[..., Any] | None = None
    says: str = ""


class Wrong(Exception):
    """Raised by a judge: the reason, in a full sentence, and what was expected (plain data)."""

    def __init__(self, reason: str, *, expected: Plain = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected


class Exercise(ABC):
    """Base class of all exercises. Subclass it in ``kcourse.exercises`` and ``@register`` it.

    The chapter and the lesson are those of the module it is defined in. A subclass sets the
    class attributes and writes ``cases`` and ``expected``; it overrides ``observe`` when the
    learner's code is not simply called with tensors, and ``judge`` when the result is not
    simply compared with the expected one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    points: ClassVar[int]
    #: Heading of the lesson's section that teaches what is needed.
    see: ClassVar[str]
    #: Two or more, each closer to the answer.
    hints: ClassVar[tuple[str, ...]]
    #: Why the solution is as it is, in a few sentences.
    why: ClassVar[str]
    near_misses: ClassVar[tuple[NearMiss, ...]]
    #: Sources of right answers in another style.
    alternatives: ClassVar[tuple[str, ...]] = ()
    rtol: ClassVar[float] = 1e-5
    atol: ClassVar[float] = 1e-6

    @property
    def chapter(self) -> str:
        """The chapter's name, such as ``tensors``."""
        return type(self).__module__.split(".")[2]

    @property
    def topic(self) -> str:
        """The lesson's name without its number, such as ``linear_algebra``."""
        return type(self).__module__.split(".")[3]

    @abstractmethod
    def cases(self, rng: np.random.Generator) -> Iterable[Case]:
        """Yield fresh inputs; those that tell a near miss from the right answer come first."""

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the learner's code and return what the judge needs to see.

        Runs in the learner's process and is sent there as source, so an override must stand
        on its own: it may use only its parameters and what it imports itself.
        """
        import numpy as np
        import tensorflow as tf

        return submission(
            *(tf.constant(v) if isinstance(v, np.ndarray) else v for v in inputs.values())
        )

    #: ``inspect(folder, returned, **inputs)``, a static method, for an answer that leaves files
    #: (a saved model): ``observe`` then gets ``folder``, a ``pathlib.Path``, as well. It loads
    #: them and returns what is judged; what it raises makes the answer wrong. When graded it runs
    #: in a confined process of its own, so it too must stand on its own.
    inspect: ClassVar[Callable[..., Any] | None] = None

    #: ``expected(**inputs)``: the right result by NumPy or a slow, obvious loop, never by the
    #: solution. A method of the subclass, with the exercise's own parameters.
    expected: Callable[..., Any]

    def judge(self, case: Case, observation: Observation) -> None:
        """Raise ``Wrong`` unless the observed value is the expected one."""
        expected = to_plain(self.expected(**case.inputs))
        reason = self.differs(observation.value, expected)
        if reason:
            raise Wrong(self._recognise(case, observation) or reason, expected=expected)

    def differs(self, got: Plain, expected: Plain) -> str | None:
        """Return one sentence on how ``got`` differs from ``expected``, or ``None``."""
        return difference(got, expected, rtol=self.rtol, atol=self.atol)

    def _recognise(self, case: Case, observation: Observation) -> str | None:
        """Return the reason of the near miss that gives exactly this wrong result."""
        for miss in self.near_misses:
            if miss.like is None:
                continue
            try:
                wrong = to_plain(miss.like(**case.inputs))
            except (TypeError, ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError):
                continue  # this wrong way gives nothing on these inputs
            if self.differs(observation.value, wrong) is None:
                return miss.because
        return None


@dataclass(frozen=True)
class Verdict:
    """The outcome for one exercise, with all that a card, a terminal or a report shows."""

    exercise: str
    outcome: Outcome
    points: int
    max_points: int
    reason: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    got: str = ""
    expected: str = ""

    @property
    def correct(self) -> bool:
        """Whether the answer held in every case."""
        return self.outcome == "correct"

    @property
    def message(self) -> str:
        """The reason with the input, what came back and what was expected, as plain text."""
        lines = [self.reason]
        if self.given:
            special = f" ({self.note})" if self.note else ""
            lines.append(f"With{special}:")
            lines += [f"  {name} = {value}" for name, value in self.given.items()]
        if self.got:
            lines.append(f"Came back: {self.got}")
        if self.expected:
            lines.append(f"Expected:  {self.expected}")
        return "\n".join(line for line in lines if line)


REGISTRY: dict[str, Exercise] = {}

#: What AutoGraph makes of an error while it traces: the lines that led to it, then the error.
_IN_USER_CODE = re.compile(r"in user code:\n\n.*?\n\n    \w+: (?P<text>.*)", re.DOTALL)
_LINE_IN_USER_CODE = re.compile(r'^ +File "(?P<file>.+)", line (?P<number>\d+), in ', re.MULTILINE)


def register(cls: type[Exercise]) -> type[Exercise]:
    """Enter an exercise into the registry under its name, which must be new."""
    if cls.name in REGISTRY:
        raise ValueError(f"Two exercises are named {cls.name!r}; names are unique over the course.")
    REGISTRY[cls.name] = cls()
    return cls


def method_source(function: Callable[..., Any]) -> str:
    """Return the source of a static method as a plain function, for another process."""
    source = textwrap.dedent(inspect.getsource(function))
    return source.removeprefix("@staticmethod\n")


def observe_here(exercise: Exercise, submission: Any, case: Case) -> Observation:
    """Observe an answer on one case in this process, which is the learner's own."""
    if exercise.inspect is None:
        return observe_case(exercise.observe, submission, case.inputs)
    with tempfile.TemporaryDirectory(prefix="kcourse-answer-") as name:
        folder = Path(name)
        first = observe_case(exercise.observe, submission, case.inputs, folder=folder)
        if first.status != "returned":
            return first
        return inspect_case(exercise.inspect, folder, first.value, case.inputs)


def observe_case(
    observe: Callable[..., Any],
    submission: Any,
    inputs: Mapping[str, Plain],
    **more: Any,
) -> Observation:
    """Run the learner's code on one case; exceptions become observations.

    The inputs are copied first, so code that changes its arguments harms nobody. ``more`` are
    arguments that are no data, such as a folder.
    """
    try:
        copies = {name: to_plain(item) for name, item in inputs.items()}
        value = observe(submission, **more, **copies)
        return Observation("returned", to_plain(value))
    except NotImplementedError as error:
        if str(error) and "answer" not in str(error):
            return Observation("raised", error=explain_error(error, submission))
        return Observation("not attempted")
    except Exception as error:
        return Observation("raised", error=explain_error(error, submission))


def inspect_case(
    inspector: Callable[..., Any], folder: Path, returned: Plain, inputs: Mapping[str, Plain]
) -> Observation:
    """Load what an answer left in ``folder``; if that fails, the observation says why."""
    try:
        return Observation("returned", to_plain(inspector(folder, returned, **inputs)))
    except Exception as error:
        return unusable(explain_error(error))


def unusable(reason: str) -> Observation:
    """Return the observation of an answer whose files cannot be used: it is wrong."""
    return Observation("returned", error=f"What your answer saved cannot be used: {reason}")


def assess(
    exercise: Exercise, observe: Callable[[Case], Observation], rng: np.random.Generator
) -> Verdict:
    """Observe and judge case by case; return the verdict of the first that is not correct."""

    def verdict(outcome: Outcome, **parts: Any) -> Verdict:
        points = exercise.points if outcome == "correct" else 0
        return Verdict(exercise.name, outcome, points, exercise.points, **parts)

    for case in exercise.cases(rng):
        observation = observe(case)
        if observation.status == "not attempted":
            return verdict("not attempted", reason="The stub still raises NotImplementedError.")
        if observation.status == "missing":
            return verdict("missing", reason=observation.error)
        given = {name: describe(value) for name, value in case.inputs.items()}
        if observation.status != "returned":
            return verdict(
                observation.status, reason=observation.error, given=given, note=case.note
            )
        try:
            if observation.error:
                raise Wrong(observation.error)
            exercise.judge(case, observation)
        except Wrong as wrong:
            return verdict(
                "wrong",
                reason=wrong.reason,
                given=given,
                note=case.note,
                got=describe(observation.value),
                expected="" if wrong.expected is None else describe(wrong.expected),
            )
    return verdict("correct")


def explain_error(
    error: BaseException, submission: Any = None, *, filename: str | None = None
) -> str:
    """Return the error's type, its message without the library's framing, and the learner's line.

    The line is the innermost in the code of ``submission``, or in ``filename`` if that is given.
    """
    text = str(error.msg if isinstance(error, SyntaxError) else error)
    if traced := _IN_USER_CODE.match(text):
        text = traced["text"]
    # Keras says first in which layer it happened, and prints what happened bold.
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"\AException encountered when calling [^\n]*\s+", "", text)
    text = re.sub(r"\{\{.*?\}\}\s*", "", text)
    text = re.sub(r"\s*\[Op:\w+\](\s+name:\s*\S*)?", "", text)
    text = re.sub(r"\s*\[\[.*?\]\]", "", text).strip()
    first = text.splitlines()[0] if text else ""
    # Some types are private, as Python 3.13's for an unclosed bracket: name the public one.
    names = (kind.__name__ for kind in type(error).__mro__)
    name = next(name for name in names if not name.startswith("_"))
    message = f"{name}: {first}" if first else name
    frame = _learners_frame(error, filename or _filename_of(submission))
    if frame is None:
        return message
    number, line = frame
    return f"{message}\nat line {number} of your cell: {line}" if line else message


def _filename_of(submission: Any) -> str | None:
    """Return the name under which the submission's source was compiled."""
    function = inspect.unwrap(getattr(submission, "python_function", submission))
    if inspect.isclass(function):
        function = next((v for v in vars(function).values() if inspect.isfunction(v)), None)
    code = getattr(function, "__code__", None)
    return None if code is None else code.co_filename


def _learners_frame(error: BaseException, filename: str | None) -> tuple[int, str] | None:
    """Return line number and text of the innermost line of ``filename`` on the way to the error."""
    if isinstance(error, SyntaxError) and error.filename == filename and error.lineno:
        return error.lineno, (error.text or "").strip()
    lines = [
        (frame.lineno, (linecache.getline(frame.filename, frame.lineno or 0)).strip())
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == filename
    ]
    # While AutoGraph traces, the frames are those of the code that it generated.
    lines += [
        (int(found["number"]), linecache.getline(filename, int(found["number"])).strip())
        for found in _LINE_IN_USER_CODE.finditer(str(error))
        if filename and found["file"] == filename
    ]
    return (lines[-1][0] or 0, lines[-1][1]) if lines else None
