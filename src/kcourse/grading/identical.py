"""``identical.json``: which submissions hold the same answer, for the instructor alone.

Answers are compared by their syntax trees, without what a copy is dressed up with: formatting,
comments, docstrings, annotations, and the names that the answer itself gives. It is no proof of
anything: a short answer is written alike by many, and a published solution may be read by all.
Scores do not depend on it.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kcourse.grading.answers import normal
from kcourse.grading.course import Course
from kcourse.grading.showing import Document, shown_ids
from kcourse.grading.submission import Submission
from kcourse.lessons import exercise_name

#: Answers with fewer nodes are weak evidence. The course's own solutions have 11 to 21 nodes if
#: they are one statement, up to 40 if they are two, and 44 to 57 if they are four.
WEAK_NODES = 45
#: Longer answers are compared as text: no tree is made of them.
MAX_PARSED = 10_000
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Fingerprint:
    """What identical answers have in common, and how many nodes (else words) they have."""

    digest: str
    nodes: int


def find(submissions: Sequence[Submission], course: Course) -> Document:
    """Return the groups of identical answers, the strongest evidence first."""
    shown = shown_ids(one.id for one in submissions)
    alike: dict[tuple[str, Fingerprint], list[str]] = defaultdict(list)
    for submission in submissions:
        for given in submission.lessons:
            for name, source in given.answers.items():
                alike[name, fingerprint(source, name)].append(shown[submission.id])
    untouched = {name: fingerprint(stub, name) for name, stub in _stubs(course)}
    shared = {name for (name, _), ids in alike.items() if len(ids) > 1}
    published_by = {name: _published(course, name) for name in shared}
    groups: list[Document] = []
    for (name, found), ids in alike.items():
        if len(ids) == 1 or found in (untouched[name], fingerprint("", name)):
            continue
        published = published_by[name].get(found)
        weak = published or found.nodes < WEAK_NODES
        groups.append(
            {
                "exercise": name,
                "evidence": "weak" if weak else "strong",
                "nodes": found.nodes,
                "published": published,
                "submissions": sorted(ids),
            }
        )
    order = list(untouched)
    groups.sort(key=lambda g: (g["evidence"], order.index(g["exercise"]), g["submissions"]))
    return {"schema": 1, "groups": groups}


def remark(found: Document) -> str:
    """Return how many groups there are, in a few words for the terminal."""
    kinds = [group["evidence"] for group in found["groups"]]
    number = f"{len(kinds)} group{'' if len(kinds) == 1 else 's'} of identical answers"
    return f"{number}, {kinds.count('strong')} of note" if kinds else "no identical answers"


def fingerprint(source: str, name: str) -> Fingerprint:
    """Return what the answer to the exercise ``name`` has in common with its copies.

    What is not Python, or too long or too deeply nested to be handled, is compared as text.
    """
    source = normal(source)
    try:
        tree = _Plain().visit(_parse(source))
        _rename(tree, name)
        text = ast.dump(tree, annotate_fields=False)
        nodes = sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree))
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        words = source.split()
        text, nodes = " ".join(words), len(words)
    return Fingerprint(hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(), nodes)


def _parse(source: str) -> ast.Module:
    """Return the tree of a cell, if need be without its lines that only IPython understands."""
    if len(source) > MAX_PARSED:
        raise ValueError("too long")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in a learner's strings
        try:
            return ast.parse(source)
        except SyntaxError:
            return ast.parse(_MAGIC.sub("", source))


class _Plain(ast.NodeTransformer):
    """Takes out of a tree what has no effect on what the answer computes."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop docstrings and other constants that stand alone."""
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        """Drop it: an empty body is as good to compare."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Make ``x: int = 1`` an assignment, and ``x: int`` nothing."""
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop what a function is said to return."""
        node.returns = node.type_comment = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Drop what a coroutine is said to return."""
        node.returns = node.type_comment = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop a parameter's annotation."""
        node.annotation = node.type_comment = None
        return node


def _rename(tree: ast.Module, exercise: str) -> None:
    """Number the names that the answer itself gives, but for the exercise's, as they appear."""
    numbers: dict[str, str] = {}
    for node, field in _names(tree, binding=True):
        name = getattr(node, field)
        if name is not None and name != exercise:
            numbers.setdefault(name, f"_{len(numbers)}")
    for node, field in _names(tree, binding=False):
        name = getattr(node, field)
        setattr(node, field, numbers.get(name, name))


def _names(tree: ast.Module, *, binding: bool) -> Iterator[tuple[ast.AST, str]]:
    """Yield nodes and which of their fields is a name: all of them, or those that give one."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(ctx=ast.Load()):
                if not binding:
                    yield node, "id"
            case ast.Name():
                yield node, "id"
            case ast.arg():
                yield node, "arg"
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node, "name"
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                yield node, "name"
            case ast.alias(asname=str()):
                yield node, "asname"


def _stubs(course: Course) -> Iterator[tuple[str, str]]:
    for lesson in course.lessons:
        for cell in lesson.notebook.cells:
            if name := exercise_name(cell):
                yield name, cell.source


def _published(course: Course, name: str) -> dict[Fingerprint, str]:
    """Return the answers to an exercise that the course itself shows."""
    exercise = course.exercises[name]
    found = {fingerprint(source, name): "alternative" for source in exercise.alternatives}
    return found | {fingerprint(course.solution(exercise), name): "solution"}
