"""The run bundle: the folder one ``profile`` writes, with all a third party needs to check a report without the
hardware.

Layout, each JSON document with its schema in ``profiler/records/schemas``::

    bundle.json            what was run and how, and the SHA-256 of every other file
    host.json              the machine and where its parts come from
    ceilings-DEVICE.json   read bandwidth and matrix products of each device, measured in the same run
    reference.json         the float32 reference's tokens
    reference.npz          its logits at the scored positions
    targets/TARGET.json    a target's raw samples and figures
    logs/TARGET.txt        what its worker printed on standard error

The writer builds it beside its final place and keeps it valid after every finished target: whatever stops the run,
finished targets stay readable.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from backends.common.errors import InputError, StorageError, storage_errors
from profiler.records.ceilings import Ceilings
from profiler.records.codec import decode, encode
from profiler.records.host import Host
from profiler.records.index import BundleIndex
from profiler.records.reference import ReferenceRecord
from profiler.records.target import TargetRecord

T = TypeVar("T")

INDEX = "bundle.json"
CPU = "cpu"
"""The device of a target that runs on the host's processor."""

_REMEDY = "choose another --out, or free some room"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as read: ``targets`` holds the finished ones, in the order they were asked for.

    ``ceilings`` is keyed by device (``cpu``, ``cuda:0``).
    """

    path: Path
    index: BundleIndex
    host: Host
    ceilings: dict[str, Ceilings]
    reference: ReferenceRecord | None
    targets: tuple[TargetRecord, ...]

    def ceilings_of(self, record: TargetRecord) -> Ceilings | None:
        """Return the ceilings of the device that ``record`` ran on; None if none were measured."""
        return self.ceilings.get(record.accelerator or CPU)


def target_file(target_id: str) -> str:
    """Return the file of a target inside the bundle; not every file system allows a colon."""
    return f"targets/{target_id.replace(':', '_')}.json"


def ceilings_file(device: str) -> str:
    """Return the file of a device's ceilings inside the bundle."""
    return f"ceilings-{device.replace(':', '_')}.json"


def is_bundle(path: Path) -> bool:
    """Return whether ``path`` looks like a bundle."""
    return (path / INDEX).is_file()


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle: every listed file must be there, unchanged and of the right form."""
    if not path.exists():
        raise InputError(f"{path} does not exist; give the folder that `chipassay profile --out` wrote")
    if not is_bundle(path):
        raise InputError(f"{path} is not a run bundle: it has no {INDEX}")
    index = decode((path / INDEX).read_bytes(), BundleIndex, path / INDEX)
    for name, digest in index.files.items():
        _check(path / name, digest)

    def document(name: str, kind: type[T]) -> T | None:
        return decode((path / name).read_bytes(), kind, path / name) if name in index.files else None

    host = document("host.json", Host)
    if host is None:
        raise InputError(f"{path} is damaged: {INDEX} does not list host.json")
    wanted = [target_file(target) for target in index.target_ids]
    targets = tuple(t for name in wanted if (t := document(name, TargetRecord)) is not None)
    devices = [CPU, *dict.fromkeys(record.accelerator for record in targets if record.accelerator)]
    ceilings = {device: c for device in devices if (c := document(ceilings_file(device), Ceilings)) is not None}
    return Bundle(path, index, host, ceilings, document("reference.json", ReferenceRecord), targets)


def _check(path: Path, digest: str) -> None:
    if not path.is_file():
        raise InputError(f"the bundle is damaged: {path} is missing; copy the whole folder again")
    with path.open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() != digest:
            raise InputError(f"the bundle is damaged: {path} differs from the digest in {INDEX}; copy it again")


def check_destination(out: Path, *, overwrite: bool) -> None:
    """Refuse an output folder that cannot or must not be replaced, before anything runs."""
    if not out.exists():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    if not out.is_dir() or not is_bundle(out):
        raise InputError(f"{out} exists and is not a run bundle; choose another --out")
    if not overwrite:
        raise InputError(f"{out} already holds a run bundle; choose another --out, or add --overwrite to replace it")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the folder at ``path``; None for nothing, or an empty folder."""
    try:
        status = path.stat()
        return (status.st_dev, status.st_ino) if any(path.iterdir()) else None
    except OSError:
        return None


class BundleWriter:
    """Writes a bundle beside ``out`` and moves it there when the run is over."""

    def __init__(self, out: Path, index: BundleIndex) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.running-{os.getpid()}")
        self.index = index
        self._replaces = _identity(out)
        try:
            with storage_errors(self.folder, _REMEDY):
                (self.folder / "targets").mkdir(parents=True)
                (self.folder / "logs").mkdir()
                self._write_index()
        except StorageError:
            self.discard()
            raise

    def put(self, name: str, document: object) -> None:
        """Write one JSON document and list it."""
        self._write(name, encode(document))
        self.add(name)

    def copy(self, source: Path, name: str) -> Path:
        """Copy a file into the folder and list it; its new path."""
        with storage_errors(self.folder, _REMEDY):
            shutil.copyfile(source, self.folder / name)
        self.add(name)
        return self.folder / name

    def add(self, name: str) -> None:
        """List a file that is already in the folder."""
        with storage_errors(self.folder, _REMEDY), (self.folder / name).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        self.index = replace(self.index, files={**self.index.files, name: digest})
        with storage_errors(self.folder, _REMEDY):
            self._write_index()

    def finish(self, state: Literal["complete", "interrupted"]) -> Path:
        """Move the bundle to its place, replacing an older one only now that the new one is whole.

        If another run wrote there meanwhile, both are kept, and the error says where this one is.
        """
        self.index = replace(self.index, state=state)
        with storage_errors(self.out, _REMEDY):
            self._write_index()
            if _identity(self.out) != self._replaces:
                raise StorageError(
                    f"another run wrote {self.out} meanwhile; this one is kept in {self.folder}: rename that folder"
                )
            old = self.out.with_name(f".{self.out.name}.replaced-{os.getpid()}")
            if self._replaces is not None:
                self.out.rename(old)
            try:
                self.folder.rename(self.out)
            except OSError:
                if old.exists():
                    old.rename(self.out)
                raise
            shutil.rmtree(old, ignore_errors=True)
        return self.out

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_index(self) -> None:
        self._write(INDEX, encode(self.index))

    def _write(self, name: str, data: bytes) -> None:
        """Through a temporary file: a reader sees the old content or the new, never half of it."""
        path = self.folder / name
        scratch = path.with_name(f".{path.name}.tmp")
        with storage_errors(path, _REMEDY):
            scratch.write_bytes(data)
            scratch.replace(path)
