"""The options that several commands have, declared once.

A setting has the option that ``settings`` says: ``ack_deadline`` is ``--ack-deadline``. Its text goes to ``Settings``
as it was typed, which alone knows what is valid.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pubsubctl.errors import StateError, UsageError
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

FormatOption = Annotated[Format, typer.Option("--format", help="How to show it.")]
JobsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB...]", show_default=False, help="The ids of jobs.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show which they are, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
# A request, as `submit` and `bench` take it.
JsonOption = Annotated[
    str | None, typer.Option("--json", "-j", metavar="JSON|@FILE|-", show_default=False, help="A JSON body.")
]
DataOption = Annotated[
    str | None, typer.Option("--data", "-d", metavar="TEXT|@FILE|-", show_default=False, help="A body as it is.")
]
HeadersOption = Annotated[
    list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="A header; repeatable.")
]
FormOption = Annotated[
    list[str] | None, typer.Option("--form", "-F", metavar="NAME=VALUE|NAME=@FILE", help="A field of a multipart form.")
]

_EVERYWHERE = ("project", "broker", "credentials_file", "impersonate_service_account", "endpoint")
_OF_JOBS = ("topic", "subscription", "store", "payloads")

_HELP = {
    "project": ("PROJECT", "Project of topics and subscriptions."),
    "broker": ("embedded|gcloud|cloud", "Which broker to talk to."),
    "topic": ("TOPIC", "Topic that jobs are published to; a worker takes its subscription's."),
    "subscription": ("SUBSCRIPTION", "Subscription that workers pull from."),
    "store": ("PATH|URL", "Where jobs and results live."),
    "payloads": ("DIR|URL", "Where bodies over the inline limit go, e.g. gs://bucket/prefix; the same for all."),
    "inline_limit": ("SIZE", "Longest body that stays with its job where --payloads is set; 256K unless given."),
    "payload_limit": ("SIZE", "Longest body that --payloads takes; 10G unless given."),
    "credentials_file": ("FILE", "JSON key of a service account, or other credentials, for the cloud."),
    "impersonate_service_account": ("EMAIL", "Act as this service account."),
    "endpoint": ("HOST[:PORT]", "Where the cloud's Pub/Sub is, e.g. europe-west1-pubsub.googleapis.com."),
    "dead_letter_topic": ("TOPIC", "Topic that dead letters are mirrored to."),
    "dead_letter_subscription": ("SUBSCRIPTION", "Subscription that keeps dead letters."),
    "ack_deadline": ("SECONDS", "Ack deadline of the subscription, 10 to 600; a worker's stream sets its own."),
    "processes": ("N", "Processes that run the app, up to 1000; one a CPU unless given."),
    "threads": ("N", "Threads in each process, up to 1000; 1 unless given."),
    "prefetch": ("N", "Messages held beyond those that run; 32 unless given, and up to 1000 while jobs are short."),
    "route": ("'METHOD /path'", "Where messages without a path go."),
    "job_timeout": ("DURATION", "Longest that an attempt may take; no limit unless given."),
    "max_attempts": ("N", "Failures that a job is allowed; 5 unless given."),
    "retry_on": ("LIST", "What is tried again, or none; 408,425,429,500,502-504,timeout,crash unless given."),
    "max_jobs_per_child": ("N", "Jobs after which a process is replaced; no limit unless given."),
    "max_memory_per_child": ("SIZE", "Memory, at least 16M, beyond which a process is replaced; 0 is no limit."),
    "host_port": ("HOST:PORT", "Where to serve /healthz, /readyz, /metrics, /backlog and /jobs/ID."),
    "log_format": ("text|json", "How the log looks; text unless given; json has Cloud Logging's fields."),
    "drain_timeout": ("DURATION", "How long running jobs may take to end at a stop; 25s unless given."),
    "lease": ("DURATION", "How long a job stays with a worker that gives no sign of life."),
    "result_ttl": ("DURATION", "How long results are kept."),
}


def with_settings(*more: str, of_jobs: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of every command, and of the settings named.

    Args:
        more: keys of ``Settings`` beside those that every command has.
        of_jobs: whether the command is about jobs, and so about their topic, subscription and store.

    Returns:
        A decorator for a function that takes ``settings``, loaded, beside its own parameters.
    """
    keys = dict.fromkeys((*more, *(_OF_JOBS if of_jobs else ()), *_EVERYWHERE))

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(**given: Any) -> None:
            from pubsubctl.settings import Settings

            flags = {key: given.pop(key) for key in keys}
            given.pop("debug")  # ``entry`` looks for it itself: an error knows no options
            settings = Settings.load(flags, profile=given.pop("profile"), of_jobs=of_jobs)
            _mend_record(settings)
            _warn_of_key(settings)
            function(settings=settings, **given)

        own = [part for name, part in inspect.signature(function).parameters.items() if name != "settings"]
        parts = [*own, *map(_parameter, keys), _PROFILE, _DEBUG]
        run.__signature__ = inspect.Signature(parts)  # type: ignore[attr-defined]
        run.__annotations__ = {part.name: part.annotation for part in parts}
        return run

    return decorate


def _mend_record(settings: "Settings") -> None:
    """A lost emulator.json comes back, or one command would find the emulator and the next would not."""
    if settings.broker == "cloud" or settings.emulator_host or settings.state.emulator_json.exists():
        return
    from pubsubctl.emulator import record

    with contextlib.suppress(StateError):  # what the command is about may not need it
        record.mend(settings.state)


def _warn_of_key(settings: "Settings") -> None:
    """Whoever has the key of a service account is that account."""
    if settings.broker == "cloud" and (path := settings.credentials.open_file) is not None:
        from pubsubctl.credentials.asked import open_file_remedy, open_file_text
        from pubsubctl.render.output import note

        note(f"{open_file_text(path)}; run `{open_file_remedy(path)}`")


def _parameter(key: str) -> inspect.Parameter:
    metavar, text = _HELP[key]
    names = ["--" + key.replace("_", "-"), *_SHORT.get(key, ())]
    return _keyword(key, str | None, None, typer.Option(*names, metavar=metavar, help=text, show_default=False))


def _keyword(name: str, kind: Any, default: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


_SHORT = {"processes": ("-p",), "threads": ("-t",)}
_PROFILE = _keyword(
    "profile", str | None, None, typer.Option("--profile", metavar="NAME", help="Table of pubsubctl.toml to use.")
)
_DEBUG = _keyword("debug", bool, False, typer.Option("--debug", help="Show the traceback of an error."))


def parsed(option: str, value: str) -> float:
    """The seconds that an option which is no setting gives as a duration.

    Raises:
        UsageError: it is none.
    """
    from pubsubctl.quantities import duration

    try:
        return duration(value)
    except ValueError as error:
        raise UsageError(f"--{option.replace('_', '-')} {error}, not {value!r}") from error
