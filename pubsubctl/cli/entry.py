"""From arguments to an exit code: the one place where errors become a line on stderr."""

import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import typer

from pubsubctl.cli.codes import Code, code_of
from pubsubctl.errors import PubsubctlError, WaitTimeout
from pubsubctl.render.output import note

PROGRAM = "pubsubctl"
_COMPLETE = "_PUBSUBCTL_COMPLETE"


def run(argv: Sequence[str]) -> int:
    """Run a command.

    Args:
        argv: the arguments, without the program's name.

    Returns:
        The exit code; whatever went wrong has been said on stderr, in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        _never_fail(stream)
    try:
        code = _invoke(_asked(argv))
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_gone()
    except KeyboardInterrupt:
        return _said("interrupted", Code.INTERRUPTED)
    except typer.TyperException as error:
        return _said(_usage(error), Code(error.exit_code))
    except PubsubctlError as error:
        return _failed(error, argv, code_of(error))
    except Exception as error:  # noqa: BLE001 - the last resort: one line, and the traceback for whoever asks
        return _failed(error, argv, Code.ERROR)
    return code


def _asked(argv: Sequence[str]) -> list[str]:
    """The arguments; ``help`` and ``help COMMAND`` ask for what --help shows."""
    if not argv or argv[0] == "help":
        return [*argv[1:], "--help"]
    return list(argv)


def _invoke(argv: list[str]) -> int:
    from pubsubctl.cli.app import command

    group = command()
    if _COMPLETE in os.environ:
        group.main(argv, prog_name=PROGRAM)  # the shell asks; typer answers, and exits
    try:
        with group.make_context(PROGRAM, argv) as context:
            group.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return Code.DONE


def _never_fail(stream: TextIO) -> None:
    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a narrow encoding shows escapes rather than nothing


def _reader_gone() -> int:
    # Whoever read our output has left. What Python still wants to flush must have somewhere to go.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    return Code.ERROR


def _said(text: str, code: Code) -> int:
    note(f"{PROGRAM}: {text}")
    return code


def _failed(error: Exception, argv: Sequence[str], code: Code) -> int:
    if "--debug" in argv:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, WaitTimeout):
        told, *commands = str(error).split("\n")  # how to come back to it stands on a line of its own
        _said(told, code)
        for command in commands:
            note(command)
        return code
    if isinstance(error, PubsubctlError):
        return _said(str(error), code)
    hint = "" if "--debug" in argv else "; run it again with --debug for the traceback"
    return _said(f"{type(error).__name__}: {error}{hint}", code)


def _usage(error: typer.TyperException) -> str:
    message = error.format_message() if not hasattr(error, "option_name") else error.message
    text = message[:1].lower() + message[1:].rstrip(".")
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    if near:
        return f"{text}; did you mean {near[0]}?"
    if text.endswith("?"):
        return text  # typer has asked already what was meant
    return f"{text}; see `{context.command_path} --help`" if context else text
