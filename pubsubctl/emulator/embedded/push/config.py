"""What a push config may say."""

from typing import Any

from pubsubctl.emulator.embedded.push.endpoint import Endpoint
from pubsubctl.emulator.embedded.status import invalid

# The API reference of PushConfig names these; v1beta1, which it names too, is the format of another API.
_VERSIONS = {"v1", "v1beta2"}


def check_push_config(push_config: Any) -> None:
    """Refuse a push config that messages cannot be pushed with; one without an endpoint asks for none to be.

    Raises:
        Refusal: INVALID_ARGUMENT: the endpoint is no http:// or https:// URL, or the format is not known.
    """
    if not push_config.push_endpoint:
        return
    Endpoint.parse(push_config.push_endpoint)
    version = push_config.attributes.get("x-goog-version", "v1")
    if version not in _VERSIONS:
        raise invalid(
            f"Invalid push endpoint version given in push config (version={version}). "
            "x-goog-version may be v1 or v1beta2 (push_config.attributes)"
        )
