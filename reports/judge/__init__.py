"""From bundles to numbers: what may be compared, and what follows from it."""
