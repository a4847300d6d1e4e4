"""Meters of the host: RAPL, hwmon sensors, batteries."""
