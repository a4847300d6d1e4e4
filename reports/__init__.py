"""The top floor: turns run bundles into judgement. Reads what ``profiler`` wrote; never runs an engine."""
