"""The chip catalogue: what AI processors are, who designed and made them, each fact with its source and confidence."""

from profiler.chips.catalogue import ChipCatalogue, load_chips
from profiler.chips.chip import Bounds, Chip, Cpu, Evidence, Source
from profiler.chips.names import Match

__all__ = ["Bounds", "Chip", "ChipCatalogue", "Cpu", "Evidence", "Match", "Source", "load_chips"]
