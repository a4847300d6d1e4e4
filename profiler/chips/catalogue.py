"""The whole catalogue: the project's own files, and a user's overlay on top."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located
from profiler.chips.chip import Chip, Source
from profiler.chips.names import Match, NameIndex
from profiler.chips.reading import SourceTable, file_error, read_chips, read_sources

_SOURCES = "sources.yaml"


@dataclass(frozen=True)
class ChipCatalogue:
    """Every known chip in the order of the files, and their sources."""

    chips: tuple[Chip, ...]
    sources: dict[str, Source]

    @cached_property
    def _by_id(self) -> dict[str, Chip]:
        return {chip.id: chip for chip in self.chips}

    @cached_property
    def _names(self) -> NameIndex:
        return NameIndex(self.chips)

    def get(self, chip_id: str) -> Chip:
        """Return the chip with this id; an unknown id raises an :class:`InputError` with the nearest one."""
        if chip_id not in self._by_id:
            raise unknown("chip", chip_id, self._by_id)
        return self._by_id[chip_id]

    def match(self, name: str, *, pci_id: str | None = None, memory_gb: float | None = None) -> Match:
        """Return the meaning of ``name``, never a guess: an ambiguous name returns every candidate."""
        return self._names.match(name, pci_id, memory_gb)

    def find(self, name: str) -> Chip:
        """Return the one chip a user means.

        Raises:
            InputError: If the name is ambiguous (with the candidates) or unknown (with the nearest names).
        """
        match = self.match(name)
        if match.chip is None:
            word = "ambiguous" if match.status == "ambiguous" else "unknown"
            raise InputError(f"{word} chip {name!r}: {match.advice}")
        return match.chip


def load_chips(overlay: Path | None = None) -> ChipCatalogue:
    """Return the catalogue, with the entries of ``overlay`` added, or replacing those with the same id.

    The project's own files are read once a process, an overlay at every call.

    Raises:
        InputError: With file, line and field, if a file is malformed or two chips claim the same name.
    """
    if overlay is None:
        return _own_catalogue()
    table, entries = _own()
    added, sources = _overlay(overlay, table)
    merged = {**entries, **added}
    _check_names(merged, added)
    return ChipCatalogue(tuple(chip for chip, _ in merged.values()), sources)


def check_names(catalogue: dict[str, tuple[Chip, Located]]) -> None:
    """Raise if an alias or a PCI id of one chip is claimed by another too."""
    _check_names(catalogue, catalogue)


@cache
def _own_catalogue() -> ChipCatalogue:
    table, entries = _own()
    return ChipCatalogue(tuple(chip for chip, _ in entries.values()), table.sources)


@cache
def _own() -> tuple[SourceTable, dict[str, tuple[Chip, Located]]]:
    folder = files("profiler.chips")
    table = read_sources(folder.joinpath(_SOURCES).read_text(encoding="utf-8"), f"chips/{_SOURCES}")
    found: dict[str, tuple[Chip, Located]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml") and path.name != _SOURCES:
            for chip_id, entry in read_chips(path.read_text(encoding="utf-8"), f"chips/{path.name}", table).items():
                if chip_id in found:
                    raise entry[1].error(f"id: {chip_id!r} stands in {found[chip_id][1].origin} already", "id")
                found[chip_id] = entry
    check_names(found)
    return table, found


def _overlay(path: Path, table: SourceTable) -> tuple[dict[str, tuple[Chip, Located]], dict[str, Source]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise file_error(str(path), "is no UTF-8 text") from error
    except OSError as error:
        raise file_error(str(path), str(error.strerror or error).lower()) from error
    sources = dict(table.sources)
    return read_chips(text, str(path), table, sources), sources


def _check_names(catalogue: dict[str, tuple[Chip, Located]], of: dict[str, tuple[Chip, Located]]) -> None:
    """Check that no name is claimed twice; blame the entries ``of`` if a new one conflicts with an old one."""
    index = NameIndex(chip for chip, _ in catalogue.values())
    owners: dict[str, Chip] = {}
    for chip, entry in catalogue.values():
        for pci_id in chip.pci_ids:
            other = owners.setdefault(pci_id, chip)
            if other is not chip:
                raise entry.error(f"pci_ids: {pci_id!r} belongs to {other.id!r} too", "pci_ids")
    owner = {_one_line(alias): chip for chip, _ in catalogue.values() for alias in (chip.id, *chip.aliases)}
    for alias, claimant in index.claims(owner):
        chip = owner[alias]
        if claimant.id == chip.id:
            continue
        if claimant.id in of and chip.id not in of:
            raise of[claimant.id][1].error(
                f"pattern: {claimant.pattern!r} of {claimant.id!r} also matches {alias!r} of {chip.id!r}; make it "
                "narrower",
                "pattern",
            )
        raise catalogue[chip.id][1].error(
            f"aliases: {alias!r} of {chip.id!r} also matches {claimant.id}; "
            "make a pattern narrower, or list the alias under ambiguous_aliases",
            "aliases",
        )


def _one_line(name: str) -> str:
    return " ".join(name.split())
