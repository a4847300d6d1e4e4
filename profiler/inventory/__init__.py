"""What this machine is made of: hardware, firmware and software, each part with the source it was read from."""

from profiler.inventory.survey import take_inventory

__all__ = ["take_inventory"]
