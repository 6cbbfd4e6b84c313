"""``pubsubctl snapshots``."""

import pytest
from broker_console import EMBEDDED_ALONE

pytest_plugins = ["console_fixtures"]


def test_a_snapshot_from_its_making_to_its_end(workers):
    path = workers.path("snapshots", "before")
    assert workers.text("snapshots", "create", "before", "--subscription", "workers") == f"created snapshot {path}\n"
    found = workers.json("snapshots", "describe", "before")
    assert (found["name"], found["topic"]) == (path, workers.path("topics", "orders"))
    assert workers.text("snapshots", "list") == f"before  orders  {found['expireTime']}\n"
    assert workers.json("snapshots", "list") == [found]
    assert workers.text("topics", "list-snapshots", "orders") == f"{path}\n"
    assert workers.text("snapshots", "delete", "before", "--yes") == f"deleted snapshot {path}\n"
    assert workers.json("topics", "list-snapshots", "orders") == []


def test_several_of_one_subscription(workers):
    flags = ["--subscription", "workers", "--subscription-project", workers.project]
    made = workers.json("snapshots", "create", "one", "two", *flags)
    assert [one["name"] for one in made] == [workers.path("snapshots", "one"), workers.path("snapshots", "two")]
    done = workers.run("snapshots", "delete", "one", "nope", "two", "-q")
    assert (done.code, done.out.count("deleted snapshot ")) == (1, 2)
    assert f"snapshot {workers.path('snapshots', 'nope')}: " in done.err


@EMBEDDED_ALONE
def test_labels_are_changed(workers):
    workers.text("snapshots", "create", "before", "--subscription", "workers", "--labels", "a=1,b=2")
    found = workers.json("snapshots", "update", "before", "--update-labels", "a=3", "--remove-labels", "b")
    assert found["labels"] == {"a": "3"}
    assert "is so already" in workers.text("snapshots", "update", "before", "--remove-labels", "b")


def test_a_subscription_that_is_missing_is_named(workers):
    said = workers.refused("snapshots", "create", "before", "--subscription", "worker")
    missing = f"there is no subscription {workers.path('subscriptions', 'worker')}"
    assert said.endswith(f"{missing}; did you mean 'workers'?")
    assert workers.refused("snapshots", "describe", "before").startswith(
        f"snapshot {workers.path('snapshots', 'before')}: "
    )


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "abc"], "missing option '--subscription'"),
        (["create", "1", "--subscription", "abc"], "'1' is no snapshot name"),
        (["update", "abc"], "nothing to update"),
        (["delete", "abc"], "there is no terminal to ask on; add --yes"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_broker_is_asked(console, arguments, says):
    assert says in console.refused("snapshots", *arguments, code=2)


@pytest.mark.parametrize("command", ["create", "list", "describe", "update", "delete"])
def test_every_command_has_help_with_an_example(folder, command, capsys):
    from pubsubctl.cli.entry import run

    assert run(["snapshots", command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Example: pubsubctl snapshots {command}" in out
    assert "--debug" in out
