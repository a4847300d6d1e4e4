"""The check as JUnit XML: a suite per target, a case per gated metric and per budget.

There is no official schema; this is the form that GitHub, GitLab and Jenkins read: counts on every suite, and inside a
case ``failure`` or ``skipped`` with a message.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from reports.gate import wording
from reports.gate.result import BudgetFinding, CheckResult, Finding, Judged, TargetFinding, failing

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(result: CheckResult) -> str:
    """The document, with its XML declaration."""
    cases: dict[str, list[Judged]] = {}
    for one in result.deciding:
        cases.setdefault(one.target or "whole run", []).append(one)
    bad = failing(strict=result.rules.strict)
    root = ElementTree.Element("testsuites", name="chipassay check")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for target, found in cases.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(target))
        counts = {"tests": len(found), "failures": 0, "errors": 0, "skipped": 0}
        for one in found:
            kind = _case(suite, target, one, bad)
            if kind:
                counts[kind] += 1
        suite.attrib.update({name: str(count) for name, count in counts.items()}, time="0")
        totals = {name: totals[name] + counts[name] for name in totals}
    root.attrib.update({name: str(count) for name, count in totals.items()}, time="0")
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(suite: ElementTree.Element, target: str, one: Judged, bad: tuple[str, ...]) -> str:
    """Add one case; the count it belongs to besides the tests."""
    name = {TargetFinding: "runs", Finding: getattr(one, "metric", "")}.get(type(one))
    if isinstance(one, BudgetFinding):
        name = f"budget {one.metric} {one.limit}"
    case = ElementTree.SubElement(
        suite, "testcase", classname=_text(f"chipassay.{target}"), name=_text(name or ""), time="0"
    )
    message = _text(f"{one.verdict}: {wording.because(one)}".rstrip(": "))
    if one.verdict in bad:
        ElementTree.SubElement(case, "failure", message=message, type=one.verdict).text = _text(_details(one))
        return "failures"
    if one.verdict in ("inconclusive", "unavailable", "skipped"):
        ElementTree.SubElement(case, "skipped", message=message)
        return "skipped"
    ElementTree.SubElement(case, "system-out").text = _text(_details(one))
    return ""


def _details(one: Judged) -> str:
    if isinstance(one, Finding):
        return (
            f"{one.title}: baseline {wording.figure(one.baseline, one.unit)}, now "
            f"{wording.figure(one.current, one.unit)}, ratio {wording.ratio(one)}; {wording.because(one)}"
        )
    if isinstance(one, BudgetFinding):
        return f"{one.metric} {one.limit} ({one.origin}): now {wording.figure(one.value, one.unit)}; {one.explanation}"
    return one.explanation


def _text(text: str) -> str:
    """What XML 1.0 can hold of ``text``."""
    return _NOT_XML.sub("\ufffd", text)
