"""``pubsubctl submit``: hand in requests, and wait for what becomes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pubsubctl.cli.app import new
from pubsubctl.cli.options import DataOption, FormatOption, FormOption, HeadersOption, JsonOption, parsed, with_settings
from pubsubctl.errors import UsageError
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_EACH = "--each"


class _Submit(TyperCommand):
    """``--each`` takes as many files as follow it, so that a shell's ``*.png`` can stand there."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, with ``--each`` before each of its files."""
        return super().parse_args(ctx, spread(args))


def spread(args: Sequence[str]) -> list[str]:
    """The arguments with ``--each`` repeated for every word that follows it, up to the next option."""
    out: list[str] = []
    each = False
    for number, word in enumerate(args):
        if word == "--":
            return out + list(args[number:])
        if word == _EACH:
            if number + 1 == len(args):
                raise UsageError("--each needs a file, or several")
            each = True
        elif word.startswith("-") and word != "-":
            each = False
            out.append(word)
        else:
            out += [_EACH, word] if each else [word]
    return out


def target_and_files(target: Sequence[str], each: Sequence[str]) -> tuple[list[str], list[Path]]:
    """METHOD and PATH, and the files; where they stand behind the files of ``--each``, they are taken from there."""
    words, files = list(target), list(each)
    if not words and len(files) > 1 and files[-1].startswith("/") and not Path(files[-1]).exists():
        words.insert(0, files.pop())
        if len(files) > 1 and files[-1].isupper() and not Path(files[-1]).exists():
            words.insert(0, files.pop())
    return words, list(map(Path, files))


_Target = Annotated[
    list[str] | None,
    typer.Argument(metavar="[METHOD] PATH", show_default=False, help="POST where there is a body, else GET."),
]
_Each = Annotated[
    list[str] | None, typer.Option(_EACH, metavar="FILE...", help="One job for each file: it is the body.")
]
_EachAs = Annotated[
    str | None, typer.Option(metavar="FIELD", show_default=False, help="Send the files of --each as a form.")
]
_From = Annotated[
    str | None, typer.Option("--from", metavar="FILE.jsonl|-", show_default=False, help="One job for each line.")
]
_Count = Annotated[int, typer.Option(min=1, metavar="N", help="Submit it as often as this.")]
_Delay = Annotated[
    str | None, typer.Option(metavar="DURATION", show_default=False, help="Not before so long from now.")
]
_IdempotencyKey = Annotated[
    str | None, typer.Option(metavar="KEY", show_default=False, help="The same key, the same job.")
]
_OrderingKey = Annotated[str, typer.Option(metavar="KEY", show_default=False, help="One after another.")]
_JobTimeout = Annotated[
    str | None, typer.Option(metavar="DURATION", show_default=False, help="Longest for an attempt.")
]
_MaxAttempts = Annotated[
    int | None, typer.Option(min=1, metavar="N", show_default=False, help="Failures that it is allowed.")
]
_Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for the result; Ctrl-C leaves the jobs running.")]
_WaitTimeout = Annotated[str | None, typer.Option(metavar="DURATION", show_default=False, help="Longest to wait.")]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Where to put the response's body."),
]


@app.command(cls=_Submit, epilog="Example: pubsubctl submit POST /predict --json '{\"x\": 1}' --wait")
@with_settings("inline_limit", "payload_limit")
def submit(
    settings: "Settings",
    *,
    target: _Target = None,
    json: JsonOption = None,
    data: DataOption = None,
    header: HeadersOption = None,
    form: FormOption = None,
    each: _Each = None,
    each_as: _EachAs = None,
    lines: _From = None,
    count: _Count = 1,
    delay: _Delay = None,
    idempotency_key: _IdempotencyKey = None,
    ordering_key: _OrderingKey = "",
    job_timeout: _JobTimeout = None,
    max_attempts: _MaxAttempts = None,
    wait: _Wait = False,
    wait_timeout: _WaitTimeout = None,
    output: _Output = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Submit requests as jobs.

    Prints the ids of the jobs, or with --wait the response.
    """
    from pubsubctl.cli.sources import Asked, Terms
    from pubsubctl.cli.submitting import run

    words, files = target_and_files(target or (), each or ())
    terms = Terms(
        idempotency_key=idempotency_key,
        ordering_key=ordering_key,
        delay_s=parsed("delay", delay) if delay else 0.0,
        timeout_s=parsed("job_timeout", job_timeout) if job_timeout else None,
        max_attempts=max_attempts,
    )
    apart_over = settings.inline_limit if settings.payloads is not None else None
    asked = Asked(words, terms, json, data, header or (), form or (), files, each_as, lines, count, apart_over)
    limit_s = parsed("wait_timeout", wait_timeout) if wait_timeout else None
    wait = wait or limit_s is not None or output is not None  # neither means anything without waiting
    run(settings, asked, wait=wait, limit_s=limit_s, form=format, output=output)
