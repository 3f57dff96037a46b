"""``junit.xml``: the report in the form that continuous integration shows as test results.

There is no written standard; what is used here is what the common readers agree on. A skipped
test is shown by them as nothing to worry about, so an exercise that was not attempted is a
failure: no points may look like all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from kcourse.grading.showing import Document

_FAILURES = ("wrong", "not attempted", "missing")


def junit(report: Document) -> str:
    """Return the report as XML: a test suite a submission, a test case an exercise."""
    sandbox = ", ".join(report["environment"]["sandbox"])
    suites = [_suite(entry, sandbox) for entry in report["submissions"]]
    root = Xml.Element("testsuites", name="kcourse grade")
    _count(root, suites)
    root.extend(suites)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(entry: Document, sandbox: str) -> Xml.Element:
    suite = Xml.Element("testsuite", name=entry["id"])
    properties = Xml.SubElement(suite, "properties")
    Xml.SubElement(properties, "property", name="sandbox", value=sandbox)
    if entry["status"] == "graded":
        cases = [_case(entry["id"], exercise) for exercise in entry["exercises"]]
    else:
        cases = [Xml.Element("testcase", classname=entry["id"], name="submission")]
        _add(cases[0], "error", entry["status"], entry["reason"])
    _count(suite, cases)
    _time(suite, entry["seconds"])
    suite.extend(cases)
    return suite


def _case(submission: str, exercise: Document) -> Xml.Element:
    # Readers take two cases of the same class and name for one: each submission has classes of
    # its own, named like a package of chapters.
    classname = f"{submission}.{exercise['chapter']}"
    case = Xml.Element("testcase", classname=classname, name=exercise["name"])
    _time(case, exercise["seconds"])
    status = exercise["status"]
    if status != "correct":
        _add(case, "failure" if status in _FAILURES else "error", status, exercise["message"])
    return case


def _add(case: Xml.Element, kind: str, status: str, message: str) -> None:
    first = message.partition("\n")[0] or status
    Xml.SubElement(case, kind, type=status, message=first).text = message


def _count(element: Xml.Element, parts: Sequence[Xml.Element]) -> None:
    """Set the numbers of tests, failures and errors from those of the parts."""
    sums = {"tests": 0, "failures": 0, "errors": 0}
    for part in parts:
        if part.tag == "testcase":
            sums["tests"] += 1
            sums["failures"] += part.find("failure") is not None
            sums["errors"] += part.find("error") is not None
        else:
            for name in sums:
                sums[name] += int(part.attrib[name])
    element.attrib |= {name: str(number) for name, number in sums.items()}


def _time(element: Xml.Element, seconds: float | None) -> None:
    if seconds is not None:
        element.set("time", f"{seconds:.3f}")
