"""Medians, intervals and the distributions they need."""
