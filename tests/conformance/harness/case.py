"""A case: one thing to try, what the documentation says comes of it, and what Google's emulator makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from harness.expected import Refusal
from harness.kit import Kit


class Same:
    """Stands for: this emulator does as documented."""


SAME = Same()


@dataclass(frozen=True)
class Case:
    """One row of a table.

    ``run`` tries it in a project of its own and returns an observation: a small value that can be compared, such as
    a status, a count, the data of messages. An RPC that is refused in it is an observation too: a ``Refusal``.

    ``documented`` is what the service is documented to give, and what the embedded emulator has to give. Where the
    documentation is silent (``source`` is ``UNDOCUMENTED``) it is what Google's emulator gives, unless that is
    plainly a fault. ``google`` is what Google's emulator gives where that differs, ``embedded`` what the embedded one
    does where it cannot do better.
    """

    id: str
    what: str
    run: Callable[[Kit], Any]
    documented: Any
    source: str
    google: Any = SAME
    embedded: Any = SAME

    @property
    def differs(self) -> bool:
        """Whether Google's emulator does not do as documented."""
        return self.google is not SAME

    def expected(self, kind: str) -> Any:
        """What the broker of this kind has to give."""
        given = self.google if kind == "gcloud" else self.embedded
        return self.documented if given is SAME else given


@dataclass(frozen=True)
class Area:
    """The cases of one part of the service."""

    id: str
    title: str
    cases: list[Case]


def observe(case: Case, kit: Kit) -> Any:
    """Try the case; a refused RPC is an observation like any other."""
    try:
        return case.run(kit)
    except grpc.RpcError as error:
        return Refusal(error.code().name, error.details() or "")
