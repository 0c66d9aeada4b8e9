"""Connections as clients see them: real sockets, real TLS, real time, of which there is little here."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from dnsguard import unixsocket
from dnsguard.api.authentication.connection import connection_of
from dnsguard.controller.apiserver import ApiServer, bind
from dnsguard.controller.serving import conversation, door
from dnsguard.controller.serving.certificates import OwnCertificate
from dnsguard.controller.serving.contexts import Contexts
from dnsguard.controller.serving.crowd import Crowd
from dnsguard.controller.serving.vouching import Vouching
from dnsguard.settings import SocketAddress
from tests.support.certificates import Authority, Certificate

PATIENCE = 10.0
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells whom the connection proves. `/known` makes it no stranger's; no body is read."""
    connection = connection_of(scope)
    if scope["path"] == "/known":
        connection.known()
    peer = connection.peer
    told = {"peer": peer and [peer.name, *peer.groups], "local": connection.is_local, "client": scope["client"]}
    await JSONResponse(told)(scope, receive, send)


class Served:
    """An `ApiServer` in a thread, on a port and a Unix socket."""

    def __init__(self, directory: Path, contexts: Contexts | None, crowd: Crowd) -> None:
        self.crowd = crowd
        self.directory = directory
        self.socket = directory / "api.sock"
        self._contexts = contexts
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="served")
        self._thread.start()
        assert self._listening.wait(PATIENCE)

    async def _serve(self) -> None:
        listener, local = bind(SocketAddress(ip_address("127.0.0.1"), 0)), unixsocket.bind(self.socket)
        self.port: int = listener.getsockname()[1]
        self._server = ApiServer(application, self._contexts, self.crowd)
        asyncio.get_running_loop().call_later(0.1, self._listening.set)
        await self._server.serve(sockets=[listener, local])
        listener.close()
        local.close()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """TCP, from that address of loopback."""
        made = socket.create_connection(("127.0.0.1", self.port), PATIENCE, source_address=(address, 0))
        made.settimeout(PATIENCE)
        return made

    def secured(self, certificate: Certificate | None = None, **more: Any) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.directory / "api-ca.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        for name, value in more.items():
            setattr(context, name, value)
        if certificate is not None:
            context.load_cert_chain(certificate.file, certificate.key)
        return context.wrap_socket(self.connect(), server_hostname="localhost")


@pytest.fixture
def clients(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "clients")


@pytest.fixture
def served(tmp_path: Path, clients: Authority) -> Iterator[Served]:
    contexts = Contexts(OwnCertificate(tmp_path, "n", ["localhost"]), clients.file)
    running = Served(tmp_path, contexts, Crowd(most=4, most_strangers=3, most_of_one=2))
    yield running
    running.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((conversation, "HEAD_SECONDS"), (conversation, "REST_SECONDS"), (door, "HANDSHAKE_SECONDS")):
        monkeypatch.setattr(module, name, 0.3)


def asked(connection: socket.socket, request: bytes = GET) -> str:
    """What is answered, without what an answer has before its body."""
    connection.sendall(request)
    head, _, body = connection.recv(4096).partition(b"\r\n\r\n")
    return body.decode() or connection.recv(4096).decode() or head.decode()


