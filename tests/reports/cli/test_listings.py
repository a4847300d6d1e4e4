"""`chipassay devices` and `chipassay models`."""

import pytest

from profiler.models.presets import presets

pytestmark = pytest.mark.slow


def test_devices_tells_what_is_available_and_why_the_rest_is_not(chipassay):
    done = chipassay("devices", "--json")
    assert done.code == 0
    rows = {row["name"]: row for row in done.json["targets"]}
    assert rows["torch-cpu"]["available"] and rows["onnx-cpu"]["available"]
    assert "int4" in rows["onnx-cpu"]["precisions"]
    absent = rows["test-absent"]
    assert (absent["available"], absent["reason"], absent["remedy"]) == (
        False,
        "the board is not plugged in",
        "plug it in",
    )
    assert "chipassay_no_such_module" in rows["test-unimportable"]["reason"]
    (meter,) = [row for row in done.json["meters"] if row["name"] == "rapl"]
    assert meter["grade"] == "measured" and (meter["available"] or (meter["reason"] and meter["remedy"]))


def test_devices_reads_well_too(chipassay):
    text = chipassay("devices").out
    assert "torch-cpu    available" in text
    assert "test-absent  unavailable: the board is not plugged in; plug it in" in text


def test_models_gives_the_computed_sizes(chipassay):
    done = chipassay("models", "--json", "--context", 100)
    rows = {row["name"]: row for row in done.json}
    assert set(rows) == set(presets())
    spec = presets()["qwen3-0.6b"].spec
    row = rows["qwen3-0.6b"]
    assert row["parameters"] == 596_049_920
    assert row["weight_bytes"]["int4"] == spec.weight_bytes("int4")
    assert row["decode_flops_per_token"] == spec.decode_flops(100)
    assert all(row["sources"] for row in rows.values())


def test_models_prints_a_row_for_each(chipassay):
    text = chipassay("models", COLUMNS="120").out
    assert all(name in text for name in presets())
    assert "context of 4096 tokens" in text


def test_doctor_tells_what_to_change_and_what_can_be_measured(chipassay):
    done = chipassay("doctor", "--json", OMP_WAIT_POLICY="active")
    assert done.code == 0 and done.err == ""
    spinning = next(check for check in done.json["checks"] if "OMP_WAIT_POLICY" in check["found"])
    assert (spinning["status"], spinning["remedy"]) == ("improve", "unset OMP_WAIT_POLICY")
    energy = [row for row in done.json["measurable"] if row["figure"] == "energy and power"]
    host = [row for row in energy if row["hardware"] == "the host's processor"]
    assert len(host) == 3 and all(row["grade"] != "unavailable" or row["how"] for row in host)
    assert host[0]["grade"] == "measured" or host[0]["remedy"]
    (wall,) = [row for row in energy if row["hardware"] == "the whole machine"]
    assert wall["grade"] == "unavailable" and "--wall-meter" in wall["remedy"]


def test_a_wall_meter_that_the_environment_names_is_listed(chipassay, tmp_path):
    file = tmp_path / "meter.csv"
    file.write_text("timestamp,energy_wh\n1700000000,1\n1700000001,1\n")
    (row,) = [
        r for r in chipassay("devices", "--json", CHIPASSAY_WALL_METER=str(file)).json["meters"] if r["name"] == "wall"
    ]
    assert (row["available"], row["grade"], row["scope"]) == (True, "measured", "wall")
    file.write_text("volts\n230\n")
    assert (
        "wall         unavailable: --wall-meter: meter.csv needs the columns"
        in chipassay("devices", CHIPASSAY_WALL_METER=str(file)).out
    )


def test_doctor_reads_well_too(chipassay):
    text = chipassay("doctor", OMP_WAIT_POLICY="active").out
    assert " ! threads             OMP_WAIT_POLICY=active: waiting threads spin" in text
    assert "→ unset OMP_WAIT_POLICY" in text and "to improve" in text.splitlines()[-1]


def test_models_shows_one_whole_with_every_reading_of_active(chipassay):
    (row,) = chipassay("models", "qwen3-30b-a3b", "--json").json
    assert row["active_parameters"] == {
        "layers": 2_730_702_848, "with_head": 3_041_867_776, "with_embedding_and_head": 3_353_032_704,
    }  # fmt: skip
    assert {"torch-cpu", "onnx-cpu"} <= set(row["paths"]) and "nncase" not in row["paths"]
    text = chipassay("models", "Qwen/Qwen3-30B-A3B").out
    assert "8 of 128" in text and "3.04 B" in text and "torch-cpu" in text


def test_layers_that_break_a_period_are_refused(chipassay):
    done = chipassay("profile", "--model", "qwen3.5-0.8b", "--layers", 3, "--out", "never")
    assert done.code == 2 and "multiple of 4" in done.err
