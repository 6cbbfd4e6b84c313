"""The emulators that can be started, and all in which they differ as daemons.

Each is a package with a ``__main__`` that takes ``--data``, ``--host-port``, ``--ready-fd`` and options of its own.
Neither is imported before it is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pubsubctl.errors import UsageError
from pubsubctl.state import State

Options = Mapping[str, str]
Serve = Callable[[Path, str, Options, Callable[[str], None]], None]
"""Data directory, where to listen, options, and what is called with the address once RPCs are answered."""


@dataclass(frozen=True)
class Kind:
    """An emulator.

    Attributes:
        name: as in the setting ``broker``.
        title: what people call it.
        package: where its code is.
        folder: its usual data directory, in the state directory.
        lock_name: its lock file in the data directory, as its package has it.
        kept: those of its options that one which runs was started with for good, each with its usual value.
        caution: what whoever starts it should know; empty where there is nothing.
        start_s: the longest that a start may take.
        check: raises UsageError for an option that it does not have, or a value that the option cannot have.
        serve: is it, in this process, until SIGTERM or SIGINT; for the main thread. Raises EmulatorError where it
            cannot be started, ends by itself, or has lost its data directory.
    """

    name: str
    title: str
    package: str
    folder: str
    lock_name: str
    kept: Mapping[str, str]
    caution: str
    start_s: float
    check: Callable[[Options], None]
    serve: Serve

    def data_dir(self, state: State) -> Path:
        """Where its data lie unless something else is asked for."""
        return (state.directory / self.folder).resolve()

    def lock(self, data_dir: Path) -> Path:
        """The lock that it holds while it runs on ``data_dir``."""
        return data_dir / self.lock_name


def _check_embedded(options: Options) -> None:
    if "chaos" in options:
        from pubsubctl.emulator.embedded.chaos import Plan

        Plan.parse(options["chaos"])


def _serve_embedded(data_dir: Path, host_port: str, options: Options, on_ready: Callable[[str], None]) -> None:
    from pubsubctl.emulator.embedded.chaos import Plan
    from pubsubctl.emulator.embedded.process import serve_process

    serve_process(
        data_dir,
        host_port=host_port,
        durability=options.get("durability", "full"),
        chaos=Plan.parse(options.get("chaos", "off")),
        on_ready=on_ready,
    )


def _check_gcloud(options: Options) -> None:
    foreign = sorted(options.keys() - {"project"})
    if foreign:
        raise UsageError(f"--{foreign[0]} is for the embedded emulator; Google's has nothing like it")


def _serve_gcloud(data_dir: Path, host_port: str, options: Options, on_ready: Callable[[str], None]) -> None:
    from pubsubctl.emulator.gcloud.process import PROJECT, serve_process

    serve_process(data_dir, host_port=host_port, project=options.get("project", PROJECT), on_ready=on_ready)


EMBEDDED = Kind(
    name="embedded",
    title="the embedded emulator",
    package="pubsubctl.emulator.embedded",
    folder="",
    lock_name="broker.db.lock",
    kept={"durability": "full", "chaos": "off"},
    caution="",
    start_s=10,
    check=_check_embedded,
    serve=_serve_embedded,
)
GCLOUD = Kind(
    name="gcloud",
    title="Google's emulator",
    package="pubsubctl.emulator.gcloud",
    folder="gcloud",
    lock_name="emulator.lock",
    kept={},
    caution="Google's emulator keeps nothing: topics, subscriptions and messages are gone when it stops",
    start_s=70,  # its process gives up after 60, and says why
    check=_check_gcloud,
    serve=_serve_gcloud,
)
KINDS = {kind.name: kind for kind in (EMBEDDED, GCLOUD)}


def kind_of(broker: str) -> Kind:
    """The emulator that the setting ``broker`` means.

    Raises:
        UsageError: it means the real service.
    """
    if broker not in KINDS:
        raise UsageError(f"--broker {broker} is no emulator; start one of {', '.join(KINDS)}")
    return KINDS[broker]
