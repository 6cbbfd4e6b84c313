"""The last hour of a project that is made up; the same each time, but for when it was."""

import json
import random
from collections.abc import Iterator

from browsing.past import Past

from pubsubctl.exchange import Request, Response
from pubsubctl.job import Reason

_SEED = 11
_HOUR_S = 3600.0
_PER_MINUTE = 22
_RUSH, _TROUBLE = range(34, 42), range(36, 40)
"""Minutes in which many came, and in which many failed."""
_THUMBNAILS = 0.6
"""Of all jobs."""
_WORKERS = ("gpu-1", "gpu-2")
_LANGUAGES = ("de", "en", "fr", "ja")
_FAILED = "the only attempt failed; the last one: the app"
_LOG = (
    "INFO thumbnail: fetched s3://pictures/{name} (4.1 MB)\n"
    "INFO thumbnail: 4032 x 3024 pixels, orientation 6\n"
    "ERROR thumbnail: the file ends in the middle of a scan line\n"
    'Traceback (most recent call last):\n  File "/srv/app/thumbnails.py", line 41, in thumbnail\n'
    "    picture.load()\nOSError: image file is truncated (17 bytes not processed)\n"
)


def pasts(now: float) -> Iterator[Past]:
    """Jobs that came and ended within the hour before, in the order in which they came."""
    chance = random.Random(_SEED)
    for minute in range(60):
        came = round(_PER_MINUTE * (1 + 0.45 * chance.uniform(-1, 1)) * (1.9 if minute in _RUSH else 1.0))
        trouble = 0.35 if minute in _TROUBLE else 0.012
        for at in sorted(chance.uniform(0, 60) for _ in range(came)):
            yield _past(chance, now - _HOUR_S - 20 + minute * 60 + at, trouble, minute)


def _past(chance: random.Random, at: float, trouble: float, minute: int) -> Past:
    number = chance.randrange(10_000)
    job_id = f"{int(at * 1000) << 16:016x}{chance.randbytes(6).hex()}"
    fails = chance.random() < trouble
    if chance.random() < _THUMBNAILS:
        name = f"holiday/{number:04}.jpg"
        request = Request.of("POST", f"/v1/thumbnail?size=320&name={name}", *_json({"source": f"s3://pictures/{name}"}))
        answer = {"width": 320, "height": 240, "bytes": 9_000 + number, "url": f"/pictures/320/{number:04}.webp"}
        ran_s, log = chance.lognormvariate(-0.6, 0.5), _LOG.format(name=name) if fails else ""
        error = f"{_FAILED} raised OSError: image file is truncated (17 bytes not processed)"
    else:
        language = chance.choice(_LANGUAGES)
        request = Request.of("POST", f"/v1/translate?to={language}", *_json({"document": f"contract-{number:04}"}))
        answer = {"document": f"contract-{number:04}", "language": language, "words": 900 + number}
        ran_s, log = chance.lognormvariate(0.9, 0.6), ""
        error = f"{_FAILED} answered 503 SERVICE UNAVAILABLE"
    return Past(
        job_id,
        request,
        at,
        queued_s=chance.lognormvariate(-2.2, 0.9) * (6 if minute in _RUSH else 1),
        ran_s=ran_s,
        response=None if fails else Response(200, _type(), json.dumps(answer).encode()),
        reason=Reason.EXHAUSTED if fails else None,
        error=error if fails else None,
        log=log,
        batch_id=f"nightly-{minute // 12 + 1}" if number % 3 else None,
        worker=chance.choice(_WORKERS),
    )


def _json(document: object) -> tuple[list[tuple[str, str]], bytes]:
    return [*_type(), ("authorization", "Bearer 9f86d081884c7d65")], json.dumps(document).encode()


def _type() -> tuple[tuple[str, str], ...]:
    return (("content-type", "application/json"),)
