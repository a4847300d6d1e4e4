"""Tests, one folder a floor; packages, so that `tests/profiler` can never be taken for `profiler`."""
