"""Settings: flag, then environment, then pubsubctl.toml, then default. Each value knows where it came from.

A key ``ack_deadline`` is ``--ack-deadline`` on the command line, ``PUBSUBCTL_ACK_DEADLINE`` in the environment
and ``ack_deadline`` (or ``ack-deadline``) in ``pubsubctl.toml``, at its top or in the ``[profiles.NAME]`` that
``--profile`` chooses. The file is looked for from the working directory upwards; paths in it are relative to it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pubsubctl import names
from pubsubctl.credentials.asked import DEFAULT_UNIVERSE, Asked
from pubsubctl.errors import InvalidRequest, InvalidSetting
from pubsubctl.exchange import USUAL_RETRY_ON, RetryOn
from pubsubctl.payloads.opening import Terms
from pubsubctl.quantities import duration, size
from pubsubctl.state import SETTINGS_FILE, State

FILE = SETTINGS_FILE
_SQLITE = "sqlite:///"
_LAST_PORT = 65_535
BROKERS = ("embedded", "gcloud", "cloud")
LOG_FORMATS = ("text", "json")
_MOST_INLINE = 8 << 20
"""What leaves room in a message of 10 MB for as many headers as there may be."""
_LEAST_MEMORY = 16 << 20
"""What Python itself needs, about."""
_MOST_PROCESSES, _MOST_THREADS = 1000, 1000
"""Of one worker. More is a slip of the finger, and would take the machine down."""

Parser = Callable[[Any], Any]


def _text(value: Any) -> str:
    text = str(value)
    if not text:
        raise ValueError("must not be empty")
    return text


def _broker(value: Any) -> str:
    if value not in BROKERS:
        raise ValueError(f"must be one of {', '.join(BROKERS)}")
    return str(value)


def _count(least: int, most: int | None = None) -> Parser:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)) or int(value) < least:
            raise ValueError(f"must be a whole number, {least} or more")
        if most is not None and int(value) > most:
            raise ValueError(f"must be at most {most:,}")
        return int(value)

    return parse


def host_port(value: Any) -> str:
    """``HOST:PORT`` itself, an IPv6 address in brackets.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})", str(value))
    if match is None or int(match.group(1)) > _LAST_PORT:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8085")
    return str(value)


