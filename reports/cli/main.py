"""``chipassay``: the top of the command line. Commands are looked up by name and imported when they are needed."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import click

from backends.common.errors import ChipassayError

COMMANDS = (
    "devices", "doctor", "inspect", "models", "toolchain", "profile", "report",
    "check", "baseline", "race", "operators", "chips", "classify", "project",
)  # fmt: skip
"""Every command, in the order ``--help`` lists them."""


def _load(name: str) -> click.Command | None:  # noqa: PLR0911, PLR0912 - one case a command
    """Import the module of one command only: the start of every other stays free of its cost."""
    match name:
        case "devices":
            from reports.cli.devices import devices

            return devices
        case "doctor":
            from reports.cli.doctor import doctor

            return doctor
        case "inspect":
            from reports.cli.inspect import inspect

            return inspect
        case "models":
            from reports.cli.models import models

            return models
        case "toolchain":
            from reports.cli.toolchain import toolchain

            return toolchain
        case "profile":
            from reports.cli.profile import profile

            return profile
        case "report":
            from reports.cli.report import report

            return report
        case "check":
            from reports.cli.check import check

            return check
        case "baseline":
            from reports.cli.baseline import baseline

            return baseline
        case "race":
            from reports.cli.race import race

            return race
        case "operators":
            from reports.cli.operators import operators

            return operators
        case "chips":
            from reports.cli.chips import chips

            return chips
        case "classify":
            from reports.cli.classify import classify

            return classify
        case "project":
            from reports.cli.project import project

            return project
    return None


class _Commands(click.Group):
    """A group whose commands are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _load(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from backends.common.errors import unknown

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
