"""What the client does without a controller. The rest of it is in test_server.py, over a real socket."""

import asyncio
from pathlib import Path

from dnsguard.link.client import Acknowledge, LinkClient
from dnsguard.link.codec import Decoder, encode
from dnsguard.link.messages import Ack, Delta, Hello, LeasesReply, Snapshot, Stats
from tests.unit.link.strategies import snapshot
from tests.unit.link.test_server import Forwarder


async def test_away_is_said_and_nothing_is_kept_for_later(tmp_path: Path) -> None:
    forwarder = Forwarder(tmp_path / "link.sock")
    task = asyncio.create_task(forwarder.client.run())
    assert await forwarder.told.get() == f"no connection to {tmp_path / 'link.sock'}: No such file or directory"
    forwarder.client.report(Stats({}, {}))
    assert (forwarder.client.connected, forwarder.client.dropped) == (False, 0)
    task.cancel()


async def test_the_ring_drops_the_oldest_and_counts_but_never_an_acknowledgement(tmp_path: Path) -> None:
    received: list[object] = []
    done = asyncio.Event()

    async def controller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        writer.write(encode(snapshot(1)))
        while data := await reader.read(1000):
            received.extend(decoder.feed(data))
            if len(received) == 5:
                done.set()
        writer.close()

    class Chatty(Forwarder):
        def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
            for number in range(5):
                self.client.report(Stats({"number": number}, {}))
            acknowledge(snapshot.revision, "")
            acknowledge(2, "set is full")

    server = await asyncio.start_unix_server(controller, str(tmp_path / "link.sock"))
    chatty = Chatty(tmp_path / "link.sock")
    chatty.client = LinkClient(tmp_path / "link.sock", lambda: Hello("f1", (), 0), chatty, ring_size=2)
    task = asyncio.create_task(chatty.client.run())
    await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    assert received == [
        Hello("f1", (), 0),
        Ack(1),
        Ack(2, "set is full"),
        Stats({"number": 3}, {}),
        Stats({"number": 4}, {}),
    ]
    assert chatty.client.dropped == 3


async def test_a_delta_from_elsewhere_or_garbage_makes_it_connect_again(tmp_path: Path) -> None:
    wrong = [
        encode(Delta(3, 2, (), (), (), ())),
        encode(snapshot(1)) + encode(Delta(3, 2, (), (), (), ())),
        b"\x00\x00\x00\x01?",
        encode(LeasesReply(1, ())),
    ]
    connections = 0
    done = asyncio.Event()

    async def controller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        if connections == len(wrong):
            done.set()
        else:
            writer.write(wrong[connections])
            connections += 1
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_unix_server(controller, str(tmp_path / "link.sock"))
    forwarder = Forwarder(tmp_path / "link.sock")
    task = asyncio.create_task(forwarder.client.run())
    await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    told = [forwarder.told.get_nowait() for _ in range(forwarder.told.qsize())]
    assert told[0] == "a delta came before the first snapshot"
    assert told[2] == "a delta from revision 2 does not fit revision 1"
    assert "is no JSON" in str(told[3])
    assert told[4] == "LeasesReply: is for the controller"


async def test_what_came_by_one_connection_is_not_acknowledged_by_the_next(tmp_path: Path) -> None:
    received: list[list[object]] = []
    done = asyncio.Event()

    async def controller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[object] = []
        received.append(mine)
        writer.write(encode(snapshot(500 if len(received) == 1 else 1)))
        decoder = Decoder()
        while len(mine) < len(received):  # the first goes after the hello, without waiting
            mine.extend(decoder.feed(await reader.read(1000)))
        if len(received) == 2:
            done.set()
        writer.close()

    class Slow(Forwarder):
        earlier: Acknowledge | None = None

        def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
            if self.earlier is None:
                self.earlier = acknowledge
            else:
                self.earlier(500, "")
                acknowledge(snapshot.revision, "")

    server = await asyncio.start_unix_server(controller, str(tmp_path / "link.sock"))
    task = asyncio.create_task(Slow(tmp_path / "link.sock").client.run())
    await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    assert received == [[Hello("f1", ("192.0.2.53#53",), 0)], [Hello("f1", ("192.0.2.53#53",), 0), Ack(1)]]
