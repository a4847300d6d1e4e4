"""``chipassay toolchain``: the vendors' compilers and simulators, each in a separate environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.group(short_help="Install or remove a vendor's compiler and simulator.")
def toolchain() -> None:
    """List, install and remove vendors' compilers and simulators.

    Each has a separate environment in the user data folder (CHIPASSAY_DATA moves it). Packages are pinned and their
    hashes checked. You do not need any of them to measure this machine.
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
@click.option("--python", type=click.Path(path_type=Path), help="Use this Python instead of looking for one.")
@click.option("--accept-licence", is_flag=True, help="Confirm that you have read the licence and agree to it.")
@click.option("--force", is_flag=True, help="Reinstall it.")
def install(name: str, python: Path | None, accept_licence: bool, force: bool) -> None:
    """Install the toolchain NAME and check it with a first use."""
    from backends.toolchains import find_toolchain
    from backends.toolchains.installing import install as make
    from backends.toolchains.state import folder_of
    from profiler.run.supervisor import PROGRAM
    from reports.render.devices_text import size

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
        f"{name} {tool.version} is installed in {folder_of(tool)}: {size(done.installed_bytes)} in "
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
    """Return what is known of every toolchain and its state here, without starting it."""
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


def _echo_whole(row: dict[str, Any]) -> None:
    """Print one toolchain as a paragraph."""
    from reports.render.devices_text import size

    state = "installed" if row["available"] else row["reason"].removeprefix(f"the toolchain {row['name']} is ")
    lines = [row["purpose"], f"{row['licence'].name}; {size(row['installed_bytes'])}; {', '.join(row['targets'])}"]
    if not row["available"]:
        lines.append(f"to enable: {row['remedy']}")
    if (done := row["installation"]) is not None:
        lines.append(f"made {done.installed_at[:10]} with Python {done.python} in {row['folder']}; {done.check}")
    elif (licence := row["licence"]).accept:
        lines.append(f"{licence.terms}; read it: {licence.where}")
    click.echo(f"{row['name']:<17} {row['version']}, {row['vendor']}: {state}")
    for line in lines:
        click.echo(f"{'':<17} {line}")
