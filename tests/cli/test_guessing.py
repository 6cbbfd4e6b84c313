"""An option that there is not: what is guessed, and what is not."""

import pytest

from pubsubctl.cli.guessing import meant

OPTIONS = ("--clear-labels", "--update-labels", "--remove-labels", "--profile", "--project", "--json")


@pytest.mark.parametrize(
    ("typed", "guess"),
    [("--jsn", "--json"), ("--labels", "--update-labels"), ("--filter", None), ("--", None), ("-x", None)],
)
def test_what_is_close_is_guessed_and_nothing_else(typed: str, guess: str | None) -> None:
    assert meant(typed, OPTIONS) == guess


def test_the_one_longer_name_is_guessed() -> None:
    assert meant("--filter", ("--message-filter", *OPTIONS)) == "--message-filter"
