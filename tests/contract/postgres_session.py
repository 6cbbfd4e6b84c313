"""One PostgreSQL server for all tests of a process, started when the first of them needs it."""

import atexit
import contextlib
import functools

from postgres_server import PostgresServer, running_server


@functools.cache
def postgres_server() -> PostgresServer:
    """The server."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(running_server())
