"""What a run will create, and what that costs; as text, for people."""

from pubsubctl.names import short
from pubsubctl.settings import Settings
from smoking.inventory import Inventory
from smoking.terms import Terms

_TOPICS_OF_SETUP = 2
_SUBSCRIPTIONS_OF_SETUP = 3


def bill(terms: Terms, settings: Settings, inventory: Inventory) -> str:
    """The lines that are shown before anything is done."""
    # Their topics are called so, too.
    more = ",".join(short(box.subscription).removeprefix(f"{terms.prefix}-") for box in inventory.boxes)
    count, name = len(inventory.boxes), terms.prefix
    where = f"the emulator at {terms.emulator}" if terms.emulator else f"Google Cloud project {terms.project}"
    lines = [
        f"On {where} this creates, and {'leaves there' if terms.keep else 'deletes in the end'}:",
        f"  {_TOPICS_OF_SETUP + count} topics: {name}, {name}-dead, and",
        f"  {_SUBSCRIPTIONS_OF_SETUP + count} subscriptions: {name}, {name}-dead, {name}-returned, and",
        f"  of both {name}-{{{more}}}.",
        f"Jobs live in {settings.store_name if terms.store else 'a temporary folder'}; it takes a minute or a few.",
    ]
    if not terms.emulator:
        lines += [
            "Pub/Sub's own account gets roles on two of the topics and two of the subscriptions, and on nothing else.",
            "About 2,000 small messages, published once and delivered once or a few times, are some 10 MB as it counts",
            "(1 KB a request at least); at 40 dollars a TiB, of which 10 GiB a month are free, less than a cent.",
        ]
    if terms.store and terms.store.startswith("firestore:"):
        lines.append("What Firestore takes for some 1,000 jobs comes on top: one or two cents.")
    return "\n".join(lines)
