"""One PostgreSQL server for all tests of a process, started when the first of them needs it."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from postgres_server import PostgresServer


@functools.cache
def postgres_server() -> PostgresServer:
    """The server."""
    folder = Path(tempfile.mkdtemp(prefix="pubsubctl-postgresql-"))
    folder.chmod(0o755)
    server = PostgresServer(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    server.create()
    server.start()
    return server
