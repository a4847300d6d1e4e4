"""Where baselines are kept: one JSON file per machine, model and workload, in a folder that can be committed.

``FOLDER/FINGERPRINT/MODEL--WORKLOAD--DIGEST.json``, by default under ``.chipassay/baselines``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from backends.common.errors import InputError
from profiler.records.bundle import is_bundle, read_bundle
from profiler.records.codec import decode, encode
from profiler.records.publish import publish
from reports.gate.baseline import BASELINE_SCHEMA, Baseline, baseline_of, differences
from reports.gate.series import Identity

_SERIES = re.compile(r"\[[-+0-9.eE,\s]*\]")

DEFAULT_FOLDER = Path(".chipassay") / "baselines"


@dataclass(frozen=True, slots=True)
class Stored:
    """A baseline and the file, or the bundle, it was read from."""

    path: Path
    baseline: Baseline


def place_of(folder: Path, identity: Identity) -> Path:
    """The file of an identity."""
    digest = hashlib.sha256(f"{identity.model_digest} {identity.workload_digest}".encode()).hexdigest()[:8]
    name = f"{_plain(identity.model)}--{_plain(identity.workload)}--{digest}.json"
    return folder / _plain(identity.fingerprint) / name


def read_baseline(path: Path) -> Baseline:
    """Read one baseline file.

    Raises:
        InputError: If it is missing, of another version or damaged.
    """
    if not path.is_file():
        raise InputError(f"{path} is no baseline file; make one with `chipassay baseline save BUNDLE`")
    data = path.read_bytes()
    schema = decode(data, dict[str, object], path).get("schema")
    if schema != BASELINE_SCHEMA:
        raise InputError(f"{path} has schema {schema!r}; this version reads {BASELINE_SCHEMA!r}")
    baseline = decode(data, Baseline, path)
    if not baseline.runs:
        raise InputError(f"{path} holds no run; save one with `chipassay baseline save BUNDLE`")
    return baseline


def write_baseline(folder: Path, baseline: Baseline) -> Path:
    """Write a baseline to its place in ``folder``; a reader sees the old file or the new one.

    Raises:
        StorageError: If the folder cannot be written.
    """
    path = place_of(folder, baseline.identity)
    publish({path.name: baseline_text(baseline)}, path.parent, remedy="choose another --dir, or free some room")
    return path


def baseline_text(baseline: Baseline) -> str:
    """Indented JSON with every series of samples on one line, so that a changed run is a short difference."""
    return _SERIES.sub(
        lambda found: " ".join(found.group().split()).replace("[ ", "[").replace(" ]", "]"), encode(baseline).decode()
    )


def stored_baselines(folder: Path) -> tuple[Stored, ...]:
    """Every baseline of a folder, sorted by path.

    Raises:
        InputError: If a file in it is not a baseline.
    """
    return tuple(Stored(path, read_baseline(path)) for path in sorted(folder.glob("*/*.json")))


def find_baseline(path: Path, wanted: Identity, *, any_machine: bool) -> Stored:
    """The baseline at ``path``: a bundle, a file, or from a folder the one for what was run.

    Whether a single file or bundle fits ``wanted`` is for the caller to judge.

    Raises:
        InputError: If there is none, or several machines' would do.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; make a baseline with `chipassay baseline save BUNDLE`")
    if path.is_file():
        return Stored(path, read_baseline(path))
    if is_bundle(path):
        return Stored(path, baseline_of([read_bundle(path)]))
    exact = place_of(path, wanted)
    if exact.is_file():
        return Stored(exact, read_baseline(exact))
    stored = stored_baselines(path)
    elsewhere = [one for one in stored if not differences(one.baseline.identity, wanted, machine=False)]
    if any_machine and len(elsewhere) == 1:
        return elsewhere[0]
    what = f"{wanted.model}, {wanted.workload}, on this machine ({wanted.chip}, {wanted.fingerprint[:16]})"
    if elsewhere:
        machines = ", ".join(f"{one.baseline.identity.chip} ({one.path})" for one in elsewhere)
        advice = (
            "name one of these files" if any_machine else "compare with one of them by --allow-different-machine"
        )  # fmt: skip
        raise InputError(f"{path} has no baseline for {what}, only on {machines}; {advice}, or save one")
    held = f"it holds {len(stored)} for other models or workloads" if stored else "it holds none"
    raise InputError(f"{path} has no baseline for {what}: {held}; save one with `chipassay baseline save BUNDLE`")


def _plain(text: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9.@_-]+", "_", text).strip(".") or "unnamed"
