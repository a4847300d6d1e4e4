"""Devices by their bus numbers, and the makers behind those numbers."""
