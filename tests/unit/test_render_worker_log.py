"""What of the log reaches people."""

import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys
from pubsubctl.render.worker import log_to_stderr
log_to_stderr(verbose=sys.argv[1] == "verbose")
for name in ("google.api_core.bidi", "grpc._channel", "google.cloud", "pubsubctl.worker"):
    logging.getLogger(name).error("from %s", name)
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("plain", ["google.cloud", "pubsubctl.worker"]),
        ("verbose", ["google.api_core.bidi", "grpc._channel", "google.cloud", "pubsubctl.worker"]),
    ],
)
def test_what_the_client_gets_over_by_itself_is_told_only_to_those_who_ask(how: str, told: list[str]) -> None:
    # In a process of its own: the log of this one is pytest's.
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
    assert [line.rpartition(" ")[2] for line in done.stderr.splitlines()] == told
