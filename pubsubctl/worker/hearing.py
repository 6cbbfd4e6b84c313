"""Hears children: what they say of their tasks and of themselves, and what they print."""

import logging
import threading
import time
from collections.abc import Callable

from pubsubctl.worker import reports
from pubsubctl.worker.frames import Frame
from pubsubctl.worker.output import Forwarder
from pubsubctl.worker.process import Child
from pubsubctl.worker.switchboard import Switchboard

_log = logging.getLogger("pubsubctl.worker")

EXIT_GRACE_S = 1.0
"""How long a child has to end by itself."""


class Hearing:
    """Reads the sockets and the pipes of children, in the thread that waits at its switchboard.

    Args:
        lock: guards the children and their tasks.
        forwarder: where what they print goes.
        on_report: a child has said something.
        on_silence: all that had arrived from a child has been heard.

    Attributes:
        switchboard: where children are to be connected.
    """

    def __init__(
        self,
        lock: threading.RLock,
        forwarder: Forwarder,
        *,
        on_report: Callable[[Child, reports.Report], None],
        on_silence: Callable[[], None],
    ) -> None:
        self._lock = lock
        self._forwarder = forwarder
        self._on_report = on_report
        self._on_silence = on_silence
        self.switchboard = Switchboard(on_readable=self.read, on_writable=self._write, on_printed=self._hear_output)

    def read(self, child: Child) -> None:
        """Hear what has arrived."""
        if child.cut_off:
            return
        try:
            while frames := child.receive():
                for frame in frames:
                    self._hear(child, frame)
        except reports.NONSENSE as error:
            _log.error("child %d speaks nonsense and is killed: %r", child.pid, error)
            child.fault = "the process that ran it was killed: the app has written into the worker's own socket"
            self.cut_off(child, grace_s=0.0)
        else:
            if frames is None:
                self.cut_off(child, grace_s=EXIT_GRACE_S)
        self._on_silence()

    def _hear(self, child: Child, frame: Frame) -> None:
        if own := reports.printed(frame):
            child.printed.note(own)
            if child.printed.is_behind:  # what a job printed is heard before its end, while it is known to run
                self._hear_output(child)
        self._on_report(child, reports.read(frame))

    def cut_off(self, child: Child, *, grace_s: float) -> None:
        """Its socket says no more: its process ends in a moment, or is made to."""
        with self._lock:
            child.cut_off = True
            child.kill_at = time.monotonic() + grace_s
        self.switchboard.cut_off(child)

    def _hear_output(self, child: Child) -> None:
        if self._forwarder.full:
            self.switchboard.mute(child)
        elif (data := child.read_output()) is None:
            self.switchboard.hush(child)
        elif data:
            self._forwarder.put(child.pid, data, child.running())

    def _write(self, child: Child) -> None:
        with self._lock:
            self.switchboard.write(child)
