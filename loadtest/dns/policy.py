"""Policy as a controller tells it to a forwarder, the kernel sets it speaks of, and changes of both."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot
from dnsguard.link.server import LinkServer
from dnsguard.netlink import nftables
from dnsguard.netlink.socket import NetfilterSocket
from loadtest.dns.site import LISTEN, client
from loadtest.dns.task import Task

TABLE = "dnsguard"
POLICY_CHANGES, ENDPOINT_CHANGES = 10, 50
"""A second."""

_OTHER_ENDPOINTS = 100
_OTHER_SETS = 10
_PATIENCE = 120.0
_PAIR_V4, _PAIR_V6 = 7 << 6 | 7, 8 << 6 | 8
"""Types of keys, as nft numbers them: ``ipv4_addr . ipv4_addr`` and the same for IPv6."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a controller says, in parts that change by themselves."""

    feeds: tuple[LeaseSetFeed, ...]
    others: tuple[LeaseSetFeed, ...]
    """Sets that other endpoints use."""

    askers: tuple[Identity, ...]
    endpoints: tuple[Identity, ...]

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(0, TABLE, self.feeds + self.others, self.askers + self.endpoints)

    def with_policy_change(self, turn: int) -> "Said":
        """One set of others has another pattern, and the set of the one who asks has one more, or one less."""
        number = turn % len(self.others)
        other = replace(self.others[number], patterns=(f"*.release-{turn}.example.net",))
        *kept, asked = self.feeds
        extra = f"zz-{turn}.example.net"
        patterns = tuple(each for each in asked.patterns if not each.startswith("zz-"))
        asked = replace(asked, patterns=(*patterns, extra) if turn % 2 else patterns)
        return replace(self, feeds=(*kept, asked), others=(*self.others[:number], other, *self.others[number + 1 :]))

    def with_endpoint_change(self, turn: int) -> "Said":
        """One endpoint is another one now, at another address."""
        number = turn % len(self.endpoints)
        other = _endpoint(number, turn + len(self.endpoints))
        return replace(self, endpoints=(*self.endpoints[:number], other, *self.endpoints[number + 1 :]))


def said(task: Task) -> Said:
    """Policy for the task: those who ask are an endpoint each, and all sets of the task are about them all."""
    feeds = tuple(_feed(f"s{number}", task.patterns_of(number)) for number in range(task.sets))
    others = tuple(_feed(f"o{number}", (f"*.other-{number}.example.net",)) for number in range(_OTHER_SETS))
    asks = tuple(f"{transport}/{LISTEN}" for transport in ("udp", "tcp"))
    mine = tuple(feed.id for feed in feeds)
    askers = tuple(Identity(f"bench/client-{number}", (client(number),), mine, asks) for number in range(task.clients))
    return Said(feeds, others, askers, tuple(_endpoint(number, number) for number in range(_OTHER_ENDPOINTS)))


def make_sets(kernel: NetfilterSocket, policy: Said) -> None:
    """The table with the sets that the policy speaks of, as the dataplane makes them."""
    messages = [nftables.add_table(TABLE)]
    for feed in policy.feeds + policy.others:
        for name, kind, length in (feed.kernel_set_v4, _PAIR_V4, 8), (feed.kernel_set_v6, _PAIR_V6, 32):
            messages.append(nftables.add_set(TABLE, name, key_type=kind, key_length=length, flags=nftables.SET_TIMEOUT))
    kernel.transact(messages)


class Controller:
    """A controller's end of the link, in a thread of its own."""

    def __init__(self, path: Path, policy: Said) -> None:
        self._policy = policy
        self._loop = asyncio.new_event_loop()
        self._link = LinkServer(path, self._publish)
        self._thread = threading.Thread(target=self._loop.run_forever, name="controller", daemon=True)

    def start(self) -> None:
        """Listen; whoever connects is told of the policy."""
        self._thread.start()
        self._run(self._link.start())

    def enforced(self) -> None:
        """Return once a forwarder has the policy in force. Raises TimeoutError."""
        self._run(self._acknowledged())

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Policy and endpoints change meanwhile."""
        task = asyncio.run_coroutine_threadsafe(self._churn(), self._loop)
        try:
            yield
        finally:
            task.cancel()

    def close(self) -> None:
        self._run(self._link.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    def _publish(self) -> None:
        self._link.publish(self._policy.snapshot)

    async def _acknowledged(self) -> None:
        late = await self._link.acknowledged(self._link.revision, _PATIENCE)
        if late or not self._link.forwarders:
            raise TimeoutError(f"policy is not in force: {late or 'no forwarder is connected'}")

    async def _churn(self) -> None:
        """Each change at its time, however long the others took."""
        began, turn = self._loop.time(), 0
        every = ENDPOINT_CHANGES // POLICY_CHANGES
        while True:
            turn += 1
            self._policy = self._policy.with_endpoint_change(turn)
            if turn % every == 0:
                self._policy = self._policy.with_policy_change(turn)
            self._publish()
            await asyncio.sleep(max(0.0, began + turn / ENDPOINT_CHANGES - self._loop.time()))


def _feed(name: str, patterns: tuple[str, ...]) -> LeaseSetFeed:
    return LeaseSetFeed(name, f"d4-{name}", f"d6-{name}", patterns)


def _endpoint(number: int, place: int) -> Identity:
    address = f"10.10.{place // 250 % 250}.{place % 250 + 1}"
    return Identity(f"bench/pod-{number}", (address,), (f"o{number % _OTHER_SETS}",), (f"udp/{LISTEN}",))
