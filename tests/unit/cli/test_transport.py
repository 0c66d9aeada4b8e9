"""HTTP by TCP, TLS and Unix sockets, against servers that are there."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from dnsguard.cli.transport import Address, BadAddress, NoAnswer, Transport
from tests.support.certificates import Authority
from tests.unit.cli.scripted import Scripted, answer


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8053", Address("127.0.0.1", 8053)),
        ("https://dnsguard.example.org", Address("dnsguard.example.org", 443, tls=True)),
        ("http://[::1]:80/", Address("::1", 80)),
        ("HTTP://h/a/b/", Address("h", 80, prefix="/a/b")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "h:8053", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[::1", "http://a:b@h", "http://h/?a"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadAddress):
        Address.of(url)


def transport(address: Address) -> Transport:
    return Transport(address, {"Authorization": "Bearer x"}, 10)


def test_one_connection_serves_many_requests() -> None:
    with Scripted([answer("a"), answer("b", "201 Created", "Warning: c")]) as server:
        client = transport(Address.of(f"{server.url}/base"))
        assert client.exchange("GET", "/x", {"q": "1 &"}).body == b"a"
        reply = client.exchange("POST", "/y", body=b"{}", headers={"Content-Type": "application/json"})
        client.close()
    assert (reply.status, reply.reason, reply.body, reply.headers["warning"]) == (201, "Created", b"b", "c")
    assert server.requests[0].startswith(b"GET /base/x?q=1+%26 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer x\r\n" in server.requests[0]
    assert server.requests[1].endswith(b"\r\n\r\n{}")


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew() -> None:
    with Scripted([answer("a")], [answer("b")]) as server:
        client = transport(Address.of(server.url))
        assert client.exchange("GET", "/").body == b"a"
        while not _closed(client):  # the end of the connection is on its way
            pass
        assert client.exchange("POST", "/", body=b"x").body == b"b"
        client.close()


def _closed(client: Transport) -> bool:
    sock = client._connection.sock
    assert sock is not None
    sock.settimeout(10)
    return sock.recv(1, socket.MSG_PEEK) == b""


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with Scripted([answer("a")], path=path):
        client = transport(Address(socket=str(path)))
        assert client.exchange("GET", "/").body == b"a"
        client.close()


def test_lines_come_one_by_one() -> None:
    chunks = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n"}\n\n\r\n3\r\n{}\n\r\n0\r\n\r\n'
    with Scripted([chunks]) as server, transport(Address.of(server.url)).stream("/") as stream:
        assert (stream.status, list(stream.lines())) == (200, ['{"a"}', "", "{}"])


def test_a_stream_that_breaks_off_is_an_error_and_no_end() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"
    with Scripted([begun]) as server, transport(Address.of(server.url)).stream("/") as stream:
        lines = stream.lines()
        assert next(lines) == "{}"
        with pytest.raises(NoAnswer):
            next(lines)


def test_who_answers_before_the_whole_body_is_there_is_heard() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer("too large", "413 Content Too Large", "Connection: close"))
            connection.shutdown(socket.SHUT_RD)

    thread = threading.Thread(target=refuse)
    thread.start()
    reply = transport(Address("127.0.0.1", listener.getsockname()[1])).exchange("POST", "/", body=b"x" * 1000)
    thread.join(10)
    listener.close()
    assert (reply.status, reply.body) == (413, b"too large")


def test_reasons() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address, reason in [
        (Address("127.0.0.1", port), "Connection refused"),
        (Address(socket="/nowhere/api.sock"), "No such file or directory"),
    ]:
        with pytest.raises(NoAnswer, match=f"^{reason}$"):
            transport(address).exchange("GET", "/")
    with Scripted([b"nonsense\r\n\r\n"]) as server, pytest.raises(NoAnswer, match="nonsense"):
        transport(Address.of(server.url)).exchange("GET", "/")
    with Scripted([b""]) as server, pytest.raises(NoAnswer, match="without response"):
        transport(Address.of(server.url)).exchange("GET", "/")


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate = authority.sign("IP:127.0.0.1")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate.file, certificate.key)
    trusting = ssl.create_default_context(cafile=authority.file)
    with Scripted([answer("a"), answer("b")], tls=serving) as server:
        address = Address.of(server.url.replace("http:", "https:"))
        client = Transport(address, {}, 10, trusting)
        assert [client.exchange("GET", "/").body for _ in range(2)] == [b"a", b"b"]
        client.close()
    with Scripted([answer("a")], tls=serving) as server:
        address = Address.of(server.url.replace("http:", "https:"))
        with pytest.raises(NoAnswer, match="its certificate is not trusted: "):
            Transport(address, {}, 10).exchange("GET", "/")
    assert server.requests == []
