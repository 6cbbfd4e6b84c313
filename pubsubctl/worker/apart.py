"""Bodies that are kept apart, as a child has to do with them: a request's is fetched, a response's is put there.

The place is opened for the first body that needs it: a child without such bodies has loaded nothing for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from pubsubctl.errors import PayloadsUnreachable

if TYPE_CHECKING:
    from pubsubctl.exchange import Payload
    from pubsubctl.payloads.base import Payloads, Writing
    from pubsubctl.payloads.opening import Terms

PAYLOADS = "PUBSUBCTL_CHILD_PAYLOADS"
"""What tells a child where and how; it is taken out of the environment before the application is loaded."""


class Apart:
    """What is kept apart by one child. Any thread may use it.

    Args:
        terms: ``payloads.opening.Terms`` as an argument; None: there is no place.

    Attributes:
        limit: bytes that the body of a response may have, where there is a place.
    """

    def __init__(self, terms: str | None) -> None:
        self._terms: Terms | None = None
        self._place: Payloads | None = None
        if terms is not None:
            from pubsubctl.payloads.opening import Terms

            self._terms = Terms.load(terms)

    def request(self, payload: Payload) -> BinaryIO:
        """The body of a request, checked.

        Raises:
            PayloadError: it is not there, or not what was put there.
            PayloadsUnreachable: the place is away, or this worker has none.
        """
        if self._terms is None:
            raise PayloadsUnreachable(
                "the body of the request is kept apart, and this worker knows no place for such; start it with the "
                "--payloads that it was submitted with"
            )
        return self._opened(self._terms).open(payload)

    def response(self, job_id: str, attempt: int) -> Later | None:
        """Where a response may go once it is large; None where it cannot."""
        return None if self._terms is None else Later(self, self._terms, job_id, attempt)

    def create(self, terms: Terms, job_id: str, attempt: int) -> Writing:
        """Begin the body of a response; see ``Payloads.create``."""
        from pubsubctl.payloads.keys import response_key

        return self._opened(terms).create(response_key(terms.store_id, job_id, attempt))

    def _opened(self, terms: Terms) -> Payloads:
        if self._place is None:  # that two threads may open it does no harm
            self._place = terms.open(is_made=True)  # its worker has looked
        return self._place


class Later:
    """The place of one response, for when it turns out to be large.

    Attributes:
        inline_limit: bytes up to which it is not large.
        limit: bytes that it may have.
    """

    def __init__(self, apart: Apart, terms: Terms, job_id: str, attempt: int) -> None:
        self._apart = apart
        self._terms = terms
        self._job_id = job_id
        self._attempt = attempt
        self.inline_limit = terms.inline_limit
        self.limit = terms.limit

    def begin(self) -> Writing:
        """Begin to write it; see ``Payloads.create``."""
        return self._apart.create(self._terms, self._job_id, self._attempt)
