import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dnsguard.controller.counting.reading import CounterReader
from dnsguard.dataplane.driver import Counted
from dnsguard.errors import DnsguardError


class Kernel:
    """One more packet each time that it is read, which waits until it may."""

    def __init__(self) -> None:
        self.reads = 0
        self.may = threading.Event()
        self.may.set()
        self.broken = False
        self.threads: set[str] = set()

    def __call__(self) -> dict[str, Counted]:
        self.may.wait(30)
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise DnsguardError("no kernel")
        self.reads += 1
        return {"a": Counted(self.reads, 60)}


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, "counters") as made:
        yield made


async def test_who_asks_at_the_same_time_shares_a_reading_and_the_loop_goes_on(worker: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    reader = CounterReader(kernel, worker, fresh_seconds=600)
    kernel.may.clear()
    asking = [asyncio.create_task(reader()) for _ in range(50)]
    await asyncio.sleep(0)
    kernel.may.set()
    found = await asyncio.gather(*asking)
    assert {reading.counts["a"].packets for reading in found} == {1}
    assert (await reader()).counts["a"].packets == 1, "and who asks a moment later"
    assert kernel.reads == 1
    assert all(name.startswith("counters") for name in kernel.threads)


async def test_what_is_too_old_is_read_again(worker: ThreadPoolExecutor) -> None:
    reader = CounterReader(Kernel(), worker, fresh_seconds=0)
    assert [(await reader()).counts["a"].packets for _ in range(3)] == [1, 2, 3]


async def test_who_leaves_while_it_is_read_takes_nothing_from_the_others(worker: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    reader = CounterReader(kernel, worker, fresh_seconds=600)
    kernel.may.clear()
    first = asyncio.create_task(reader())
    second = asyncio.create_task(reader())
    await asyncio.sleep(0)
    first.cancel()
    kernel.may.set()
    assert (await second).counts["a"].packets >= 1


async def test_a_refusal_is_told_to_everybody_and_the_next_time_is_another(worker: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    kernel.broken = True
    reader = CounterReader(kernel, worker, fresh_seconds=600)
    with pytest.raises(DnsguardError, match="no kernel"):
        await reader()
    kernel.broken = False
    assert (await reader()).counts["a"].packets == 1
