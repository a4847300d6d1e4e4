"""Each check against a machine laid out in files, and the whole command as a user runs it."""

import sys
from types import SimpleNamespace

import pytest

from profiler import doctor
from profiler.doctor import clocks, cores, host_memory
from profiler.doctor.measurable import measurable
from profiler.host.files import Files
from profiler.host.finding import Finding, Machine
from tests.profiler.devices.nvidia.fake_nvml import fake_nvml


@pytest.fixture
def machine(tmp_path):
    """A machine whose files hold the given texts."""

    def build(files=None, **environment):
        for path, text in (files or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return Machine(Files(tmp_path), environment)

    return build


def one(findings) -> Finding:
    (found,) = findings
    return found


GOVERNOR = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"


def test_governors_other_than_performance_are_counted(machine):
    assert one(clocks.check_governor(machine())).status == "unknown"
    look = machine({GOVERNOR.format(0): "performance\n", GOVERNOR.format(1): "performance\n"})
    assert one(clocks.check_governor(look)) == Finding("frequency governor", "good", "performance on all 2 cores")
    look = machine({GOVERNOR.format(1): "powersave\n"})
    found = one(clocks.check_governor(look))
    assert (found.status, found.found) == ("improve", "performance on 1, powersave on 1 of 2 cores")
    assert "cpupower frequency-set" in found.remedy


@pytest.mark.parametrize(
    ("path", "value", "status", "remedy"),
    [
        ("intel_pstate/no_turbo", "1", "good", ""),
        ("intel_pstate/no_turbo", "0", "improve", "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"),
        ("cpufreq/boost", "0", "good", ""),
        ("cpufreq/boost", "1", "improve", "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"),
    ],
)
def test_turbo_is_read_where_each_driver_tells_it(machine, path, value, status, remedy):
    found = one(clocks.check_turbo(machine({f"sys/devices/system/cpu/{path}": value})))
    assert found.status == status and found.remedy.endswith(remedy)


def test_a_slow_clock_source_is_named(machine):
    assert one(clocks.check_clocksource(machine({clocks.CLOCKSOURCE: "hpet\n"}))).status == "improve"
    assert one(clocks.check_clocksource(machine({clocks.CLOCKSOURCE: "tsc\n"}))).status == "good"


def test_a_containers_quota_below_its_cores_is_told(machine, monkeypatch):
    monkeypatch.setattr(cores, "physical_cores", lambda: 4)
    assert len(cores.check_cores(machine({cores.QUOTA: "max 100000\n"}))) == 1
    assert len(cores.check_cores(machine({cores.QUOTA: "400000 100000\n"}))) == 1
    quota = cores.check_cores(machine({cores.QUOTA: "150000 100000\n"}))[1]
    assert (quota.status, quota.name) == ("improve", "CPU quota")
    assert "1.5 of 4 cores" in quota.found and "--threads 1" in quota.remedy


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"OMP_NUM_THREADS": "1"}, "OMP_NUM_THREADS=1 is set, and overrides --threads"),
        ({"MKL_NUM_THREADS": "64"}, "MKL_NUM_THREADS=64"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "waiting threads spin"),
        ({"KMP_BLOCKTIME": "infinite"}, "waiting threads spin"),
    ],
)
def test_variables_that_override_or_spin_are_traps(machine, monkeypatch, environment, says):
    monkeypatch.setattr(cores, "physical_cores", lambda: 4)
    found = one(cores.check_thread_settings(machine(**environment)))
    assert found.status == "improve" and says in found.found and found.remedy.startswith("unset ")


def test_harmless_variables_are_none(machine, monkeypatch):
    monkeypatch.setattr(cores, "physical_cores", lambda: 4)
    look = machine(OMP_NUM_THREADS="4", OMP_WAIT_POLICY="passive")
    assert one(cores.check_thread_settings(look)).status == "good"


@pytest.mark.parametrize(
    ("steal", "busy", "bad"), [(0.0, 0.05, []), (0.2, 0.0, ["CPU steal"]), (0, 1.5, ["other load"])]
)
def test_load_is_judged_by_the_thresholds_that_mark_repetitions(machine, monkeypatch, steal, busy, bad):
    from profiler.disturbance.host import Counters

    readings = iter([Counters(0, 0, 0, 0, 0, 0), Counters(1, 0, busy, steal, 0, 0)])
    monkeypatch.setattr(cores, "read_counters", lambda: next(readings))
    monkeypatch.setattr(cores, "LOOK_S", 0.0)
    findings = cores.check_load(machine())
    assert [finding.name for finding in findings if finding.status == "improve"] == bad
    assert all(finding.remedy for finding in findings if finding.status == "improve")


def test_pages_and_swap(machine, monkeypatch):
    used = machine({host_memory.HUGE_PAGES: "always [madvise] never\n"})
    assert one(host_memory.check_huge_pages(used)).status == "good"
    found = one(host_memory.check_huge_pages(machine({host_memory.HUGE_PAGES: "always madvise [never]\n"})))
    assert found.status == "improve" and "4 KiB" in found.found
    for used, total, status in ((0, 0, "good"), (0, 10**9, "good"), (10**8, 10**9, "improve")):
        swap = SimpleNamespace(used=used, total=total)
        monkeypatch.setattr(host_memory.psutil, "swap_memory", lambda swap=swap: swap)
        assert one(host_memory.check_swap(machine())).status == status


def test_what_is_measurable_names_grade_source_and_cure(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))
    rows = {(row.figure, row.hardware): row for row in measurable(machine({"proc/vmstat": "x"}).files, {})}
    energy = rows["energy and power", "cuda:0"]
    assert energy.grade == "unavailable" and "nvml" in energy.how and energy.remedy
    assert rows["disturbance: swapping", "the host's processor"].grade == "measured"
    psi = rows["disturbance: memory pressure", "the host's processor"]
    assert psi.grade == "unavailable" and "does not exist here" in psi.how and psi.remedy == "boot with psi=1"


def test_every_check_has_its_say_on_this_machine():
    found = doctor.diagnose(environment={"OMP_NUM_THREADS": "999"})
    names = [finding.name for finding in found.checks]
    assert {"frequency governor", "turbo", "other load", "CPU steal", "threads", "swap", "memory"} <= set(names)
    assert any("OMP_NUM_THREADS=999" in finding.found for finding in found.to_improve)
    assert all(finding.remedy for finding in found.to_improve)


def test_tools_that_are_not_on_path_share_one_row(machine, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))
    rows = [row for row in measurable(machine().files, {}) if row.figure == "state of the device"]
    (folded,) = [row for row in rows if "rocm-smi" in row.how]
    assert {"ixsmi", "hy-smi", "mx-smi", "xpu-smi"} <= set(folded.how.replace(",", "").split())
    assert (folded.hardware, folded.grade) == ("cuda:0", "unavailable") and folded.remedy
    assert len(rows) == 2, "NVML, a library, keeps a row with its own remedy"
