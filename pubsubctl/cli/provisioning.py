"""The work of ``setup``: what there should be, made, or shown as a plan, or printed for somebody else to make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pubsubctl.errors import PubsubctlError, UsageError
from pubsubctl.render import setup as render

if TYPE_CHECKING:
    from pubsubctl.broker.connection import Connection
    from pubsubctl.broker.provision import Step
    from pubsubctl.cloud.granting import Outcome
    from pubsubctl.cloud.grants import Grant
    from pubsubctl.cloud.parts import Part
    from pubsubctl.cloud.rest import Apis
    from pubsubctl.settings import Settings


@dataclass(frozen=True)
class Account:
    """A service account that is asked for.

    Attributes:
        parts: what it does with jobs.
        key_file: where a key of it goes, if one is wanted.
    """

    email: str
    parts: "frozenset[Part]"
    key_file: Path | None


def asked_account(
    settings: "Settings", name: str | None, parts: Sequence[str] | None, key_file: Path | None
) -> Account | None:
    """The service account that the options ask for.

    Raises:
        UsageError: they contradict each other, or it cannot be called so.
    """
    if name is None:
        for option, value in (("--for", parts), ("--key-file", key_file)):
            if value:
                raise UsageError(f"{option} is about a service account; name it with --service-account")
        return None
    if settings.broker != "cloud":
        raise UsageError("--service-account is for the cloud; add --broker cloud, as emulators ask nobody who he is")
    from pubsubctl.cloud.accounts import check_key_file, email_of
    from pubsubctl.cloud.parts import Part

    if key_file is not None:
        check_key_file(key_file)
    return Account(
        email_of(name, settings.project), frozenset(map(Part, parts)) if parts else frozenset(Part), key_file
    )


def print_plan(settings: "Settings", options: Mapping[str, Any], account: Account | None, language: str) -> None:
    """Print what would be made; nobody is asked what there is.

    Raises:
        UsageError: there is nothing to print, or it would be where it must not be.
    """
    from pubsubctl.broker.provision import Wanted, wanted_subscriptions, wanted_topics
    from pubsubctl.cloud.plan import NUMBER, CloudPlan, project_of
    from pubsubctl.cloud.script import script
    from pubsubctl.cloud.terraform import terraform
    from pubsubctl.render import output

    if settings.broker != "cloud":
        raise UsageError("--print is for the cloud; add --broker cloud")
    key_file = account.key_file if account is not None else None
    if language == "terraform" and key_file is not None:
        raise UsageError("Terraform would keep the key in its state, for others to read; leave --key-file out")
    plan = CloudPlan(
        project=project_of(settings.subscription_path),
        topics=wanted_topics(settings),
        subscriptions=wanted_subscriptions(settings, Wanted(ack_deadline=settings.ack_deadline, **options)),
        grants=_grants(settings, NUMBER, account),
        account=account.email if account is not None else None,
        key_file=str(key_file) if key_file is not None else None,
    )
    output.script(script(plan) if language == "gcloud" else terraform(plan))


@dataclass(frozen=True)
class Provisioned:
    """What was made.

    Attributes:
        failure: what went wrong in the end, once there was something to show.
    """

    result: render.SetupResult
    failure: PubsubctlError | None = None


def provision(
    settings: "Settings", options: Mapping[str, Any], account: Account | None, *, dry_run: bool, repair: bool
) -> Provisioned:
    """Make it, or only look what there is."""
    from pubsubctl.broker.connection import Connection
    from pubsubctl.broker.provision import COMPARABLE, Provisioner, Wanted
    from pubsubctl.store.opening import open_store

    with Connection(settings) as connection:
        connection.check()
        wanted = Wanted(ack_deadline=settings.ack_deadline, **options)
        # Only what somebody has said: a default does not make drift of what was chosen at another time.
        provisioner = Provisioner(connection, settings, wanted, COMPARABLE & {*options, *settings.sources})
        plan = provisioner.plan()
        steps = plan.steps if dry_run else list(provisioner.apply(plan, repair_drift=repair))
        cloud = _Cloud()
        if connection.address.is_cloud:
            cloud = _in_the_cloud(settings, connection, account, dry_run=dry_run, new=plan.changes)
        left: list[str] = []
        if not dry_run:
            with open_store(settings.store_url) as store:
                left = store.left_to_do()
        address = connection.address
    result = render.SetupResult(
        address.kind,
        address.place,
        settings.store_name,
        list(map(_shown, steps)),
        applied=not dry_run,
        repaired=repair,
        store_left=left,
        grants=list(map(_shown_grant, cloud.outcomes)),
        account=cloud.account,
    )
    return Provisioned(result, cloud.failure)


@dataclass
class _Cloud:
    """What became of accounts and roles."""

    account: render.SetupAccount | None = None
    outcomes: "list[Outcome]" = field(default_factory=list)
    failure: PubsubctlError | None = None


def _in_the_cloud(
    settings: "Settings", connection: "Connection", account: Account | None, *, dry_run: bool, new: bool
) -> _Cloud:
    """The roles of Pub/Sub's own account, then the service account that was asked for: what one may not do is left."""
    from pubsubctl.cloud import accounts
    from pubsubctl.cloud.granting import granted
    from pubsubctl.cloud.grants import of_account
    from pubsubctl.cloud.rest import Apis

    apis, cloud = Apis(settings), _Cloud()
    try:
        cloud.outcomes += _for_pubsub_itself(settings, connection, apis, dry_run=dry_run, new=new)
        if account is None:
            return cloud
        made = not accounts.exists(apis, settings.project, account.email)
        cloud.account = render.SetupAccount(account.email, made, None)
        if made and not dry_run:
            accounts.create(apis, settings.project, account.email)
        wanted = of_account(settings, account.email, account.parts)
        if dry_run and new:
            cloud.outcomes += _planned(wanted)
        else:
            cloud.outcomes += granted(connection, wanted, dry_run=dry_run, new=made)
        cloud.outcomes += _left(settings, account.email)
        if account.key_file is not None and not dry_run:
            accounts.write_key(apis, settings.project, account.email, account.key_file, new=made)
            cloud.account = replace(cloud.account, key_file=str(account.key_file))
    except PubsubctlError as error:
        cloud.failure = error
    finally:
        apis.close()
    return cloud


