"""The facts a projection rests on: published results, and what names in them mean. Each entry carries its source."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from backends.common import facts
from backends.common.yaml_lines import Located


def text_of(name: str) -> str:
    """A file of this folder."""
    return files("reports.judge.projection.data").joinpath(name).read_text(encoding="utf-8")


@cache
def document(name: str, key: str) -> Located:
    """Return a YAML file of this folder, which lists entries under ``key``.

    Raises:
        InputError: It is malformed or of another schema.
    """
    schema = f"chipassay.{name.removesuffix('.yaml').replace('_', '-')}/1"
    return facts.shipped("reports.judge.projection.data", name, schema, (key,))
