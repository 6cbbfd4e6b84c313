"""A broker that refuses publishes as it is told, one after another."""

from collections import deque

from pubsubctl.emulator.embedded import Faults
from pubsubctl.emulator.embedded.status import Refusal


class FailingPublishes(Faults):
    """Each publish takes the next of ``answers``: a refusal, or None to be carried out. Without any left, all are."""

    def __init__(self, *answers: Refusal | None) -> None:
        self.answers = deque(answers)

    async def before_rpc(self, method: str) -> None:
        if method == "Publish" and self.answers:
            refusal = self.answers.popleft()
            if refusal is not None:
                raise refusal
