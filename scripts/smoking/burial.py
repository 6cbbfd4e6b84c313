"""Dead letters: what is given back as often as its subscription allows is moved to another topic, by Pub/Sub itself.

https://cloud.google.com/pubsub/docs/handling-failures
"""

import time
from dataclasses import replace

from pubsubctl.broker.connection import Connection
from pubsubctl.cloud import accounts
from pubsubctl.cloud.granting import Granted, granted
from pubsubctl.cloud.grants import of_service_agent
from pubsubctl.cloud.rest import Apis
from pubsubctl.errors import PubsubctlError
from pubsubctl.names import short
from pubsubctl.settings import Settings
from smoking.checking import CheckFailed, Limit, Undecided
from smoking.inventory import MOST_DELIVERIES, Inventory
from smoking.mailbox import Mailbox

_SOURCE = "CloudPubSubDeadLetterSource"
_WANTED = {f"{_SOURCE}Subscription", f"{_SOURCE}DeliveryCount"}
_NEEDS = (
    "Pub/Sub's own account needs roles/pubsub.subscriber on the subscription and roles/pubsub.publisher on the "
    "dead-letter topic"
)


class Burial:
    """The check, and the roles that it needs.

    Args:
        connection: the broker.
        settings: of the jobs.
        inventory: where messages are given up, and where they go.
    """

    def __init__(self, connection: Connection, settings: Settings, inventory: Inventory) -> None:
        self._connection = connection
        self._of = replace(
            settings,
            subscription=short(inventory.given_up.subscription),
            dead_letter_topic=short(inventory.buried.topic),
        )
        self._given_up, self._buried = Mailbox(connection, inventory.given_up), Mailbox(connection, inventory.buried)

    def run(self, limit: Limit) -> str:
        """Give a message back until it is moved."""
        not_granted = self._not_granted() if self._connection.address.is_cloud else ""
        began = time.monotonic()
        self._given_up.publish(1)
        try:
            nacks, attributes = self._moved(limit)
        except CheckFailed as error:
            if not_granted:
                raise Undecided(f"{error}; {_NEEDS}, which could not be granted: {not_granted}") from error
            raise CheckFailed(f"{error}; {_NEEDS}, which may take minutes to be in force") from error
        took_s = time.monotonic() - began
        if missing := _WANTED - attributes.keys():
            raise CheckFailed(f"moved after {nacks} nacks, but without {', '.join(sorted(missing))}")
        source = attributes[f"{_SOURCE}Subscription"]
        if source != self._of.subscription:
            raise CheckFailed(f"moved after {nacks} nacks as if it came from {source}")
        named = sorted(key.removeprefix(_SOURCE) for key in attributes if key.startswith(_SOURCE))
        count = attributes[f"{_SOURCE}DeliveryCount"]
        return f"moved {took_s:.1f} s after it was published, {nacks} nacks; {_SOURCE}: {', '.join(named)} ({count})"

    def _moved(self, limit: Limit) -> tuple[int, dict[str, str]]:
        nacks = 0
        while True:
            awaited = f"the dead letter, after {nacks} nacks of {MOST_DELIVERIES} allowed"
            limit.go_on(awaited)
            if nacks >= MOST_DELIVERIES and (found := self._buried.look(1)):
                self._buried.ack([found[0].ack_id])
                return nacks, dict(found[0].attributes)
            for each in self._given_up.look(1):  # also beyond what is allowed: the service counts as well as it can
                self._given_up.nack([each.ack_id])
                nacks += 1

    def _not_granted(self) -> str:
        """Give Pub/Sub's account its roles on what is ours; why not, where that is not possible."""
        apis = Apis(self._of)
        try:
            number = accounts.project_number(apis, self._of.project)
            outcomes = list(granted(self._connection, of_service_agent(self._of, number), dry_run=False))
        except PubsubctlError as error:
            return str(error)
        finally:
            apis.close()
        return "; ".join(dict.fromkeys(each.why for each in outcomes if each.what is Granted.LEFT))
