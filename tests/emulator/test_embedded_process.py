"""What the emulator's process is made of."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from broker_process import BrokerProcess
from google.protobuf import descriptor_pb2

from pubsubctl.emulator.embedded import protocol

SCRIPT = Path(__file__).parents[2] / "scripts/descriptors.py"


def test_the_server_imports_no_client() -> None:
    code = (
        "import sys; import pubsubctl.emulator.embedded.__main__;"
        "print(*[name for name in ('google.pubsub_v1', 'google.api_core', 'requests', 'proto', 'sqlalchemy', 'flask',"
        " 'typer', 'rich') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_idle_process_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUBCTL_TEST_COPIES", "0")  # a copy has imported more
    process = BrokerProcess(tmp_path)
    process.start()
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    process.close()
    assert pages * os.sysconf("SC_PAGE_SIZE") < 90 * 2**20


def shapes(files: descriptor_pb2.FileDescriptorSet) -> set[tuple[str, ...]]:
    """Each field of google.pubsub.v1: its message, name, number, kind."""
    found = set()
    pending = [
        ("", message) for file in files.file if file.package == protocol.PACKAGE for message in file.message_type
    ]
    while pending:
        prefix, message = pending.pop()
        name = f"{prefix}{message.name}"
        pending += [(f"{name}.", nested) for nested in message.nested_type]
        found |= {(name, field.name, str(field.number), str(field.type), str(field.label)) for field in message.field}
    return found


def test_the_descriptors_are_those_of_google_cloud_pubsub() -> None:
    """A newer client may know more; what we know must be what it means."""
    spec = importlib.util.spec_from_file_location("descriptors", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    ours = descriptor_pb2.FileDescriptorSet.FromString(script.TARGET.read_bytes())
    assert shapes(ours) <= shapes(script.descriptor_set())
    assert len(shapes(ours)) > 250
