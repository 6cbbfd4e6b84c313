"""How far a job has come is reported by any thread, by the handler of a signal, and by no copy of the process."""

import os
import signal
import threading

from pubsubctl.worker.progress import Reporter


def test_what_comes_too_fast_waits_and_the_last_word_is_sent():
    sent = []
    reporter = Reporter(lambda *report: sent.append(report))
    for number in range(5):
        reporter.report(number / 10, None)
    assert sent == [(0.0, None)]
    reporter.flush()
    reporter.flush()
    assert sent == [(0.0, None), (0.4, None)]


def test_nothing_is_sent_of_a_job_that_has_ended():
    sent = []
    reporter = Reporter(lambda *report: sent.append(report))
    reporter.report(0.1, None)
    reporter.report(0.2, None)
    reporter.close()
    reporter.flush()
    reporter.report(0.3, None)
    assert sent == [(0.1, None)]


def test_the_handler_of_a_signal_reports_while_its_thread_reports():
    sent = []

    def send(*report: object) -> None:
        if not sent:
            reporter.report(0.2, "handler")
        sent.append(report)

    reporter = Reporter(send)
    reporter.report(0.1, None)
    assert sent == [(0.1, None)]
    reporter.flush()
    assert sent == [(0.1, None), (0.2, "handler")]


def test_a_copy_that_is_forked_while_somebody_reports_goes_on():
    inside, go = threading.Event(), threading.Event()

    def send(*_: object) -> None:
        inside.set()
        go.wait()

    reporter = Reporter(send)
    thread = threading.Thread(target=reporter.report, args=(0.1, None))
    thread.start()
    inside.wait()
    copy = os.fork()
    if not copy:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        reporter.report(0.2, None)
        os._exit(0)
    go.set()
    thread.join()
    assert os.waitpid(copy, 0)[1] == 0
