"""Energy, power, device memory and telemetry in the reports: a column where somebody has the figure, else a detail."""

from dataclasses import replace

from profiler.devices.metering.faults import FROZEN
from profiler.records.readings import MeterFault
from profiler.records.target import Spoiler
from reports.document.language import ENGLISH
from reports.document.sections.ran import metering_facts, run_facts
from reports.document.sections.summary import unavailable_reasons
from reports.judge.comparison.comparison import compare
from tests.outcomes import altered
from tests.reports import shown
from tests.reports.bundles import bundle, target
from tests.reports.metered import S, metered_target, reading


def group(*records):
    return compare([bundle(targets=records or None)]).groups[0]


def titles(*records):
    table = shown.table(compare([bundle(targets=records or None)]))
    return [column.title for column in table.columns[1:-1]]


def test_what_no_target_has_takes_no_column_and_no_sentence():
    columns = titles()
    assert "Energy" in columns
    assert not {"Device memory", "Allocated memory", "Prefill energy", "Power", "Idle power"} & set(columns)
    named = [title for titles in unavailable_reasons(group(), ENGLISH).values() for title in titles]
    assert named == ["Energy", "Net energy"]


def test_one_target_that_has_them_brings_the_columns():
    columns = titles(metered_target(), target("torch-cpu", "float32", 1.42, 0.18))
    assert {"Device memory", "Energy", "Net energy", "Prefill energy", "Decode energy", "Power"} <= set(columns)
    assert not {"Allocated memory", "Idle power", "Energy by power"} & set(columns), "these are details"
    line = shown.table(compare([bundle(targets=(metered_target(),))])).bodies[0].lines[0]
    texts = dict(zip(titles(metered_target()), (cell.text for cell in line.cells[1:-1]), strict=True))
    assert texts["Device memory"].replace("\u202f", " ") == "18.3 GB"
    assert texts["Power"].replace("\u202f", " ") == "350 W"
    assert texts["Energy"].replace("\u202f", " ") == "0.781 J/tok"


def test_the_details_tell_the_rest():
    row = group(metered_target()).rows[0]
    facts = dict(metering_facts(row, row.record.measured, ENGLISH))
    assert facts["Allocated memory"].startswith("16.1")
    assert "instant power" in facts["Energy by power"] and "agrees within 0.0 %" in facts["Energy by power"]
    assert facts["Idle power"].startswith("72.0") and facts["Idle power, loaded"].startswith("72.0")
    state = facts["Telemetry, nvml"]
    for said in ("sm clock 1 740–1 755 MHz", "temperature 41.0–63.0 °C", "power limit 700 W", "power cap 55 %",
                 "other processes 4711 python", "no utilisation: NVML: not supported"):  # fmt: skip
        assert said in state.replace("\u202f", " ")
    assert "0.15 % of one core" in facts["Watching"]
    assert "device shared in 1 of 7" in dict(run_facts(row, ENGLISH))["Disturbed"]


def test_a_run_that_was_mostly_disturbed_says_so_in_the_terminal_and_what_to_do():
    def said(*spoilers):
        record = target("torch-cpu", "float32", 1.42, 0.18)
        runs = tuple(replace(run, spoilers=spoilers) for run in record.worker.repetitions)
        made = bundle(targets=(altered(record, worker=replace(record.worker, repetitions=runs)),))
        return shown.terminal(compare([made]))

    disturbed = said(Spoiler("cpu_steal", 0.3, 0.05, "cores"))
    assert "disturbed too much to conclude from: cpu steal in 7 of 7 repetitions; use a" in disturbed
    assert "disturbed" not in said()


def test_a_fault_of_the_meter_is_told():
    fault = MeterFault(FROZEN, 2000 * S, 2005 * S, "the meter stood still although it was read (for 5.0 s)")
    row = group(metered_target(energy=reading(faults=(fault,)))).rows[0]
    assert dict(metering_facts(row, row.record.measured, ENGLISH))["Meter nvml"] == f"counter_frozen: {fault.text}"


def test_sources_that_disagree_are_flagged_on_the_figure():
    row = group(metered_target(energy=reading(power_factor=0.6))).rows[0]
    assert "sources_disagree: integrated power says -40.0 %" in row.metric("energy_per_output_token").method
