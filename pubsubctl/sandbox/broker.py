"""Which broker a sandbox is on: one that the settings name, or an emulator of its own."""

from contextlib import ExitStack
from dataclasses import replace

from pubsubctl.emulator import daemon
from pubsubctl.emulator.record import Running
from pubsubctl.sandbox.interrupts import deferred
from pubsubctl.settings import Settings
from pubsubctl.state import State

_SOURCE = "the sandbox"


def hosted(settings: Settings, state: State, undo: ExitStack) -> tuple[Settings, int | None]:
    """The settings with the broker in them, which is started where it is to be our own.

    Args:
        settings: what is asked for.
        state: where an emulator of our own keeps what it has.
        undo: what stops it again.

    Returns:
        The settings, and the pid of an emulator of our own.

    Raises:
        EmulatorError: it does not start.
    """
    if settings.broker == "cloud" or settings.emulator_host:
        return settings, None
    if (running := _running_here(settings)) is not None:
        return _at(settings, running), None
    with deferred():
        undo.callback(daemon.stop, state)
        running = daemon.start(state, broker=settings.broker)
    return _at(settings, running), running.pid


def _running_here(settings: Settings) -> Running | None:
    """Google's emulator, where that is asked for and runs in the user's project: it takes a second to start another."""
    if settings.broker != "gcloud":
        return None
    running = daemon.find(settings.state)
    return running if running is not None and running.broker == "gcloud" else None


def _at(settings: Settings, running: Running) -> Settings:
    sources = {**settings.sources, "broker": _SOURCE, "emulator_host": _SOURCE}
    return replace(settings, broker=running.broker, emulator_host=running.address, sources=sources)
