"""Rotary settings of ``config.json``, in the old place or the new one: base, sections, and YaRN."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PLAIN = ("default", "mrope")
"""Rotary embeddings without scaling; ``mrope`` has sections, which a text prompt does not tell apart."""


@dataclass(frozen=True, slots=True)
class Yarn:
    """YaRN: frequencies are interpolated by ``factor`` where they turn less than ``beta_slow`` times in the original
    context, left alone where they turn more than ``beta_fast`` times, and blended between; attention is scaled.

    None means what the paper suggests. Source: arXiv 2309.00071; transformers 5.23,
    ``modeling_rope_utils._compute_yarn_parameters``, whose keys these are.
    """

    factor: float
    original_max_position_embeddings: int
    attention_factor: float | None = None
    beta_fast: float | None = None
    beta_slow: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    def settings(self) -> dict[str, Any]:
        """Return it as ``rope_parameters`` hold it."""
        return {"rope_type": "yarn"} | {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Rotary:
    """What both places say together."""

    theta: float
    fraction: float
    sections: tuple[int, ...]
    yarn: Yarn | None


def rotary_of(text: dict[str, Any], fraction: float) -> Rotary:
    """Read the settings of the language model; ``fraction`` is its family's share of rotated lanes.

    Raises:
        KeyError: There is no base, or YaRN lacks its factor.
    """
    places = [text.get("rope_parameters") or {}, text.get("rope_scaling") or {}]

    def either(key: str, default: Any = None) -> Any:
        found = [place.get(key) for place in places]
        return next((value for value in found if value is not None), default)

    theta = either("rope_theta")
    return Rotary(
        float(text["rope_theta"] if theta is None else theta),
        either("partial_rotary_factor", text.get("partial_rotary_factor", fraction)),
        tuple(either("mrope_section", ())),
        _yarn(text, either) if rope_type(places[0] or places[1]) == "yarn" else None,
    )


def _yarn(text: dict[str, Any], either: Any) -> Yarn:
    factor = either("factor")
    if factor is None:
        raise KeyError("factor")
    known = {key: either(key) for key in ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")}
    original = either("original_max_position_embeddings", text["max_position_embeddings"])
    return Yarn(float(factor), original, **known, truncate=either("truncate", True))


def rope_type(rope: dict[str, Any]) -> str:
    """Return the kind of scaling, by the new key or the old one."""
    return str(rope.get("rope_type") or rope.get("type") or "default")
