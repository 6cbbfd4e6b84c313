"""The command line, cold: what somebody waits for who types one command."""

from racing.interrupts import undisturbed
from racing.noop import expected

from growing.commands import CommandLine
from growing.curves import Load
from growing.scene import sandbox
from growing.stores import Backend


def measure(backend: Backend, load: Load) -> dict[str, float]:
    """Seconds of each command, beside a worker that runs.

    Raises:
        Failure: one did not do what it should.
    """
    with undisturbed(sandbox(backend)) as scene:
        commands = CommandLine(scene.folder, scene.settings, backend, load.timeout_s)
        submit = ["submit", "/7", "--wait"]
        return {
            "help": commands.seconds(["--help"], load.times, lambda said: "Usage" in said, with_store=False),
            "status": commands.seconds(["status"], load.times, lambda said: "of 1 slot" in said),
            "submit": commands.seconds(submit, load.times, lambda said: said.strip() == expected(7)),
        }
