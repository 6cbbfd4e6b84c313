"""Jobs as the gateway's JSON shows them."""

import json
from typing import Any
from urllib.parse import quote

from flask import Request, Response

from pubsubctl.job import Job

PREFIX = "/_jobs"
"""Where the gateway's own resources are."""
_IN_PATHS = "/:@!$&'()*+,;=~-._"


def root_of(request: Request) -> str:
    """Where the gateway is mounted, as a link has it."""
    return quote(request.script_root, _IN_PATHS)


def json_of(content: Any, status: int = 200) -> Response:
    """A response with a JSON body, which nobody keeps."""
    answer = Response(json.dumps(content) + "\n", status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def nothing(**headers: str) -> Response:
    """A response without content, 204.

    Args:
        headers: its header fields, ``_`` for ``-``.
    """
    answer = Response(status=204, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer.headers.remove("Content-Type")
    return answer


def links_of(job_id: str, root: str) -> dict[str, str]:
    """Where a job is asked for.

    Args:
        job_id: it.
        root: where the gateway is mounted.
    """
    here = f"{root}{PREFIX}/{job_id}"
    return {"self": here, "result": f"{here}/result", "events": f"{here}/events"}


def document(job: Job, root: str) -> dict[str, Any]:
    """A job with its links: what ``pubsubctl status ID --format json`` shows, and ``links``."""
    return {**job.document(), "links": links_of(job.id, root)}
