"""Documents of schema 1 in the form of schema 2: plain JSON in, plain JSON out, no figure changed.

Schema 1 had a status, one field for each possible outcome of a target, and one field for each meter's reading.
"""

from __future__ import annotations

from typing import Any

from backends.common.errors import InputError
from profiler.records.readings import HOST, SECOND, TARGET, WALL
from profiler.records.target import RECORD_SCHEMA

_POLLING = ("asked", "period_s", "call_s", "calls", "failed_calls")
_IDENTITY = ("id", "backend", "device", "precision", "threads", "model_digest", "workload_digest", "accelerator")


def upgraded(document: dict[str, Any], current: str, origin: object) -> dict[str, Any]:
    """Return a bundle's index or a target's record in the schema ``current``.

    Raises:
        InputError: If the document is of a newer, or of no known, schema.
    """
    schema = document.get("schema")
    if schema == current:
        return document
    name, _, version = str(schema).partition("/")
    wanted, _, newest = current.partition("/")
    if name != wanted or not version.isdigit() or version == "0":
        raise InputError(f"{origin} has the unknown schema {schema!r}; this version reads {current}: profile again")
    if int(version) > int(newest):
        writer = document.get("chipassay_version", "version not given")
        raise InputError(
            f"{origin} was written by a newer chipassay ({writer}, schema {schema}); this one reads up to {current}: "
            "install that version or a later one"
        )
    return target_from_1(document) if current == RECORD_SCHEMA else {**document, "schema": current}


def target_from_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return a ``chipassay.record/1`` document as ``chipassay.record/2``."""
    examined = old.get("examined")
    chip_id = old.get("chip_id")
    if examined is not None and chip_id is None:
        chip_id = examined["compiled"]["chip_id"] or ""
    identity = {name: old[name] for name in _IDENTITY if name in old}
    return {"schema": RECORD_SCHEMA, **identity, "chip_id": chip_id, "outcome": _outcome(old)}


def _outcome(old: dict[str, Any]) -> dict[str, Any]:
    if old.get("worker") is not None:
        return {"kind": "measured", **_measured(old)}
    if old.get("examined") is not None:
        return {"kind": "examined", "report": old["examined"], "metrics": old.get("metrics", {})}
    failure = old.get("failure") or {"reason": "the record gives no reason"}
    if old["status"] == "unavailable":
        return {"kind": "unavailable", "reason": failure["reason"], "remedy": failure.get("remedy", "")}
    return {"kind": "failed", "failure": failure}


def _measured(old: dict[str, Any]) -> dict[str, Any]:
    kept = ("worker", "metrics", "telemetry_reason", "power_model", "sampler", "preparation")
    readings = (
        (TARGET, old.get("energy"), old.get("energy_reason") or _unmetered(old)),
        (SECOND, old.get("second_energy"), ""),
        (HOST, old.get("host_energy"), ""),
        (WALL, old.get("wall_energy"), old.get("wall_reason", "")),
    )
    return {
        **{name: old[name] for name in kept if name in old},
        "readings": [
            {"role": role, "energy": energy, "reason": "" if energy else reason}
            for role, energy, reason in readings
            if energy is not None or reason
        ],
        "telemetry": _telemetry(old["telemetry"]) if old.get("telemetry") is not None else None,
    }


def _unmetered(old: dict[str, Any]) -> str:
    """Return why the first records of schema 1 hold no energy: only the figure gives their reason."""
    figure = old.get("metrics", {}).get("energy_per_output_token") or {}
    return figure["method"] if figure.get("grade") == "unavailable" else "no meter was read"


def _telemetry(old: dict[str, Any]) -> dict[str, Any]:
    """Take the facts about polling out of the device's identity, where they stood as text."""
    device = dict(old["device"])
    scope, caveat = device.pop("power_scope", ""), device.pop("grade", "")
    command, period_s, call_s, calls, failed = (device.pop(name, "0") for name in _POLLING)
    polling = {"command": command, "period_s": float(period_s), "call_s": float(call_s), "calls": int(calls),
               "failed_calls": int(failed)}  # fmt: skip
    polled = {"polling": polling} if "period_s" in old["device"] else {}
    return {**old, "device": device, "power_scope": scope, "caveat": caveat, **polled}