def _for_pubsub_itself(
    settings: "Settings", connection: "Connection", apis: "Apis", *, dry_run: bool, new: bool
) -> "Iterator[Outcome]":
    from pubsubctl.cloud import accounts
    from pubsubctl.cloud.granting import Granted, Outcome, granted
    from pubsubctl.cloud.grants import of_service_agent
    from pubsubctl.cloud.plan import project_of

    project = project_of(settings.subscription_path)
    try:
        number = accounts.project_number(apis, project)
    except PubsubctlError as error:  # who may not see that may still have made what jobs need
        unknown = f"$(gcloud projects describe {project} --format='value(projectNumber)')"
        for grant in of_service_agent(settings, unknown):
            yield Outcome(grant, Granted.LEFT, str(error))
        return
    grants = of_service_agent(settings, number)
    yield from _planned(grants) if dry_run and new else granted(connection, grants, dry_run=dry_run)


def _planned(grants: "Sequence[Grant]") -> "Iterator[Outcome]":
    """Of what is not there yet: it has no policy to look at."""
    from pubsubctl.cloud.granting import Granted, Outcome

    for grant in grants:
        yield Outcome(grant, Granted.MISSING)


def _left(settings: "Settings", email: str) -> "Iterator[Outcome]":
    """What the account needs beside, for others to grant."""
    from pubsubctl.cloud.granting import Granted, Outcome
    from pubsubctl.cloud.places import WHY_LEFT, of_places

    for grant in of_places(settings, email):
        yield Outcome(grant, Granted.LEFT, WHY_LEFT)


def _grants(settings: "Settings", number: str, account: Account | None) -> "list[Grant]":
    from pubsubctl.cloud.grants import of_account, of_service_agent
    from pubsubctl.cloud.places import of_places

    found = of_service_agent(settings, number)
    if account is None:
        return found
    return [*found, *of_account(settings, account.email, account.parts), *of_places(settings, account.email)]


def _shown(step: "Step") -> render.SetupStep:
    return render.SetupStep(step.kind, step.name, str(step.action), step.differences)


def _shown_grant(outcome: "Outcome") -> render.SetupGrant:
    from pubsubctl.broker import access
    from pubsubctl.cloud import places

    grant = outcome.grant
    on_place = places.is_place(grant)
    command = places.binding(grant) if on_place else access.binding(grant.resource, grant.member, grant.role)
    return render.SetupGrant(
        grant.role, grant.resource, grant.member, grant.why, str(outcome.what), outcome.why, command
    )


def unasked(settings: "Settings") -> Provisioned:
    """The plan where the emulator does not run: without its message log nothing exists, else nobody can tell."""
    from pubsubctl.broker.deadletter import returned_path

    action = "check" if settings.broker == "embedded" and settings.state.broker_db.exists() else "create"
    named = (
        ("topic", settings.topic_path),
        ("topic", settings.dead_letter_topic_path),
        ("subscription", settings.dead_letter_subscription_path),
        ("subscription", returned_path(settings)),
        ("subscription", settings.subscription_path),
    )
    steps = [render.SetupStep(kind, name, action) for kind, name in named]
    result = render.SetupResult(settings.broker, None, settings.store_name, steps, applied=False, repaired=False)
    return Provisioned(result)
