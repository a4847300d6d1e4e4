"""Vendors' tools in the place of the real ones: they print what users recorded."""

import os
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[2] / "inventory" / "recorded"


def recorded(name):
    lines = (RECORDED / f"{name}.txt").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#: "))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a tool on PATH that runs the given shell lines; ``answer`` files are beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def put(name, body, **answers):
        for answer, text in answers.items():
            (folder / answer).write_text(text)
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\ncd {folder}\n{body}\n')
        program.chmod(0o755)
        return folder

    return put


@pytest.fixture
def tool(install):
    """Puts a tool on PATH that prints one recorded output, whatever it is asked."""
    return lambda name, output: install(name, "cat answer", answer=recorded(output))
