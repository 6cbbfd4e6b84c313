"""Google's exceptions become ours, every one of them."""

import inspect
from typing import NamedTuple

import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from pubsubctl.broker.refusals import translated
from pubsubctl.errors import BrokerError, BrokerUnreachable, PubsubctlError, ResourceNotFound


class Broker(NamedTuple):
    place: str
    identity: None = None


def raised_by_google() -> list[Exception]:
    calls = [
        kind("what went wrong\nmore of it")
        for _, kind in inspect.getmembers(api, inspect.isclass)
        if issubclass(kind, api.GoogleAPICallError)
    ]
    credentials = [
        kind("no credentials")
        for _, kind in inspect.getmembers(auth, inspect.isclass)
        if issubclass(kind, auth.GoogleAuthError)
    ]
    return [*calls, *credentials, api.RetryError("too long", cause=None)]


@pytest.mark.parametrize("error", raised_by_google(), ids=lambda error: type(error).__name__)
def test_none_escapes_and_each_is_one_line_that_names_the_place(error):
    with pytest.raises(PubsubctlError) as caught, translated(Broker("host:8085")):
        raise error
    assert "host:8085" in str(caught.value) or isinstance(error, auth.GoogleAuthError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (api.ServiceUnavailable("x"), BrokerUnreachable),
        (api.DeadlineExceeded("x"), BrokerUnreachable),
        (api.NotFound("Topic not found"), ResourceNotFound),
        (api.InvalidArgument("x"), BrokerError),
        (api.PermissionDenied("x"), BrokerError),
        (auth.DefaultCredentialsError("x"), BrokerError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_may_have_happened_is_told_from_what_surely_has_not(error, ours):
    with pytest.raises(ours), translated(Broker("host:8085")):
        raise error


def test_what_is_missing_says_what_creates_it():
    with pytest.raises(ResourceNotFound, match="pubsubctl setup"), translated(Broker("host:8085")):
        raise api.NotFound("Topic not found")


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), translated(Broker("host:8085")):
        raise ZeroDivisionError


def test_what_was_tried_again_is_told_by_what_the_last_try_ended_with():
    last = api.ServiceUnavailable("The message log could not be written")
    with (
        pytest.raises(BrokerUnreachable, match="is not available: The message log could not be written"),
        translated(Broker("host:8085")),
    ):
        raise api.RetryError("Timeout of 10.0s exceeded", cause=last)


def test_a_broker_that_is_silent_does_not_answer():
    with pytest.raises(BrokerUnreachable, match="does not answer: too late"), translated(Broker("host:8085")):
        raise api.DeadlineExceeded("too late")
