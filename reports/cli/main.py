"""``chipassay``: the top of the command line. Commands are looked up by name and imported when they are needed."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

from backends.common.errors import ChipassayError

COMMANDS = {
    "devices": "reports.cli.devices",
    "doctor": "reports.cli.doctor",
    "inspect": "reports.cli.inspect",
    "models": "reports.cli.models",
    "toolchain": "reports.cli.toolchain",
    "profile": "reports.cli.profile",
    "report": "reports.cli.report",
    "check": "reports.cli.check",
    "baseline": "reports.cli.baseline",
    "operators": "reports.cli.operators",
    "chips": "reports.cli.chips",
    "classify": "reports.cli.classify",
    "project": "reports.cli.project",
}
"""Command to the module that defines it, by name: the middle floor does not import the top one."""


class _Commands(click.Group):
    """A group whose commands are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from backends.contract.registry import unknown

            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chipassay")
def cli() -> None:
    """Measure what a Qwen model's performance rests on: the same work on every hardware path, compared honestly."""


def main() -> None:
    """Run the command line; every foreseen error is one line on standard error.

    A polite end (SIGTERM, or SIGHUP of a closed terminal) is an interrupt like Ctrl-C: what is finished is kept.
    """
    for polite in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(polite) is signal.SIG_DFL:  # `nohup` has it ignored: leave that so
            signal.signal(polite, signal.default_int_handler)
    try:
        cli.main(standalone_mode=False)
    except ChipassayError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        # One line, like every error; only the help that stands in for missing arguments has more.
        message = error.format_message()
        click.echo(message, err=True) if "\n" in message else _say(message)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        sys.exit(130)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            _leave_quietly()
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}; free some room or use another folder")
        sys.exit(2)


def _leave_quietly() -> None:
    """End without a word: the reader of our output went away (`| head`), and Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _say(text: str) -> None:
    click.echo(f"chipassay: {text}", err=True)


if __name__ == "__main__":
    main()
