"""Makes a Python environment for each vendor's compiler or simulator, and runs programs in it; knows no vendor.

Vendors' packages pin old versions, bundle libraries and abort the process on unknown input, so none is ever imported.
``chipassay toolchain install NAME`` makes an environment once, under the user data folder; :class:`ToolEnvironment`
runs programs in it. A vendor's folder brings ``toolchain.yaml``, ``requirements.txt`` and ``fittings.py``.
"""

from backends.toolchains.catalogue import Toolchain, find_toolchain, toolchains
from backends.toolchains.environment import Fittings, ToolEnvironment, availability_of, environment_of
from backends.toolchains.running import ToolRun

__all__ = [
    "Fittings",
    "ToolEnvironment",
    "ToolRun",
    "Toolchain",
    "availability_of",
    "environment_of",
    "find_toolchain",
    "toolchains",
]
