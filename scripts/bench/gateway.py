"""Measure the gateway: requests that become jobs a second, beside the same app called directly, and what waiting costs.

python scripts/bench/gateway.py
python scripts/bench/gateway.py --seconds 10 --connections 16 64 256 --rounds 3

Needs wrk. Each round has the app itself on waitress, with eight threads, and the gateway one after the other, so that
they meet the same machine; the median of the rounds is told. No worker runs meanwhile: the jobs wait. Afterwards every
202 that wrk has counted must be a job in the store, or the run ends with exit status 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from pubsubctl import Client, Settings

SUBJECT = """
from flask import Flask, request

app = Flask(__name__)


@app.post("/echo")
def echo():
    return {"bytes": len(request.get_data())}
"""
DIRECT = """
import sys

from subject import app
from waitress import create_server

server = create_server(app, host="127.0.0.1", port=0, threads=8)
print(f"http://127.0.0.1:{server.effective_port}", file=sys.stderr, flush=True)
server.run()
"""
POST = """
wrk.method = "POST"
wrk.body = '{"x": 1}'
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("counted %d %d %d %f\\n", summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1000))
end
"""
START_S = 30.0


class Failure(Exception):
    """Something was lost, or did not start."""


@contextmanager
def served(command: Sequence[str], folder: Path, log: Path) -> Iterator[str]:
    """A server, and its URL, which is the first that it prints."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + START_S
        while (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{command[0]} did not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        yield found[0]
    finally:
        process.terminate()
        process.wait(20)


def load(url: str, connections: int, seconds: float, folder: Path) -> tuple[int, float, float]:
    """Requests answered, requests a second, and the median latency in milliseconds.

    Raises:
        Failure: some were refused, or not answered.
    """
    command = [
        "wrk",
        "-t1",
        "--timeout",
        "10s",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "-s",
        str(folder / "post.lua"),
        f"{url}/echo",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = re.search(r"counted (\d+) (\d+) (\d+) ([\d.]+)", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if counted is None or rate is None:
        raise Failure(f"wrk said what cannot be read: {said[-500:]}")
    if int(counted[2]) or int(counted[3]):
        raise Failure(f"{counted[2]} requests were refused, and {counted[3]} not answered")
    return int(counted[1]), float(rate[1]), float(counted[4])


def measure(connections: Sequence[int], seconds: float, rounds: int) -> None:
    """Print a line for each number of connections."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("subject.py", SUBJECT), ("direct.py", DIRECT), ("post.lua", POST)):
            (folder / file).write_text(text)
        cli = [sys.executable, "-m", "pubsubctl"]
        subprocess.run([*cli, "setup"], cwd=folder, check=True, capture_output=True)
        try:
            counted = 0
            print(f"{'connections':>11}  {'app itself':>16}  {'gateway, 202':>16}  ratio", flush=True)
            for number in connections:
                found: dict[str, list[tuple[float, float]]] = {"direct": [], "gateway": []}
                for _ in range(rounds):
                    for kind, command in (
                        ("direct", [sys.executable, "direct.py"]),
                        ("gateway", [*cli, "gateway", "start", "--host-port", "127.0.0.1:0", "--no-dashboard"]),
                    ):
                        with served(command, folder, folder / f"{kind}.log") as url:
                            load(url, number, 1, folder) if kind == "direct" else None
                            answered, rate, latency_ms = load(url, number, seconds, folder)
                        found[kind].append((rate, latency_ms))
                        counted += answered if kind == "gateway" else 0
                shown = {
                    kind: tuple(median(each[at] for each in all_) for at in (0, 1)) for kind, all_ in found.items()
                }
                cells = [f"{shown[kind][0]:7,.0f}/s {shown[kind][1]:4.0f} ms" for kind in ("direct", "gateway")]
                print(
                    f"{number:>11}  {cells[0]:>16}  {cells[1]:>16}  {shown['gateway'][0] / shown['direct'][0]:.2f}",
                    flush=True,
                )
            with Client(Settings.load(environ={}, start=folder)) as client:
                jobs = sum(client.store.counts().values())
            # wrk stops counting before it closes its connections: a few more may have come.
            if not counted <= jobs <= counted + rounds * sum(connections):
                raise Failure(f"{counted:,} requests were answered with 202, and there are {jobs:,} jobs")
            print(f"{counted:,} requests were answered with 202, and there are {jobs:,} jobs")
        finally:
            subprocess.run([*cli, "emulator", "stop"], cwd=folder, check=False, capture_output=True)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        print("gateway.py: wrk is not installed; Debian has it as wrk", file=sys.stderr)
        return 2
    os.environ.pop("PUBSUB_EMULATOR_HOST", None)
    try:
        measure(asked.connections, asked.seconds, asked.rounds)
    except Failure as failure:
        print(f"gateway.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
