"""From arguments to an exit code: the one place where errors become a line on stderr."""

import errno
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
    if "--debug" not in argv:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes to stderr, too, in a format of its own
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        _never_fail(stream)
    try:
        code = _invoke(_asked(argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _said("interrupted", Code.INTERRUPTED)
    except typer.TyperException as error:
        return _said(_usage(error), Code(error.exit_code))
    except PubsubctlError as error:
        return _failed(error, argv, code_of(error))
    except OSError as error:
        return _unwritten(error, argv)
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


_UNWRITABLE = {errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What writing to an open file ends with. Whatever else is written here is SQLite's, or names its file."""


def _never_fail(stream: TextIO) -> None:
    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a narrow encoding shows escapes rather than nothing


def _open_closed() -> None:
    """Streams that the caller has closed: data cannot be written, notes go nowhere."""
    if _is_closed(sys.stdout):
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")  # writing fails there, as it should
    if _is_closed(sys.stderr):
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _is_closed(stream: TextIO | None) -> bool:
    return stream is None


def _unwritten(error: OSError, argv: Sequence[str]) -> int:
    """Whoever read our output has left, which needs no words; or it cannot be written; or it is something else."""
    gone = isinstance(error, BrokenPipeError)
    if not gone and (error.filename is not None or error.errno not in _UNWRITABLE):
        return _failed(error, argv, Code.ERROR)
    _discard_output()
    return Code.ERROR if gone else _said(f"cannot write to stdout: {error.strerror or error}", Code.ERROR)


def _discard_output() -> None:
    # Nobody takes our output any more. What Python still wants to flush must have somewhere to go.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())


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
    context = getattr(error, "ctx", None)
    near = _near(error, context)
    if near:
        return f"{text}; did you mean {near}?"
    if text.endswith("?"):
        return text  # typer has asked already what was meant
    return f"{text}; see `{context.command_path} --help`" if context else text


def _near(error: typer.TyperException, context: Any) -> str | None:
    """The option that may have been meant by one that the command has not."""
    typed = getattr(error, "option_name", None)
    if typed is None or context is None:
        return None
    from pubsubctl.cli.guessing import meant

    return meant(typed, [name for part in context.command.get_params(context) for name in part.opts])
