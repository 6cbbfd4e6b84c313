"""Every error that pubsubctl raises on purpose.

::

    PubsubctlError
    ├── UsageError                what was asked for makes no sense as it stands
    │   ├── InvalidSetting        a flag, environment variable or key in pubsubctl.toml
    │   ├── InvalidName           a project, topic, subscription or job name
    │   └── InvalidRequest        an HTTP request that no message can carry
    │       ├── RequestTooLarge   its body is larger than anything may be
    │       ├── TooManyHeaders    its headers are
    │       └── KeyReused         its idempotency key belongs to another request
    ├── ApplicationError          the WSGI application cannot be imported, or its process cannot start
    ├── MalformedMessage          a Pub/Sub message that is no job
    ├── EmulatorError             a local emulator cannot be started, found or stopped
    ├── StateError                the .pubsubctl directory cannot be used
    ├── JobNotFound               no job of that id in the store
    ├── ResultNotReady            the job has no result yet
    ├── NoResult                  the job ended without a response
    ├── WaitTimeout               the job did not end in the time given
    ├── PayloadError              a large body, kept apart from its job, cannot be had
    │   ├── PayloadMissing        it is not where it should be
    │   └── PayloadDamaged        it is not what was put there
    ├── Unreachable               something that pubsubctl talks to is away; trying again may help
    │   ├── BrokerUnreachable
    │   ├── PayloadsUnreachable
    │   └── StoreUnreachable
    │       └── StoreBusy         others have what is asked for; it is there at the next moment
    ├── BrokerError               the broker answered with a refusal
    │   ├── AccessDenied          whoever asks may not do that
    │   └── ResourceNotFound      a topic or subscription that does not exist
    └── StoreError                the store answered with a refusal, or is not ours
        └── InvalidCursor         no page of a listing begins there

An error's text is one line: what is wrong and what to do next.
"""


class PubsubctlError(Exception):
    """Base of all of them; catching it catches everything that pubsubctl raises on purpose."""


class UsageError(PubsubctlError):
    """What was asked for makes no sense as it stands; asking again will not help."""


class InvalidSetting(UsageError):
    """A flag, environment variable or key of pubsubctl.toml has a value that cannot be used."""


class InvalidName(UsageError):
    """A project, topic, subscription or job name breaks Pub/Sub's rules for names."""


class InvalidRequest(UsageError):
    """An HTTP request that cannot be carried by a Pub/Sub message; the text names the limit."""


class RequestTooLarge(InvalidRequest):
    """The body of a request is larger than a message, or than what may be kept apart from one."""


class TooManyHeaders(InvalidRequest):
    """A request has more headers, or longer ones, than a message may have."""


class KeyReused(InvalidRequest):
    """An idempotency key is known with another request."""


class ApplicationError(PubsubctlError):
    """The WSGI application cannot be imported, or is not one."""


class MalformedMessage(PubsubctlError):
    """A Pub/Sub message that cannot be read as a job."""


class EmulatorError(PubsubctlError):
    """A local emulator cannot be started, found or stopped."""


class StateError(PubsubctlError):
    """The .pubsubctl directory cannot be created, read or locked."""


class JobNotFound(PubsubctlError):
    """The store has no job of that id."""


class ResultNotReady(PubsubctlError):
    """The job has not ended, so it has no result yet."""


class NoResult(PubsubctlError):
    """The job ended without any response: cancelled, crashed, timed out or malformed."""


class WaitTimeout(PubsubctlError):
    """The job did not end in the time that the caller was willing to wait; it goes on."""


class PayloadError(PubsubctlError):
    """A body that is kept apart from its job cannot be had."""


class PayloadMissing(PayloadError):
    """There is no body of that key in the payload place."""


class PayloadDamaged(PayloadError):
    """A body in the payload place is not the one that was put there: its length or its digest is another."""


class Unreachable(PubsubctlError):
    """Something that pubsubctl talks to is away; the same call may succeed later."""


class BrokerUnreachable(Unreachable):
    """No broker answers at the address in use.

    Attributes:
        in_store: the jobs of a submit that are in the store all the same, and are published once the broker is back.
    """

    def __init__(self, text: str, *, in_store: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.in_store = in_store


class PayloadsUnreachable(Unreachable):
    """The place where large bodies are kept cannot be read or written."""


class StoreUnreachable(Unreachable):
    """The store cannot be opened, read or written."""


class StoreBusy(StoreUnreachable):
    """Others are writing what is asked for; asking again at once may do."""


class BrokerError(PubsubctlError):
    """The broker refused a call; the text carries its own words."""


class AccessDenied(BrokerError):
    """The broker does not know who asks, or does not let him do that.

    Attributes:
        is_of_one_call: whether it is about a permission that this call needs; another may be allowed.
    """

    def __init__(self, text: str, *, is_of_one_call: bool = False) -> None:
        super().__init__(text)
        self.is_of_one_call = is_of_one_call


class ResourceNotFound(BrokerError):
    """The broker knows no topic or subscription of that name."""


class StoreError(PubsubctlError):
    """The store refused a call, or belongs to another program or version."""


class InvalidCursor(StoreError):
    """A page was asked for by a cursor that no listing ever gave."""
