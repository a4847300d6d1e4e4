"""The catalogue's own files, and what happens when one is broken."""

from importlib.resources import files
from pathlib import Path

import pytest

from backends.common.errors import InputError
from profiler.chips import load_chips

FOLDER = Path(str(files("profiler.chips")))

ENTRY = """schema: chipassay.chips/1
vendor: Acme
vendor_hq_country: CN
designer_country: CN
sources:
  SHEET: {name: Sheet, ref: acme.example, retrieved: true, quality: primary}
chips:
  - id: acme-one
    name: Acme One
    kind: npu
    status: shipping
    aliases: [Acme One A]
    pattern: Acme One
    datacenter_marketed: true
    die_area_mm2: 100
    memory_gb: 32
    peak_dense_tops: {fp16: 200}
    ranges: {die_area_mm2: [90, 110]}
    evidence:
      - {of: identity, sources: [SHEET], confidence: high}
      - {of: fabrication, sources: [SHEET], confidence: high}
      - {of: memory, sources: [SHEET], confidence: low}
      - {of: peak_dense_tops, sources: [SHEET], confidence: medium}
"""


@pytest.fixture
def overlay(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_131_chips_of_27_vendors_with_sources():
    catalogue = load_chips()
    assert len(catalogue.chips) == 131
    assert len({chip.id for chip in catalogue.chips}) == 131
    assert len({chip.vendor for chip in catalogue.chips}) == 27
    assert sum(chip.designer_country == "CN" for chip in catalogue.chips) == 65
    for chip in catalogue.chips:
        for line in chip.evidence:
            assert set(line.sources) <= set(catalogue.sources)


def test_every_figure_has_evidence():
    for chip in load_chips().chips:
        for path in ("vendor", "kind", "datacenter_marketed", *(f"peak_dense_tops.{p}" for p in chip.peak_dense_tops)):
            assert chip.evidence_for(path), (chip.id, path)
        for path in chip.ranges:
            assert chip.evidence_for(path), (chip.id, path)


def test_evidence_is_the_most_specific():
    chip = load_chips().get("huawei-ascend-910b3")
    assert [line.sources for line in chip.evidence_for("peak_dense_tops.int8")] == [("CALC",)]
    assert [line.confidence for line in chip.evidence_for("peak_dense_tops.fp16")] == ["medium"]
    assert chip.bounds("die_area_mm2") == (665.6, None)
    assert chip.bounds("memory_gb") == (64, 64)
    assert chip.bounds("transistors_billion") is None


def test_an_overlay_adds_and_replaces(overlay):
    catalogue = load_chips(overlay(ENTRY))
    assert len(catalogue.chips) == 132
    assert catalogue.find("acme one a").vendor == "Acme"
    assert catalogue.sources["SHEET"].ref == "acme.example"
    again = load_chips(overlay(ENTRY.replace("acme-one", "nvidia-t4").replace("Acme One", "NVIDIA T4")))
    assert len(again.chips) == 131
    assert again.get("nvidia-t4").vendor == "Acme"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("chips/1", "chips/2", r"mine\.yaml:1: schema: must be"),
        ("vendor: Acme", "vendro: Acme", r"mine\.yaml:2: unknown field 'vendro': did you mean 'vendor'"),
        ("    kind: npu", "    kind: toaster", r"mine\.yaml:10: kind: "),
        ("    status: shipping\n", "", r"mine\.yaml:8: status: is missing from 'acme-one'"),
        ("die_area_mm2: 100", "die_area_mm2: big", r"mine\.yaml:15: die_area_mm2: "),
        ("die_area_mm2: 100", "die_area_mm2: -1", r"mine\.yaml:15: die_area_mm2: must be positive"),
        ("die_area_mm2: 100", "die_area: 100", r"mine\.yaml:15: unknown field 'die_area': did you mean 'die_area_mm2'"),
        ("[90, 110]", "[110, 90]", r"mine\.yaml:18: ranges: die_area_mm2 must be \[low, high\]"),
        ("[90, 110]", "[120, 130]", r"mine\.yaml:18: ranges: die_area_mm2 = 100.* lies outside"),
        ("[90, 110]", "[null, null]", r"mine\.yaml:18: ranges: die_area_mm2 is open at both ends"),
        ("{die_area_mm2: [90", "{die_ara: [90", r"mine\.yaml:18: ranges: unknown field 'die_ara'"),
        ("fp16: 200", "fp17: 200", r"mine\.yaml:17: fp17: unknown value"),
        ("fp16: 200", "fp16: 0", r"mine\.yaml:17: peak_dense_tops: fp16 must be positive"),
        ("pattern: Acme One", "pattern: '(Acme'", r"mine\.yaml:13: pattern: .* no regular expression"),
        ("designer_country: CN", "designer_country: China", r"designer_country: 'China' is no ISO 3166"),
        ("[SHEET], confidence: low", "[SHEAT], confidence: low", r"mine\.yaml:22: sources: unknown source 'SHEAT'"),
        ("[SHEET], confidence: low", "[], confidence: low", r"mine\.yaml:22: sources: 'memory' has no source"),
        ("confidence: low", "confidence: sure", r"mine\.yaml:22: confidence: "),
        ("      - {of: memory, sources: [SHEET], confidence: low}\n", "", r"states memory_gb without a source"),
        ("[Acme One A]", "[NVIDIA H20]", r"mine\.yaml:12: aliases: 'NVIDIA H20' of 'acme-one' also matches"),
        ("pattern: Acme One", "pattern: H20", r"mine\.yaml:13: pattern: 'H20' of 'acme-one' also matches"),
        ("kind: npu", "kind: npu\n    pci_ids: ['10de:2329']", r"mine\.yaml:11: pci_ids: '10de:2329' belongs to"),
        ("    name: Acme One", "    id: acme-two\n    name: Acme One", r"mine\.yaml:9: 'id' stands twice"),
        ("chips:\n", "chips: 3\nother:\n", r"mine\.yaml:"),
        ("ranges: {", "ranges: {a: [", r"mine\.yaml:\d+: not valid YAML"),
    ],
)
def test_a_broken_file_names_line_and_field(overlay, old, new, message):
    assert old in ENTRY
    with pytest.raises(InputError, match=message) as error:
        load_chips(overlay(ENTRY.replace(old, new, 1)))
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file or directory; give a YAML file"):
        load_chips(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no UTF-8 text"):
        load_chips(tmp_path / "binary.yaml")


def test_the_files_of_the_package_are_packaged():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    assert "chips/*.yaml" in data["profiler"]
    assert "judge/export_control/*.yaml" in data["reports"]
    assert len(list(FOLDER.glob("*.yaml"))) > 20
