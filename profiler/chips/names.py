"""From the name that a tool or a person uses for a chip to its entry in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from profiler.chips.chip import Chip

_SAME_MEMORY = (0.88, 1.13)
"""A card's reported memory over its nominal one: tools print GiB or MiB, without what the firmware reserves."""

_SIZE = re.compile(r"(?i)\d+ ?g(b|ib)?")


@dataclass(frozen=True, slots=True)
class Match:
    """The meaning of a name: one chip (``exact``), several (``ambiguous``), or none (``unknown``).

    ``advice`` says what resolves an ambiguous name, or how to add an unknown chip; ``how`` says what decided.
    """

    status: Literal["exact", "ambiguous", "unknown"]
    name: str
    candidates: tuple[Chip, ...]
    how: str
    advice: str = ""

    @property
    def chip(self) -> Chip | None:
        """The chip, if the match is exact."""
        return self.candidates[0] if self.status == "exact" else None


class NameIndex:
    """Finds chips by id, alias, pattern and the words of their names, in this order."""

    def __init__(self, chips: Iterable[Chip]) -> None:
        self._chips = tuple(chips)
        self._patterns = [(chip, re.compile(chip.pattern, re.MULTILINE)) for chip in self._chips]
        self._exact: dict[str, list[Chip]] = {}
        self._ambiguous: dict[str, list[Chip]] = {}
        for chip in self._chips:
            for name in {_fold(n) for n in (chip.id, chip.name, *chip.aliases)}:
                self._exact.setdefault(name, []).append(chip)
            for name in {_fold(n) for n in chip.ambiguous_aliases}:
                self._ambiguous.setdefault(name, []).append(chip)

    def claims(self, names: Iterable[str]) -> Iterator[tuple[str, Chip]]:
        """Yield every pair of one of ``names`` and a chip whose id, alias or pattern matches it.

        The names are scanned as one text, a line each: a whole catalogue takes milliseconds.
        """
        lines = [" ".join(name.split()) for name in names]
        for name in lines:
            yield from ((name, chip) for chip in self._exact.get(_fold(name), ()))
        text = "\n".join(lines)
        for chip, pattern in self._patterns:
            for match in pattern.finditer(text):
                first, last = text.count("\n", 0, match.start()), text.count("\n", 0, match.end())
                yield from ((name, chip) for name in lines[first : last + 1] if pattern.search(name))

    def match(self, name: str, pci_id: str | None, memory_gb: float | None) -> Match:
        """Return the chip called ``name``; PCI id (``10de:2329``) and memory narrow several candidates."""
        text = " ".join(name.split())
        steps: tuple[tuple[str, Callable[[], list[Chip]]], ...] = (
            ("ambiguous alias", lambda: self._ambiguous.get(_fold(text), [])),
            ("name", lambda: self._exact.get(_fold(text), [])),
            ("end of the name", lambda: self._by_end(text)),
            ("pattern", lambda: [chip for chip, pattern in self._patterns if pattern.search(text)]),
            ("words of the name", lambda: self._by_words(text)),
        )
        how, chips = next(((how, chips) for how, find in steps if (chips := find())), ("nothing", []))
        if pci_id is not None and (by_id := self._by_pci(pci_id, chips)):
            how, chips = "PCI id", by_id
        if memory_gb is not None and chips:
            chips = self._by_memory(text, chips, memory_gb)
        if not chips:
            return Match("unknown", name, (), how, self._how_to_add(text))
        if len(chips) > 1 or how == "ambiguous alias":
            return Match("ambiguous", name, tuple(chips), how, _what_settles(chips))
        return Match("exact", name, tuple(chips), how)

    def _by_end(self, text: str) -> list[Chip]:
        """Return chips with a name that ends with ``text``, as ``NVIDIA GeForce RTX 4090`` does with ``RTX 4090``."""
        if _SIZE.fullmatch(text) or not any(character.isdigit() for character in text):
            return []
        end = f" {_fold(text)}"
        named = (chip for name, chips in self._exact.items() if name.endswith(end) for chip in chips)
        return list({chip.id: chip for chip in named}.values())

    def _by_words(self, text: str) -> list[Chip]:
        """Return chips with every word of ``text`` in their names; else with words that begin so, if several."""
        words = _words(text)
        if not words:
            return []
        whole = [chip for chip in self._chips if words <= _words(_all_names(chip))]
        if whole or not any(character.isdigit() for character in text):
            return whole
        begun = [c for c in self._chips if all(any(w.startswith(x) for w in _words(_all_names(c))) for x in words)]
        return begun if len(begun) > 1 and min(map(len, words)) > 2 else []

    def _by_pci(self, pci_id: str, found: list[Chip]) -> list[Chip]:
        wanted = pci_id.lower().replace("0x", "")
        with_id = [chip for chip in self._chips if wanted in chip.pci_ids]
        return [chip for chip in with_id if chip in found] or ([] if found else with_id)

    def _by_memory(self, text: str, found: list[Chip], memory_gb: float) -> list[Chip]:
        fitting = [chip for chip in found if _has_memory(chip, memory_gb)]
        if fitting:
            return fitting
        others = [chip for chip in self._by_words(text) if _has_memory(chip, memory_gb)]
        return others or found

    def _how_to_add(self, text: str) -> str:
        import difflib

        known = {_fold(name): name for chip in self._chips for name in (chip.id, chip.name, *chip.aliases)}
        # A short model number, such as "h20", is lost in a long name: compare it with the words of names too.
        for chip in self._chips:
            for word in _words(chip.name):
                if any(letter.isdigit() for letter in word):
                    known.setdefault(word, chip.id)
        near = list(dict.fromkeys(known[match] for match in difflib.get_close_matches(_fold(text), known, 3, 0.6)))
        hint = f"the nearest are {', '.join(near)}; " if near else ""
        return f"{hint}to add it, describe it in a YAML file and pass --chips FILE (`chipassay chips` lists the rest)"


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9+]+", text.casefold()) if word}


def _all_names(chip: Chip) -> str:
    return " ".join((chip.vendor, chip.id, chip.name, *chip.aliases))


def _has_memory(chip: Chip, memory_gb: float) -> bool:
    bounds = chip.bounds("memory_gb")
    if bounds is None:
        return False
    low, high = bounds
    return (low is None or low * _SAME_MEMORY[0] <= memory_gb) and (high is None or memory_gb <= high * _SAME_MEMORY[1])


def _what_settles(found: list[Chip]) -> str:
    if len(found) == 1:
        return f"it could be {found[0].id}, or a part that shares the name; if it is that one, give the id"
    by = []
    if len({chip.memory_gb for chip in found}) > 1:
        by.append("memory size")
    if len({ids for ids in (chip.pci_ids for chip in found) if ids}) > 1:
        by.append("PCI id")
    by.append("the id of one of them")
    return f"it could be {', '.join(chip.id for chip in found)}; {' or '.join(by)} settles it"
