"""The cloud as far as code can see, on loopback: names, TLS, tokens, IAM, and an embedded emulator behind them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts import Accounts
from apis import served_apis
from authority import Certified, certified
from connect_proxy import proxied
from front import Cloud, served_front

from pubsubctl.emulator import daemon
from pubsubctl.state import State

PROJECT = "acme-prod"
APP = """
import flask

app = flask.Flask(__name__)

@app.post("/predict")
def predict():
    return {"doubled": flask.request.get_json()["x"] * 2}
"""


@dataclass
class Rehearsal:
    """A folder of a project, and the cloud that its commands see.

    Attributes:
        cloud: what may be wrong with it.
        apis: its other APIs.
        proxy: what leads there.
        emulator: the address of what is behind it.
    """

    folder: Path
    accounts: Accounts
    cloud: Cloud
    apis: Any
    proxy: Any
    certified: Certified
    emulator: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: nothing in it names a server of ours but the proxy and who is to be trusted."""
        left_out = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "PUBSUB", "no_proxy", "NO_PROXY", "GRPC_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        return kept | {
            "HTTPS_PROXY": self.proxy.url,
            "https_proxy": self.proxy.url,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.certified.authority),
            "REQUESTS_CA_BUNDLE": str(self.certified.authority),
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "NO_GCE_CHECK": "true",
            "COLUMNS": "200",
            **self.more,
        }

    def key(self, name: str, *roles: str) -> Path:
        """The key file of a new account with roles on the project."""
        return self.accounts.key_file(self.accounts.create(name, *roles), self.folder / f"{name}.json")

    def key_to_use(self, name: str, *roles: str) -> str:
        """The same, as the file that pubsubctl.toml names; the account's e-mail address."""
        self.key(name, *roles).rename(self.folder / "key.json")
        return self.accounts.email(name)

    def use(self, file: str) -> None:
        """Have pubsubctl.toml name another key."""
        path = self.folder / "pubsubctl.toml"
        path.write_text(path.read_text().replace('"key.json"', f'"{file}"'))

    def for_gcloud(self) -> dict[str, str]:
        """What leads gcloud into the same cloud: Pub/Sub by its REST API, which is the emulator's own here."""
        return self.environment | {
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(self.certified.authority),
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(self.folder / "key.json"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{self.emulator}/",
        }

    def run(self, *words: str, timeout_s: float = 60.0, env: Mapping[str, str] | None = None) -> "Ran":
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pubsubctl", *words],
            cwd=self.folder,
            env=self.environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def worker(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        log = (self.folder / "worker.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pubsubctl", "worker", "start", "app:app", "-p", "1", *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that it said on stderr."""
        (line,) = self.err.strip().splitlines()
        return line


@contextmanager
def rehearsal(folder: Path) -> Iterator[Rehearsal]:
    """Start all of it."""
    state = State(folder / "broker")
    state.create()
    project = folder / "project"
    project.mkdir()
    (project / "app.py").write_text(APP)
    (project / "pubsubctl.toml").write_text(
        f'broker = "cloud"\nproject = "{PROJECT}"\nstore = "jobs.db"\ncredentials_file = "key.json"\n'
    )
    accounts = Accounts(PROJECT)
    files = certified(folder / "tls", "pubsub.googleapis.com", "*.googleapis.com", "*.rep.googleapis.com")
    with ExitStack() as stack:
        emulator = daemon.start(state)
        stack.callback(daemon.stop, state)
        cloud = stack.enter_context(served_front(Cloud(accounts), files, emulator.address))
        apis = stack.enter_context(served_apis(accounts, files))
        port = apis.server_address[1]
        targets = {"pubsub.googleapis.com:443": cloud.port, "europe-west1-pubsub.googleapis.com:443": cloud.port}
        targets |= {
            f"{name}.googleapis.com:443": port for name in ("oauth2", "iamcredentials", "iam", "cloudresourcemanager")
        }
        proxy = stack.enter_context(proxied(targets))
        yield Rehearsal(project, accounts, cloud, apis, proxy, files, emulator.address)
