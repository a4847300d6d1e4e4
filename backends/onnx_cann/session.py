"""Sessions of the CANN provider that are what they say, and where each node of a graph went.

The provider falls back in silence: without CANN, with a device that is not there or an option it does not know, ONNX
Runtime opens the session on the CPU and says so in a log only. Here that is an error. With CANN, a graph is compiled at
its first run; what cannot be compiled fails there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.common.errors import WorkerError

PROVIDER = "CANNExecutionProvider"

MODES: dict[str, dict[str, str]] = {
    "graph": {"enable_cann_graph": "1"},
    "sub-graph": {"enable_cann_graph": "1", "enable_cann_subgraph": "1"},
    "single operator": {"enable_cann_graph": "0"},
}
"""Ways of the provider: all to CANN as one graph; only what its list has, in pieces; or kernel by kernel."""

KEPT_TYPES = "must_keep_origin_dtype"
"""Of CANN's precision modes the one that computes in the graph's own types: by default float32 may become float16."""


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node, and the provider it was given to."""

    name: str
    operator: str
    provider: str


def open_session(path: Path, device: int, mode: str, threads: int) -> Any:
    """A session on the Ascend ``device``.

    Raises:
        WorkerError: If it did not open on the CANN provider, or gave it nothing to do.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # The provider takes nodes as they were exported, so that each keeps its name in the record of where it went.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    settings = {"device_id": str(device), "precision_mode": KEPT_TYPES, "dump_om_model": "0", **MODES[mode]}
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[PROVIDER], provider_options=[settings], enable_fallback=0
        )
    except Exception as error:
        raise WorkerError(f"the CANN provider did not open {path.name} ({mode} mode): {said(error)}") from error
    providers = session.get_providers()
    if providers[:1] != [PROVIDER]:
        raise WorkerError(
            f"ONNX Runtime fell back to {', '.join(providers)}: CANN does not work here; see the log, and whether "
            "npu-smi info shows the device"
        )
    if not any(node.provider == PROVIDER for node in placed_nodes(session)):
        raise WorkerError(f"the CANN provider took no node of {path.name} ({mode} mode): all would run on the CPU")
    return session


def placed_nodes(session: Any) -> tuple[PlacedNode, ...]:
    """Every node of a session's graph, with its provider."""
    return tuple(
        PlacedNode(node.name, node.op_type, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    )


def said(error: Exception) -> str:
    """The end of ONNX Runtime's long first line: what went wrong, without where in its sources."""
    first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return first.rpartition(" : ")[2].rpartition("&) ")[2][-300:]
