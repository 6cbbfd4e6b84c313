"""Flags that set fields of a topic, a subscription or a snapshot: one table says what each takes, and what it sets."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from pubsubctl.broker.change import Change
from pubsubctl.broker.naming import Kind, path
from pubsubctl.cli.lists import listed, pairs, utf8
from pubsubctl.cli.readers import option, parsed
from pubsubctl.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """What a flag is; its name is its key in a table of ``Flags``.

    Attributes:
        field: what it sets, by the API's names: ``retry_policy.minimum_backoff``.
        help: what ``--help`` says.
        metavar: what its value is called there.
        kind: its type on the command line.
        read: from what was typed to protobuf's JSON form, None to clear the field; a ValueError ends
            "--flag ..., not 'what was typed'".
        refers_to: what its value is the name of; then there is ``--FLAG-project`` too.
        required: whether it must be given.
        needs: the flag without which it means nothing.
        excludes: flags that cannot stand beside it.
        anew: whether nothing stays of what was set in that field before.
        lone: of a switch, whether there is no ``--no-FLAG``.
    """

    field: str
    help: str
    metavar: str | None = None
    kind: Any = str
    read: Callable[[Any], Any] = utf8
    refers_to: Kind | None = None
    required: bool = False
    needs: str = ""
    excludes: tuple[str, ...] = ()
    anew: bool = False
    lone: bool = False


Flags = Mapping[str, Flag]


def with_change(flags: Flags) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these flags.

    Returns:
        A decorator for a function that takes ``change``, what the flags ask for, beside its own parameters, of which
        one is ``settings``.
    """
    options = {option.name: option for name, flag in flags.items() for option in _options(name, flag)}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(settings: Any, **given: Any) -> None:
            asked = {name: given.pop(name) for name in options}
            function(settings=settings, change=change(flags, asked, settings.project), **given)

        parts: list[inspect.Parameter] = []
        for name, part in inspect.signature(function).parameters.items():
            parts += options.values() if name == "change" else [part.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        run.__signature__ = inspect.Signature(parts)  # type: ignore[attr-defined]
        return run

    return decorate


def change(flags: Flags, given: Mapping[str, Any], project: str) -> Change:
    """What the flags ask for.

    Args:
        flags: the table.
        given: what was typed, by flag; None and an empty list are nothing.
        project: the project of names that say none.

    Raises:
        UsageError: a value cannot be used, or flags do not go together.
    """
    asked = {name: value for name, value in given.items() if value is not None and value != []}
    for name, flag in flags.items():
        _check_company(name, flag, asked)
    values: dict[str, Any] = {}
    for name, flag in flags.items():
        if name in asked:
            _put(values, flag.field, _read(name, flag, asked, project))
    anew = (flag.field.split(".")[0] for name, flag in flags.items() if flag.anew and name in asked)
    return Change(values, frozenset(anew))


def removed(texts: list[str]) -> dict[str, None]:
    """Keys to take away."""
    return dict.fromkeys(listed(texts))


def switch(field: str, text: str, *, needs: str = "") -> Flag:
    """A field that is on or off."""
    return Flag(field, text, kind=bool, read=bool, needs=needs)


def clearing(field: str, text: str, *instead_of: str) -> Flag:
    """A switch that clears a field, and so excludes those that set it."""
    return Flag(field, text, kind=bool, read=lambda _: None, excludes=instead_of, lone=True)


LABELS = Flag("labels", "Labels to set.", "KEY=VALUE,...", list[str], pairs)
LABEL_CHANGES: Flags = {
    "clear_labels": Flag(
        "labels", "Remove all labels, before others are set.", kind=bool, read=lambda _: {}, anew=True, lone=True
    ),
    "update_labels": Flag("labels", "Labels to add or to change.", "KEY=VALUE,...", list[str], pairs),
    "remove_labels": Flag("labels", "Labels to remove.", "KEY,...", list[str], removed, excludes=("clear_labels",)),
}


def _options(name: str, flag: Flag) -> Iterator[inspect.Parameter]:
    two_ways = flag.kind is bool and not flag.lone
    typed = f"{option(name)}/--no-{option(name)[2:]}" if two_ways else option(name)
    yield _parameter(name, flag.kind, typed, flag.metavar, flag.help, required=flag.required)
    if flag.refers_to:
        yield _parameter(
            f"{name}_project", str, option(f"{name}_project"), "PROJECT", "Its project; --project unless given."
        )


def _parameter(
    name: str, kind: Any, typed: str, metavar: str | None, text: str, *, required: bool = False
) -> inspect.Parameter:
    shown = typer.Option(typed, metavar=metavar, help=text, show_default=False)
    default = inspect.Parameter.empty if required else None
    annotation: Any = Annotated[kind if required else kind | None, shown]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _check_company(name: str, flag: Flag, asked: Mapping[str, Any]) -> None:
    if f"{name}_project" in asked and name not in asked and flag.refers_to:
        raise UsageError(f"{option(name)}-project says where {option(name)} is; give that too")
    if name not in asked:
        return
    if flag.needs and flag.needs not in asked:
        raise UsageError(f"{option(name)} means nothing without {option(flag.needs)}; give that too")
    for other in flag.excludes:
        if other in asked:
            raise UsageError(f"{option(name)} and {option(other)} cannot stand together")


def _read(name: str, flag: Flag, asked: Mapping[str, Any], project: str) -> Any:
    value = asked[name]
    if flag.refers_to:
        return path(flag.refers_to, value, asked.get(f"{name}_project", project))
    return parsed(name, value, flag.read)


def _put(values: dict[str, Any], field: str, value: Any) -> None:
    """Set a field; what two flags say of the same field comes together."""
    first, _, rest = field.partition(".")
    if rest:
        inner = values.get(first)
        values[first] = inner if isinstance(inner, dict) else {}
        _put(values[first], rest, value)
    elif isinstance(value, dict) and isinstance(values.get(first), dict):
        values[first].update(value)
    else:
        values[first] = value
