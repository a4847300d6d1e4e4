"""Installing and removing a toolchain with the real command and the real uv."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.backends.toolchains.conftest import Workshop, last_line, make_wheel

pytestmark = pytest.mark.slow


def appears(path: Path, process: "subprocess.Popen[str]") -> str:
    """The content of a file that comes into being while ``process`` runs."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    return path.read_text()


def test_an_installation_is_whole_and_says_what_it_did(furnished):
    listed = furnished.state()
    assert (listed["state"], listed["available"], listed["folder"]) == ("installed", True, str(furnished.home))
    record = json.loads((furnished.home / "installed.json").read_text())
    assert (record["name"], record["version"], record["check"]) == ("lathe", "1.0", "imported chipassay_lathe")
    assert record["python"] == sys.version.split()[0]
    assert record["installed_bytes"] > 10_000 and record["licence_accepted"] == ""
    assert subprocess.run([furnished.python, "-c", "import chipassay_lathe"], check=False).returncode == 0
    assert not (furnished.home / "check").exists()


def test_installing_again_does_nothing(furnished):
    before = (furnished.home / "installed.json").stat().st_mtime_ns
    done = furnished.run("install", "lathe")
    assert (done.code, done.err) == (0, "")
    assert "already installed" in done.out
    assert (furnished.home / "installed.json").stat().st_mtime_ns == before


def test_force_makes_it_again_and_remove_takes_only_its_own(workshop):
    assert workshop.run("install", "lathe").code == 0
    (workshop.home / "stray").write_text("not of this installation")
    forced = workshop.run("install", "lathe", "--force")
    assert (forced.code, workshop.state()["state"]) == (0, "installed")
    assert not (workshop.home / "stray").exists()

    theirs = workshop.home.with_name("notes")
    theirs.mkdir()
    (theirs / "file").write_text("the user's own")
    outside = workshop.folder / "outside"
    shutil.copytree(theirs, outside)
    workshop.home.with_name("link").symlink_to(outside)
    done = workshop.run("remove", "lathe")
    assert (done.code, done.out) == (0, f"removed {workshop.home}\n")
    assert done.err.count("left alone") == 2
    assert (theirs / "file").exists() and (outside / "file").exists()
    assert sorted(one.name for one in workshop.home.parent.iterdir()) == ["link", "notes"]
    assert workshop.state()["state"] == "not installed"


def test_removing_what_is_not_there_is_no_error(workshop):
    done = workshop.run("remove", "lathe")
    assert (done.code, done.out, done.err) == (0, "lathe is not installed\n", "")
    assert not workshop.data.exists()


