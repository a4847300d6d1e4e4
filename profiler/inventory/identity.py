"""Serial numbers and UUIDs leave the machine only as salted hashes.

A device has the same hash in every bundle of one user, so bundles can be matched, and nobody else can find the
serial number by trying candidates: the hash is an HMAC whose key is 32 random bytes. The key is kept in the user's
*configuration* folder (``~/.config/chipassay/identity.key``, or ``CHIPASSAY_CONFIG``), not in the cache, which users
clear. The first identifier creates it, readable by its owner only. Deleting it makes all devices look
new; copying it to another machine makes hashes agree there too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from profiler.records.host import Component

CONFIG_VARIABLE = "CHIPASSAY_CONFIG"
"""Environment variable that moves the configuration folder."""

IDENTIFIERS = ("serial", "uuid")
"""Endings of the keys of details that identify a single device."""

_KEY_BYTES = 32
_NOTHING = {"", "0", "na", "n/a", "none", "unknown", "not specified", "no asset information", "to be filled by o.e.m."}


@dataclass(frozen=True, slots=True)
class Key:
    """The HMAC key; ``lasting`` is false if it could not be stored and serves this process only."""

    secret: bytes
    lasting: bool = True
    reason: str = ""


def config_root() -> Path:
    """Return the user's configuration folder of chipassay."""
    return Path(os.environ.get(CONFIG_VARIABLE) or platformdirs.user_config_dir("chipassay", appauthor=False))


def load_key() -> Key:
    """Return the user's key, created on first use; processes that create it at once get the same one."""
    path = config_root() / "identity.key"
    try:
        return Key(_read(path) or _make(path))
    except OSError as error:
        reason = f"{path} cannot be used: {error.strerror or error}"
        return Key(secrets.token_bytes(_KEY_BYTES), lasting=False, reason=reason)


def _read(path: Path) -> bytes | None:
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(secret) != _KEY_BYTES:
        raise OSError(f"it does not hold {_KEY_BYTES} bytes; delete it, and chipassay makes a new one")
    return secret


def _make(path: Path) -> bytes:
    """Write to a scratch file and link it into place: the first link wins, and no reader sees half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(scratch, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            scratch.rename(path)
            return path.read_bytes()
    finally:
        scratch.unlink(missing_ok=True)
    return path.read_bytes()


def pseudonym(secret: bytes, identifier: str) -> str:
    """Return the salted hash of an identifier; surrounding blanks and case do not matter."""
    normal = " ".join(identifier.split()).casefold()
    return "hmac-sha256:" + hmac.new(secret, normal.encode(), hashlib.sha256).hexdigest()[:24]


def has_identifiers(components: tuple[Component, ...]) -> bool:
    """Return whether there is an identifier to conceal; without one no key is created."""
    return any(_contains(component.details) for component in components)


def conceal(component: Component, secret: bytes) -> Component:
    """Replace every identifier ``x_serial`` by ``x_serial_hash``, at any depth."""
    return replace(component, details=_concealed(component.details, secret))


def is_identifier(key: str, value: Any) -> bool:
    """Return whether ``key: value`` names a single device; placeholders such as "N/A" do not."""
    return key.casefold().endswith(IDENTIFIERS) and isinstance(value, str) and value.strip().casefold() not in _NOTHING


def _contains(value: Any) -> bool:
    if isinstance(value, dict):
        return any(is_identifier(key, entry) or _contains(entry) for key, entry in value.items())
    return isinstance(value, list | tuple) and any(_contains(entry) for entry in value)


def _concealed(value: Any, secret: bytes) -> Any:
    if isinstance(value, dict):
        return {
            **{key: _concealed(entry, secret) for key, entry in value.items() if not is_identifier(key, entry)},
            **{f"{key}_hash": pseudonym(secret, entry) for key, entry in value.items() if is_identifier(key, entry)},
        }
    if isinstance(value, list | tuple):
        return [_concealed(entry, secret) for entry in value]
    return value
