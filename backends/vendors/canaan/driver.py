"""Runs in nncase's environment, with its packages and the standard library only: ``python driver.py JOB.json``.

A job names a ``mode``. ``compile``: the ONNX file ``graph`` for ``chip`` into the file ``artefact``, with listings of
every pass in the folder ``dump``; with ``calibration``, files of inputs by name, quantised to ``activations`` and
``weights``. ``simulate``: ``artefact`` on the inputs of the file ``inputs``, into the file ``outputs`` as ``output_0``,
``output_1``, ... ``order`` names the graph's inputs. What it took goes into the file ``result``, as JSON. nncase ends
the process where it cannot go on: then there is no result, and the exit status shows it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import nncase
import numpy as np


def compile_graph(job: dict[str, Any]) -> dict[str, Any]:
    """Compile and write the kmodel."""
    options = nncase.CompileOptions()
    options.target = job["chip"]
    options.dump_asm = False
    options.dump_ir = True
    options.dump_dir = job["dump"]
    compiler = nncase.Compiler(options)
    began = time.perf_counter()
    compiler.import_onnx(Path(job["graph"]).read_bytes(), nncase.ImportOptions())
    imported = time.perf_counter()
    if job.get("calibration"):
        samples = [np.load(name) for name in job["calibration"]]
        quantisation = nncase.PTQTensorOptions()
        quantisation.samples_count = len(samples)
        quantisation.quant_type = job["activations"]
        quantisation.w_quant_type = job["weights"]
        quantisation.set_tensor_data([[sample[name] for sample in samples] for name in job["order"]])
        compiler.use_ptq(quantisation)
    compiler.compile()
    Path(job["artefact"]).write_bytes(compiler.gencode_tobytes())
    return {"import_s": imported - began, "compile_s": time.perf_counter() - imported}


def simulate(job: dict[str, Any]) -> dict[str, Any]:
    """Run the kmodel on the simulator and write its outputs."""
    given = np.load(job["inputs"])
    simulator = nncase.Simulator()
    simulator.load_model(Path(job["artefact"]).read_bytes())
    for number, name in enumerate(job["order"]):
        simulator.set_input_tensor(number, nncase.RuntimeTensor.from_numpy(np.ascontiguousarray(given[name])))
    began = time.perf_counter()
    simulator.run()
    took_s = time.perf_counter() - began
    found = [simulator.get_output_tensor(number).to_numpy() for number in range(simulator.outputs_size)]
    np.savez(job["outputs"], **{f"output_{number}": array for number, array in enumerate(found)})
    return {"simulate_s": took_s}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    result = {"compile": compile_graph, "simulate": simulate}[asked["mode"]](asked)
    Path(asked["result"]).write_text(json.dumps(result))
