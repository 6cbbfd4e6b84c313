"""A PostgreSQL server for tests: a real one, from the programs that this machine has."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_FOLDERS = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/local").glob("pgsql*/bin")]
_START_S = 30.0
_WATCH = """
import os, signal, sys
os.setsid()
sys.stdin.read()
try:
    os.kill(int(sys.argv[1]), signal.SIGQUIT)
except ProcessLookupError:
    pass
"""


def programs() -> Path | None:
    """The folder of the newest server's programs, None where there is none."""
    on_path = shutil.which("postgres")
    found = [folder for folder in _FOLDERS if (folder / "postgres").exists() and (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()])
    return Path(on_path).resolve().parent if on_path else None


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _account() -> str | None:
    """Whom it runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgresServer:
    """One server, on a loopback port, with its data in a folder of its own.

    Args:
        folder: where its data, its socket and its log go; must be reachable for the account that it runs as.
        durable: whether its commits reach the disk: only what is about crashes of the machine needs that.
        listen: the address that it listens on.
    """

    def __init__(self, folder: Path, *, durable: bool = False, listen: str = "127.0.0.1", port: int = 0) -> None:
        bin_folder = programs()
        assert bin_folder is not None
        self.bin = bin_folder
        self.folder = folder
        self.data = folder / "data"
        self.port = port or free_port()
        self.listen = listen
        self.user = _account()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that all others of it are children of."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = "postgres", *, user: str = "owner", **parameters: str) -> str:
        """Where a store or a client finds it."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@{self.listen}:{self.port}/{database}" + (f"?{query}" if query else "")

    def create(self) -> None:
        """Make its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        # Strings in the order of a language, as most servers have it: an order of bytes must be asked for.
        language = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        self.run("initdb", "-D", self.data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", *language)

    def standby(self, folder: Path) -> "PostgresServer":
        """A copy that follows this one, which runs: it can be read, until it is promoted."""
        other = PostgresServer(folder, durable=self._durable, listen=self.listen)
        folder.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            shutil.chown(folder, self.user)
        self.run(
            "pg_basebackup",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-D",
            other.data,
            "-d",
            f"{self.url()}?application_name=standby",
        )
        return other

    def run(self, program: str, *arguments: object) -> str:
        """Run one of its programs to its end."""
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Start it, and wait until it takes connections. It ends with this process, however that ends."""
        settings = {
            "listen_addresses": self.listen,
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._durable else "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "logging_collector": "off",
            "log_min_messages": "warning",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, "-p", str(self.port), *options],
                user=self.user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watch = subprocess.Popen([sys.executable, "-c", _WATCH, str(self.pid)], stdin=subprocess.PIPE)
        self.wait_until_ready()

    def ensure(self) -> None:
        """Start it, unless it runs."""
        if self._process is None:
            self.start()

    def wait_until_ready(self) -> None:
        """Wait until it takes connections."""
        deadline = time.monotonic() + _START_S
        while not self.is_ready():
            assert self._process is not None
            log = (self.folder / "server.log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, f"the server has ended: {log}"
            assert time.monotonic() < deadline, f"the server does not start: {log}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        asked = [self.bin / "pg_isready", "-q", "-h", self.listen, "-p", str(self.port), "-t", "1"]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT breaks all connections in good order, SIGQUIT is a crash."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.send_signal(how)
            process.wait(timeout=_START_S)
        if self._watch is not None:
            assert self._watch.stdin is not None
            self._watch.stdin.close()
            self._watch.wait(timeout=10)
            self._watch = None


@contextlib.contextmanager
def running_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server for as long as the block runs, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="pubsubctl-postgresql-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder), durable=durable)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
