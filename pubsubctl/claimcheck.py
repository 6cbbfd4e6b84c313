"""Bodies of a client's jobs that are too large for a message: put into the payload place, and fetched from there.

The body first, then the row that names it, then the message; and a row goes before its bodies. So what an interrupted
submit leaves is a body at most, which a walk finds (``payloads.orphans``).
"""

import contextlib
import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, Self

from pubsubctl import wire
from pubsubctl.content import Content, InMemory, Stream
from pubsubctl.errors import InvalidSetting, PayloadError, PubsubctlError, RequestTooLarge
from pubsubctl.exchange import Payload, Request, Response
from pubsubctl.payloads.base import Payloads
from pubsubctl.payloads.keys import folder_of, request_key
from pubsubctl.payloads.opening import Terms


class ClaimCheck:
    """Keeps bodies of one store's jobs apart. Any thread may use it; the place is opened when it is needed.

    Args:
        terms: where and which; None: nowhere.
    """

    def __init__(self, terms: Terms | None) -> None:
        self._terms = terms
        self._place: Payloads | None = None
        self._opening = threading.Lock()

    @property
    def place(self) -> Payloads | None:
        """The place, or None where none is set.

        Raises:
            InvalidSetting: what it needs is not installed.
            PayloadsUnreachable: it cannot be opened.
        """
        with self._opening:
            if self._place is None and self._terms is not None:
                self._place = self._terms.open()
            return self._place

    # --- to the place ------------------------------------------------------------------------------------------------

    def request_of(self, request: Request, content: Content | None, job_id: str) -> Request:
        """The request with its body, or with what is known of it once it is in the place.

        Args:
            request: it; its body is empty where there is a content.
            content: what its body is to be.
            job_id: its job.

        Raises:
            InvalidRequest: it cannot be read, or is too large.
            InvalidSetting, PayloadsUnreachable: it is large, and cannot be put where it should go.
        """
        most = self._terms.inline_limit if self._terms is not None else wire.MAX_MESSAGE_BYTES
        if content is None:
            if len(request.body) <= most:
                return request
            content = InMemory(request.body)
        if isinstance(content, Stream):
            content = content.peeked(most)
        if content.size is not None and content.size <= most:
            return replace(request, body=content.read())
        return replace(request, body=b"", payload=self._put(content, job_id))

    def drop(self, request: Request) -> None:
        """A request that is of no job: leave nothing of it, if that can be."""
        if request.payload is not None:
            with contextlib.suppress(PubsubctlError):
                if (place := self.place) is not None:
                    place.delete(request.payload.key)

    def delete(self, job_ids: Iterable[str]) -> str | None:
        """Delete what is kept apart of jobs that were deleted; what cannot be deleted is left to a walk.

        Returns:
            One line that says why, if something is left.
        """
        left, why = 0, ""
        for job_id in job_ids:
            try:
                if self._terms is None or (place := self.place) is None:
                    left, why = left + 1, "no place is set here: give the --payloads of their workers"
                elif not left:  # one that is away would be waited for again and again
                    place.delete_folder(folder_of(self._terms.store_id, job_id))
                else:
                    left += 1
            except PubsubctlError as error:
                left, why = left + 1, str(error)
        return f"bodies of {left:,} deleted jobs are still in the payload place: {why}" if left else None

    def _put(self, content: Content, job_id: str) -> Payload:
        terms, place = self._terms, self.place
        if terms is None or place is None:
            wire.check_limits({}, content.size or wire.MAX_MESSAGE_BYTES + 1)
            raise AssertionError("unreachable")
        _check_limit(content.size or 0, terms.limit)
        with place.create(request_key(terms.store_id, job_id)) as writing:
            for piece in content.pieces():
                writing.write(piece)
                _check_limit(writing.size, terms.limit)
            return writing.commit()

    # --- from the place ----------------------------------------------------------------------------------------------

    @contextmanager
    def opened(self, job_id: str, response: Response) -> Iterator[BinaryIO]:
        """The body of a response as a file, checked.

        Raises:
            InvalidSetting: it is kept apart, and no place is set here.
            PayloadError: it is not there, or not what was put there.
            PayloadsUnreachable: the place is away.
        """
        if response.payload is None:
            yield io.BytesIO(response.body)
            return
        with self._open(job_id, response.payload) as file:
            yield file

    def whole(self, job_id: str, response: Response) -> Response:
        """A response with its body in memory; raises what ``opened`` does."""
        if response.payload is None:
            return response
        with self._open(job_id, response.payload) as file:
            return replace(response, body=file.read(), payload=None)

    def _open(self, job_id: str, payload: Payload) -> BinaryIO:
        place = self.place
        if place is None:
            raise InvalidSetting(
                f"the result of job {job_id} has {payload.size:,} bytes and is kept apart from the store, in a place "
                "that is not set here; give the --payloads of its worker"
            )
        try:
            return place.open(payload)
        except PayloadError as error:
            raise type(error)(f"the result of job {job_id} cannot be had: {error}") from error


class Uploads:
    """The requests of one call of submit, as they are put into the place; what comes to nothing is deleted again."""

    def __init__(self, check: ClaimCheck) -> None:
        self._check = check
        self._made: list[Request] = []

    def request_of(self, request: Request, content: Content | None, job_id: str) -> Request:
        """See ``ClaimCheck.request_of``."""
        made = self._check.request_of(request, content, job_id)
        if made.payload is not None:
            self._made.append(made)
        return made

    def drop(self, request: Request) -> None:
        """One of them comes to nothing."""
        if request in self._made:
            self._made.remove(request)
            self._check.drop(request)

    def keep(self) -> None:
        """They may have rows from now on: whatever happens, nothing is deleted."""
        self._made.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for request in self._made:
            self._check.drop(request)


def _check_limit(size: int, limit: int) -> None:
    if size > limit:
        raise RequestTooLarge(
            f"the body has more than the {limit:,} bytes that go into the payload place; raise --payload-limit, for "
            "workers too if they answer as much"
        )
