"""The laws of the salted hashes."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.inventory.identity import conceal, has_identifiers, is_identifier, load_key, pseudonym
from profiler.records.host import Component

KEYS = st.binary(min_size=32, max_size=32)
SERIALS = st.text(st.characters(categories=("Lu", "Ll", "Nd"), codec="ascii"), min_size=1, max_size=40)


@given(KEYS, SERIALS)
def test_the_same_device_hashes_equally_under_one_key(key, serial):
    assert pseudonym(key, serial) == pseudonym(key, f"  {serial.lower()} ")
    assert pseudonym(key, serial) == pseudonym(key, serial.upper())


@given(KEYS, KEYS, SERIALS)
def test_another_users_hash_of_the_same_device_differs(mine, theirs, serial):
    assert (pseudonym(mine, serial) == pseudonym(theirs, serial)) == (mine == theirs)


@given(KEYS, SERIALS, SERIALS)
def test_different_devices_hash_differently(key, one, other):
    assert (pseudonym(key, one) == pseudonym(key, other)) == (one.casefold() == other.casefold())


DETAILS = st.recursive(
    st.one_of(SERIALS, st.integers(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["serial", "uuid", "board_serial", "name", "size_bytes"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["serial", "gpu_uuid", "modules", "name"]), DETAILS, max_size=4), KEYS)
def test_after_concealing_nothing_identifies_a_device_at_any_depth(details, key):
    hidden = conceal(Component("memory", "x", details=details), key)
    assert not has_identifiers((hidden,))
    assert conceal(hidden, key) == hidden


@given(SERIALS.filter(lambda text: len(text) > 12), KEYS)
def test_no_identifier_survives_in_the_text(serial, key):
    part = Component("memory", "x", details={"serial": serial, "modules": [{"part_serial": serial, "size_bytes": 1}]})
    hidden = conceal(part, key)
    assert serial not in repr(hidden.details)
    assert hidden.details["serial_hash"] == hidden.details["modules"][0]["part_serial_hash"]
    assert hidden.details["modules"][0]["size_bytes"] == 1


@pytest.mark.parametrize("nothing", ["", " N/A ", "None", "0", "To Be Filled By O.E.M.", "Not Specified"])
def test_placeholders_identify_nothing(nothing):
    assert not is_identifier("serial", nothing)


def test_the_key_is_made_once_and_for_its_owner_only(config_folder):
    first, second = load_key(), load_key()
    assert first == second and first.lasting and len(first.secret) == 32
    path = config_folder / "identity.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in config_folder.iterdir()] == ["identity.key"]


def test_many_threads_and_processes_agree_on_one_key(config_folder):
    with ThreadPoolExecutor(8) as pool:
        secrets = {key.secret for key in pool.map(lambda _: load_key(), range(32))}
    assert len(secrets) == 1
    code = "from profiler.inventory.identity import load_key; print(load_key().secret.hex())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == secrets.pop().hex()


def test_a_folder_that_cannot_be_written_gives_a_key_for_this_process_only(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHIPASSAY_CONFIG", str(tmp_path / "file" / "below"))
    key = load_key()
    assert not key.lasting and len(key.secret) == 32 and "cannot be used" in key.reason


def test_a_damaged_key_is_not_used(config_folder):
    (config_folder / "identity.key").write_bytes(b"short")
    key = load_key()
    assert not key.lasting and "delete it" in key.reason
