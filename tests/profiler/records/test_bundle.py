"""A bundle is whole or not at all, and any change to it is noticed."""

from pathlib import Path

import pytest

from backends.common.errors import InputError, StorageError
from backends.qwen.synthetic import synthetic_model
from profiler.records.bundle import BundleWriter, check_destination, is_bundle, read_bundle, target_file
from profiler.records.host import Component, Host
from profiler.records.index import BUNDLE_SCHEMA, BundleIndex, WorkloadRecord
from profiler.records.target import RECORD_SCHEMA, Failed, Failure, TargetRecord

HOST = Host("f", (Component("cpu", "a chip"),), {"memory modules": "no right"})
IDS = ("torch-cpu@float32", "cuda:0@bfloat16")


@pytest.fixture
def index(make_spec):
    workload = WorkloadRecord("smoke", "d", "hash", 1, 2, 3, ((1, 2),))
    return BundleIndex(
        BUNDLE_SCHEMA, "0", "2026-01-01T00:00:00+00:00", "running", "chipassay profile", synthetic_model(make_spec()),
        {"parameters": 1.0}, workload, IDS, {},
    )  # fmt: skip


def record(target_id):
    backend, _, precision = target_id.partition("@")
    return TargetRecord(RECORD_SCHEMA, target_id, backend, "", precision, 1, "m", "w", Failed(Failure("broke")))


def write(out, index, command="chipassay profile"):
    from dataclasses import replace

    writer = BundleWriter(out, replace(index, command=command))
    writer.put("host.json", HOST)
    for target_id in IDS:
        writer.put(target_file(target_id), record(target_id))
    (writer.folder / "logs" / "torch-cpu@float32.txt").write_text("a warning\n")
    return writer


@pytest.fixture
def bundle(tmp_path, index):
    return write(tmp_path / "bundle", index).finish("complete")


def test_what_was_written_is_read_back_in_the_order_asked_for(bundle, index):
    found = read_bundle(bundle)
    assert found.host == HOST
    assert [target.id for target in found.targets] == list(IDS)
    assert found.targets[1] == record(IDS[1])
    assert found.index.model == index.model and found.index.state == "complete"
    assert found.ceilings == {} and found.reference is None


def test_a_device_makes_no_colon_in_a_file_name(bundle):
    assert target_file("cuda:0@bfloat16") == "targets/cuda_0@bfloat16.json"
    assert not any(":" in path.name for path in bundle.rglob("*"))


@pytest.mark.parametrize("name", ["host.json", "targets/torch-cpu@float32.json", "targets/cuda_0@bfloat16.json"])
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_any_changed_byte_is_noticed(bundle, name, place):
    path = bundle / name
    data = bytearray(path.read_bytes())
    data[int(place * len(data)) if place != -1 else -1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"the bundle is damaged: .*{name.split('@')[0]}.* differs from the digest"):
        read_bundle(bundle)


def test_a_byte_too_many_is_noticed(bundle):
    with (bundle / "host.json").open("ab") as handle:
        handle.write(b" ")
    with pytest.raises(InputError, match="differs from the digest"):
        read_bundle(bundle)


def test_a_missing_file_is_named(bundle):
    (bundle / "host.json").unlink()
    with pytest.raises(
        InputError, match=r"the bundle is damaged: .*host\.json is missing; copy the whole folder again"
    ):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: None, r"does not exist; give the folder that `chipassay profile --out` wrote"),
        (lambda path: path.mkdir(), r"is not a run bundle: it has no bundle\.json"),
        (lambda path: path.write_text("x"), r"is not a run bundle"),
        (
            lambda path: (path.mkdir(), (path / "bundle.json").write_text("{}")),
            r"bundle\.json has the unknown schema None",
        ),
    ],
)
def test_what_is_no_bundle_is_told(tmp_path, prepare, message):
    prepare(tmp_path / "thing")
    with pytest.raises(InputError, match=message) as error:
        read_bundle(tmp_path / "thing")
    assert "\n" not in str(error.value)


