"""`chipassay inspect` as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from backends.qwen.synthetic import synthetic_model
from profiler.records.bundle import BundleWriter
from profiler.records.codec import decode
from profiler.records.host import Component, Host
from profiler.records.index import BUNDLE_SCHEMA, BundleIndex, WorkloadRecord

pytestmark = pytest.mark.slow

ENGINES = ("torch", "transformers", "onnxruntime", "onnxruntime_genai", "numpy", "pandas", "tokenizers")


@pytest.fixture
def inspect(tmp_path: Path, config_folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object, path: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        before = f"{path}:" if path else ""
        environment = {**os.environ, "PATH": before + os.environ["PATH"], "COLUMNS": "80", **variables}
        done = subprocess.run(
            [sys.executable, "-m", "reports.cli.main", "inspect", *map(str, arguments)],
            capture_output=True, text=True, env=environment, check=False, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def npu_smi(tmp_path: Path, recorded: Callable[[str], str]) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "info.txt").write_text(recorded("npu-smi_24.1.rc3.7_A3.txt"))
    (folder / "board.txt").write_text(recorded("npu-smi_board_25.5.1.txt"))
    (folder / "chip.txt").write_text(recorded("npu-smi_chip_A3.txt"))
    script = (
        '#!/bin/sh\ncase "$*" in info) cat {0}/info.txt;; *-c*) cat {0}/chip.txt;; *board*) cat {0}/board.txt;; '
        "*) exit 1;; esac\n"
    )
    (folder / "npu-smi").write_text(script.format(folder))
    (folder / "npu-smi").chmod(0o755)
    return folder


@pytest.fixture
def bundle(tmp_path: Path, make_spec: Callable) -> Path:
    workload = WorkloadRecord("smoke", "d", "hash", 1, 2, 3, ((1, 2),))
    index = BundleIndex(
        BUNDLE_SCHEMA, "0", "2026-01-01T00:00:00+00:00", "running", "chipassay profile", synthetic_model(make_spec()),
        {}, workload, (), {},
    )  # fmt: skip
    writer = BundleWriter(tmp_path / "bundle", index)
    writer.put("host.json", Host("f" * 16, (Component("cpu", "Loongson-3C5000", source="s"),), {"NUMA nodes": "no"}))
    return writer.finish("complete")


def test_the_table_fits_eighty_columns_and_names_what_was_not_read(inspect):
    done = inspect()
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in ("processor", "memory", "system", "Python", "not read", "fingerprint"):
        assert f"\n{word}" in f"\n{done.stdout}"


def test_json_is_the_record_that_a_bundle_holds(inspect):
    done = inspect("--format", "json")
    assert decode(done.stdout.encode(), Host, "stdout").components
    assert json.loads(inspect("--json").stdout)["fingerprint"] == json.loads(done.stdout)["fingerprint"]


def test_cyclonedx_is_valid_and_the_same_twice(inspect):
    first, second = inspect("--format", "cyclonedx"), inspect("--format", "cyclonedx")
    assert first.stdout == second.stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.stdout) is None


def test_an_accelerator_is_asked_through_its_tool(inspect, npu_smi):
    done = inspect(path=npu_smi)
    assert "Ascend910_9392" in done.stdout and "huawei-ascend-910c" in done.stdout
    host = json.loads(inspect("--json", path=npu_smi).stdout)
    chips = [part for part in host["components"] if part["kind"] == "accelerator"]
    assert len(chips) == 2
    assert {part["details"]["serial_hash"] for part in chips} == {chips[0]["details"]["serial_hash"]}
    assert "1025C9000000" not in json.dumps(host)
    assert "1025C9000000" in inspect("--json", "--include-serials", path=npu_smi).stdout


def test_a_tool_that_hangs_costs_its_limit_and_no_more(inspect, npu_smi):
    (npu_smi / "npu-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    done = inspect("--json", path=npu_smi)
    assert json.loads(done.stdout)["unread"]["npu-smi info"] == "no answer within 1.5 s"


@pytest.mark.parametrize("form", ["table", "json", "cyclonedx"])
def test_a_bundles_inventory_is_shown_instead_of_this_machines(inspect, bundle, form):
    done = inspect("--bundle", bundle, "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Loongson-3C5000" in done.stdout
    if form == "json":
        assert done.stdout.encode() == (bundle / "host.json").read_bytes()
    else:
        assert "tiny" in done.stdout


@pytest.mark.parametrize("form", ["table", "json", "cyclonedx"])
def test_out_writes_a_file(inspect, bundle, tmp_path, form):
    target = tmp_path / "inventory"
    done = inspect("--bundle", bundle, "--format", form, "--out", target)
    assert done.stdout == f"inventory  {target}\n"
    assert target.read_text() == inspect("--bundle", bundle, "--format", form).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "tabel"), "unknown format 'tabel': did you mean 'table'?"),
        (("--format", "cyclondx"), "did you mean 'cyclonedx'?"),
        (("--json", "--format", "table"), "--json and --format table contradict each other"),
        (("--bundle", "/nonexistent"), "/nonexistent does not exist"),
        (("--bundle", ".", "--engines"), "--engines looks at this machine, --bundle at a stored inventory"),
        (("--bundle", ".", "--include-serials"), "--include-serials looks at this machine"),
        (("--bundle", ".", "--chips", "x.yaml"), "--chips looks at this machine"),
        (("--chips", "/nonexistent.yaml"), "/nonexistent.yaml"),
        (("--out", "/nonexistent/x"), "cannot write /nonexistent/x"),
        (("--out", "/proc"), "is a directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_two(inspect, arguments, message):
    done = inspect(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.startswith("chipassay: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_no_engine_is_imported(config_folder):
    script = (
        "import sys\nfrom reports.cli.main import cli\n"
        "cli.main(['inspect'], standalone_mode=False)\n"
        f"sys.stderr.write(','.join(name for name in {ENGINES!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
