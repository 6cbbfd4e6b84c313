"""Requests on their way to become jobs: whatever came while the last were submitted is submitted together."""

import threading
from collections import deque

from pubsubctl.client import Client
from pubsubctl.content import Stream
from pubsubctl.errors import PubsubctlError, Unreachable
from pubsubctl.gateway.pausing import Pause
from pubsubctl.submission import Submission
from pubsubctl.submitted import SubmittedJob

_FAREWELL_S = 10.0
_AT_ONCE = 500
_AT_ONCE_BYTES = 8 << 20


class Post:
    """One request.

    Attributes:
        submission: it.
        pause: ends once there is an answer.
        answer: its job, or what became of it instead.
    """

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.pause = Pause()
        self.answer: SubmittedJob | PubsubctlError = Unreachable("the gateway has ended")


class Posting:
    """Submits in a thread of its own, from the first request to ``close``.

    Args:
        client: submits.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._posts: deque[Post] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def is_large(self, submission: Submission) -> bool:
        """Whether its body takes its time: it is still to be read, or goes to the payload place."""
        settings = self._client.settings
        kept_apart = settings.payloads is not None and submission.size > settings.inline_limit
        return kept_apart or isinstance(submission.content, Stream)

    def put(self, submission: Submission) -> Post:
        """Have a request submitted, with others."""
        post = Post(submission)
        with self._changed:
            if self._closed:
                post.pause.wake()
                return post
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="posting", daemon=True)
                self._thread.start()
            self._posts.append(post)
            self._changed.notify()
        return post

    def alone(self, submission: Submission) -> SubmittedJob | PubsubctlError:
        """Submit a request in this thread: with as large a body as nobody else should have to wait for."""
        try:
            return self._client.submit_each([submission])[0]
        except PubsubctlError as error:
            return error

    def close(self) -> None:
        """Take no more, and submit what has come, if that can be done soon; the rest is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_FAREWELL_S)
        with self._changed:
            left = [*self._posts]
            self._posts.clear()
        for post in left:
            post.pause.wake()

    def _run(self) -> None:
        while posts := self._next():
            try:
                answers = self._client.submit_each([post.submission for post in posts])
            except PubsubctlError as error:
                answers = [error] * len(posts)
            except Exception as error:  # noqa: BLE001 - a fault of ours must leave nobody waiting
                answers = [_fault(error)] * len(posts)
            for post, answer in zip(posts, answers, strict=True):
                post.answer = answer
                post.pause.wake()

    def _next(self) -> list[Post]:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._posts))
            taken: list[Post] = []
            size = 0
            while self._posts and len(taken) < _AT_ONCE and (size <= _AT_ONCE_BYTES or not taken):
                taken.append(self._posts.popleft())
                size += taken[-1].submission.size
            return taken


def _fault(error: Exception) -> PubsubctlError:
    fault = PubsubctlError("the gateway has failed to submit this; its log says why")
    fault.__cause__ = error
    return fault