def test_a_bundle_of_another_version_is_refused(bundle):
    path = bundle / "bundle.json"
    path.write_text(path.read_text().replace(BUNDLE_SCHEMA, "chipassay.bundle/9"))
    with pytest.raises(InputError, match=r"written by a newer chipassay \(0, schema chipassay\.bundle/9\)"):
        read_bundle(bundle)


def test_the_final_place_stays_empty_until_the_run_is_over(tmp_path, index):
    out = tmp_path / "bundle"
    writer = write(out, index)
    assert not out.exists()
    assert [target.id for target in read_bundle(writer.folder).targets] == list(IDS)
    assert read_bundle(writer.folder).index.state == "running"
    writer.finish("interrupted")
    assert read_bundle(out).index.state == "interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_discarded_bundle_leaves_nothing(tmp_path, index):
    write(tmp_path / "bundle", index).discard()
    assert list(tmp_path.iterdir()) == []


def test_the_old_bundle_stays_until_the_new_one_is_whole(bundle, index, tmp_path):
    writer = write(bundle, index, command="the second run")
    assert read_bundle(bundle).index.command == "chipassay profile"
    writer.finish("complete")
    assert read_bundle(bundle).index.command == "the second run"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_old_bundle_survives_a_discarded_replacement(bundle, index, tmp_path):
    write(bundle, index, command="the second run").discard()
    assert read_bundle(bundle).index.command == "chipassay profile"


def test_the_old_bundle_survives_when_the_new_one_cannot_take_its_place(bundle, index, monkeypatch):
    writer = write(bundle, index, command="the second run")
    real = Path.rename

    def refuse_the_last_move(self, target):
        if self == writer.folder:
            raise OSError(28, "No space left on device", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_last_move)
    with pytest.raises(StorageError, match="No space left on device"):
        writer.finish("complete")
    assert read_bundle(bundle).index.command == "chipassay profile"


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_another_run_put_there_meanwhile_is_not_replaced(tmp_path, index, overwrite):
    out = tmp_path / "bundle"
    if overwrite:
        write(out, index, command="an old run").finish("complete")
    late = write(out, index, command="the late run")
    early = write(tmp_path / "elsewhere", index, command="the early run").finish("complete")
    if overwrite:
        out.rename(tmp_path / "gone")
    early.rename(out)
    with pytest.raises(
        StorageError, match=r"another run wrote .*bundle meanwhile; this one is kept in .*running-"
    ) as error:
        late.finish("complete")
    assert "\n" not in str(error.value)
    assert read_bundle(out).index.command == "the early run"
    assert read_bundle(late.folder).index.command == "the late run"
    assert read_bundle(late.folder).index.state == "complete"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, index):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*: Not a directory; choose another --out"):
        BundleWriter(tmp_path / "file" / "bundle", index)


def test_a_disk_that_fills_up_is_one_line_and_the_last_state_stays_readable(tmp_path, index, monkeypatch):
    writer = write(tmp_path / "bundle", index)

    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(StorageError, match=r"No space left on device; choose another --out, or free some room"):
            writer.put("ceilings-cpu.json", HOST)
    assert [target.id for target in read_bundle(writer.folder).targets] == list(IDS)


def test_a_destination_that_is_free_or_empty_or_to_be_replaced_is_accepted(tmp_path, bundle):
    check_destination(tmp_path / "new" / "deep", overwrite=False)
    (tmp_path / "empty").mkdir()
    check_destination(tmp_path / "empty", overwrite=False)
    check_destination(bundle, overwrite=True)
    assert is_bundle(bundle)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_bundle_is_never_replaced(tmp_path, kind, overwrite):
    out = tmp_path / "precious"
    if kind == "folder":
        out.mkdir()
        out = out.parent / "precious"
        (out / "thesis.txt").write_text("x")
    else:
        out.write_text("x")
    with pytest.raises(InputError, match=r"exists and is not a run bundle; choose another --out"):
        check_destination(out, overwrite=overwrite)


def test_a_bundle_is_replaced_only_on_request(bundle):
    with pytest.raises(InputError, match="already holds a run bundle; choose another --out, or add --overwrite"):
        check_destination(bundle, overwrite=False)


def test_an_empty_destination_folder_is_filled(tmp_path, index):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", index).finish("complete")
    assert read_bundle(tmp_path / "empty").host == HOST
