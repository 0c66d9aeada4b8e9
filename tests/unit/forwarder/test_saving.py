"""What was learned is on the disk soon, unless that costs much, and is not written again while nothing is new."""

import asyncio
import errno
import logging
from pathlib import Path

import pytest

from dnsguard.forwarder import saving
from dnsguard.forwarder.configuring import SAVE_SECONDS
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.saving import Saving
from dnsguard.forwarder.statefile import LearnedFile
from dnsguard.leases import LeaseBook
from tests.unit.controller.fakes import until
from tests.unit.forwarder.test_configuring import Bench, setting
from tests.unit.leases.naive import answer


class Disk(LearnedFile):
    """Counts what is written, and is full when it is told to be."""

    def __init__(self, book: LeaseBook, path: Path) -> None:
        super().__init__(book, path)
        self.written = 0
        self.is_full = False

    async def save(self) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written += 1


class Place:
    """All that saving needs."""

    def __init__(self, directory: Path) -> None:
        bench = Bench(setting(), directory)
        self.book, self.configuring = bench.book, bench.made
        self.counters, self.asked = ForwarderCounters(), 0
        self.disk = Disk(self.book, directory / "learned.jsonl")
        self.made = Saving(self.disk, self.book, self.configuring, self.counters, lambda: self.asked)

    def learn(self, count: int = 1) -> None:
        for _ in range(count):
            self.asked += 1
            name = f"n{self.asked}.example.org"
            self.book.learn("ns/a", answer(f"{name} A 192.0.{self.asked >> 8}.{self.asked & 255} 600"), 0.0)


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SOON", 0.01)


async def test_what_is_new_is_written_soon_and_once(place: Place) -> None:
    running = asyncio.create_task(place.made.run())
    place.learn()
    await until(lambda: place.disk.written == 1)
    await asyncio.sleep(0.1)
    assert place.disk.written == 1, "nothing is new"
    place.learn()
    await until(lambda: place.disk.written == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("why", ["much", "asked for"])
async def test_what_costs_much_or_is_to_wait_waits(place: Place, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "FEW", 2)
    if why == "much":
        place.learn(3)
    else:
        place.learn()
        place.configuring.save_seconds = SAVE_SECONDS + 1
    running = asyncio.create_task(place.made.run())
    await asyncio.sleep(0.1)
    assert place.disk.written == 0
    place.configuring.save_now.set()
    await until(lambda: place.disk.written == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_full_disk_is_a_problem_said_once_and_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    place.disk.is_full = True
    running = asyncio.create_task(place.made.run())
    place.learn()
    await until(lambda: place.counters.saves_failed > 2)
    assert place.made.problem.startswith("learned.jsonl cannot be written: No space left on device")
    assert len(caplog.records) == 1
    place.disk.is_full = False
    await until(lambda: place.disk.written == 1)
    assert place.made.problem == ""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
