"""What setup plans, or has done."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pubsubctl.render.output import Format, document, line


@dataclass(frozen=True)
class SetupStep:
    """One topic or subscription.

    Attributes:
        action: ``create``, ``exists``, ``update``, ``differs``; ``check`` where nobody could be asked yet.
        differences: for each field that differs, what it is and what it should be.
    """

    kind: str
    name: str
    action: str
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class SetupGrant:
    """A role for one member on one resource.

    Attributes:
        why: what it is needed for.
        action: ``exists``, ``grant`` (it would be), ``granted``, or ``left``: whoever asked may not grant it,
            or it is on a database or a bucket, and nobody looked.
        reason: why it is left.
        command: what grants it.
    """

    role: str
    resource: str
    member: str
    why: str
    action: str
    reason: str
    command: str


@dataclass(frozen=True)
class SetupAccount:
    """A service account that was asked for.

    Attributes:
        made: whether it was not there before.
        key_file: where a key of it went, if one was made.
    """

    email: str
    made: bool
    key_file: str | None


@dataclass(frozen=True)
class SetupResult:
    """What setup found, and what it did about it.

    Attributes:
        address: the broker's; None where a dry run would have to start it.
        applied: whether it was done, or only planned.
        repaired: whether drift was repaired too.
        store_left: commands that are still to be run for the store.
        grants: roles, in the cloud.
        account: the service account that was asked for.
    """

    broker: str
    address: str | None
    store: str
    steps: list[SetupStep]
    applied: bool
    repaired: bool
    store_left: list[str] = field(default_factory=list)
    grants: list[SetupGrant] = field(default_factory=list)
    account: SetupAccount | None = None

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "broker": {"kind": self.broker, "address": self.address},
            "store": self.store,
            "store_left": self.store_left,
            "applied": self.applied,
            "steps": [
                {
                    "kind": step.kind,
                    "name": step.name,
                    "action": step.action,
                    "done": _done(step, self),
                    "differences": {
                        name: {"was": was, "wanted": wanted} for name, (was, wanted) in step.differences.items()
                    },
                }
                for step in self.steps
            ],
            "account": asdict(self.account) if self.account is not None else None,
            "grants": [asdict(grant) for grant in self.grants],
        }


def show(result: SetupResult, form: Format) -> None:
    """Show it on stdout."""
    if form is not Format.TEXT:
        document(result.document(), form)
        return
    where = result.address or "not running; it would be started"
    line(f"{'broker':<13}{result.broker} ({where})")
    for step in result.steps:
        line(f"{step.kind:<13}{step.name}  {_word(step, result)}")
        for name, (is_now, wanted) in step.differences.items():
            arrow = "was" if _repaired(step, result) else "is"
            line(f"{'':<13}  {name} {arrow} {is_now or 'empty'}, should be {wanted or 'empty'}")
    if result.account is not None:
        line(f"{'account':<13}{result.account.email}  {_account_word(result)}")
        if result.account.key_file is not None:
            line(f"{'key':<13}{result.account.key_file}  for its owner alone")
    for grant in result.grants:
        word = "would be granted" if grant.action == "grant" else grant.action
        line(f"{'grant':<13}{grant.role} on {grant.resource} to {grant.member}  {word}")
    line(f"{'store':<13}{result.store}")


def _done(step: SetupStep, result: SetupResult) -> bool:
    """Whether it now is as wanted."""
    return step.action == "exists" or (step.action == "create" and result.applied) or _repaired(step, result)


def _repaired(step: SetupStep, result: SetupResult) -> bool:
    return step.action == "update" and result.applied and result.repaired


def _word(step: SetupStep, result: SetupResult) -> str:
    if step.action == "create":
        return "created" if result.applied else "would be created"
    if step.action == "check":
        return "would be created if it is missing"
    if _repaired(step, result):
        return "repaired"
    if step.action == "update":
        return "differs; --apply-drift repairs it"
    return "differs in what can never be changed: delete it, or name another" if step.action == "differs" else "exists"


def _account_word(result: SetupResult) -> str:
    assert result.account is not None
    if not result.account.made:
        return "exists"
    return "created" if result.applied else "would be created"
