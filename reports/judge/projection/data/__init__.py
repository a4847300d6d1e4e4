"""The facts a projection rests on: published results, and what names in them mean. Each entry carries its source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from backends.common.yaml_lines import Located, load_located


def text_of(name: str) -> str:
    """A file of this folder."""
    return files("reports.judge.projection.data").joinpath(name).read_text(encoding="utf-8")


def entries(name: str, key: str) -> Iterator[Located]:
    """The mappings listed under ``key`` of a YAML file of this folder.

    Raises:
        InputError: With file and line, if it is malformed or of another schema.
    """
    yield from _document(name).items(key)


@cache
def _document(name: str) -> Located:
    origin = f"projection/data/{name}"
    root = load_located(text_of(name), origin)
    wanted = f"chipassay.{name.removesuffix('.yaml').replace('_', '-')}/1"
    if root.value.get("schema") != wanted:
        raise root.error(f"schema: must be {wanted!r}, found {root.value.get('schema')!r}", "schema")
    return root
