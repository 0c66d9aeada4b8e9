import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.audit import AuditRecord
from dnsguard.controller.auditlog import AuditLog
from dnsguard.controller.files import UnusableStateError
from dnsguard.controller.rotation import RotatedFile
from dnsguard.controller.strangers import MOST_A_MINUTE


def record(number: int) -> AuditRecord:
    return AuditRecord("2026-01-02T03:04:05.000000Z", "admin", "127.0.0.1", "create", f"tiers/{number}", 201)


def test_records_are_written_in_order_and_none_is_lost_at_the_end(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(100):
        log(record(number))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["resource"] for line in lines] == [f"tiers/{number}" for number in range(100)]


def test_what_cannot_be_written_is_said_and_the_record_goes_to_the_process_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: RotatedFile, _line: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RotatedFile, "write", full)
    log = AuditLog(tmp_path / "audit.jsonl")
    log(record(7))
    log.close()
    assert "No space left" in log.problem
    assert "tiers/7" in caplog.text


def test_strangers_cannot_fill_the_disk(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", clock=lambda: 0.0)
    for number in range(1000):
        log(replace(record(number), caller=""))
    log.close()
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert len(lines) == MOST_A_MINUTE + 1
    assert f"{1000 - MOST_A_MINUTE - 1} other requests" in lines[-1]


def test_a_log_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableStateError):
        AuditLog(tmp_path)
