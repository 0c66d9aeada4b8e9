"""HTTP/1.1 to one server, by TCP, TLS or a Unix socket; on what Python brings along, so that commands start at once."""

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import Self
from urllib.parse import urlencode, urlsplit

from dnsguard.errors import DnsguardError

_PIECE = 64 * 1024
"""Octets that are read at once of an answer that goes on."""


class BadAddress(DnsguardError):
    """A text is no address of a server."""


class NoAnswer(DnsguardError):
    """The server cannot be reached, or broke off; the message is the reason alone."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str = ""
    port: int = 0
    socket: str = ""
    """Path of a Unix socket; then host and port say nothing."""

    tls: bool = False
    prefix: str = ""
    """Before every path, where the server stands behind a proxy."""

    @classmethod
    def of(cls, url: str) -> Self:
        """`http://HOST:PORT`, `https://HOST:PORT`, with a path or without. Raises BadAddress."""
        try:
            parts = urlsplit(url)
            tls = {"http": False, "https": True}[parts.scheme]
            port = parts.port if parts.port is not None else 443 if tls else 80
        except KeyError:
            raise BadAddress("write http://HOST:PORT or https://HOST:PORT") from None
        except ValueError as error:
            raise BadAddress(str(error)) from None
        if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise BadAddress("write http://HOST:PORT or https://HOST:PORT")
        return cls(parts.hostname, port, tls=tls, prefix=parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    reason: str
    headers: HTTPMessage
    body: bytes


class Stream:
    """An answer that goes on."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.status = response.status

    def whole(self) -> Reply:
        """All of it, for an answer that ends. Raises NoAnswer."""
        with _reasons():
            return _reply(self._response)

    def lines(self) -> Iterator[str]:
        """Lines as they come, without their ends, until the server ends the answer. Raises NoAnswer."""
        with _reasons():
            begun = b""
            while piece := self._response.read1(_PIECE):  # readline would take a broken answer for its end
                *lines, begun = (begun + piece).split(b"\n")
                yield from (_text(line) for line in lines)
            if begun:
                yield _text(begun)


class Transport:
    """One connection, opened when it is needed and used again while the server keeps it open."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], timeout: float, tls: ssl.SSLContext | None = None
    ) -> None:
        """``timeout``: seconds to connect and for each part of an answer. ``tls``: whom to trust; default: whom the
        system trusts."""
        self._address = address
        self._headers = dict(headers)
        self._timeout = timeout
        self._connection = _connection(address, timeout, tls)

    def exchange(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and read the answer. Raises NoAnswer."""
        with _reasons():
            return _reply(self._ask(method, path, parameters, body, headers))

    @contextlib.contextmanager
    def stream(
        self, path: str, parameters: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Stream]:
        """An answer that comes bit by bit, however long it is silent between. Raises NoAnswer."""
        with _reasons():
            response = self._ask("GET", path, parameters, None, headers)
            if self._connection.sock is not None:
                self._connection.sock.settimeout(None)
        try:
            yield Stream(response)
        finally:
            response.close()
            self._connection.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> HTTPResponse:
        connection = self._connection
        if connection.sock is not None and _was_closed(connection.sock):
            connection.close()  # the next request connects anew
        target = f"{self._address.prefix}{path}" + (f"?{urlencode(parameters)}" if parameters else "")
        try:
            # who refuses a large body may answer and close before all of it is sent: then the answer says why
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, {**self._headers, **(headers or {})})
            return connection.getresponse()
        except BaseException:
            connection.close()  # half a request must not be followed by another one
            raise


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: Address, timeout: float, tls: ssl.SSLContext | None) -> HTTPConnection:
    if address.socket:
        return _UnixConnection(address.socket, timeout)
    if address.tls:
        return HTTPSConnection(address.host, address.port, timeout=timeout, context=tls or ssl.create_default_context())
    return HTTPConnection(address.host, address.port, timeout=timeout)


def _was_closed(sock: socket.socket) -> bool:
    """Whether an idle connection has something to read: then that is its end."""
    return bool(select.select([sock], [], [], 0)[0])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def _reply(response: HTTPResponse) -> Reply:
    return Reply(response.status, response.reason, response.headers, response.read())


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Everything that a connection may fail with becomes NoAnswer."""
    try:
        yield
    except TimeoutError:
        raise NoAnswer("it took too long") from None
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"its certificate is not trusted: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise NoAnswer(f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise NoAnswer(error.strerror or str(error) or type(error).__name__) from None
    except (HTTPException, UnicodeError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from None
