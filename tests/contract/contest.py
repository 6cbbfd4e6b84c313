"""Processes that fight for the same jobs, or for the same file, all from the same moment."""

import json
import subprocess
import sys
from pathlib import Path

_CONTENDER = Path(__file__).with_name("contender.py")


def contend(url: str, *, processes: int, threads: int, jobs: int) -> list[dict[str, list[tuple[str, int, str]]]]:
    """Let them fight; what each of them was told."""
    started = [
        subprocess.Popen(
            [sys.executable, _CONTENDER, url, f"p{number}", str(jobs), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [json.loads(each.communicate(timeout=280)[0]) for each in started]
    assert [each.returncode for each in started] == [0] * processes
    return told
