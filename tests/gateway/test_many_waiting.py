"""Hundreds of clients wait at once, and hold next to nothing."""

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway_kit import Surroundings, eventually

CLIENTS = 500


@pytest.fixture
def served(surroundings: Surroundings):
    """A gateway in a process of its own."""
    command = [sys.executable, "-m", "pubsubctl", "gateway", "start", "--host-port", "127.0.0.1:0", "--max-wait", "600"]
    log = surroundings.folder / "gateway.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=surroundings.folder, stderr=file, env=os.environ | {"PUBSUBCTL_LEASE": "10"}
        )
    try:
        eventually(lambda: "ready at" in log.read_text() or process.poll() is not None, "the gateway is ready")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert found, log.read_text()
        yield process, int(found.group(1))
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.wait(20) == 0, log.read_text()


def status(process: subprocess.Popen[bytes], key: str) -> int:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+)", text).group(1))


def jobs(surroundings: Surroundings) -> int:
    return sum(surroundings.client.store.counts().values())


def waiting(port: int, target: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=500\r\nConnection: close\r\n\r\n".encode()
    )
    return client


def test_five_hundred_who_wait_hold_few_threads_and_little_memory_and_are_all_answered(surroundings, served, tmp_path):
    process, port = served
    before = jobs(surroundings)
    clients = [waiting(port, f"/until{tmp_path}/end?n={number}") for number in range(8)]
    eventually(lambda: jobs(surroundings) == before + 8, "they are jobs")
    threads, memory = status(process, "Threads"), status(process, "VmRSS")
    clients += [waiting(port, f"/until{tmp_path}/end?n={number}") for number in range(8, CLIENTS)]
    eventually(
        lambda: jobs(surroundings) == before + CLIENTS,
        "all are jobs",
    )
    assert status(process, "Threads") <= threads + 2
    assert (status(process, "VmRSS") - memory) * 1024 / CLIENTS < 100_000
    (tmp_path / "end").touch()
    answers = read_all(clients, time.monotonic() + 90)
    assert [answer for answer in answers if not answer.startswith(b"HTTP/1.1 200 ")] == []
    assert all(answer.endswith(b"it is there") for answer in answers)


def test_who_waits_is_told_where_to_ask_when_the_gateway_ends(surroundings, served, tmp_path):
    process, port = served
    before = jobs(surroundings)
    client = waiting(port, f"/until{tmp_path}/end")
    eventually(lambda: jobs(surroundings) == before + 1, "it is a job")
    process.terminate()
    (answer,) = read_all([client], time.monotonic() + 20)
    process.wait(20)
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert b"\r\nLocation: /_jobs/" in answer
    (tmp_path / "end").touch()


def read_all(clients: list[socket.socket], deadline: float) -> list[bytes]:
    read: dict[socket.socket, bytes] = dict.fromkeys(clients, b"")
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        while selector.get_map():
            assert time.monotonic() < deadline, f"{len(selector.get_map())} have no answer"
            for key, _ in selector.select(1):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                if data := client.recv(65536):
                    read[client] += data
                else:
                    selector.unregister(client)
                    client.close()
    return [read[client] for client in clients]
