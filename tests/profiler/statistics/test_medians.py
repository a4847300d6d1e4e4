"""The median without numpy gives numpy's figure to the last bit."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.statistics.medians import median


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=30))
def test_the_median_is_numpys(samples):
    found = median(samples)
    assert type(found) is float and found == np.median(np.asarray(samples, dtype=np.float64))


@pytest.mark.parametrize("module", ["profiler.statistics.medians", "profiler.devices.wall", "profiler.devices.meters"])
def test_listing_meters_loads_no_numpy(module):
    script = f"import sys, {module}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
