"""Cloud Pub/Sub as far as code can see: TLS, bearer tokens and IAM before an embedded emulator.

Every call is passed on as it is, once its token is good and whoever was given it may do that. Policies on topics and
subscriptions are the emulator's own, which keeps them.
"""

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from accounts import Accounts
from authority import Certified
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import any_pb2
from google.pubsub_v1 import types
from google.rpc import error_details_pb2, status_pb2

_NOT_AUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_NOT_AUTHORIZED = "User not authorized to perform this action."
_IAM = "google.iam.v1.IAMPolicy"


@dataclass(frozen=True)
class _Demand:
    """What a method asks of its caller: a permission, and on which resource of its request."""

    request: Any
    permission: str
    field: str
    of_project: bool = False


def _pubsub(name: str, permission: str, of: str, *, of_project: bool = False) -> _Demand:
    return _Demand(getattr(types, name).pb(), f"pubsub.{permission}", of, of_project)


_P, _S = "google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"
_DEMANDS: dict[str, _Demand] = {
    f"/{_P}/CreateTopic": _pubsub("Topic", "topics.create", "name", of_project=True),
    f"/{_P}/GetTopic": _pubsub("GetTopicRequest", "topics.get", "topic"),
    f"/{_P}/ListTopics": _pubsub("ListTopicsRequest", "topics.list", "project"),
    f"/{_P}/ListTopicSubscriptions": _pubsub("ListTopicSubscriptionsRequest", "topics.get", "topic"),
    f"/{_P}/UpdateTopic": _pubsub("UpdateTopicRequest", "topics.update", "topic"),
    f"/{_P}/DeleteTopic": _pubsub("DeleteTopicRequest", "topics.delete", "topic"),
    f"/{_P}/Publish": _pubsub("PublishRequest", "topics.publish", "topic"),
    f"/{_S}/CreateSubscription": _pubsub("Subscription", "subscriptions.create", "name", of_project=True),
    f"/{_S}/GetSubscription": _pubsub("GetSubscriptionRequest", "subscriptions.get", "subscription"),
    f"/{_S}/UpdateSubscription": _pubsub("UpdateSubscriptionRequest", "subscriptions.update", "subscription"),
    f"/{_S}/ListSubscriptions": _pubsub("ListSubscriptionsRequest", "subscriptions.list", "project"),
    f"/{_S}/DeleteSubscription": _pubsub("DeleteSubscriptionRequest", "subscriptions.delete", "subscription"),
    f"/{_S}/Pull": _pubsub("PullRequest", "subscriptions.consume", "subscription"),
    f"/{_S}/StreamingPull": _pubsub("StreamingPullRequest", "subscriptions.consume", "subscription"),
    f"/{_S}/Acknowledge": _pubsub("AcknowledgeRequest", "subscriptions.consume", "subscription"),
    f"/{_S}/ModifyAckDeadline": _pubsub("ModifyAckDeadlineRequest", "subscriptions.consume", "subscription"),
}
_POLICY_CALLS = {
    f"/{_IAM}/GetIamPolicy": (iam_policy_pb2.GetIamPolicyRequest, "getIamPolicy"),
    f"/{_IAM}/SetIamPolicy": (iam_policy_pb2.SetIamPolicyRequest, "setIamPolicy"),
}
_TEST = f"/{_IAM}/TestIamPermissions"


@dataclass
class Cloud:
    """What may be wrong with it.

    Attributes:
        accounts: who there is.
        enabled: whether the API is.
        refused: methods that are out of quota, by their short names.
        tells_permissions: whether a refusal names the permission that is missing.
        calls: how many calls of each method came with a good token.
        cut: how many calls were ended since their token ran out.
    """

    accounts: Accounts
    enabled: bool = True
    refused: set[str] = field(default_factory=set)
    tells_permissions: bool = True
    port: int = 0
    cut: int = 0
    calls: Counter[str] = field(default_factory=Counter)


