"""The addresses of a host, looked up in a thread that nobody waits for.

The event loop's own threads are few, schemas are read in them too, and the end of the process waits for them: a name
server that does not answer would hold up all of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial

Address = tuple[str, int]


async def addresses(host: str, port: int) -> list[Address]:
    """Addresses to connect to, in the order in which to try them.

    Raises:
        OSError: the name is not known.
        UnicodeError: it can be none.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def look() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            tell(partial(found.set_exception, error))
        else:
            tell(partial(found.set_result, [(str(address[0]), port) for *_, address in entries]))

    def tell(settle: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if found.done() else settle())

    threading.Thread(target=look, name="push-lookup", daemon=True).start()
    return await found
