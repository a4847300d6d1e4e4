"""Destinations: their names, and the country groups they belong to on a day."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from backends.common.errors import InputError
from reports.judge.export_control.rules import read_data


@dataclass(frozen=True, slots=True)
class Country:
    """A destination: ISO 3166 alpha-2 code and usual name."""

    code: str
    name: str


@cache
def _countries() -> dict[str, Country]:
    found: dict[str, Country] = {}
    for code, names in read_data("countries").value["countries"].items():
        country = Country(code, names[0])
        for name in (code, *names):
            if found.setdefault(name.casefold(), country) is not country:
                raise InputError(f"export_control/countries.yaml: {name!r} names two countries")
    return found


def find_country(text: str) -> Country:
    """A country by ISO code or name.

    Raises:
        InputError: If there is none, with the nearest names.
    """
    known = _countries()
    wanted = " ".join(text.split()).casefold()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    hint = " or ".join(dict.fromkeys(f"{known[name].name} ({known[name].code})" for name in near))
    raise InputError(
        f"unknown destination {text!r}: {f'did you mean {hint}? ' if hint else ''}"
        "give an ISO 3166 code such as CN, or a country's English name"
    )


def change_dates() -> set[date]:
    """Days on which some membership or dated fact begins or ends."""
    return {change["date"] for change in _groups()["changes"]} | {f["from"] for f in _groups()["dated_facts"].values()}


def groups_of(code: str, on: date) -> frozenset[str]:
    """The country groups (D1, D4, D5, A5, A6) of a destination on a day; Hong Kong has those of China."""
    data = _groups()
    code = treated_as(code)
    member = {group for group, codes in data["groups"].items() if code in codes}
    for change in data["changes"]:
        if change["country"] == code and on < change["date"]:
            member -= set(change.get("joins", ()))
            member |= set(change.get("leaves", ()))
    return frozenset(member)


def treated_as(code: str) -> str:
    """The code under which the EAR treats a destination: Hong Kong as China."""
    other = _groups()["treated_as"].get(code)
    return other["code"] if other else code


@cache
def _groups() -> dict[str, Any]:
    return read_data("destinations").value


def in_d5_or_macau(code: str, on: date) -> bool:
    """Whether a company headquartered there falls under the headquarters rules: any D:5 country, or Macau."""
    return code == "MO" or "D5" in groups_of(code, on)


@cache
def destination_facts(code: str, on: date) -> dict[str, bool]:
    """What conditions ask about a destination on a day; metrics whose names begin with ``to_``, and dated facts."""
    groups = groups_of(code, on)
    excluded = bool(groups & {"A5", "A6"})
    d5_or_macau = code == "MO" or ("D5" in groups and not excluded)
    return {
        "to_us": code == "US",
        "to_china": treated_as(code) == "CN",
        "to_macau": code == "MO",
        "to_uae": code == "AE",
        "to_d5": "D5" in groups,
        "to_d5_or_macau": d5_or_macau,
        "to_d1_d4": bool(groups & {"D1", "D4"}) and not excluded and not d5_or_macau,
        "uae_in_a5": "A5" in groups_of("AE", on),
        **{name: on >= fact["from"] for name, fact in _groups()["dated_facts"].items()},
    }
