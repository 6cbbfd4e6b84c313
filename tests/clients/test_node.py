"""Google's client for Node; what is tested is in node/*.test.js, each file a process."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NODE = Path(__file__).parent / "node"
SCRIPT_S = 90

# In one process of tests, as the first of them may have to install the library.
pytestmark = [pytest.mark.xdist_group("node"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("script", sorted(NODE.glob("*.test.js")), ids=lambda script: script.name.partition(".")[0])
def test_the_client_does_what_its_script_asks_for(
    script: Path, node_libraries: Callable[[Path], Path], emulator: str
) -> None:
    environment = {
        "NODE_PATH": str(node_libraries(NODE)),
        "PUBSUB_EMULATOR_HOST": emulator,
        # Nothing is asked of the network: credentials are not looked for.
        "METADATA_SERVER_DETECTION": "none",
    }
    command = ["node", "--test-reporter=spec", str(script)]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=SCRIPT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
