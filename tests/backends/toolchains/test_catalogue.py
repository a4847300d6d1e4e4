"""The catalogue and its pins: what is shipped holds, and a mistake in it is shown with its line."""

import re
from pathlib import Path

import pytest

from backends.common.errors import InputError, UnavailableError
from backends.toolchains import availability_of, catalogue, environment_of, find_toolchain, toolchains
from backends.toolchains.catalogue import load_toolchains
from backends.toolchains.environment import Fittings, fittings_of
from tests.backends.toolchains.conftest import CATALOGUE

PIN = re.compile(r"^[a-z0-9][a-z0-9.-]*==[^\s=]+(?: --hash=sha256:[0-9a-f]{64})+$")


def load(tmp_path: Path, text: str = CATALOGUE) -> dict[str, catalogue.Toolchain]:
    (tmp_path / "lathe.txt").write_text("")
    filled = text.format(python="3.11", licence="{name: MIT, where: here}", installed_bytes=1000)
    return load_toolchains(filled, "toolchains.yaml", tmp_path)


def pins(tool: catalogue.Toolchain) -> list[str]:
    lines = [line for line in tool.requirements.read_text().splitlines() if not line.startswith("#")]
    return "\n".join(lines).replace(" \\\n   ", "").splitlines()


@pytest.mark.parametrize("name", ["tpu-mlir", "nncase", "rknn-toolkit2", "msopmodeling", "onnxruntime-cann"])
def test_every_shipped_package_is_pinned_with_its_hashes_and_no_place_to_get_it_from(name):
    tool = toolchains()[name]
    assert pins(tool)
    for pin in pins(tool):
        assert PIN.match(pin), pin
    names = [pin.partition("==")[0] for pin in pins(tool)]
    assert len(names) == len(set(names))
    assert f"{tool.distribution.replace('_', '-')}=={tool.version}" in [pin.partition(" ")[0] for pin in pins(tool)]
    assert "://" not in tool.requirements.read_text()


@pytest.mark.parametrize("name", ["tpu-mlir", "nncase", "rknn-toolkit2", "msopmodeling", "onnxruntime-cann"])
def test_there_is_a_wheel_for_every_python_a_toolchain_is_said_to_run_on(name):
    """Each hash stands under the name of its file: of every package one fits each of the Pythons."""
    tool = toolchains()[name]
    wheels: list[list[str]] = [[]]
    for line in tool.requirements.read_text().splitlines():
        if line.startswith("# "):
            wheels[-1].append(line.removeprefix("# "))
        elif wheels[-1]:
            wheels.append([])
    packages = [found for found in wheels if found]
    assert len(packages) == len(pins(tool))
    for files in packages:
        for version in tool.python:
            assert any(_fits(file, version) for file in files), (files, version)
        assert not any("aarch64" in file for file in files)


def _fits(file: str, version: str) -> bool:
    _, _, interpreter, abi, _ = file.removesuffix(".whl").rsplit("-", 4)
    number = int(version.partition(".")[2])
    tags = [re.fullmatch(r"cp3(\d+)", tag) for tag in interpreter.split(".")]
    numbers = [int(tag[1]) for tag in tags if tag]
    return "py3" in interpreter or number in numbers or (abi == "abi3" and any(n <= number for n in numbers))


def test_each_folder_brings_its_fittings_and_another_version_of_a_toolchain_keeps_them(workshop, monkeypatch):
    for tool in toolchains().values():
        assert type(fittings_of(tool)).__module__ == f"{tool.package}.fittings"
    text = (workshop.folder / "toolchains.yaml").read_text()
    both = text + text.partition("toolchains:\n")[2].replace("name: lathe", "name: nncase")
    (workshop.folder / "toolchains.yaml").write_text(both)
    monkeypatch.setenv(catalogue.CATALOGUE_VARIABLE, str(workshop.folder / "toolchains.yaml"))
    theirs = toolchains.__wrapped__()
    assert type(fittings_of(theirs["lathe"])) is Fittings
    assert theirs["nncase"].version == "1.0"
    assert type(fittings_of(theirs["nncase"])) is type(fittings_of(toolchains()["nncase"]))


