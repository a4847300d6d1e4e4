# Everything happens in the project's own environment, .venv, built from constraints.txt by whichever target comes first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OUT ?= build/assay

SOURCES := backends profiler reports tests docs
# Three at a time on two cores, as many tests wait; neighbours stay together, as they share what is costly to make.
PARALLEL := -n 3 --dist worksteal
TOOLCHAINS ?= tpu-mlir nncase onnxruntime-cann

.PHONY: help install assay toolchains test test-quick lint docs bench depth-check gpu-check clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# torch comes first and alone: asked for together with packages that depend on it, pip may prefer a build with CUDA.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chipassay needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[quantised,test,lint,docs]'
	touch $@

install: $(INSTALLED)  ## make .venv with chipassay in it

assay: $(INSTALLED)  ## run the main job and write the report
	$(BIN)/chipassay profile --model qwen3-0.6b --workload chat --target torch-cpu --target onnx-cpu \
		--budget 50 --out $(OUT) --overwrite --report $(OUT)-report

toolchains: $(INSTALLED)  ## install the vendor toolchains that need nobody's consent, for the tests that drive them
	for name in $(TOOLCHAINS); do $(BIN)/chipassay toolchain install $$name || exit; done

test: lint  ## run the tests, three at a time
	$(BIN)/python -m pytest $(PARALLEL)

test-quick: $(INSTALLED)  ## run the tests that need no browser, no toolchain and no worker, in parallel
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

lint: $(INSTALLED) docs  ## check style, types, who may import whom, and the documentation
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy docs/plugin/chipassay_abacus
	$(BIN)/lint-imports --no-cache

docs: $(INSTALLED)  ## build the documentation into build/docs; a broken link or reference fails
	$(BIN)/python -m sphinx -E --quiet --fail-on-warning --keep-going -c docs -d build/docs/doctrees . build/docs/html

bench: $(INSTALLED)  ## compare speed with peers, interleaved, beside the measured ceiling
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[peers]'
	$(BIN)/python -m tests.benchmarks.peers

depth-check: $(INSTALLED)  ## compare figures extended from sampled depths with those of the whole model
	$(BIN)/python -m tests.benchmarks.depths

gpu-check: $(INSTALLED)  ## prove parity, telemetry and speed on an NVIDIA GPU
	$(BIN)/python -m tests.benchmarks.gpu_check

clean:  ## remove what was built (the user cache stays)
	rm -rf build $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