def is_ended(connection: socket.socket) -> bool:
    """Whether the server ends it, by and by."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True


def test_whom_a_connection_proves(served: Served, clients: Authority) -> None:
    with served.secured() as plain:
        assert (plain.selected_alpn_protocol(), plain.version()) == ("http/1.1", "TLSv1.3")
        assert '"peer":null,"local":false,"client":["127.0.0.1"' in asked(plain)
        assert plain.session is None or not plain.session.has_ticket  # each connection is verified anew
    with served.secured(clients.sign("DNS:ann", subject="/O=ops/O=readers/CN=ann")) as certified:
        assert '"peer":["ann","ops","readers"]' in asked(certified)
    with served.secured(clients.sign("DNS:ann", subject="/O=ops")) as nameless:
        assert '"peer":null' in asked(nameless)
    with socket.socket(socket.AF_UNIX) as local:
        local.connect(str(served.socket))
        assert '"peer":["system:local:0","system:masters"],"local":true' in asked(local)


def test_who_is_signed_by_others_or_too_old_is_not_let_in(served: Served, clients: Authority, tmp_path: Path) -> None:
    for stranger in (Authority(tmp_path / "others").sign("DNS:ann"), clients.sign("DNS:ann", expired=True)):
        with served.secured(stranger) as connection, contextlib.suppress(OSError):  # how soon we see it differs
            assert asked(connection) == ""


def test_old_tls_and_no_tls_get_nothing(served: Served) -> None:
    with served.secured(maximum_version=ssl.TLSVersion.TLSv1_2) as older:
        assert older.version() == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match="TLSv1"), pytest.raises((ssl.SSLError, OSError)):
        served.secured(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    with served.connect() as connection:
        connection.sendall(GET)
        assert is_ended(connection)


def test_who_is_no_longer_vouched_for_is_left(
    served: Served, clients: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "LOOK_SECONDS", 0.05)
    ann = clients.sign("DNS:ann", subject="/CN=ann")
    with served.secured(ann) as certified, served.secured() as plain:
        assert '"peer":["ann"]' in asked(certified)
        Authority(tmp_path / "others").file.replace(clients.file)
        assert is_ended(certified)
        assert '"peer":null' in asked(plain)  # which shows none
    with served.secured(ann) as again, contextlib.suppress(OSError):
        assert asked(again) == ""


def test_a_connection_lasts_no_longer_than_its_certificate(clients: Authority) -> None:
    shown = {"notAfter": "Jan  2 00:00:00 2026 GMT"}
    context = ssl.create_default_context(cafile=clients.file)
    now = [datetime(2026, 1, 2, tzinfo=UTC).timestamp()]
    vouching = Vouching(shown, lambda: context, context, lambda: now[0])
    assert vouching()
    now[0] += 1
    assert not vouching()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        GET + b"GET",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
    ids=["nothing", "half a head", "half a second head", "half a body", "half a chunked body"],
)
def test_who_owes_us_something_is_not_waited_for(served: Served, sent: bytes) -> None:
    with served.secured() as connection:
        connection.sendall(sent)
        assert is_ended(connection)
    with served.connect() as silent:
        assert is_ended(silent)


@pytest.mark.usefixtures("hurried")
def test_an_octet_now_and_then_does_not_help(served: Served) -> None:
    with served.secured() as connection:
        connection.settimeout(0.1)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            while True:
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1):
                        break
                connection.sendall(b"A")


@pytest.mark.usefixtures("hurried")
def test_an_answered_connection_may_be_used_again(served: Served) -> None:
    with served.secured() as connection:
        for _ in range(3):
            assert "peer" in asked(connection)


def test_strangers_take_places_of_strangers_only(served: Served) -> None:
    known_path = GET.replace(b"/ ", b"/known ", 1)
    with contextlib.ExitStack() as held:
        known = held.enter_context(served.secured())
        assert "peer" in asked(known, known_path)
        first, second, third = (held.enter_context(served.connect("127.0.0.2")) for _ in range(3))
        assert is_ended(first)  # one address has two places
        for number in (3, 4):
            held.enter_context(served.connect(f"127.0.0.{number}"))
        assert is_ended(second)  # three are there for all strangers
        assert "peer" in asked(known, known_path)
        with served.secured() as another:  # and four in all
            assert is_ended(third)
            assert "peer" in asked(another, known_path)
            with socket.socket(socket.AF_UNIX) as local:
                local.connect(str(served.socket))
                assert '"local":true' in asked(local)


def test_all_leave_their_places(served: Served) -> None:
    for _ in range(10):
        with served.secured() as connection:
            asked(connection)
        with served.connect() as connection:
            pass
        while served.crowd.count:  # until the server has seen the end of it
            pass
    assert not served.crowd.strangers


def test_without_tls_where_that_is_asked_for(tmp_path: Path) -> None:
    running = Served(tmp_path, None, Crowd())
    try:
        with running.connect() as connection:
            assert '"peer":null,"local":false' in asked(connection)
    finally:
        running.close()
