"""The machine's IP rule and route follow the settings. With the kernel of the tests' own network."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from dnsguard.controller.diverting import MARKER_FILE, Diverting
from dnsguard.dataplane.settings import INTERCEPTED_MARK
from dnsguard.netlink.localdelivery import LocalDelivery
from tests.unit.controller.fakes import until
from tests.unit.controller.running import settings


def ip(words: str) -> str:
    return subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=True).stdout


def is_there() -> bool:
    return f"fwmark {INTERCEPTED_MARK:#x}/{INTERCEPTED_MARK:#x} lookup 10053" in ip("rule")


def diverting(directory: Path, wanted: str = "Workloads") -> Diverting:
    return Diverting(settings(state_dir=directory, intercept_dns=wanted), seconds=0.01)


async def test_they_are_made_kept_and_removed(tmp_path: Path) -> None:
    made = diverting(tmp_path)
    task = asyncio.create_task(made.run())
    await until(is_there)
    ip("rule delete preference 53")
    await until(is_there)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (made.problems, is_there()) == ((), True)
    await made.remove()
    assert (is_there(), (tmp_path / MARKER_FILE).exists()) == (False, False)


async def test_what_a_run_with_interception_left_goes_in_one_without(tmp_path: Path) -> None:
    earlier = asyncio.create_task(diverting(tmp_path).run())
    await until(is_there)
    earlier.cancel()
    await asyncio.gather(earlier, return_exceptions=True)
    await diverting(tmp_path, "Off").run()
    assert not is_there()


async def test_without_interception_nothing_is_looked_at(tmp_path: Path) -> None:
    others = LocalDelivery(INTERCEPTED_MARK)
    await asyncio.to_thread(others.ensure)
    off = diverting(tmp_path, "Off")
    await off.run()
    await off.remove()
    assert is_there()
    await asyncio.to_thread(others.remove)


async def test_a_kernel_that_refuses_is_a_problem_until_it_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = diverting(tmp_path)
    ip("link set lo down")
    task = asyncio.create_task(made.run())
    try:
        await until(lambda: bool(made.problems))
        assert made.problems[0].startswith("intercept_dns: the kernel refuses an IP rule or route")
        assert sum(record.levelname == "ERROR" for record in caplog.records) == 1
    finally:
        ip("link set lo up")
    await until(lambda: not made.problems)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.remove()
