"""The commands there are. Each is imported when it is asked for, so that none pays for the others."""

import difflib
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from pubsubctl.errors import UsageError

_COMMANDS = (
    "init",
    "setup",
    "worker",
    "gateway",
    "dashboard",
    "submit",
    "status",
    "result",
    "cancel",
    "retry",
    "explain",
    "dlq",
    "purge",
    "doctor",
    "deploy",
    "topics",
    "subscriptions",
    "snapshots",
    "emulator",
    "demo",
    "bench",
)
"""In the order that people meet them. Each is the module of that name, with its ``app``."""


class Commands(TyperGroup):
    """A group whose commands are modules of this package."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the group's signature
        """The names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the group's signature
        """A command by its name.

        Raises:
            UsageError: there is none of that name; the text has the nearest one.
        """
        if cmd_name not in _COMMANDS:
            near = difflib.get_close_matches(cmd_name, _COMMANDS, n=1)
            hint = f"did you mean `pubsubctl {near[0]}`?" if near else "`pubsubctl --help` lists them"
            raise UsageError(f"there is no command {cmd_name!r}; {hint}")
        if cmd_name not in self.commands:
            self.add_command(_pasteable(get_command(import_module(f"pubsubctl.cli.{cmd_name}").app)), cmd_name)
        return self.commands[cmd_name]


def _pasteable(group: Any) -> Any:
    """The command, and all below it, with examples that --help breaks into no two lines."""
    if group.epilog:
        group.epilog = f"\b\n{group.epilog}"
    for below in getattr(group, "commands", {}).values():
        _pasteable(below)
    return group


def new() -> typer.Typer:
    """An app for the commands of one module."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def command() -> Any:
    """Everything as one command."""
    names = {"help_option_names": ["--help", "-h"]}  # every command has them from here
    root = typer.Typer(cls=Commands, rich_markup_mode=None, help=_HELP, context_settings=names)
    root.callback()(_root)
    return get_command(root)


_HELP = """
Turn any Flask (WSGI) app into an asynchronous job service over Google Cloud Pub/Sub.

A job is an HTTP request; its result is the app's response.

\b
  pubsubctl setup
  pubsubctl worker start app:app
  pubsubctl submit POST /predict --json '{"x": 1}' --wait
"""


def _version(asked: bool) -> None:
    if asked:
        from pubsubctl import __version__
        from pubsubctl.render.output import line

        line(f"pubsubctl {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass
