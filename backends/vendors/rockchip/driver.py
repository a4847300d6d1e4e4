"""Runs in rknn-toolkit2's environment, with its packages and the standard library only: ``python driver.py JOB.json``.

Builds the ONNX file ``graph`` for ``platform`` and writes it to ``artefact``; with ``calibration``, files of inputs by
name, quantised as ``quantised`` says. What it took goes into the file ``result``, as JSON. The table of operators is
printed to standard output by the compiler's C code. The simulator works on what was just built and on nothing else, so
the process stays: every ``N.request.json`` in the folder ``requests`` names a file of ``inputs``, whose results go into
the file ``outputs`` as ``output_0``, ``output_1``, ..., until there is a file ``stop``. ``order`` names the inputs.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rknn.api import RKNN


def build(rknn: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Load, build, export, and open the simulator."""
    calibration = job.get("calibration")
    options = {"quantized_dtype": job["quantised"]} if calibration else {}
    _done("config", rknn.config(target_platform=job["platform"], **options))
    began = time.perf_counter()
    _done("load_onnx", rknn.load_onnx(model=job["graph"]))
    if calibration:
        _done("build", rknn.build(do_quantization=True, dataset=_data_set(job)))
    else:
        _done("build", rknn.build(do_quantization=False))
    built = time.perf_counter()
    _done("export_rknn", rknn.export_rknn(job["artefact"]))
    _done("init_runtime", rknn.init_runtime(target=None))
    # Flush the C code's output before notifying the reader.
    ctypes.CDLL(None).fflush(None)
    sys.stdout.flush()
    return {"build_s": built - began}


def simulate(rknn: Any, request: dict[str, Any], order: list[str]) -> dict[str, Any]:
    """One run of the simulator. Inputs of four dimensions are as ONNX has them, not with channels last."""
    given = np.load(request["inputs"])
    arrays = [np.ascontiguousarray(given[name]) for name in order]
    began = time.perf_counter()
    found = rknn.inference(inputs=arrays, data_format=["nchw"] * len(arrays))
    took_s = time.perf_counter() - began
    if found is None:
        sys.exit("error: inference gave nothing")
    arrays_by_name: Any = {f"output_{number}": np.asarray(array) for number, array in enumerate(found)}
    np.savez(request["outputs"], **arrays_by_name)
    return {"simulate_s": took_s}


def _data_set(job: dict[str, Any]) -> str:
    """A line for each sample: the files of its inputs in their order."""
    folder = Path(job["artefact"]).parent
    lines = []
    for number, sample in enumerate(job["calibration"]):
        given = np.load(sample)
        files = [folder / f"calibration_{number}_{position}.npy" for position in range(len(job["order"]))]
        for file, name in zip(files, job["order"], strict=True):
            np.save(file, given[name])
        lines.append(" ".join(map(str, files)))
    listed = folder / "calibration.txt"
    listed.write_text("\n".join(lines) + "\n")
    return str(listed)


def _done(step: str, status: Any) -> None:
    if status not in (0, None):
        sys.exit(f"error: {step} failed with status {status}")


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def main(job: dict[str, Any]) -> None:
    """Build, then answer until the file ``stop`` appears, or the parent is gone."""
    parent, requests, number = os.getppid(), Path(job["requests"]), 1
    rknn = RKNN(verbose=True)
    _write(Path(job["result"]), build(rknn, job))
    while not (requests / "stop").exists() and os.getppid() == parent:
        request = requests / f"{number}.request.json"
        if not request.exists():
            time.sleep(0.02)
            continue
        _write(requests / f"{number}.answer.json", simulate(rknn, json.loads(request.read_text()), job["order"]))
        number += 1
    rknn.release()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
