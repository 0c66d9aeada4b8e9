"""Docker's API over its socket, and what may come instead of an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from dnsguard.discovery.docker.client import DockerClient
from dnsguard.discovery.docker.errors import ContainerGone, DockerUnavailable

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def served(path: Path, answer: Answer) -> AsyncIterator[list[bytes]]:
    """What was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            await answer(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_unix_server(serve, path)
    async with server:
        yield asked


def says(*pieces: bytes) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    return answer


async def test_it_asks_for_what_there_is_and_changes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path / "s", says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")) as asked:
        client = DockerClient(tmp_path / "s")
        assert await client.containers() == b"[]"
        assert await client.networks() == b"[]"
        assert await client.container("ab") == b"[]"
    assert [each.split(b"\r\n")[0] for each in asked] == [
        b"GET /containers/json HTTP/1.1",
        b"GET /networks HTTP/1.1",
        b"GET /containers/ab/json HTTP/1.1",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(b"220 smtp ready\r\n"), "no HTTP, or torn"),
        (says(HEAD + b"Content-Length: 10\r\n\r\n[{"), "no HTTP, or torn"),
        (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "no HTTP, or torn"),
        (says(HEAD), "no HTTP, or torn"),
        (says(), "no HTTP, or torn"),
        (says(HEAD + b"X: " + b"x" * 200_000), "no HTTP, or torn"),
        (says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "answers /containers/json with 500"),
        (says(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), "answers /containers/json with 404"),
        (says(HEAD + b"Content-Length: 2000\r\n\r\n" + b" " * 2000), "longer than 1000 bytes"),
    ],
)
async def test_what_is_no_answer_is_said(tmp_path: Path, answer: Answer, said: str) -> None:
    async with served(tmp_path / "s", answer):
        with pytest.raises(DockerUnavailable, match=said):
            await DockerClient(tmp_path / "s", longest=1000).containers()


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"Content-Length: 10\r\n\r\n[{"])
async def test_it_waits_for_an_answer_only_so_long(tmp_path: Path, first: bytes) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await reader.read()

    async with served(tmp_path / "s", hang):
        client = DockerClient(tmp_path / "s", deadline=0.05)
        with pytest.raises(DockerUnavailable, match=r"no answer within 0\.05 s"):
            await client.containers()


async def test_a_socket_that_nobody_serves(tmp_path: Path) -> None:
    with pytest.raises(DockerUnavailable, match="No such file"):
        await DockerClient(tmp_path / "s").containers()
    with pytest.raises(DockerUnavailable, match="No such file"):
        await anext(DockerClient(tmp_path / "s").events())


async def test_a_container_that_is_gone_is_no_trouble(tmp_path: Path) -> None:
    async with served(tmp_path / "s", says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")):
        with pytest.raises(ContainerGone):
            await DockerClient(tmp_path / "s").container("ab")


async def test_events_are_a_bell(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def ring(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        await more.wait()
        writer.write(b"5\r\n{}\n{}\r\n")
        writer.write(b"1\r\n\n\r\n0\r\n\r\n")
        await writer.drain()

    async with served(tmp_path / "s", ring) as asked, aclosing(DockerClient(tmp_path / "s").events()) as events:
        assert await anext(events) == 0
        more.set()
        assert sum([lines async for lines in events]) == 2
    assert b"%22start%22" in asked[0]


async def test_events_that_are_torn_are_said(tmp_path: Path) -> None:
    async with served(tmp_path / "s", says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")):
        with pytest.raises(DockerUnavailable):
            async for _ in DockerClient(tmp_path / "s").events():
                pass
