"""One processor in the catalogue. A field that is None, or absent from a mapping, is not established."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["gpu", "npu", "tpu", "cpu", "asic"]
Confidence = Literal["high", "medium", "low"]
Precision = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8", "int4", "fp4"]
Bounds = tuple[float | None, float | None]
"""Lowest and highest value still possible; None is an open end."""

GROUPS: dict[str, tuple[str, ...]] = {
    "identity": ("aliases", "ambiguous_aliases", "pattern", "pci_ids", "gfx"),
    "designer": ("vendor", "vendor_hq_country", "designer_country"),
    "fabrication": (
        "foundry", "foundry_country", "foundry_country_alt", "process_nm", "process_node", "dies_per_package",
        "die_area_mm2", "transistors_billion",
    ),
    "memory": ("memory_type", "memory_gb", "memory_bandwidth_gb_s"),
    "interconnect": ("interconnect_name", "interconnect_bidir_gb_s"),
    "published": ("published_tpp", "published_pd"),
}  # fmt: skip
"""Groups of facts that one line of evidence may cover."""

_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts were read; ``retrieved`` is false for a document recalled from memory."""

    name: str
    ref: str
    retrieved: bool
    quality: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The backing of a fact, a group of facts (:data:`GROUPS`) or one entry of a mapping (``peak_dense_tops.int8``)."""

    of: str
    sources: tuple[str, ...]
    confidence: Confidence
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cpu:
    """Further facts of a ``cpu``; ``flops_per_cycle_per_core`` counts a fused multiply-add as 2."""

    cores: int | None = None
    threads: int | None = None
    base_ghz: float | None = None
    boost_ghz: float | None = None
    allcore_turbo_ghz: float | None = None
    memory_channels: int | None = None
    memory_mts: int | None = None
    vector_isa: tuple[str, ...] = ()
    flops_per_cycle_per_core: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chip:
    """One processor, per package as sold.

    ``peak_dense_tops`` is in TFLOPS (fp*, bf16, tf32) or TOPS (int*), without structured sparsity, vendor's own
    maximum. ``interconnect_bidir_gb_s`` sums both directions of the named interconnect. ``die_area_mm2`` is the logic
    die area on non-planar nodes. ``ranges`` holds disputed figures by field path; a figure whose range is given but
    whose field is None has no preferred value. Countries are ISO 3166 alpha-2.
    """

    id: str
    name: str
    vendor: str
    vendor_hq_country: str
    designer_country: str
    kind: Kind
    status: str
    pattern: str
    datacenter_marketed: bool
    evidence: tuple[Evidence, ...]
    aliases: tuple[str, ...] = ()
    ambiguous_aliases: tuple[str, ...] = ()
    pci_ids: tuple[str, ...] = ()
    gfx: str | None = None
    foundry: str | None = None
    foundry_country: str | None = None
    foundry_country_alt: tuple[str, ...] = ()
    process_nm: float | None = None
    process_node: str | None = None
    release_year: int | None = None
    dies_per_package: int | None = None
    die_area_mm2: float | None = None
    transistors_billion: float | None = None
    memory_type: str | None = None
    memory_gb: float | None = None
    memory_bandwidth_gb_s: float | None = None
    interconnect_name: str | None = None
    interconnect_bidir_gb_s: float | None = None
    tdp_w: float | None = None
    peak_dense_tops: dict[Precision, float] = field(default_factory=dict)
    gpu_fp32_tflops: float | None = None
    ranges: dict[str, Bounds] = field(default_factory=dict)
    sparse_only_published: tuple[Precision, ...] = ()
    software_stack: tuple[str, ...] = ()
    torch_device: str | None = None
    torch_extension: str | None = None
    onnxruntime_providers: tuple[str, ...] = ()
    smi_tool: str | None = None
    cpu: Cpu | None = None
    published_tpp: float | None = None
    published_pd: float | None = None
    published_note: str | None = None
    notes: str = ""

    def __hash__(self) -> int:
        return hash(self.id)

    def bounds(self, path: str) -> Bounds | None:
        """Return the bounds of ``path`` (``die_area_mm2``, ``peak_dense_tops.fp8``); None if nothing is known.

        A disputed figure has its range; an undisputed one is both bounds.
        """
        if path in self.ranges:
            return self.ranges[path]
        name, _, key = path.partition(".")
        value = getattr(self, name)
        if key:
            value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
        return None if value is None else (value, value)

    def evidence_for(self, path: str) -> tuple[Evidence, ...]:
        """Return the evidence for ``path``: its own lines, else those of its field, else of its group."""
        name = path.partition(".")[0]
        for of in (path, "ranges" if path in self.ranges else path, name, _GROUP_OF.get(name, name)):
            lines = tuple(line for line in self.evidence if line.of == of)
            if lines:
                return lines
        return ()
