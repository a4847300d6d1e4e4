"""Meters and monitors read by the parent while a worker runs."""
