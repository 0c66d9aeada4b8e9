"""A process that keeps many watches open and notes when each change reached the last of them.

Written to cost little: it must not take the processor from what it measures. It says "ready" when all watches are open;
a line with a count makes it wait until every watch has been told of that many changes, and end with what it found as
JSON.
"""

import argparse
import asyncio
import json
import re
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from time import time_ns

LABEL = "number"
"""That every change sets anew, counted up from 0."""

PATIENCE = 20.0
"""Seconds that changes may be on their way after the last one was made."""

AT_ONCE = 32
"""Connections that are being opened."""

ADDRESSES = 50
"""Of loopback, that connections come from in turn: the API lets no single one bring a thousand in a moment."""

_NUMBER = re.compile(rb'"%s":"(\d+)"' % LABEL.encode())
_CHUNK = re.compile(rb"\r\n[0-9a-f]+\r\n")
"""What HTTP/1.1 puts between two chunks, wherever in a line that is. JSON has no carriage return of its own."""

_ANSWERED = b"HTTP/1.1 200"
_ERROR = re.compile(rb'"type":"ERROR".{0,300}')


class Heard:
    """What all watches of this process were told."""

    def __init__(self, watches: int, changes: int) -> None:
        self._watches = watches
        self._complete = 0
        self._wanted: int | None = None
        self.is_over = asyncio.Event()
        """Every watch was told of all changes that were made, or something went wrong."""

        self.counts = [0] * changes
        """For each change, how many watches were told of it."""

        self.last = [0] * changes
        """When the latest of them was, on the clock of `time_ns`."""

        self.lines = 0
        self.bytes = 0
        self.problems: list[str] = []

    def note(self, number: int, now: int) -> None:
        """One more watch was told of a change."""
        self.counts[number] += 1
        self.last[number] = now
        if self.counts[number] == self._watches:
            self._complete += 1
            self.expect(self._wanted)

    def expect(self, made: int | None) -> None:
        """No more changes than these are made; ``None``: that is not known yet."""
        self._wanted = made
        if made is not None and self._complete >= made:
            self.is_over.set()

    def fail(self, problem: str) -> None:
        """What should not be."""
        self.problems.append(problem)
        self.is_over.set()


class Listener(asyncio.Protocol):
    """One watch."""

    def __init__(self, heard: Heard, request: bytes) -> None:
        self._heard = heard
        self._request = request
        self._rest = b""
        self._has_begun = False
        self._seen = bytearray(len(heard.counts))
        self.is_open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Note the numbers of whole lines."""
        now = time_ns()
        heard, seen = self._heard, self._seen
        heard.bytes += len(data)
        data = _CHUNK.sub(b"", self._rest + data)
        refused = not self._has_begun and len(data) >= len(_ANSWERED) and not data.startswith(_ANSWERED)
        end = len(data) if refused else data.rfind(b"}\n") + 2  # chunks, and what is read at once, cut lines
        if end < 2:
            self._rest = data
            return
        self._has_begun = True
        whole, self._rest = data[:end], data[end:]
        for number in map(int, _NUMBER.findall(whole)):
            heard.lines += 1
            if not seen[number]:
                seen[number] = 1
                heard.note(number, now)
        if not self.is_open.done() and (refused or b'"BOOKMARK"' in whole):
            self.is_open.set_result(None)
            if refused:
                heard.fail(whole[:500].decode("ascii", "replace"))
        if b'"ERROR"' in whole:
            heard.fail(b" ".join(_ERROR.findall(whole)).decode("ascii", "replace"))

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing ends while it is measured."""
        self._heard.fail(f"a watch was cut: {error}")
        if not self.is_open.done():
            self.is_open.set_result(None)


async def listen(arguments: argparse.Namespace) -> Heard:
    """Open, wait, listen, until a line on standard input says how many changes there were."""
    heard = Heard(arguments.count, arguments.changes)
    loop = asyncio.get_running_loop()
    token = f"Authorization: Bearer {arguments.token}\r\n" if arguments.token else ""
    request = f"GET {arguments.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}\r\n".encode()
    context = ssl.create_default_context(cafile=arguments.ca) if arguments.ca else None
    opening = asyncio.Semaphore(AT_ONCE)

    async def opened(number: int) -> None:
        async with opening:
            make = lambda: Listener(heard, request)  # noqa: E731
            if arguments.socket:
                _, listener = await loop.create_unix_connection(make, arguments.socket)
            else:
                source = (f"127.0.0.{2 + number % ADDRESSES}", 0)
                host, _, port = arguments.where.rpartition(":")
                _, listener = await loop.create_connection(make, host, int(port), ssl=context, local_addr=source)
            await listener.is_open

    async with asyncio.TaskGroup() as tasks:
        for number in range(arguments.count):
            tasks.create_task(opened(number))
    print("ready", flush=True)
    made = int(await asyncio.to_thread(sys.stdin.readline) or 0)
    heard.expect(made)
    with suppress(TimeoutError):
        await asyncio.wait_for(heard.is_over.wait(), PATIENCE)
    return heard


def main(words: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser("python -m loadtest.listeners")
    parser.add_argument("--count", type=int, required=True, help="watches")
    parser.add_argument("--changes", type=int, required=True, help="that may be made at most")
    parser.add_argument("--path", required=True, help="what is asked for, with its query")
    parser.add_argument("--where", default="", help="address and port")
    parser.add_argument("--socket", default="", help="or a Unix socket")
    parser.add_argument("--ca", default="", help="over TLS, who signed the certificate")
    parser.add_argument("--token", default="")
    heard = asyncio.run(listen(parser.parse_args(words)))
    print(json.dumps({name: getattr(heard, name) for name in ("counts", "last", "lines", "bytes", "problems")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
