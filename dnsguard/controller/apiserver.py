"""The admin API inside the controller's event loop."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from dnsguard.errors import DnsguardError
from dnsguard.settings import SocketAddress

BACKLOG = 128
GRACE_SECONDS = 2
"""How long requests that are under way may take at the end. A watch never ends by itself."""


class ApiAddressError(DnsguardError):
    """The API cannot listen where it is told to."""


def bind(listen: SocketAddress) -> socket.socket:
    """A listening socket. Raises ApiAddressError."""
    family = socket.AF_INET6 if listen.address.version == 6 else socket.AF_INET
    # With the protocol spelled out, for asyncio turns Nagle's algorithm off only then: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(listen.address), listen.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ApiAddressError(f"api_listen: cannot listen on {listen}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


class ApiServer(uvicorn.Server):
    """Serves until ``should_exit``; leaves signals to the process."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
