"""Order: the messages of a key arrive as they were published, also after one of them was given back.

https://cloud.google.com/pubsub/docs/ordering
"""

from smoking.checking import CheckFailed, Limit
from smoking.mailbox import Mailbox

MESSAGES = 50
_NACKED = MESSAGES // 2
_AT_ONCE = 20


def ordered(mailbox: Mailbox, limit: Limit) -> str:
    """Acknowledge one after another, but give back the middle one at first, and all that came with it after it."""
    mailbox.publish(MESSAGES, ordering_key="smoke")
    expected, given_back, duplicates = 0, 0, 0
    while expected < MESSAGES:
        came = mailbox.take(limit, f"message {expected} of {MESSAGES}", most=_AT_ONCE)
        for place, each in enumerate(came):
            if each.number > expected:
                after = f", after {given_back} were given back" if given_back else ""
                raise CheckFailed(f"message {each.number} came where {expected} was due{after}")
            if each.number == _NACKED and not given_back:
                rest = came[place:]
                given_back = len(rest)
                mailbox.nack([one.ack_id for one in rest])
                break
            mailbox.ack([each.ack_id])
            duplicates += each.number < expected
            expected = max(expected, each.number + 1)
    return (
        f"{MESSAGES} of one key in order; number {_NACKED} given back with {given_back - 1} behind it, and all came "
        f"again in order; {duplicates} duplicates"
    )
