"""``python -m pubsubctl``: the command line, for where the script is not on PATH."""

from pubsubctl.cli import main

if __name__ == "__main__":
    main()
