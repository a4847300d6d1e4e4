"""What each vendor's toolchain takes, without asking it: published lists, and what it did with one operator alone."""

from backends.operators.support.lists import Declared, Mode, Observed, Probe, Probed, Support
from backends.operators.support.placing import place, place_operator
from backends.operators.support.reading import find_support, load_support, supports

__all__ = [
    "Declared",
    "Mode",
    "Observed",
    "Probe",
    "Probed",
    "Support",
    "find_support",
    "load_support",
    "place",
    "place_operator",
    "supports",
]
