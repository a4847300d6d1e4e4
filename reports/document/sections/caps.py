"""How much of a long section stands open before the rest is folded away."""

MOST_CARDS = 6
MOST_LISTED = 12
"""Rows of a table before the rest is folded away."""
MOST_READINGS = 6
"""Targets whose roofline is read out before the rest is folded away."""
MOST_OPEN = 3
"""Targets or machines whose details stand open; more of them are folded."""
