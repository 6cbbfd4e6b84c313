"""Which broker is in use, and google-cloud-pubsub's own clients for it.

The path is the same for all brokers; an emulator only has a plain channel where the cloud has credentials.
"""

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pubsubctl.broker.patience import patiently
from pubsubctl.errors import BrokerUnreachable
from pubsubctl.settings import Settings

if TYPE_CHECKING:
    import grpc
    from google.pubsub_v1 import PublisherClient, SubscriberClient

    from pubsubctl.credentials.found import Found
    from pubsubctl.credentials.identity import Identity

_TLS_PORT = 443
_SCOPE = "https://www.googleapis.com/auth/pubsub"
_HOST = "pubsub.googleapis.com"

_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 4 * 1024 * 1024),
    # A broker that restarts is found again within a second or two, not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
# An attempt takes two journeys there and back, and SYNs are lost: one that is given up sooner comes to nothing.
_LOCAL = (("grpc.enable_http_proxy", 0), ("grpc.min_reconnect_backoff_ms", 5000))
# A connection may die without a word: a cable, a router, a host that is no more. What was sent, a ping included, has to
# be acknowledged within 10 s, by TCP's user timeout too, which gRPC sets where it pings at all: else TCP would go on
# sending the same for a quarter of an hour, with pauses as long as the network was away.
_NOTICED = (("grpc.keepalive_timeout_ms", 10_000),)
_LASTING = (
    ("grpc.http2.max_pings_without_data", 0),
    # Channels that look the same share a connection, and what takes the place of a dead one would have that of others.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class Address:
    """Where a broker is.

    Attributes:
        place: ``host:port``; of the cloud, the host alone where its port is the usual one.
        kind: ``embedded``, ``gcloud``, ``cloud``, or ``emulator`` for one of which only the address is known.
    """

    place: str
    kind: str

    @property
    def is_cloud(self) -> bool:
        """Whether it is the real service."""
        return self.kind == "cloud"


def locate(settings: Settings) -> Address:
    """The broker that the settings mean.

    Raises:
        BrokerUnreachable: it is an emulator, and none runs here.
    """
    if settings.broker == "cloud":
        return Address(settings.endpoint or f"pubsub.{settings.universe_domain}", "cloud")
    if settings.emulator_host:
        named = settings.broker if "broker" in settings.sources else "emulator"
        return Address(settings.emulator_host, named)
    running = settings.state.read_json(settings.state.emulator_json) or {}
    kind = str(running.get("broker", "embedded"))
    # A default is no demand: whichever emulator runs here is the one, unless somebody has asked for another.
    flag = f" --broker {settings.broker}" if "broker" in settings.sources else ""
    if not running.get("address"):
        raise BrokerUnreachable(
            f"no emulator runs here; start one with `pubsubctl setup{flag}` or `pubsubctl emulator start{flag}`, "
            "or set PUBSUB_EMULATOR_HOST"
        )
    if flag and kind != settings.broker:
        raise BrokerUnreachable(
            f"the emulator that runs here is {kind}, not {settings.broker} (from {settings.sources['broker']}); use "
            f"`--broker {kind}`, or `pubsubctl emulator stop` it first, or set PUBSUB_EMULATOR_HOST"
        )
    return Address(str(running["address"]), kind)


def answers(address: Address, *, timeout_s: float = 2.0) -> bool:
    """Whether something listens there; the cloud is taken at its word."""
    if address.is_cloud:
        return True
    host, _, port = address.place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s):
            return True
    except (OSError, ValueError):
        return False


class Connection:
    """The clients of one broker, each made once, when it is first asked for. Any thread may ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.address = locate(settings)
        self._lock = threading.Lock()
        self._finding = threading.Lock()
        self._found: Found | None = None
        self._are_good = False
        self._channel: grpc.Channel | None = None
        self._publisher: PublisherClient | None = None
        self._subscriber: SubscriberClient | None = None

    def check(self) -> None:
        """Find out at once whether an emulator is gone, instead of after many tries.

        Raises:
            BrokerUnreachable: nothing listens at its address.
        """
        if not answers(self.address):
            source = self._settings.sources.get("emulator_host")
            flag = f" --broker {self.address.kind}" if self.address.kind == "gcloud" else ""
            hint = f"that address is from {source}" if source else f"start it with `pubsubctl emulator start{flag}`"
            raise BrokerUnreachable(f"no broker answers at {self.address.place}; {hint}")

    @property
    def place(self) -> str:
        """Where the broker is, as people are told."""
        return self.address.place

    @property
    def identity(self) -> "Identity | None":
        """Who asks, once credentials were needed; nobody in particular asks an emulator."""
        return self._found.identity if self._found is not None else None

    @property
    def publisher(self) -> "PublisherClient":
        """The client of the Publisher service, one RPC a call."""
        with self._lock:
            if self._publisher is None:
                from google.pubsub_v1 import PublisherClient
                from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

                transport = PublisherGrpcTransport(host=self.address.place, channel=self._shared_channel())
                self._publisher = patiently(PublisherClient(transport=transport))
            return self._publisher

    @property
    def subscriber(self) -> "SubscriberClient":
        """The client of the Subscriber service, one RPC a call."""
        with self._lock:
            if self._subscriber is None:
                from google.pubsub_v1 import SubscriberClient
                from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

                transport = SubscriberGrpcTransport(host=self.address.place, channel=self._shared_channel())
                self._subscriber = patiently(SubscriberClient(transport=transport))
            return self._subscriber

    @property
    def channel(self) -> "grpc.Channel":
        """What the clients share."""
        with self._lock:
            return self._shared_channel()

    def lasting(self) -> "grpc.Channel":
        """A new channel with a connection of its own, for a stream or for leases; its user closes it."""
        return self._new_channel(_LASTING)

    def close(self) -> None:
        """Close what was opened; closing it twice does no harm."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel = self._publisher = self._subscriber = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shared_channel(self) -> "grpc.Channel":
        if self._channel is None:
            self._channel = self._new_channel()
        return self._channel

    def _new_channel(self, options: tuple[tuple[str, int], ...] = ()) -> "grpc.Channel":
        # Google's emulator may take frequent pings amiss, and so may one of which only the address is known.
        often = self.address.is_cloud or self.address.kind == "embedded"
        options += (("grpc.keepalive_time_ms", 30_000 if often else 330_000), *_NOTICED)
        if not self.address.is_cloud:
            import grpc  # not before there is somebody to talk to: `status` only asks where the broker is

            return grpc.insecure_channel(self.address.place, options=_OPTIONS + _LOCAL + options)
        from google.api_core import grpc_helpers

        place = self.address.place
        channel: grpc.Channel = grpc_helpers.create_channel(
            place if ":" in place else f"{place}:{_TLS_PORT}",
            credentials=self._credentials(),
            default_scopes=(_SCOPE,),
            default_host=_HOST,
            options=_OPTIONS + options,
        )
        return channel

    def _credentials(self) -> "Found":
        """Found once, and tried: what is wrong with them is told at the first call, not after many tries."""
        from pubsubctl.broker.refusals import translated
        from pubsubctl.credentials.finding import find

        with self._finding:
            if self._found is None:
                with translated(self):
                    self._found = find(self._settings.credentials, _SCOPE)
            if not self._are_good:
                with translated(self):
                    self._found.check_universe(self._settings.universe_domain)
                    self._found.check()
                self._are_good = True
            return self._found
