"""The model presets and the named workloads."""
