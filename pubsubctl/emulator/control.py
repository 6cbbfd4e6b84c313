"""Asking an embedded emulator that runs to make faults, over HTTP."""

import http.client
import json
from typing import Any

from pubsubctl.emulator.address import split
from pubsubctl.errors import EmulatorError, UsageError

# As in embedded/admin.py, which would bring gRPC along.
CHAOS_PATH = "/_emulator/chaos"
TIMEOUT_S = 5.0


def chaos(address: str) -> str:
    """The faults that the emulator at ``address`` (host:port) makes, such as ``duplicate=0.01,seed=7``, or ``off``.

    Raises:
        EmulatorError: it does not answer.
    """
    return _asked(address, "GET")


def make_chaos(address: str, faults: str) -> str:
    """Let the emulator at ``address`` make other faults from now on; returns what ``chaos`` does.

    Raises:
        UsageError: ``faults`` is no plan of faults.
        EmulatorError: it does not answer.
    """
    return _asked(address, "PUT", {"chaos": faults})


def _asked(address: str, method: str, content: Any = None) -> str:
    host, port = split(address)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, CHAOS_PATH, None if content is None else json.dumps(content))
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EmulatorError(f"the emulator at {address} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise UsageError(str(answer["error"]["message"]))
    return str(answer["chaos"])
