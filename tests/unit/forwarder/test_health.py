import asyncio
from collections.abc import AsyncIterator

import pytest

from dnsguard.forwarder.health import HealthServer


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = HealthServer(lambda: ["no policy", "upstream down"], lambda: "dnsguard_queries_total 7\n")
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        server.close()


async def said(port: int, request: bytes) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    data = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = data.partition("\r\n\r\n")
    return head.partition("\r\n")[0], body


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        ("GET /healthz HTTP/1.1", "HTTP/1.0 200 OK", "ok\n"),
        ("GET /readyz HTTP/1.1", "HTTP/1.0 503 Unavailable", "no policy\nupstream down\n"),
        ("GET /metrics?x=1 HTTP/1.1", "HTTP/1.0 200 OK", "dnsguard_queries_total 7\n"),
        ("GET /secret HTTP/1.1", "HTTP/1.0 404 Not Found", "there are /healthz, /readyz and /metrics\n"),
        ("POST /healthz HTTP/1.1", "HTTP/1.0 405 Method Not Allowed", "only GET\n"),
        ("what", "HTTP/1.0 400 Bad Request", "no HTTP request\n"),
    ],
)
async def test_requests_and_answers(port: int, request_line: str, status: str, body: str) -> None:
    assert await said(port, f"{request_line}\r\nHost: here\r\n\r\n".encode()) == (status, body)


@pytest.mark.parametrize(
    ("proof", "body"), [("", "ok\n"), ("enforcing, proven 2 s ago", "enforcing, proven 2 s ago\n")]
)
async def test_who_is_ready_says_by_what(proof: str, body: str) -> None:
    server = HealthServer(list, str, lambda: proof)
    try:
        port = await server.start("127.0.0.1", 0)
        assert await said(port, b"GET /readyz HTTP/1.1\r\n\r\n") == ("HTTP/1.0 200 OK", body)
    finally:
        server.close()


async def test_a_request_that_is_too_long_or_cut_ends_the_connection(port: int) -> None:
    assert await said(port, b"GET /" + b"x" * 100_000) == ("", "")
    assert await said(port, b"GET /healthz HT") == ("", "")
    assert (await said(port, b"GET /healthz HTTP/1.1\r\n\r\n"))[1] == "ok\n"


async def test_who_says_nothing_keeps_nobody_out(port: int) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    try:
        assert (await said(port, b"GET /healthz HTTP/1.1\r\n\r\n"))[1] == "ok\n"
    finally:
        for _, writer in idle:
            writer.close()