def test_the_users_settings_cannot_lead_the_packages_elsewhere(workshop):
    elsewhere = workshop.folder / "elsewhere"
    constraints = workshop.folder / "constraints.txt"
    constraints.write_text("chipassay-lathe==2.0\n")
    settings = workshop.folder / "pip.conf"
    settings.write_text(f"[global]\nconstraint = {constraints}\n")
    done = workshop.run(
        "install", "lathe", PIP_TARGET=str(elsewhere), PIP_USER="1", PIP_CONFIG_FILE=str(settings),
        UV_CONSTRAINT=str(constraints), UV_SYSTEM_PYTHON="1", UV_NO_VERIFY_HASHES="1", UV_PYTHON="3.77",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert not elsewhere.exists()


def test_ctrl_c_leaves_nothing_behind_and_no_process(workshop, tmp_path):
    running = tmp_path / "running"
    process = workshop.start("install", "lathe", LATHE_RUNS=str(running))
    tool = int(appears(running, process))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (130, "chipassay: interrupted")
    assert not psutil.pid_exists(tool) or psutil.Process(tool).status() == psutil.STATUS_ZOMBIE
    assert not workshop.home.exists()
    assert workshop.state()["state"] == "not installed"


def test_a_killed_installation_takes_its_programs_along_is_seen_and_is_made_again(workshop, tmp_path):
    running = tmp_path / "running"
    process = workshop.start("install", "lathe", LATHE_RUNS=str(running))
    tool = psutil.Process(int(appears(running, process)))
    assert workshop.state()["state"] == "installing"
    process.kill()
    process.communicate()
    tool.wait(timeout=20)

    listed = workshop.state()
    assert (listed["state"], listed["available"]) == ("interrupted", False)
    assert "interrupted" in listed["reason"] and listed["remedy"] == "chipassay toolchain install lathe"
    again = workshop.run("install", "lathe")
    assert again.code == 0 and "removing what is there" in again.err
    assert workshop.state()["state"] == "installed"


def test_two_installations_at_once_make_one(workshop):
    both = [workshop.start("install", "lathe") for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted("already installed" in out for out, _ in told) == [False, True]
    assert sum("waiting for it" in err for _, err in told) == 1


def test_what_its_maker_did_not_finish_is_broken_with_the_reason(furnished, tmp_path):
    shop = Workshop(tmp_path)
    for name in ("toolchains.yaml", "lathe.txt"):
        shutil.copy(furnished.folder / name, tmp_path)
    shutil.copytree(furnished.home, shop.home, symlinks=True)
    assert shop.state()["state"] == "installed"

    package = next(shop.home.glob("lib/python*/site-packages/chipassay_lathe-1.0.dist-info"))
    package.rename(package.with_name("gone"))
    assert "chipassay_lathe 1.0 is not in" in shop.state()["reason"]
    package.with_name("gone").rename(package)

    shop.python.unlink()
    shop.python.symlink_to(tmp_path / "no-python")
    assert shop.state()["state"] == "broken" and "is gone" in shop.state()["reason"]
    shop.python.unlink()
    shop.python.symlink_to(sys.executable)

    shop.pin("0" * 64)
    assert "other pins" in shop.state()["reason"]
    shutil.copy(furnished.folder / "lathe.txt", tmp_path)

    (shop.home / "installed.json").write_text("{")
    assert shop.state()["state"] == "broken" and "cannot be read" in shop.state()["reason"]


def test_a_first_use_that_fails_is_no_installation(workshop):
    done = workshop.run("install", "lathe", LATHE_BREAKS="1")
    assert done.code == 3
    assert "installed but does not work here" in last_line(done) and "the spindle is stuck" in last_line(done)
    assert not workshop.home.exists()


def test_a_wheel_with_another_hash_is_not_installed(workshop):
    make_wheel(workshop.folder / "wheels", content="print('altered')")
    done = workshop.run("install", "lathe")
    assert done.code == 3
    assert "chipassay-lathe==1.0 is not the file that was pinned (its hash differs)" in last_line(done)
    assert not workshop.home.exists()


def test_without_a_network_that_is_said(workshop):
    # Port 9 of this machine: nothing listens there, and nothing is sent anywhere.
    done = workshop.run(
        "install", "lathe", PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL="http://127.0.0.1:9/simple"
    )
    assert done.code == 3
    assert "the package index cannot be reached (Connection refused (os error 111))" in last_line(done)
    assert not workshop.home.exists()


def test_without_room_nothing_is_begun(workshop):
    workshop.catalogue(installed_bytes=10**18)
    done = workshop.run("install", "lathe")
    assert done.code == 3
    assert "not enough room" in last_line(done) and "CHIPASSAY_DATA" in last_line(done)
    assert not workshop.home.exists()


@pytest.mark.parametrize("where", ["/proc/chipassay", "/dev/null/chipassay"])
def test_a_data_folder_that_cannot_be_written_is_named(workshop, where):
    done = workshop.run("install", "lathe", CHIPASSAY_DATA=where)
    assert done.code == 3
    assert where in last_line(done) and "CHIPASSAY_DATA" in last_line(done)
    assert workshop.run("list", CHIPASSAY_DATA=where).code == 0


def test_a_full_disk_is_told_and_leaves_nothing(workshop, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", small], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        done = workshop.run("install", "lathe", CHIPASSAY_DATA=str(small))
        assert done.code == 3 and last_line(done)
        assert not (small / "toolchains" / "lathe" / "1.0").exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_folder_of_someone_else_is_not_touched(workshop):
    workshop.home.mkdir(parents=True)
    (workshop.home / "thesis.txt").write_text("years of work")
    done = workshop.run("install", "lathe")
    assert done.code == 3
    assert "was not made by chipassay" in last_line(done)
    assert (workshop.home / "thesis.txt").exists()


def test_another_machine_is_refused(workshop):
    personality = shutil.which("setarch")
    if personality is None:
        pytest.skip("setarch is not here to stand for another machine")
    command = [personality, "i686", sys.executable, "-m", "reports.cli.main", "toolchain", "install", "lathe"]
    done = subprocess.run(command, capture_output=True, text=True, env=workshop.environment(), check=False)
    assert done.returncode == 3
    assert "Nobody publishes lathe for Linux on x86_64 only; this is Linux on i686" in done.stderr


@pytest.mark.parametrize("words", [("install", "lath"), ("remove", "lath")])
def test_an_unknown_name_is_told_with_the_nearest(workshop, words):
    done = workshop.run(*words)
    assert done.code == 2
    assert "unknown toolchain 'lath': did you mean 'lathe'?" in done.error


def test_a_licence_must_be_accepted_and_that_is_recorded(workshop):
    workshop.catalogue(licence='{name: Guild Licence, where: the hall, accept: true, terms: "for members only"}')
    refused = workshop.run("install", "lathe")
    assert refused.code == 3
    for part in (
        "Guild Licence",
        "for members only",
        "the hall",
        "neither ships nor redistributes",
        "--accept-licence",
    ):
        assert part in refused.error
    assert not workshop.data.exists()
    assert "--accept-licence" in workshop.state()["remedy"]

    assert workshop.run("install", "lathe", "--accept-licence").code == 0
    record = workshop.home / "installed.json"
    agreed = json.loads(record.read_text())["licence_accepted"]
    assert agreed.endswith("by --accept-licence")
    assert workshop.run("install", "lathe", "--force").code == 0, "an agreement stands"
    assert json.loads(record.read_text())["licence_accepted"] == agreed


def test_devices_shows_each_toolchain_with_its_state(furnished):
    command = [sys.executable, "-m", "reports.cli.main", "devices"]
    done = subprocess.run(command, capture_output=True, text=True, env=furnished.environment(), check=True)
    assert re.search(r"lathe +1\.0, Nobody, .*: installed", done.stdout)
    nowhere = furnished.environment(CHIPASSAY_DATA=str(furnished.folder / "empty"))
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, env=nowhere, check=True)
    rows = json.loads(done.stdout)["toolchains"]
    assert [row["name"] for row in rows][-1] == "lathe" and len(rows) > 1
    row = rows[-1]
    assert (row["name"], row["state"], row["remedy"]) == ("lathe", "not installed", "chipassay toolchain install lathe")
    assert not (furnished.folder / "empty").exists()
