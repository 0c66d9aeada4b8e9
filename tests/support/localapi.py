"""The API over its Unix socket, as httpx wants it."""

import socket
from pathlib import Path

import httpx

BASE = "http://localhost"


class LocalTransport(httpx.HTTPTransport):
    """Tries the socket first: httpcore leaves one that could not connect to the collector, and pytest complains."""

    def __init__(self, path: Path) -> None:
        super().__init__(uds=str(path))
        self._path = path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except OSError as error:
                raise httpx.ConnectError(str(error), request=request) from error
        return super().handle_request(request)


def local_client(path: Path, timeout: float = 20.0) -> httpx.Client:
    """A client of the API behind a socket."""
    return httpx.Client(base_url=BASE, transport=LocalTransport(path), timeout=timeout)
