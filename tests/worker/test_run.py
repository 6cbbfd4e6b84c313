"""What the worker's main thread is told."""

import signal
import threading

import pytest

from pubsubctl.worker.notices import Notices, What
from pubsubctl.worker.signals import heard, thread_failures


def fail() -> None:
    raise ZeroDivisionError


def failed(notices: Notices, name: str) -> None:
    with thread_failures(notices):
        thread = threading.Thread(target=fail, name=name)
        thread.start()
        thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the very point
@pytest.mark.parametrize(
    "name", ["recorder", "pool", "keeper", "sweeper", "puller", "stream", "leases", "stopping", "reload", "draining"]
)
def test_a_thread_of_ours_that_dies_of_a_fault_stops_the_worker(name):
    notices = Notices()
    failed(notices, name)
    notice = notices.next_until(0.0)
    assert notice is not None
    assert notice.what is What.FAILED
    assert f"the {name} thread failed: ZeroDivisionError()" in notice.text


def test_a_thread_of_another_may_die(capsys):
    notices = Notices()
    failed(notices, "Thread-7 (channel_spin)")
    assert notices.next_until(0.0) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_only_noted(number):
    notices, before = Notices(), signal.getsignal(number)
    with heard(notices):
        signal.raise_signal(number)
    notice = notices.next_until(0.0)
    assert notice is not None
    assert (notice.what, notice.text) == (What.SIGNAL, number.name)
    assert signal.getsignal(number) is before