def test_the_machinery_names_no_vendor():
    names = {word for tool in toolchains().values() for word in (tool.name, tool.vendor, tool.package)}
    for module in Path(catalogue.__file__).parent.glob("*.py"):
        assert not [name for name in names if name.lower() in module.read_text().lower()], module


def test_only_the_licence_that_asks_for_it_must_be_accepted():
    assert [tool.name for tool in toolchains().values() if tool.licence.accept] == ["rknn-toolkit2"]


def test_an_unknown_name_is_an_input_error_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'nncase'"):
        find_toolchain("nncas")


def test_what_is_not_installed_is_unavailable_and_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPASSAY_DATA", str(tmp_path / "data"))
    here = availability_of(find_toolchain("tpu-mlir"))
    assert (here.available, here.remedy) == (False, "chipassay toolchain install tpu-mlir")
    assert here.reason == "the toolchain tpu-mlir is not installed"
    with pytest.raises(UnavailableError, match="not installed; chipassay toolchain install tpu-mlir"):
        environment_of(find_toolchain("tpu-mlir"))
    assert "--accept-licence" in availability_of(find_toolchain("rknn-toolkit2")).remedy
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("chipassay.toolchains/1", "other/1", 1, "schema: "),
        ("vendor: Nobody", "vender: Nobody", 5, "did you mean 'vendor'?"),
        ("vendor: Nobody", "vendor: 3", 5, "Expected `str`, got `int`"),
        ("requirements: lathe.txt", "requirements: no.txt", 14, "there is no file no.txt"),
        ("requirements: lathe.txt", "requirements: [a]", 14, "names no requirements file"),
        ("name: lathe", "name: ../lathe", 3, "names a folder"),
        ('version: "1.0"', 'version: "../.."', 4, "names a folder"),
        ("download_bytes: 1000", "download_bytes: 0", 15, "must be positive"),
        ('python: ["{python}"]', "python: []", 8, "names no version"),
        ("{licence}", "{{name: X, where: y, accept: true}}", 11, "must say its key terms"),
        ("of: [version, vendor,", "of: [version,", 5, "vendor: has no source"),
        ("of: [version, vendor,", "of: [version, colour, vendor,", 18, "unknown fact 'colour'"),
        ("vendor: Nobody", "vendor: Nobody\n    vendor: Somebody", 6, "stands twice"),
    ],
)
def test_a_mistake_is_shown_with_its_line(tmp_path, old, new, line, told):
    assert load(tmp_path)["lathe"].vendor == "Nobody"
    assert old in CATALOGUE
    with pytest.raises(InputError) as caught:
        load(tmp_path, CATALOGUE.replace(old, new))
    assert str(caught.value).startswith(f"toolchains.yaml:{line}: "), caught.value
    assert told in str(caught.value)


def test_a_catalogue_of_ones_own_takes_the_place_of_what_it_names(workshop):
    text = (workshop.folder / "toolchains.yaml").read_text().replace("name: lathe", "name: nncase")
    (workshop.folder / "toolchains.yaml").write_text(text)
    rows = {row["name"]: row["vendor"] for row in workshop.run("list", "--json").json["toolchains"]}
    assert (rows["nncase"], rows["tpu-mlir"]) == ("Nobody", "Sophgo")


def test_a_catalogue_that_cannot_be_read_is_one_line(workshop):
    done = workshop.run("list", CHIPASSAY_TOOLCHAINS=str(workshop.folder / "no.yaml"))
    assert (done.code, done.out) == (2, "")
    assert "CHIPASSAY_TOOLCHAINS" in done.error and "No such file" in done.error
    (workshop.folder / "toolchains.yaml").write_text("schema: [}")
    done = workshop.run("list")
    assert done.code == 2 and "toolchains.yaml:1: not valid YAML" in done.error
