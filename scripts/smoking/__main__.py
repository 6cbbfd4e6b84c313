"""Reads the options, asks, makes what is needed, runs the checks, deletes it all again, prints the table."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pubsubctl.broker.connection import Connection
from pubsubctl.cli.codes import Code, code_of
from pubsubctl.cli.confirming import confirm
from pubsubctl.errors import PubsubctlError
from pubsubctl.sandbox import interrupts
from smoking.belongings import Belongings
from smoking.bill import bill
from smoking.checking import Lanes, Result, Row
from smoking.ground import Ground
from smoking.inventory import inventory
from smoking.plan import lanes
from smoking.sheet import scrubbed, sheet
from smoking.terms import PROGRAM, Terms, parse
from smoking.unproven import UNPROVEN

_BEGAN = time.monotonic()


def main(arguments: Sequence[str]) -> int:
    """One run; the exit status."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes to stderr, too, in a format of its own
    terms = parse(arguments)
    interrupts.install()
    try:
        rows, endpoint = _run(terms)
    except KeyboardInterrupt:
        _say(f"{PROGRAM}: interrupted")
        return Code.INTERRUPTED
    except PubsubctlError as error:
        _say(f"{PROGRAM}: {error}")
        return code_of(error)
    except OSError as error:
        _say(f"{PROGRAM}: {error}")
        return Code.ERROR
    print(sheet(rows, endpoint=endpoint, emulator=terms.emulator is not None, took_s=time.monotonic() - _BEGAN))
    print(f"\n{UNPROVEN}", flush=True)
    return Code.DONE if all(row.result is Result.OK for row in rows) else Code.ERROR


def _run(terms: Terms) -> tuple[list[Row], str]:
    """The same as ``_checked``, and all is taken down again, whatever comes meanwhile."""
    undo = ExitStack()
    try:
        return _checked(terms, undo)
    finally:
        with interrupts.deferred():
            undo.close()


def _checked(terms: Terms, undo: ExitStack) -> tuple[list[Row], str]:
    """The rows, scrubbed, and where the service is."""
    folder = Path(tempfile.mkdtemp(prefix="pubsubctl-smoke-"))
    undo.callback(_leave, terms, folder)
    ground = Ground(terms, folder)
    extra = inventory(terms.project, terms.prefix)
    _say(bill(terms, ground.settings, extra))
    confirm("run", [], "That is all that is touched.", yes=terms.yes)
    connection = undo.enter_context(Connection(ground.settings))
    connection.check()
    belongings = Belongings(connection, ground.settings, extra)
    undo.callback(_delete, belongings, keep=terms.keep)
    undo.callback(_end, ground)
    ground.open_store()
    _progress("creating topics and subscriptions")
    belongings.make()
    secrets = _secrets(terms, folder)
    run = Lanes(lambda row: _progress(_told(_without(row, secrets))))
    for side_by_side in lanes(terms, ground, connection, extra):
        run.run(side_by_side)
    return [_without(row, secrets) for row in run.rows], connection.place


def _secrets(terms: Terms, folder: Path) -> list[tuple[str, str]]:
    """What is never shown, and what stands in its place."""
    named = [
        (terms.project, "PROJECT"),
        (terms.store, "STORE"),
        (terms.credentials_file, "FILE"),
        (terms.impersonate_service_account, "ACCOUNT"),
        (str(folder), "FOLDER"),
        (str(Path.home()), "HOME"),
    ]
    return [(secret, instead) for secret, instead in named if secret]


def _without(row: Row, secrets: Sequence[tuple[str, str]]) -> Row:
    return replace(row, seen=scrubbed(row.seen, secrets))


def _end(ground: Ground) -> None:
    try:
        ground.close()
    except PubsubctlError as error:  # what was seen is told nonetheless
        _say(f"{PROGRAM}: jobs whose path ends with {ground.mark} may be left in the store: {error}")


def _delete(belongings: Belongings, *, keep: bool) -> None:
    if not belongings.things:
        return
    if keep:
        _say("kept; to delete it all:")
        _commands(thing.command for thing in reversed(belongings.things))
        return
    _progress("deleting topics and subscriptions")
    left = belongings.delete()
    if left:
        _say(f"{PROGRAM}: {len(left)} could not be deleted ({belongings.failures[-1]}); to do it by hand:")
        _commands(thing.command for thing in left)


def _leave(terms: Terms, folder: Path) -> None:
    if terms.keep:
        _say(f"the folder is kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _told(row: Row) -> str:
    return f"{row.number:2} {row.check}: {row.result}, {row.seconds:.1f} s: {row.seen}"


def _progress(text: str) -> None:
    _say(f"{time.monotonic() - _BEGAN:6.1f} s  {text}")


def _commands(commands: Iterable[str]) -> None:
    for command in commands:
        _say(f"  {command}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")  # as a whole: checks run side by side
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
