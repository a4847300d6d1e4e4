"""``chipassay toolchain``: the vendors' compilers and simulators, each in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.group(short_help="Install or remove a vendor's compiler and simulator.")
def toolchain() -> None:
    """Vendors' own compilers and simulators: list, install, remove.

    Each lives in an environment of its own under the user data folder (CHIPASSAY_DATA moves it), made of pinned
    packages whose hashes are checked. Nothing of them is needed to measure the machine's own processors.
    """


@toolchain.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_(as_json: bool) -> None:
    """List every toolchain: version, licence, size, targets, and whether it is installed."""
    rows = toolchain_rows()
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode({"toolchains": rows}).decode(), nl=False)
        return
    for row in rows:
        _echo_whole(row)


@toolchain.command()
@click.argument("name")
@click.option("--python", type=click.Path(path_type=Path), help="The Python to make it with, instead of finding one.")
@click.option("--accept-licence", is_flag=True, help="Say that you have read and agree to its licence, where it asks.")
@click.option("--force", is_flag=True, help="Make it again although it is installed.")
def install(name: str, python: Path | None, accept_licence: bool, force: bool) -> None:
    """Install the toolchain NAME and check it with a first use."""
    from backends.toolchains import find_toolchain
    from backends.toolchains.installing import install as make
    from backends.toolchains.state import folder_of
    from profiler.run.supervisor import PROGRAM

    tool = find_toolchain(name)
    done = make(
        tool,
        python=python,
        accept_licence=accept_licence,
        force=force,
        worker=PROGRAM,
        say=lambda text: click.echo(f"{name}: {text}", err=True),
    )
    if done is None:
        click.echo(f"{name} {tool.version} is already installed in {folder_of(tool)}")
        return
    click.echo(
        f"{name} {tool.version} is installed in {folder_of(tool)}: {_size(done.installed_bytes)} in "
        f"{done.installation_s:.0f} s; {done.check} in {done.check_s:.1f} s; licence: {tool.licence.name}"
    )


@toolchain.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the toolchain NAME, every version of it that chipassay made."""
    from backends.toolchains import find_toolchain
    from backends.toolchains.installing import remove as take_away

    gone = take_away(find_toolchain(name), say=lambda text: click.echo(f"{name}: {text}", err=True))
    if not gone:
        click.echo(f"{name} is not installed")
    for folder in gone:
        click.echo(f"removed {folder}")


def toolchain_rows() -> list[dict[str, Any]]:
    """What is known of every toolchain and how it stands here; starts nothing."""
    from backends.toolchains import availability_of, toolchains
    from backends.toolchains.state import folder_of, look

    rows = []
    for tool in toolchains().values():
        found = look(tool)
        unsupported = tool.unsupported_here()
        here = availability_of(tool)
        done = found.installation
        rows.append(
            {
                "name": tool.name,
                "version": tool.version,
                "vendor": tool.vendor,
                "purpose": tool.purpose,
                "targets": tool.targets,
                "python": tool.python,
                "licence": tool.licence,
                "download_bytes": tool.download_bytes,
                "installed_bytes": done.installed_bytes if done else tool.installed_bytes,
                "state": "unsupported" if unsupported and not found.usable else found.status,
                "available": here.available,
                "reason": here.reason,
                "remedy": here.remedy,
                "folder": str(folder_of(tool)) if done else None,
                "installation": done,
                "traps": tool.traps,
            }
        )
    return rows


def echo_toolchain(row: dict[str, Any]) -> None:
    """Print one toolchain as a paragraph."""
    state = "installed" if row["available"] else row["reason"].removeprefix(f"the toolchain {row['name']} is ")
    click.echo(f"{row['name']:<17} {row['version']}, {row['vendor']}: {state}")
    click.echo(f"{'':<17} {row['purpose']}")
    click.echo(f"{'':<17} {row['licence'].name}; {_size(row['installed_bytes'])}; {', '.join(row['targets'])}")
    if not row["available"]:
        click.echo(f"{'':<17} to enable: {row['remedy']}")


def _echo_whole(row: dict[str, Any]) -> None:
    echo_toolchain(row)
    if (done := row["installation"]) is not None:
        click.echo(f"{'':<17} made {done.installed_at[:10]} with Python {done.python} in {row['folder']}; {done.check}")
    elif (licence := row["licence"]).accept:
        click.echo(f"{'':<17} {licence.terms}; read it: {licence.where}")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
