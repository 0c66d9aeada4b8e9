"""The admin API inside the controller's event loop."""

import asyncio
import contextlib
import functools
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from dnsguard.controller.serving.crowd import CONNECTIONS, Crowd
from dnsguard.controller.serving.door import Door
from dnsguard.errors import DnsguardError
from dnsguard.settings import SocketAddress

BACKLOG = 128
GRACE_SECONDS = 2
"""How long requests that are under way may take at the end. A watch never ends by itself."""


UNREAD_SECONDS = 120


class ApiAddressError(DnsguardError):
    """The API cannot listen where it is told to."""


def bind(listen: SocketAddress) -> socket.socket:
    """A listening socket. Raises ApiAddressError."""
    family = socket.AF_INET6 if listen.address.version == 6 else socket.AF_INET
    # With the protocol spelled out, for asyncio turns Nagle's algorithm off only then: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by connections. A peer that is gone, or that reads nothing of an answer, is not waited for longer.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1_000)
        listener.bind((str(listen.address), listen.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ApiAddressError(f"api_listen: cannot listen on {listen}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def room() -> int:
    """How many connections there may be: `CONNECTIONS`, where the system lets this process have twice as many files. It
    is asked for them."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    if files < wanted:
        files = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return min(CONNECTIONS, files // 2)


def is_news(record: logging.LogRecord) -> bool:
    """False of what is done on purpose: whoever reads nothing of an answer that goes on is left without its end."""
    return record.msg != "ASGI callable returned without completing response."


class ApiServer(uvicorn.Server):
    """Serves until ``should_exit``; leaves signals to the process."""

    def __init__(self, app: ASGIApp, contexts: Callable[[], ssl.SSLContext] | None, crowd: Crowd) -> None:
        """``contexts`` has the TLS context of each connection over TCP; None: without TLS."""
        door = functools.partial(Door, contexts, crowd)
        logger = logging.getLogger("uvicorn.error")
        logger.setLevel(logging.ERROR)  # no stranger's noise fills our log
        logger.addFilter(is_news)
        super().__init__(
            uvicorn.Config(
                app,
                http=cast("type[asyncio.Protocol]", door),  # is only called
                ws="none",  # where such a library happens to be installed, it would take connections out of our hands
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
