"""What a process on Linux is made of, while its parts come and go."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """The processes that were started by it, whichever of its threads did so."""
    return [int(child) for text in _of_each_thread(pid, "children") for child in text.split()]


def threads_of(pid: int) -> list[str]:
    """The name of each of its threads."""
    return [text.strip() for text in _of_each_thread(pid, "comm")]


def open_files(pid: int) -> set[Path]:
    """What each of its descriptors leads to."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found.add(link.readlink())
    return found


def _of_each_thread(pid: int, file: str) -> Iterator[str]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            yield (thread / file).read_text()
