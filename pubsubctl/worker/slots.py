"""The threads of a child that run jobs, and the jobs that have arrived for them."""

import os
import traceback
from queue import SimpleQueue

from pubsubctl.worker import tickets
from pubsubctl.worker.capture import Capture
from pubsubctl.worker.channel import Channel, leave
from pubsubctl.worker.frames import Frame
from pubsubctl.worker.runner import Ended, Runner

_BROKEN = 70


class Slots:
    """Begins a job in whichever thread has read its ticket.

    Its threads wait for each other by a queue that is of C alone: no application can replace what that is made of.
    """

    def __init__(self, runner: Runner, channel: Channel, capture: Capture, tickets_fd: int) -> None:
        self._runner = runner
        self._channel = channel
        self._capture = capture
        self._tickets_fd = tickets_fd
        self._arrivals: dict[int, SimpleQueue[Frame]] = {}

    def put(self, frame: Frame) -> None:
        """A job has arrived; it begins when a thread has read its ticket."""
        self._arrival(frame.header["ticket"]).put(frame)

    def forget(self, numbers: list[int]) -> None:
        """The parent has taken these tickets back: their jobs will never begin here."""
        for number in numbers:
            self._arrivals.pop(number, None)

    def work(self) -> None:
        """Run jobs one after another in this thread, until there will be no more tickets.

        Whatever goes wrong here ends the process: a slot that were lost quietly would leave its job running for ever.
        """
        try:
            self._run_jobs()
        except EOFError:
            return
        except OSError as error:
            leave(error)
        except BaseException:  # noqa: BLE001 - a signal handler of the application's may raise anything, anywhere
            traceback.print_exc(file=self._capture.stderr)
            os._exit(_BROKEN)

    def _run_jobs(self) -> None:
        ended: Ended | None = None
        owner = os.getpid()
        while True:
            number = tickets.take(self._tickets_fd)
            if number is None:
                if ended is not None:
                    self._channel.send(ended.frame())
                number, ended = tickets.wait(self._tickets_fd), None
            frame = self._frame(number)
            # The end of one job and the beginning of the next are one frame.
            self._channel.send(self._runner.began(frame) if ended is None else ended.frame(number))
            ended = self._runner.run(frame)
            if os.getpid() != owner:
                os._exit(0)  # the application has forked, and this copy of us has come back too

    def _frame(self, number: int) -> Frame:
        frame = self._arrival(number).get()
        del self._arrivals[number]
        return frame

    def _arrival(self, number: int) -> "SimpleQueue[Frame]":
        """Where a job arrives, made by whoever comes first: the job or its ticket."""
        return self._arrivals.setdefault(number, SimpleQueue())
