"""The audit log as the API uses it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dnsguard.api.audit import AuditQuestion, AuditRecord, AuditUnavailable
from dnsguard.controller.auditing.catchingup import catch_up, require_acknowledged
from dnsguard.controller.auditing.chain import verified
from dnsguard.controller.auditing.file import AuditFile
from dnsguard.controller.auditing.log import AuditLog
from dnsguard.controller.auditing.refusals import STRANGERS
from dnsguard.controller.files import UnusableStateError
from dnsguard.store.interface import Key, StoreUnusable
from dnsguard.store.memory import MemoryStore
from tests.unit.api.test_audit import record as audit_record

ALL = AuditQuestion(1_000)


def record(number: int, **fields: Any) -> AuditRecord:
    return audit_record(name=f"t{number}", revision=number, **fields)


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[AuditLog]:
    made = AuditLog(path)
    yield made
    made.close()


async def test_a_record_is_in_the_file_when_the_call_returns(path: Path, log: AuditLog) -> None:
    log.admit()
    await log.record(record(7), admitted=1)
    assert [each["objectRef"]["name"] for each in told(path)] == ["t7"]
    assert log.revision == 7


async def test_records_are_written_in_order_and_none_is_lost_at_the_end(path: Path) -> None:
    log = AuditLog(path)
    waiting = [asyncio.ensure_future(log.record(record(number))) for number in range(600)]
    await asyncio.sleep(0)
    log.close()
    await asyncio.gather(*waiting)
    assert [each["objectRef"]["name"] for each in told(path)] == [f"t{number}" for number in range(600)]
    assert verified(path).faults == ()


async def test_who_waits_and_is_cancelled_does_not_hold_up_others(path: Path, log: AuditLog) -> None:
    gone = asyncio.ensure_future(log.record(record(1)))
    await asyncio.sleep(0)
    gone.cancel()
    await log.record(record(2))
    assert [each["objectRef"]["name"] for each in told(path)] == ["t1", "t2"]


class Broken:
    """A disk that takes nothing for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        write, keep = AuditFile.write, AuditFile.keep

        def writing(file: AuditFile, records: Sequence[Any]) -> list[str]:
            if self.is_full:
                raise OSError(28, "No space left on device")
            return write(file, records)

        def keeping(file: AuditFile, needed: int) -> None:
            if self.is_full:
                raise OSError(28, "No space left on device")
            keep(file, needed)

        monkeypatch.setattr(AuditFile, "write", writing)
        monkeypatch.setattr(AuditFile, "keep", keeping)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Broken:
    return Broken(monkeypatch)


async def test_without_room_no_change_is_admitted(log: AuditLog, disk: Broken) -> None:
    disk.is_full = True
    with pytest.raises(
        AuditUnavailable, match=r"no room for the record of this change: No space left on device\. Noth"
    ):
        log.admit()
    disk.is_full = False
    log.admit()


async def test_what_was_changed_when_it_failed_is_written_once_it_can_be(
    path: Path, log: AuditLog, disk: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    log.admit()
    disk.is_full = True
    await log.record(record(1), admitted=1)
    assert "cannot be written: No space left on device" in log.problem
    assert log.problem in caplog.text
    assert {metric.name: dict(metric.values)[()] for metric in log.metrics()} == {
        "dnsguard_audit_records_total": 0,
        "dnsguard_audit_unwritten_records": 1,
    }
    disk.is_full = False
    with pytest.raises(AuditUnavailable, match="changes are taken once their record can be"):
        log.admit()  # which has what is owed tried again
    await log.record(record(2))
    assert [each["objectRef"]["name"] for each in told(path)] == ["t1", "t2"]
    assert [dict(metric.values)[()] for metric in log.metrics()] == [2, 0]
    assert log.problem == ""
    log.admit()


async def test_with_try_changes_go_on_and_the_problem_is_said(path: Path, disk: Broken) -> None:
    log = AuditLog(path, "Try")
    disk.is_full = True
    for number in range(3):
        log.admit()
        await log.record(record(number), admitted=1)
    assert "cannot be written" in log.problem
    disk.is_full = False
    await log.record(record(3))
    log.close()
    assert [each["objectRef"]["name"] for each in told(path)] == ["t0", "t1", "t2", "t3"]


async def test_strangers_cannot_fill_the_disk(path: Path) -> None:
    log = AuditLog(path, clock=lambda: 0.0)
    for number in range(1000):
        await log.record(record(number, user="", code=401))
    log.close()
    lines = told(path)
    assert len(lines) == STRANGERS + 1
    assert lines[-1]["alike"] == 1000 - STRANGERS - 1


def test_a_torn_line_is_said_in_the_log_itself(path: Path) -> None:
    path.write_bytes(b'{"verb"')

    async def open_and_close() -> None:
        AuditLog(path).close()

    asyncio.run(open_and_close())
    (line,) = told(path)
    assert line["responseStatus"]["message"] == "the last line was torn, 7 bytes; they stand in audit.jsonl.torn"


async def test_a_log_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableStateError):
        AuditLog(tmp_path)


async def test_the_newest_are_shown_over_full_files_and_chosen(path: Path) -> None:
    log = AuditLog(path, full=2_000)
    for number in range(12):
        await log.record(record(number, user="ci" if number % 3 else "admin", code=200 if number % 2 else 409))
    assert len(list(path.parent.iterdir())) > 2

    async def names(question: AuditQuestion) -> list[str]:
        return [json.loads(line)["objectRef"]["name"] for line in await log.recent(question)]

    assert await names(AuditQuestion(3)) == ["t9", "t10", "t11"]
    assert await names(AuditQuestion(2, user="admin")) == ["t6", "t9"]
    assert await names(AuditQuestion(2, user="admin", denied=True)) == ["t0", "t6"]
    log.close()


async def test_who_follows_sees_what_was_and_what_comes_once(log: AuditLog) -> None:
    await log.record(record(1))
    lines = await log.follow(AuditQuestion(10, user="admin"))
    assert await anext(lines) == ""
    assert json.loads(await anext(lines))["objectRef"]["name"] == "t1"
    await log.record(record(2, user="somebody"))
    await log.record(record(3))
    assert json.loads(await anext(lines))["objectRef"]["name"] == "t3"
    log.end_following()
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


async def test_after_a_start_changes_without_a_record_are_named(path: Path, log: AuditLog) -> None:
    store = MemoryStore()
    await store.create(Key("tiers", "", "a"), {"metadata": {"name": "a"}})
    await log.record(record(1))
    await catch_up(store, log, "without a record")
    for name in ("b", "c"):
        await store.create(Key("tiers", "", name), {"metadata": {"name": name}})
    await catch_up(store, log, "without a record")
    await log.record(record(4))
    first, note, _ = told(path)
    assert first["verb"] == "create"
    assert note["responseStatus"]["message"] == "without a record: ADDED tiers/b at 2, ADDED tiers/c at 3"
    assert (note["revision"], note["user"]) == (3, {"username": "dnsguard"})


async def test_a_store_that_lacks_what_was_acknowledged_is_not_used(path: Path, log: AuditLog) -> None:
    await log.record(record(9))
    require_acknowledged(path, 9, log)
    with pytest.raises(StoreUnusable, match="is at revision 8, and up to 9 changes were acknowledged"):
        require_acknowledged(path, 8, log)