def _domain(value: Any) -> str:
    text = str(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+", text):
        raise ValueError("must be a domain, such as googleapis.com")
    return text


def _endpoint(value: Any) -> str:
    """``HOST`` or ``HOST:PORT`` itself; people copy it as a URL."""
    text = str(value).removeprefix("https://").rstrip("/")
    try:
        return text if text and ":" not in text and "/" not in text and host_port(f"{text}:443") else host_port(text)
    except ValueError as error:
        raise ValueError("must be HOST or HOST:PORT, such as europe-west1-pubsub.googleapis.com") from error


def _some_time(value: Any) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def _ack_deadline(value: Any) -> int:
    seconds = duration(value)
    if not 10 <= seconds <= 600:  # noqa: PLR2004 - the bounds of Pub/Sub itself
        raise ValueError("must be 10 to 600 seconds")
    return int(seconds)


def _route(value: Any) -> str:
    from pubsubctl import wire
    from pubsubctl.exchange import Request

    method, path = wire.split_route(_text(value))
    try:
        Request.of(method or "POST", path)
    except InvalidRequest as error:
        raise ValueError(f"must be '/path' or 'METHOD /path' ({error})") from error
    return f"{method} {path}" if method else path


def _inline_limit(value: Any) -> int:
    count = size(value)
    if count > _MOST_INLINE:
        raise ValueError(f"must be at most {_MOST_INLINE >> 20}M, since it has to fit into a message")
    return count


def _place(value: Any) -> str:
    """A URL, or a path that does not depend on the working directory of whoever uses it."""
    text = _text(value).removeprefix("file://")
    if "://" in text and not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise ValueError("must be a directory, or one URL such as gs://bucket/prefix")
    return text if "://" in text else str(Path(text).expanduser().absolute())


def _memory(value: Any) -> int:
    count = size(value)
    if 0 < count < _LEAST_MEMORY:
        raise ValueError("must be 0, or 16M or more (what has no unit is bytes)")
    return count


def _retry_on(value: Any) -> RetryOn:
    return value if isinstance(value, RetryOn) else RetryOn.of(_text(value))


def _log_format(value: Any) -> str:
    if value not in LOG_FORMATS:
        raise ValueError(f"must be one of {', '.join(LOG_FORMATS)}")
    return str(value)


def _default(value: Any, parse: Parser) -> Any:
    return field(default=value, metadata={"parse": parse})


@dataclass(frozen=True)
class Settings:
    """Every setting there is, read and checked; make one with ``Settings.load``.

    Durations are in seconds. ``sources`` tells for each key where its value came from.
    """

    broker: str = _default("embedded", _broker)
    project: str = _default("pubsubctl-local", _text)
    credentials_file: str | None = _default(None, _text)
    impersonate_service_account: str | None = _default(None, _text)
    endpoint: str | None = _default(None, _endpoint)
    universe_domain: str = _default(DEFAULT_UNIVERSE, _domain)
    topic: str = _default("pubsubctl-requests", _text)
    subscription: str = _default("pubsubctl-workers", _text)
    dead_letter_topic: str = _default("pubsubctl-dead", _text)
    dead_letter_subscription: str = _default("pubsubctl-dead", _text)
    ack_deadline: int = _default(60, _ack_deadline)
    store: str | None = _default(None, _text)
    payloads: str | None = _default(None, _place)
    inline_limit: int = _default(256 << 10, _inline_limit)
    payload_limit: int = _default(10 << 30, size)
    app: str | None = _default(None, _text)
    processes: int = _default(0, _count(0, _MOST_PROCESSES))
    threads: int = _default(1, _count(1, _MOST_THREADS))
    prefetch: int | None = _default(None, _count(0))
    route: str | None = _default(None, _route)
    lease: int = _default(60, _ack_deadline)
    job_timeout: float | None = _default(None, _some_time)
    max_attempts: int = _default(5, _count(1))
    retry_on: RetryOn = _default(USUAL_RETRY_ON, _retry_on)  # noqa: RUF009 - it cannot be changed
    max_jobs_per_child: int = _default(0, _count(0))
    max_memory_per_child: int = _default(0, _memory)
    drain_timeout: float = _default(25.0, duration)
    log_format: str = _default("text", _log_format)
    result_ttl: float = _default(7 * 86400.0, _some_time)
    emulator_host: str | None = _default(None, host_port)
    host_port: str | None = _default(None, host_port)
    state: State = field(default_factory=State.find)
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        flags: Mapping[str, Any] | None = None,
        *,
        profile: str | None = None,
        environ: Mapping[str, str] | None = None,
        start: Path | None = None,
        of_jobs: bool = True,
    ) -> "Settings":
        """Read them all.

        Args:
            flags: values by key; those that are None were not given.
            profile: the table of pubsubctl.toml to use; ``PUBSUBCTL_PROFILE`` unless given.
            environ: the environment; the process's own unless given.
            start: where to look for the file and the state directory; the working directory unless given.
            of_jobs: whether they are for jobs, which the cloud needs a store named for.

        Raises:
            InvalidSetting: a value cannot be used, a key is unknown, or two settings contradict each other; the
                text says which and where it came from.
        """
        environment = os.environ if environ is None else environ
        raw = _from_file(start or Path.cwd(), profile or environment.get("PUBSUBCTL_PROFILE"))
        raw.update(_from_environment(environment))
        for key, value in (flags or {}).items():
            _check_key(key, key, "the settings given")
            if value is not None:
                raw[key] = (value, "--" + key.replace("_", "-"))
        if str(raw.get("broker", ("",))[0]) == "cloud":
            raw = _from_google(environment) | raw
        values = {key: _parse(key, value, source) for key, (value, source) in raw.items()}
        settings = cls(**values, state=State.find(start), sources={key: source for key, (_, source) in raw.items()})
        _check_together(settings, of_jobs=of_jobs)
        return settings

    @property
    def topic_path(self) -> str:
        """The full name of the topic that jobs are published to."""
        return names.topic_path(self.project, self.topic)

    @property
    def subscription_path(self) -> str:
        """The full name of the subscription that workers pull from."""
        return names.subscription_path(self.project, self.subscription)

    @property
    def dead_letter_topic_path(self) -> str:
        """The full name of the topic that dead letters are mirrored to."""
        return names.topic_path(self.project, self.dead_letter_topic)

    @property
    def dead_letter_subscription_path(self) -> str:
        """The full name of the subscription that keeps dead letters."""
        return names.subscription_path(self.project, self.dead_letter_subscription)

    @property
    def store_url(self) -> str:
        """Where jobs live: what ``store`` says, else the file in the state directory.

        Of a store that is a service of Google's, with whose credentials it is asked.
        """
        if self.store and self.store.startswith("firestore://"):
            return self.store + self._credentials_asked
        return self.store or f"sqlite:///{self.state.jobs_db}"

    def payload_terms(self, store_id: str) -> Terms | None:
        """How large bodies of a store's jobs are kept apart; None where no place is set."""
        if self.payloads is None:
            return None
        return Terms(self.payloads, store_id, self.inline_limit, self.payload_limit, self.credentials)

    @property
    def credentials(self) -> Asked:
        """With whose credentials Google's services are asked."""
        source = self.sources.get("credentials_file", "")
        return Asked(self.credentials_file, self.impersonate_service_account, source)

    @property
    def _credentials_asked(self) -> str:
        keys = ("credentials_file", "impersonate_service_account")
        given = {key: value for key in keys if (value := getattr(self, key))}
        return f"{'&' if '?' in (self.store or '') else '?'}{urlencode(given, safe='/@')}" if given else ""

    @property
    def store_name(self) -> str:
        """The same, as it may be shown: without a password, or whose credentials are used."""
        return names.shown_url(self.store or self.store_url)

    @property
    def slots(self) -> int:
        """How many jobs a worker runs at once."""
        return self.process_count * self.threads

    @property
    def process_count(self) -> int:
        """``processes``, or as many as there are CPUs for this process where it is 0."""
        return self.processes or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])


