"""Where bodies are in a payload place. Pure.

``STORE/XX/JOB/request`` is a job's request, ``STORE/XX/JOB/3`` what its third attempt answered. ``XX`` spreads jobs
over 256 folders by their ids, so that no folder has all of them: whoever walks holds a part of them at a time.
"""

import zlib

SHARDS = tuple(f"{number:02x}" for number in range(256))


def folder_of(store_id: str, job_id: str) -> str:
    """The folder of a job's bodies."""
    return f"{store_id}/{zlib.crc32(job_id.encode()) & 0xFF:02x}/{job_id}"


def request_key(store_id: str, job_id: str) -> str:
    """The key of a job's request."""
    return f"{folder_of(store_id, job_id)}/request"


def response_key(store_id: str, job_id: str, attempt: int) -> str:
    """The key of what an attempt has answered."""
    return f"{folder_of(store_id, job_id)}/{attempt}"
