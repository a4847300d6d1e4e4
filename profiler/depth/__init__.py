"""Models larger than the machine: measured at depths that fit, and extended along a line to the whole depth."""