_PARSERS: dict[str, Parser] = {
    setting.name: setting.metadata["parse"] for setting in fields(Settings) if "parse" in setting.metadata
}
_GOOGLES = {"GOOGLE_CLOUD_PROJECT": "project", "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "universe_domain"}
_PATHS = ("credentials_file", "payloads", "store")


def find_file(start: Path) -> Path | None:
    """The nearest pubsubctl.toml at or above ``start``."""
    origin = start.resolve()
    return next((folder / FILE for folder in (origin, *origin.parents) if (folder / FILE).is_file()), None)


def _from_file(start: Path, profile: str | None) -> dict[str, tuple[Any, str]]:
    path = find_file(start)
    if path is None:
        if profile:
            raise InvalidSetting(f"profile {profile!r} was asked for, and there is no {FILE} here or above")
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path} cannot be read: {error}") from error
    profiles = content.pop("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise InvalidSetting(f"'profiles' in {path} must hold tables, each written as [profiles.NAME]")
    raw = _from_table(content, str(path), path.parent)
    if profile:
        if profile not in profiles:
            raise InvalidSetting(f"{path} has no [profiles.{profile}]; it has {', '.join(profiles) or 'none'}")
        raw.update(_from_table(profiles[profile], f"{path} [profiles.{profile}]", path.parent))
    return raw


def _from_table(table: Mapping[str, Any], source: str, folder: Path) -> dict[str, tuple[Any, str]]:
    raw: dict[str, tuple[Any, str]] = {}
    for name, value in table.items():
        key = name.replace("-", "_")
        _check_key(key, name, source)
        raw[key] = (_located(value, folder) if key in _PATHS and isinstance(value, str) and value else value, source)
    return raw


def _check_key(key: str, name: str, source: str) -> None:
    if key not in _PARSERS:
        near = difflib.get_close_matches(key, _PARSERS, n=1)
        raise InvalidSetting(f"unknown key {name!r} in {source}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _located(value: str, folder: Path) -> str:
    """A path, or the URL of a SQLite file, that does not depend on the working directory."""
    path = value.removeprefix(_SQLITE)
    if "://" in path or path in {"", ":memory:"}:
        return value
    return value[: len(value) - len(path)] + str(folder / Path(path).expanduser())


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    raw: dict[str, tuple[Any, str]] = {}
    for key in _PARSERS:
        name = f"PUBSUBCTL_{key.upper()}"
        if environ.get(name):
            raw[key] = (environ[name], name)
    if environ.get("PUBSUB_EMULATOR_HOST"):
        raw.setdefault("emulator_host", (environ["PUBSUB_EMULATOR_HOST"], "PUBSUB_EMULATOR_HOST"))
    return raw


def _from_google(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """What Google's own clients go by, for whoever has said nothing else; an emulator's names do not depend on it."""
    return {key: (environ[name], name) for name, key in _GOOGLES.items() if environ.get(name)}


def _parse(key: str, value: Any, source: str) -> Any:
    try:
        return _PARSERS[key](value)
    except ValueError as error:
        raise InvalidSetting(f"{key} {error}, not {value!r} (from {source})") from error


def _check_together(settings: Settings, *, of_jobs: bool) -> None:
    for path in ("topic_path", "subscription_path", "dead_letter_topic_path", "dead_letter_subscription_path"):
        getattr(settings, path)
    if settings.broker != "cloud":
        return
    if settings.emulator_host:
        raise InvalidSetting(
            f"broker is cloud (from {settings.sources['broker']}) and an emulator's address is set "
            f"(from {settings.sources['emulator_host']}); unset one of them"
        )
    for key, flag in (("project", "--project"), ("store", "--store"))[: 1 + of_jobs]:
        if key not in settings.sources:
            raise InvalidSetting(f"broker is cloud, so {key} must be named too; add {flag}, or {key} to {FILE}")
