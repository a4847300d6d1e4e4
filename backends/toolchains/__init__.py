"""Vendors' own compilers and simulators, each in a Python environment of its own under the user data folder.

They pin old packages, bundle libraries and abort the process on what they do not know, so none is ever imported here.
An environment is made once (``chipassay toolchain install NAME``), and :class:`ToolEnvironment` runs programs in it.
"""

from backends.toolchains.catalogue import Toolchain, find_toolchain, toolchains
from backends.toolchains.environment import ToolEnvironment
from backends.toolchains.running import ToolRun

__all__ = ["ToolEnvironment", "ToolRun", "Toolchain", "find_toolchain", "toolchains"]
