"""The command line. A command parses, calls and renders; exit codes are decided here and nowhere else."""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command that ``sys.argv`` names, and exit with its code."""
    import os
    import sys

    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported, or as the process ends
        os.write(2, b"pubsubctl: interrupted\n")
        code = 130
    sys.exit(code)


def _run(argv: list[str]) -> int:
    import gc

    # What is imported stays, and at the end the whole process goes: looking through all of it for garbage, after
    # every 700 objects and once more at the exit, takes a fifth of a short command's time.
    gc.set_threshold(50_000)

    from pubsubctl.cli.entry import run

    code = run(argv)
    gc.disable()
    return code
