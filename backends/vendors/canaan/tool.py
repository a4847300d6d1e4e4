"""Compiles the graphs of one model with nncase, reads its listings, and simulates them."""

from __future__ import annotations

import shutil
from pathlib import Path

from backends.common.errors import WorkerError
from backends.contract.compiled import CompiledGraph
from backends.vendors.base.driven import Driver, load_outputs, save_arrays
from backends.vendors.base.layerwise import Arrays, Probe, VendorTool
from backends.vendors.canaan.listing import Listing, read_listing

DRIVER = Path(__file__).with_name("driver.py")

LISTINGS = ("7_TargetDependentAfterQuantPass/9_Fusion/main/Start_main.il", "*/*/main/End_main.il", "*/*/End_main.il")
"""The listing of the last pass before operators are merged into functions; else of the last pass there is."""

ACTIVATIONS = {"int8": "int16"}
"""Precision -> what nncase calls the type of activations; weights are ``uint8`` then."""


class NncaseTool(VendorTool):
    """``listings`` are the compiler's own of each graph, by its name."""

    rewrites = (
        "divide_in_rms_norm",
        "drop_allowzero",
        "finite_mask",
        "transpose_without_batch",
        "slice_wide_products",
        "spread_by_comparison",
        "convolve_in_two_dimensions",
        "older_ir_version",
    )

    def __init__(self, driver: Driver, chip: str, precision: str) -> None:
        self._driver, self._chip, self._precision = driver, chip, precision
        self._shapes: dict[str, dict[str, tuple[int, ...]]] = {}
        self._orders: dict[str, list[str]] = {}
        self._folders: dict[str, Path] = {}
        self.listings: dict[str, Listing] = {}

    @property
    def computes_on_kpu(self) -> bool:
        """Whether the KPU does more in any graph than move data."""
        return any(listing.computes_on_kpu for listing in self.listings.values())

    def compile(self, graph: Path, name: str, probe: Probe) -> CompiledGraph:
        """Compile; quantised, with the ranges that the graph's own inputs lead to."""
        import onnx

        folder = graph.with_suffix("")
        folder.mkdir()
        self._folders[name] = folder
        self._orders[name] = [value.name for value in onnx.load(graph).graph.input]
        self._shapes[name] = {key: array.shape for key, array in probe.outputs[name][0].items()}
        job = {
            "mode": "compile",
            "chip": self._chip,
            "graph": str(graph),
            "artefact": str(self._artefact(name)),
            "dump": str(folder / "dump"),
            "order": self._orders[name],
        }
        if activations := ACTIVATIONS.get(self._precision):
            samples = [
                str(save_arrays(folder / f"calibration_{number}.npz", inputs))
                for number, inputs in enumerate(probe.inputs[name])
            ]
            job |= {"calibration": samples, "activations": activations, "weights": "uint8"}
        done = self._driver.do(job, folder, f"compile_{name}")
        artefact = self._artefact(name)
        if not artefact.is_file():
            raise WorkerError(f"nncase: compiling {name} left no kmodel; {done.run.summary()}")
        self.listings[name] = listing = read_listing(_listing(folder / "dump"))
        shutil.rmtree(folder / "dump")
        return CompiledGraph(
            name,
            "layer",
            (),
            1,
            compile_s=done.run.duration_s,
            artefact_bytes=artefact.stat().st_size,
            details={
                "import_s": done.result.get("import_s"),
                "compiler_peak_resident_bytes": done.run.peak_resident_bytes,
                "kpu_operators": dict(listing.kpu),
                "cpu_operators": _counted(listing),
                "calibration_samples": len(job.get("calibration", ())),
            },
        )

    def simulate(self, name: str, inputs: Arrays) -> Arrays:
        """Run the kmodel on the simulator of the chip's CPU and KPU."""
        folder = self._folders[name]
        job = {
            "mode": "simulate",
            "artefact": str(self._artefact(name)),
            "inputs": str(save_arrays(folder / "simulator_input.npz", inputs)),
            "outputs": str(folder / "simulated.npz"),
            "order": self._orders[name],
        }
        (folder / "simulated.npz").unlink(missing_ok=True)
        self._driver.do(job, folder, f"simulate_{name}")
        return load_outputs(folder / "simulated.npz", self._shapes[name], "nncase")

    def _artefact(self, name: str) -> Path:
        return self._folders[name] / f"{name}.kmodel"


def _listing(dump: Path) -> str:
    for pattern in LISTINGS:
        if found := sorted(dump.glob(pattern)):
            return found[-1].read_text(encoding="utf-8", errors="replace")
    raise WorkerError("nncase: the compiler wrote no listing of its passes; a version we do not know?")


def _counted(listing: Listing) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in sorted(listing.host, key=lambda row: row.operator):
        counted[row.operator] = counted.get(row.operator, 0) + 1
    return counted
