import asyncio
import gc
from typing import Any

import pytest

from dnsguard.controller.collecting import GROWN, THRESHOLDS, collect_when_quiet
from tests.unit.controller.fakes import until


class FakeCollector:
    """Python's, as far as it is asked, without stopping the tests for all that they have made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.middle = 0
        self.done: list[str] = []
        self.thresholds = before = gc.get_threshold()
        monkeypatch.setattr(gc, "get_stats", lambda: [{}, {"collections": self.middle}, {}])
        monkeypatch.setattr(gc, "collect", lambda: self.done.append("collect"))
        monkeypatch.setattr(gc, "freeze", lambda: self.done.append("freeze"))
        monkeypatch.setattr(gc, "get_threshold", lambda: before)
        monkeypatch.setattr(gc, "set_threshold", self._set)

    def _set(self, *thresholds: int) -> None:
        self.thresholds = (thresholds[0], thresholds[1], thresholds[2])


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    return FakeCollector(monkeypatch)


async def test_it_collects_what_has_grown_once_it_is_quiet(collector: FakeCollector) -> None:
    asked = 0
    busy = True

    def quiet() -> bool:
        nonlocal asked
        asked += 1
        return not busy

    before = collector.thresholds
    task: asyncio.Task[Any] = asyncio.create_task(collect_when_quiet(quiet, 0))
    await until(lambda: collector.thresholds == THRESHOLDS)
    collector.middle = GROWN
    await until(lambda: asked > 1)
    assert collector.done == []
    busy = False
    await until(lambda: bool(collector.done))
    assert collector.done == ["collect", "freeze"]
    asked, collector.middle = 0, 2 * GROWN - 1
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked == 0
    collector.middle += 1
    await until(lambda: len(collector.done) == 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert collector.thresholds == before
