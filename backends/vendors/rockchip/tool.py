"""Builds and simulates the graphs of one model with rknn-toolkit2, and reads its table of operators."""

from __future__ import annotations

import time
from pathlib import Path

from backends.common.errors import WorkerError
from backends.contract.compiled import CompiledGraph
from backends.vendors.base.driven import Driver, Served, load_outputs, save_arrays
from backends.vendors.base.layerwise import Arrays, Probe, VendorTool
from backends.vendors.rockchip.platforms import PRECISIONS
from backends.vendors.rockchip.table import HARMLESS, Report, error_lines, read_report

DRIVER = Path(__file__).with_name("driver.py")


class RknnTool(VendorTool):
    """``reports`` are what the compiler printed of each graph, by its name. Must be closed."""

    rewrites = ("divide_in_rms_norm", "finite_mask", "older_ir_version")

    def __init__(self, driver: Driver, platform: str, precision: str) -> None:
        self._driver, self._platform, self._quantised = driver, platform, PRECISIONS[precision]
        self._shapes: dict[str, dict[str, tuple[int, ...]]] = {}
        self._served: dict[str, Served] = {}
        self.reports: dict[str, Report] = {}

    def compile(self, graph: Path, name: str, probe: Probe) -> CompiledGraph:
        """Build; quantised, with the ranges that the graph's own inputs lead to."""
        import onnx

        folder = graph.with_suffix("")
        folder.mkdir()
        self._shapes[name] = {key: array.shape for key, array in probe.outputs[name][0].items()}
        artefact = folder / f"{name}.rknn"
        job = {
            "platform": self._platform,
            "graph": str(graph),
            "artefact": str(artefact),
            "order": [value.name for value in onnx.load(graph).graph.input],
        }
        if self._quantised:
            samples = [
                str(save_arrays(folder / f"calibration_{number}.npz", inputs))
                for number, inputs in enumerate(probe.inputs[name])
            ]
            job |= {"calibration": samples, "quantised": self._quantised}
        began = time.perf_counter()
        self._served[name] = served = self._driver.start(job, folder, name)
        result = served.result()
        took_s = time.perf_counter() - began
        printed = served.output()
        printed_errors = error_lines(printed)
        if errors := {kind: count for kind, count in printed_errors.items() if kind not in HARMLESS}:
            kinds = ", ".join(f"{count} x {kind}" for kind, count in errors.items())
            raise WorkerError(
                f"rknn-toolkit2 printed {sum(errors.values())} error lines while it built {name} for "
                f"{self._platform}, although the build returned 0: {kinds}; do not trust such a model"
            )
        if not artefact.is_file():
            raise WorkerError(f"rknn-toolkit2: building {name} left no model, although it returned 0")
        self.reports[name] = report = read_report(printed)
        return CompiledGraph(
            name,
            "layer",
            (),
            1,
            compile_s=took_s,
            artefact_bytes=artefact.stat().st_size,
            weight_bytes=round(report.weight_kb * 1024),
            working_bytes=round(report.internal_kb * 1024),
            details={
                "build_s": result.get("build_s"),
                "operators": len(report.rows),
                "operators_with_cycles": len(report.timed),
                "cycles_of_those": report.cycles(),
                "moved_bytes_by_table": round(1024 * sum(row.moved_kb for row in report.rows)),
                "npu_operators": report.counted("NPU"),
                "cpu_operators": report.counted("CPU"),
                "harmless_error_lines": printed_errors,
                "calibration_samples": len(job.get("calibration", ())),
            },
        )

    def simulate(self, name: str, inputs: Arrays) -> Arrays:
        """Run what was built on the simulator."""
        served = self._served[name]
        folder = served.log.parent
        found = folder / "simulated.npz"
        found.unlink(missing_ok=True)
        given = save_arrays(folder / "simulator_input.npz", inputs)
        served.ask({"inputs": str(given), "outputs": str(found)})
        return load_outputs(found, self._shapes[name], "rknn-toolkit2")

    def close(self) -> None:
        """End the processes that hold what was built."""
        for served in self._served.values():
            served.close()
