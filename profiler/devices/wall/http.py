"""An address that answers JSON, queried every half second.

Understood are, in this order (``FORMS``):

* ``{"power_w": 71.5, "energy_wh": 1234.5, "timestamp": "2026-01-31T12:00:00Z"}``: power or energy, or both, and the
  time if it is known, ISO 8601 or Unix seconds; ``energy_j`` for joules;
* Shelly, second generation and later: ``/rpc/Switch.GetStatus?id=0``, ``/rpc/PM1.GetStatus?id=0`` (``apower`` in W,
  ``aenergy.total`` in Wh), ``/rpc/EM1.GetStatus?id=0`` (``act_power``), or ``/rpc/Shelly.GetStatus`` (``switch:0``);
* Shelly, first generation: ``/emeter/0`` (``power`` in W, ``total`` in Wh), ``/meter/0`` and ``/status`` (``total`` in
  watt-minutes);
* Tasmota: ``/cm?cmnd=Status%208`` (``StatusSNS.ENERGY.Power`` in W, ``Total`` in kWh).

Sources: Shelly's API documentation of both generations, Tasmota's "Power monitoring". The tests use answers that users
recorded of second-generation Shelly and of Tasmota devices; for the first generation none was found. A name and
password in the address are sent as basic authentication.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, ClassVar

from profiler.devices.wall.source import WallError, WallRow, WallSource, number, seconds

TIMEOUT_S = 2.0
LARGEST_ANSWER = 1 << 16
WH, KWH, WATT_MINUTE = 3600.0, 3.6e6, 60.0


@dataclass(frozen=True, slots=True)
class Form:
    """Where an answer holds its figures: ``at`` leads to a part with the key ``has``; ``unit_j`` scales energy."""

    at: tuple[str | int, ...]
    power: str
    energy: tuple[str | int, ...]
    unit_j: float
    has: str = ""


FORMS = (
    Form((), "power_w", ("energy_j",), 1.0, "energy_j"),
    Form((), "power_w", ("energy_wh",), WH),
    Form((), "apower", ("aenergy", "total"), WH),
    Form((), "act_power", ("aenergy", "total"), WH),
    Form(("switch:0",), "apower", ("aenergy", "total"), WH),
    Form(("pm1:0",), "apower", ("aenergy", "total"), WH),
    Form((), "power", ("total",), WH, "total_returned"),
    Form((), "power", ("total",), WATT_MINUTE, "is_valid"),
    Form(("meters", 0), "power", ("total",), WATT_MINUTE, "is_valid"),
    Form(("StatusSNS", "ENERGY"), "Power", ("Total",), KWH),
    Form(("ENERGY",), "Power", ("Total",), KWH),
)


class HttpMeter(WallSource):
    """Asks an address."""

    poll_s: ClassVar[float] = 0.5
    slowest_refresh_s: ClassVar[float] = 1.0
    """Such plugs measure about once a second (Tasmota: its every-second energy function)."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self.name = f"{parts.scheme}://{host}{parts.path}"
        self._request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host, fragment="")))  # noqa: S310 - http or https: the caller looked
        if parts.username is not None:
            name, password = (urllib.parse.unquote(text or "") for text in (parts.username, parts.password))
            basic = base64.b64encode(f"{name}:{password}".encode()).decode()
            self._request.add_header("Authorization", f"Basic {basic}")
        # A meter is on the local network: bypass any proxy.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(self) -> Sequence[WallRow]:
        """Return one reading."""
        try:
            with self._opener.open(self._request, timeout=TIMEOUT_S) as answer:
                body = answer.read(LARGEST_ANSWER)
        except urllib.error.HTTPError as error:
            error.close()
            raise WallError(f"{self.name} answers {error.code} {error.reason}") from error
        except TimeoutError as error:
            raise WallError(f"{self.name} did not answer within {TIMEOUT_S:g} s") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise WallError(f"{self.name} cannot be queried: {reason}") from error
        try:
            return (wall_row(json.loads(body)),)
        except (ValueError, RecursionError) as error:
            raise WallError(f"{self.name} answers {body[:60]!r}, which is not a reading") from error


def wall_row(document: Any) -> WallRow:
    """Return the reading in an answer.

    Raises:
        ValueError: If no form fits, or the meter itself calls it invalid.
    """
    for form in FORMS:
        part = _reach(document, form.at)
        if not isinstance(part, dict) or (form.has and form.has not in part):
            continue
        power, energy = number(part.get(form.power)), number(_reach(part, form.energy))
        if power is None and energy is None:
            continue
        if part.get("is_valid") is False:
            raise ValueError("the meter calls its reading invalid")
        at_s = seconds(part["timestamp"]) if form.power == "power_w" and part.get("timestamp") is not None else None
        return WallRow(at_s, power, None if energy is None else energy * form.unit_j)
    raise ValueError("unknown form of a reading")


def _reach(document: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return None
    return document
