"""Which emulator is meant, where one runs and where none does."""

import pytest

from pubsubctl.broker.connection import Connection, locate
from pubsubctl.errors import BrokerUnreachable
from pubsubctl.settings import Settings


@pytest.fixture
def load(tmp_path):
    """Settings of a folder; a ``running`` emulator is recorded there."""

    def load(running=None, environ=None, **flags):
        settings = Settings.load(flags, environ=environ or {}, start=tmp_path)
        if running:
            settings.state.write_json(settings.state.emulator_json, {"address": "127.0.0.1:9", "broker": running})
        return settings

    return load


@pytest.mark.parametrize("running", ["embedded", "gcloud"])
def test_where_none_is_asked_for_the_one_that_runs_is_meant(load, running):
    found = locate(load(running))
    assert (found.place, found.kind) == ("127.0.0.1:9", running)


@pytest.mark.parametrize("kind", ["embedded", "gcloud"])
def test_the_one_that_is_asked_for_is_found(load, kind):
    assert locate(load(kind, broker=kind)).kind == kind


@pytest.mark.parametrize(("running", "asked"), [("embedded", "gcloud"), ("gcloud", "embedded")])
def test_another_than_the_one_asked_for_is_not_taken(load, running, asked):
    with pytest.raises(
        BrokerUnreachable, match=rf"is {running}, not {asked} \(from --broker\); use `--broker {running}`"
    ):
        locate(load(running, broker=asked))


def test_an_address_in_the_environment_is_the_broker_that_is_named(load):
    named = locate(load("embedded", {"PUBSUB_EMULATOR_HOST": "127.0.0.1:8"}, broker="gcloud"))
    assert (named.place, named.kind) == ("127.0.0.1:8", "gcloud")


def test_where_none_runs_the_command_that_starts_the_one_asked_for_is_told(load):
    with pytest.raises(BrokerUnreachable, match="`pubsubctl setup` or `pubsubctl emulator start`"):
        locate(load())
    with pytest.raises(
        BrokerUnreachable, match="`pubsubctl setup --broker gcloud` or `pubsubctl emulator start --brok"
    ):
        locate(load(broker="gcloud"))


@pytest.mark.parametrize(("running", "flag"), [("embedded", ""), ("gcloud", " --broker gcloud")])
def test_of_one_that_does_not_answer_the_command_that_starts_it_is_told(load, running, flag):
    with (
        Connection(load(running)) as connection,
        pytest.raises(BrokerUnreachable, match=f"`pubsubctl emulator start{flag}`"),
    ):
        connection.check()
