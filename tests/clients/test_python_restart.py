"""google-cloud-pubsub's clients while the emulator stops and is started again."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from emulator_process import running_emulator
from google.cloud.pubsub_v1 import PublisherClient
from pubsub_project import Project
from subscribing import subscribed

RESULT_S = 40


def test_clients_go_on_when_the_emulator_is_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as clients:
        with running_emulator(tmp_path) as address:
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
            with Project.opened("restarted", address, "grpc") as project:
                topic, subscription = project.pair()
            publisher = clients.enter_context(PublisherClient())
            running = clients.enter_context(subscribed(subscription))
            publisher.publish(topic, b"before").result(RESULT_S)
            running.received.wait_for(1)
        waiting = publisher.publish(topic, b"meanwhile")
        with running_emulator(tmp_path, address):
            assert waiting.result(RESULT_S)
            publisher.publish(topic, b"after").result(RESULT_S)
            running.received.wait_for(3, within_s=RESULT_S)
            running.stop()
    assert set(running.received.data) == {b"before", b"meanwhile", b"after"}
