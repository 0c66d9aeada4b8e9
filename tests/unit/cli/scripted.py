"""A server that answers what a test wrote down, over real sockets."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self


class Scripted:
    """Each connection takes the next list of answers: octets as they are sent, one after each request. After the last
    the connection is closed."""

    def __init__(
        self, *connections: Sequence[bytes], path: Path | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[bytes] = []
        self._connections = connections
        self._tls = tls
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
        self._thread = threading.Thread(target=self._serve, name="scripted")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        self._listener.settimeout(10)
        for answers in self._connections:
            connection, _ = self._listener.accept()
            connection.settimeout(10)
            with connection, contextlib.suppress(ssl.SSLError):  # a client that does not trust us says so and goes
                self._answer(
                    connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True), answers
                )

    def _answer(self, connection: socket.socket, answers: Sequence[bytes]) -> None:
        with connection:
            for answer in answers:
                self.requests.append(_request(connection))
                connection.sendall(answer)


def _request(connection: socket.socket) -> bytes:
    """One request, with as much of a body as it announces."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def answer(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return "\r\n".join(lines).encode()
