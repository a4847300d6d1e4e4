"""The parts of this machine: hardware, firmware and software, each with the source it was read from."""

from profiler.inventory.survey import take_inventory

__all__ = ["take_inventory"]
