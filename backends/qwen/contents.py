"""The weight files of a checkpoint as plain tensors: of a quantised one, each weight as its formula makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.quantised.form import Form, Header, Quantised

if TYPE_CHECKING:
    pass


class Contents:
    """What the files hold: ``headers`` of every stored tensor, and ``quantised``, the weights that some make together.

    Raises:
        InputError: A file is damaged, or the tensors of a quantised weight do not fit each other.
    """

    def __init__(self, folder: Path, form: Form | None) -> None:
        self.form = form
        self.files = weight_files(folder)
        self.headers: dict[str, Header] = {}
        for path in self.files:
            self.headers |= _headers(path)
        self.quantised: dict[str, Quantised] = self._find(form) if form else {}
        for weight in self.quantised.values():
            module = weight.name.removesuffix(".weight")
            if form and form.keeps_plain(module):
                raise InputError(
                    f"{folder}: the settings say that {module} is not quantised, but its weight is stored as "
                    f"{self.headers[weight.parts['weight']].dtype}: one of them is of another checkpoint"
                )

    def _find(self, form: Form) -> dict[str, Quantised]:
        try:
            return {weight.name: weight for weight in form.find(self.headers, self.values)}
        except InputError as error:
            raise InputError(f"{error} ({form.label})") from error

    def plain(self) -> Mapping[str, Header]:
        """Return every weight under the name, with the shape and type that a plain checkpoint gives it."""
        parts = {part for weight in self.quantised.values() for part in weight.parts.values()}
        found = {name: header for name, header in self.headers.items() if name not in parts}
        for name, weight in self.quantised.items():
            found[name] = Header(self.headers[weight.parts["weight"]].path, weight.shape, "F32")
        return found

    def part(self, name: str, opened: ExitStack) -> Any:
        """Return one weight of :meth:`plain` to be indexed by rows; ``opened`` closes the files that it is read from.

        A plain tensor is read when it is indexed. One that is stored quantised is made float32 here, alone.
        """
        weight = self.quantised.get(name)
        if weight is None or self.form is None:
            return self._open(name, opened).get_slice(name)
        return self.form.dequantise(weight, lambda stored: self._open(stored, opened).get_tensor(stored))

    def _open(self, name: str, opened: ExitStack) -> Any:
        from safetensors import safe_open

        return opened.enter_context(safe_open(self.headers[name].path, framework="pt"))

    def values(self, name: str) -> Any:
        """Return a small stored tensor as a NumPy array."""
        from safetensors import safe_open

        with safe_open(self.headers[name].path, framework="np") as handle:
            return handle.get_tensor(name)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of ``folder``, by its index if it has one."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        names = ["model.safetensors"]
    else:
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8-sig"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f"{index} is not a valid safetensors index: {error}") from error
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; {_why_missing(folder, name)}")
    return [folder / name for name in names]


def _why_missing(folder: Path, name: str) -> str:
    """Return what to do about a weight file that is not there."""
    if (folder / name).is_symlink():
        return f"it is a link to {(folder / name).readlink()}, which is not there: download the checkpoint again"
    if next(folder.glob("model-*-of-*.safetensors"), None) and name == "model.safetensors":
        return "it holds parts of one: download model.safetensors.index.json too"
    return "download the checkpoint again (safetensors, not .bin)"


def _headers(path: Path) -> dict[str, Header]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as handle:
            slices = {name: handle.get_slice(name) for name in handle.keys()}
            return {name: Header(path, tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or cut short ({error}); download it again") from error
