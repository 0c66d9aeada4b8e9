import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dnsguard.forwarder import enforcing
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.enforcing import Enforcing
from dnsguard.forwarder.judge import QueryJudge
from dnsguard.leases import Changes, LeaseBook
from dnsguard.leases.changes import NOTHING
from dnsguard.link.messages import Delta, DnsConfiguration, Identity, LeaseSetFeed, Snapshot
from tests.unit.forwarder.test_committer import Kernel
from tests.unit.leases.naive import answer

A = LeaseSetFeed("a", "a-4", "a-6", ("*.example.org",))
B = LeaseSetFeed("b", "b-4", "b-6", ("*.example.net", "*"))


class EmptyKernel(Kernel):
    def dump(self, request: object, parse: Callable[[list[bytes]], Any], deadline_s: float = 30.0) -> Any:  # noqa: ARG002 - there is nothing to list
        return parse([])

    def ask(self, requests: Sequence[object], deadline_s: float = 5.0) -> list[bytes | None]:  # noqa: ARG002
        return [None] * len(requests)


async def test_what_the_kernel_refused_is_owed_until_it_is_written_whatever_comes_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(enforcing, "RETRY_SECONDS", 0.02)
    kernel, counters, book = EmptyKernel(), ForwarderCounters(), LeaseBook()
    now = asyncio.get_running_loop().time
    committer = Committer(book, kernel, counters, deadline=0.25)
    judge = QueryJudge(Clients([], [], []), book, counters, now)
    made = Enforcing(book, judge, committer, counters, kernel, kernel, lambda _: NOTHING, lambda: None)
    book.learn(b"", answer("www.example.org A 192.0.2.1 300"), now())
    kernel.refused = {"a-4": errno.ENOMEM}
    said: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    task = asyncio.create_task(made.run())

    made.put(
        Snapshot(1, "t", (A,), (Identity("shop/cart", ("10.0.0.1",), ("a",), ()),)), lambda *it: said.put_nowait(it)
    )
    revision, problem = await said.get()
    assert (revision, "memory" in problem) == (1, True)
    made.put(Delta(2, 1, (B,), (), (), ()), lambda *it: said.put_nowait(it))
    revision, problem = await said.get()
    assert (revision, problem.startswith("lease set b: bad domain '*'"), "memory" in problem) == (2, True, True)
    kernel.refused = {}
    revision, problem = await said.get()
    assert (revision, problem.startswith("lease set b: bad domain '*'"), "memory" in problem) == (2, True, False)
    assert made.problem == ""
    assert any("a-4" in message for message in kernel.said()[-1])
    task.cancel()


async def test_a_new_epoch_empties_the_kernel_and_what_comes_with_it_is_in_force() -> None:
    kernel, counters, book = EmptyKernel(), ForwarderCounters(), LeaseBook()
    now = asyncio.get_running_loop().time
    committer = Committer(book, kernel, counters, deadline=0.25)
    judge = QueryJudge(Clients([], [], []), book, counters, now)
    epochs: list[int] = []

    def configure(configuration: DnsConfiguration) -> Changes:
        epochs.append(configuration.cache_epoch)
        return book.discard(now(), configuration.cache_epoch) if configuration.cache_epoch else NOTHING

    made = Enforcing(book, judge, committer, counters, kernel, kernel, configure, lambda: None)
    said: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    task = asyncio.create_task(made.run())
    cart = Identity("shop/cart", ("10.0.0.1",), ("a",), ())
    made.put(Snapshot(1, "t", (A,), (cart,)), lambda *it: said.put_nowait(it))
    assert await said.get() == (1, "")
    await committer.write(book.learn("shop/cart", answer("www.example.org A 192.0.2.1 300"), now()).changes)
    assert book.held.count == 1

    made.put(Delta(2, 1, (), (), (), (), (DnsConfiguration(cache_epoch=7),)), lambda *it: said.put_nowait(it))
    assert await said.get() == (2, "")
    assert (epochs, book.held.count, book.library.edges) == ([0, 7], 0, 0)
    assert kernel.said()[-1] == ["add elements to set a-4", "delete elements of set a-4"]
    task.cancel()
