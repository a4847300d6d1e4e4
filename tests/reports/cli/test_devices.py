"""``chipassay devices`` where vendors' tools are: the boards they list, and what they do not tell."""

import json
import os

import pytest
from click.testing import CliRunner

from profiler.devices.iluvatar import SHARED_POWER
from reports.cli.devices import devices
from tests.profiler.devices.conftest import read_recorded as recorded


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Puts tools on PATH that print recorded outputs, and runs the command."""

    def with_tools(*arguments, **outputs):
        for name, text in outputs.items():
            (tmp_path / f"{name}.txt").write_text(text)
            program = tmp_path / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.txt\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        done = CliRunner().invoke(devices, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    return with_tools


def test_every_board_with_its_figures_and_what_is_not_told(run):
    said = run(ixsmi=recorded("ixsmi_4.1.0_BI-V150"), cnmon="cndev init failed")
    lines = said.splitlines()
    first = lines.index("ixsmi        Iluvatar BI-V150 at 0000:13:00.0, device 0 (cuda)")
    assert lines[first + 1].strip() == (
        "temperature 32 °C; utilisation 0 %; memory in use 0.113 GiB of 32 GiB; not reported: power"
    )
    assert lines[first + 3].strip().startswith(f"power 93 W of 350 W ({SHARED_POWER}")
    assert "cnmon" in said and "names no device" in said


def test_json_holds_the_same(run):
    (board,) = json.loads(run("--json", mx_smi=recorded("mx-smi_2.2.4_C550")))["boards"]
    (card,) = board["cards"]
    assert (board["tool"], board["words"], card["name"], card["vendor"]) == ("mx-smi", ["cuda"], "MetaX C550", "MetaX")
    assert (card["power_w"], card["power_limit_w"], card["temperature_c"], card["utilisation"]) == (53, 450, 29, 0)
    assert (card["memory_used_bytes"], card["memory_total_bytes"]) == (858 << 20, 65536 << 20)
    assert card["power_scope"] is None and board["failures"] == {}


def test_without_tools_there_are_no_boards(run):
    assert json.loads(run("--json"))["boards"] == []
