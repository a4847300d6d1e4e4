"""The boards of the device tests, watched here."""

from tests.profiler.devices.conftest import plug_in, stream_of

__all__ = ["plug_in", "stream_of"]
