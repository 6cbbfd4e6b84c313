"""The command line. A command parses, calls and renders; exit codes are decided here and nowhere else."""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command that ``sys.argv`` names, and exit with its code."""
    import sys

    from pubsubctl.cli.entry import run

    sys.exit(run(sys.argv[1:]))
