"""What is plugged into bridges is looked at, whether the kernel tells news or not."""

import asyncio
import contextlib
import os
import socket

import pytest

from dnsguard.controller import plugs
from dnsguard.controller.plugs import Plugs

PORTS = (("veth1", "br0"),)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugs, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(plugs, "plugged", lambda: PORTS)


async def follow() -> None:
    """Until a change is seen."""
    changed = asyncio.Event()
    running = asyncio.create_task(Plugs(changed.set).run())
    seen = asyncio.create_task(changed.wait())
    await asyncio.wait([running, seen], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_without_a_socket_for_news_changes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> socket.socket:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(plugs, "watch_links", refused)
    await follow()


async def test_a_socket_that_died_is_not_read_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def dead() -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        socket.create_connection(listening.getsockname()).close()  # readable, and ENOTCONN to who reads
        return listening

    monkeypatch.setattr(plugs, "watch_links", dead)
    await follow()
    await asyncio.sleep(0)
    assert caplog.text.count("no more news") == 1
