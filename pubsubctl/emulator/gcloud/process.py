"""Google's emulator as what a process does until it is told to end."""

import http.client
import signal
import time
from collections.abc import Callable
from pathlib import Path

from pubsubctl.emulator import lock
from pubsubctl.emulator.address import bindable, split
from pubsubctl.emulator.gcloud.complaint import complaint, is_hopeless
from pubsubctl.emulator.gcloud.sdk import Sdk, environment, java_hint
from pubsubctl.emulator.gcloud.signals import Signals
from pubsubctl.emulator.gcloud.tree import Tree
from pubsubctl.errors import EmulatorError

PROJECT = "pubsubctl-local"
LOCK = "emulator.lock"
OUTPUT = "output.log"
START_S = 60.0
ANSWER_S = 1.0
POLL_S = 0.05
TRIES = 3
WATCH_S = 2.0


def serve_process(data_dir: Path, *, host_port: str, project: str = PROJECT, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; to be called from the main thread.

    When it returns or raises, nothing of gcloud and Java runs any more.

    Args:
        data_dir: where the lock is, what gcloud writes, and what it printed (``output.log``).
        host_port: where to listen; port 0 takes a free one.
        project: what gcloud is told; the emulator serves every project.
        on_ready: called with the address once RPCs are answered.

    Raises:
        EmulatorError: gcloud or what it needs is missing, the emulator cannot be started or has ended by itself, or
            its data directory was removed.
    """
    sdk = Sdk.find()
    sdk.check()
    with lock.held(data_dir / LOCK) as held, Signals() as signals:
        for tries_left in reversed(range(TRIES)):
            emulator = _Emulator(sdk, data_dir, _place(host_port), project)
            try:
                _serve(emulator, held, signals, on_ready)
                return
            except _PortTaken:
                if emulator.address == host_port or not tries_left:
                    raise
            finally:
                emulator.tree.end()


def _serve(emulator: "_Emulator", held: lock.Lock, signals: Signals, on_ready: Callable[[str], None]) -> None:
    if not emulator.wait_ready(signals):
        return
    held.tell(emulator.address)
    on_ready(emulator.address)
    while not signals.wait(WATCH_S):
        emulator.check()
        if not held.is_in_place():
            raise EmulatorError(f"{held.path} was removed, and with it the place of this emulator; start it anew")


class _PortTaken(EmulatorError):
    """Somebody else listens at the port that was free when it was chosen."""


class _Emulator:
    """One run of it."""

    def __init__(self, sdk: Sdk, data_dir: Path, address: str, project: str) -> None:
        self.address = address
        self._output = data_dir / OUTPUT
        self._serves = False
        command = [str(sdk.gcloud), "beta", "emulators", "pubsub", "start"]
        command += [f"--host-port={address}", f"--data-dir={data_dir}", f"--project={project}"]
        try:
            self.tree = Tree(command, environment(data_dir / "config"), self._output)
        except OSError as error:
            raise EmulatorError(
                f"cannot start gcloud: {error.filename}: {error.strerror}; mend its permissions or make room"
            ) from error

    def wait_ready(self, signals: Signals) -> bool:
        """Wait until an RPC is answered; False where this process was told to end before."""
        give_up = time.monotonic() + START_S
        while not signals.wait(POLL_S):
            self.check()
            if is_hopeless(self._printed()):
                failure = self._failure("Google's emulator cannot serve")
                raise _PortTaken(failure) if "in use" in failure else EmulatorError(failure)
            if _answers(self.address):
                self._serves = True
                return not signals.told_to_end
            if time.monotonic() > give_up:
                raise EmulatorError(self._failure(f"Google's emulator does not answer after {START_S:g} s"))
        return False

    def check(self) -> None:
        """See that it has not ended."""
        code = self.tree.ended()
        if code is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else "has ended"
            raise EmulatorError(self._failure(f"Google's emulator {how}"))

    def _failure(self, happened: str) -> str:
        # Once it has served, a complaint in what it printed may be an old one, of something that it got over.
        said = None if self._serves else complaint(self._printed())
        if said is None:
            return f"{happened}; what it printed is in {self._output}"
        return f"{happened}: {said}{_hint(said)}"

    def _printed(self) -> str:
        try:
            return self._output.read_text(errors="replace")
        except OSError:
            return ""


def _hint(said: str) -> str:
    if "JAVA_HOME" in said:
        return "; set it right, or unset it"
    return f"; {java_hint()}" if "JRE" in said or "UnsupportedClassVersion" in said else ""


def _place(host_port: str) -> str:
    """Where to listen, with a port: the emulator does not tell which one it took, and stays when it gets none."""
    try:
        return bindable(host_port)
    except OSError as error:
        raise EmulatorError(f"cannot listen at {host_port}: {error.strerror}; name another --host-port") from error


def _answers(address: str) -> bool:
    """Whether it answers RPCs.

    Asked over REST, at the same port: that needs no client library, and to answer it the emulator calls its own gRPC.
    With an IPv6 address it fails to; there it is asked for the page that says that it is healthy.
    """
    host, port = split(address)
    path = "/" if ":" in host else "/v1/projects/pubsubctl/topics"
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