class _Front(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, cloud: Cloud, channel: grpc.aio.Channel) -> None:
        self._cloud = cloud
        self._channel = channel

    def service(self, details: Any) -> Any:
        method = details.method

        async def behaviour(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            first = await anext(requests, None)
            email = await self._authenticated(context)
            self._cloud.calls[method.rpartition("/")[2]] += 1
            await self._check_service(method, context)
            if method == _TEST:
                yield await self._tested(email, first or b"")
                return
            await self._check_allowed(method, email, first or b"", context)
            async for response in self._passed_on(method, first, requests, context):
                yield response
            if _token(context) and self._cloud.accounts.whose(_token(context)) is None:  # it ran out meanwhile
                await self._authenticated(context)

        return grpc.stream_stream_rpc_method_handler(behaviour)

    async def _authenticated(self, context: Any) -> str:
        token = _token(context)
        email = self._cloud.accounts.whose(token)
        if email is None:
            reason = "ACCESS_TOKEN_EXPIRED" if token else "CREDENTIALS_MISSING"
            await _abort(context, grpc.StatusCode.UNAUTHENTICATED, _NOT_AUTHENTICATED, reason, "googleapis.com", {})
        return email or ""

    async def _check_service(self, method: str, context: Any) -> None:
        project = self._cloud.accounts.project
        about = {"consumer": f"projects/{project}", "service": "pubsub.googleapis.com"}
        if not self._cloud.enabled:
            text = (
                f"Cloud Pub/Sub API has not been used in project {project} before or it is disabled. Enable it by "
                "visiting https://console.developers.google.com/apis/api/pubsub.googleapis.com/overview"
                f"?project={project} then retry. If you enabled this API recently, wait a few minutes."
            )
            await _abort(context, grpc.StatusCode.PERMISSION_DENIED, text, "SERVICE_DISABLED", "googleapis.com", about)
        if method.rpartition("/")[2] in self._cloud.refused:
            about |= {"quota_metric": "pubsub.googleapis.com/regionalpublisher", "quota_limit": "per minute"}
            text = "Quota exceeded for quota metric 'Regional publisher throughput, kB' and limit 'per minute'."
            status = grpc.StatusCode.RESOURCE_EXHAUSTED
            await _abort(context, status, text, "RATE_LIMIT_EXCEEDED", "googleapis.com", about)

    async def _check_allowed(self, method: str, email: str, content: bytes, context: Any) -> None:
        if method in _POLICY_CALLS:
            kind, verb = _POLICY_CALLS[method]
            resource = kind.FromString(content).resource
            permission = f"pubsub.{resource.split('/')[2]}.{verb}"
        else:
            demand = _DEMANDS.get(method)
            if demand is None:
                print(f"the rehearsal does not know what {method} demands", file=sys.stderr)
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"not rehearsed: {method}")
            request = demand.request.FromString(content)
            of = getattr(request, demand.field)
            resource = of if isinstance(of, str) else of.name
            permission = demand.permission
            if permission == "pubsub.subscriptions.create":
                await self._demand("pubsub.topics.attachSubscription", request.topic, email, context)
            if demand.of_project:
                resource = "/".join(resource.split("/")[:2])
        project = resource.split("/")[1]
        if project != self._cloud.accounts.project:
            text = (
                f"Requested project not found or user does not have access to it (project={project}). Make sure to "
                "specify the unique project identifier and not the Google Cloud Console display name."
            )
            await context.abort(grpc.StatusCode.NOT_FOUND, text)
        await self._demand(permission, resource, email, context)

    async def _demand(self, permission: str, resource: str, email: str, context: Any) -> None:
        if not self._cloud.accounts.allowed(email, permission, await self._policies(resource)):
            about = {"permission": permission, "resource": resource} if self._cloud.tells_permissions else {}
            reason = "IAM_PERMISSION_DENIED" if about else ""
            status = grpc.StatusCode.PERMISSION_DENIED
            await _abort(context, status, _NOT_AUTHORIZED, reason, "pubsub.googleapis.com", about)

    async def _tested(self, email: str, content: bytes) -> bytes:
        asked = iam_policy_pb2.TestIamPermissionsRequest.FromString(content)
        policies = await self._policies(asked.resource)
        allowed = [each for each in asked.permissions if self._cloud.accounts.allowed(email, each, policies)]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=allowed).SerializeToString()

    async def _policies(self, resource: str) -> list[dict[str, set[str]]]:
        if resource.count("/") < 3:
            return []
        call = self._channel.unary_unary(f"/{_IAM}/GetIamPolicy")
        try:
            answer = await call(iam_policy_pb2.GetIamPolicyRequest(resource=resource).SerializeToString())
        except grpc.aio.AioRpcError:
            return []  # there is no such resource, which the call itself finds out
        policy: dict[str, set[str]] = {}
        for binding in policy_pb2.Policy.FromString(answer).bindings:
            for member in binding.members:
                policy.setdefault(member, set()).add(binding.role)
        return [policy]

    async def _passed_on(
        self, method: str, first: bytes | None, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        async def all_of_them() -> AsyncIterator[bytes]:
            if first is not None:
                yield first
            async for request in requests:
                yield request

        metadata = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-goog-")]
        call = self._channel.stream_stream(method)(all_of_them(), metadata=metadata)
        watching = asyncio.ensure_future(self._ended_with_token(_token(context), call))
        try:
            async for response in call:
                yield response
        except asyncio.CancelledError:
            if not watching.done():
                raise
        except grpc.aio.AioRpcError as error:
            trailers = [(key, value) for key, value in error.trailing_metadata() or () if key.endswith("-bin")]
            await context.abort(error.code(), error.details() or "", tuple(trailers))
        finally:
            watching.cancel()
            call.cancel()

    async def _ended_with_token(self, token: str, call: Any) -> None:
        """As long as a stream is open, its token has to be good."""
        while self._cloud.accounts.whose(token) is not None:
            await asyncio.sleep(0.1)
        self._cloud.cut += 1
        call.cancel()


def _token(context: Any) -> str:
    return dict(context.invocation_metadata()).get("authorization", "").removeprefix("Bearer ")


async def _abort(context: Any, code: Any, text: str, reason: str, domain: str, about: dict[str, str]) -> None:
    trailers = ()
    if reason:
        info = any_pb2.Any()
        info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=about))
        status = status_pb2.Status(code=code.value[0], message=text, details=[info])
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, text, trailers)


@contextmanager
def served_front(cloud: Cloud, certified: Certified, emulator: str) -> Iterator[Cloud]:
    """Serve it before the emulator at an address; ``cloud.port`` is where."""
    ready, done = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    async def serve() -> None:
        async with grpc.aio.insecure_channel(emulator, options=_OPTIONS) as channel:
            server = grpc.aio.server(options=_OPTIONS)
            server.add_generic_rpc_handlers((_Front(cloud, channel),))
            pair = (certified.key.read_bytes(), certified.chain.read_bytes())
            cloud.port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
            await server.start()
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.05)
            await server.stop(0)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told where it is waited for
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    if failed:
        raise failed[0]
    try:
        yield cloud
    finally:
        done.set()
        thread.join(10)


_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
]
