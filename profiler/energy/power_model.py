"""Energy by a model, where nothing can be metered and only if it was asked for: an interval, never a measurement.

The model has a name and two bounds: a package or board that works draws at most its design power, and at least a tenth
of it. The design power is the chip catalogue's, with its sources. The tenth is the model's own assumption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from profiler.chips import Chip, load_chips
from profiler.devices.identity import same_device
from profiler.records.host import Component
from profiler.records.readings import PowerModel

NAME = "design-power-bounds/1"
LEAST_SHARE = 0.1


def power_model(
    components: Sequence[Component], accelerator: str | None, engine_device: Mapping[str, str]
) -> PowerModel | str:
    """Return the model of the hardware that executed, or why there is none."""
    part = _part(components, accelerator, engine_device)
    if isinstance(part, str):
        return part
    chips = _chips(part)
    if not chips:
        return f"the chip catalogue cannot tell which processor {part.name} is"
    limits = [limit for chip in chips if (limit := chip.bounds("tdp_w")) is not None]
    lows, highs = [low for low, _ in limits], [high for _, high in limits]
    if len(limits) < len(chips) or any(high is None for high in highs):
        return f"the chip catalogue holds no design power for {', '.join(chip.id for chip in chips)}"
    count = int(part.details.get("sockets") or 1) if part.kind == "cpu" else 1
    scope = "board" if accelerator else "package"
    return PowerModel(
        name=NAME,
        scope=scope if count == 1 else f"{count} packages",
        chip_ids=tuple(chip.id for chip in chips),
        least_w=count * LEAST_SHARE * min(low or 0.0 for low in lows),
        most_w=count * max(high or 0.0 for high in highs),
        sources=tuple(dict.fromkeys(s for chip in chips for line in chip.evidence_for("tdp_w") for s in line.sources)),
    )


def _part(
    components: Sequence[Component], accelerator: str | None, engine_device: Mapping[str, str]
) -> Component | str:
    """Return the component that executed."""
    if accelerator is None:
        cpu = next((part for part in components if part.kind == "cpu"), None)
        return cpu or "the inventory could not read the processor"
    parts = [part for part in components if part.kind == "accelerator"]
    named = [part for part in parts if same_device(_identity(part.details), engine_device)]
    chosen = named or parts
    if len(chosen) != 1:
        return f"the inventory lists {len(parts)} accelerators, and the engine does not say which it used"
    return chosen[0]


def _identity(details: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(details[key]) for key in ("uuid", "pci_address") if details.get(key)}


def _chips(part: Component) -> list[Chip]:
    """Return the catalogue's chip, or all that the name may stand for."""
    named: dict[str, Any] = part.details.get("chip") or {}
    ids = [named["id"]] if named.get("status") == "exact" else list(named.get("candidates", ()))
    known = {chip.id: chip for chip in load_chips().chips}
    return [known[name] for name in ids if name in known]
