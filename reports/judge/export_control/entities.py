"""The Entity List, as far as it touches designers and makers of the catalogue's chips."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, Literal

from reports.judge.export_control.classification import Listing
from reports.judge.export_control.rules import read_data


@cache
def _data() -> dict[str, Any]:
    return read_data("entities").value


@cache
def _by_name() -> dict[str, dict[str, Any]]:
    return {name: company for company in _data()["companies"] for name in company.get("known_as", ())}


def change_dates() -> set[date]:
    """Days on which a listing or a window of the affiliates rule begins."""
    found = {company["from"] for company in _data()["companies"] if "from" in company}
    return found | {window["from"] for window in _data()["affiliates_rule"]["windows"]}


def listing(role: Literal["designer", "foundry"], company: str | None, on: date) -> Listing:
    """How a company stood on a day. No record is not proof of absence: it makes ``unknown``."""
    if company is None:
        return Listing(role, None, "unknown", note=f"the {role} is not established")
    entry = _by_name().get(company)
    if entry is None:
        return Listing(role, company, "unknown", note="no record of this company in the facts")
    since = entry.get("from")
    listed = "not_yet" if since is not None and on < since else entry["listed"]
    note = entry.get("note", "")
    if "reported_in" in entry:
        note = "; ".join(part for part in (note, f"reported in: {entry['reported_in']}") if part)
    return Listing(
        role, company, listed, since, entry.get("citation", ""), entry.get("footnote", ""), note,
        tuple(entry.get("sources", ())), entry["confidence"],
    )  # fmt: skip


def affiliates_rule(on: date) -> str:
    """Whether the 50 percent affiliates rule was in force: not_in_force_yet, in_force, suspended or unknown."""
    status = "not_in_force_yet"
    for window in _data()["affiliates_rule"]["windows"]:
        if window["from"] <= on:
            status = window["status"]
    return status
