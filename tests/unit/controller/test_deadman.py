"""Everything that passes unjudged is a problem that everybody sees, as long as it does."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from dnsguard.controller.deadman import Deadman
from dnsguard.errors import DnsguardError
from tests.unit.controller.fakes import until


class Switch:
    """Says what it is told to; without a word the kernel refuses to say."""

    def __init__(self) -> None:
        self.open: bool | None = False
        self.looks = 0

    def fails_open(self) -> bool:
        self.looks += 1
        if self.open is None:
            raise DnsguardError("refused")
        return self.open


async def test_it_is_a_problem_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    switch = Switch()
    with ThreadPoolExecutor(1) as worker:
        made = Deadman(30.0, switch, worker, seconds=0.001)
        task = asyncio.create_task(made.run())
        await until(lambda: switch.looks > 1)
        assert made.problem == ""
        switch.open = True
        await until(lambda: made.problem != "")
        assert made.problem == "EVERYTHING PASSES: no forwarder was alive for 30 s (fail_open_after)"
        assert [metric.values for metric in made.metrics()] == [{(): 30.0}, {(): 1}]
        switch.open = None
        looks = switch.looks
        await until(lambda: switch.looks > looks + 1)
        assert made.problem != "", "nobody said that it is over"
        switch.open = False
        await until(lambda: made.problem == "")
        assert [metric.values for metric in made.metrics()] == [{(): 30.0}, {(): 0}]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_where_there_is_no_switch_nobody_looks() -> None:
    switch = Switch()
    with ThreadPoolExecutor(1) as worker:
        await Deadman(0.0, switch, worker).run()
    assert switch.looks == 0
