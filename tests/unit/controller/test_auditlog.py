import json
from pathlib import Path

import pytest

from api.audit import AuditRecord
from dnsguard.controller.auditlog import AuditLog
from dnsguard.controller.files import UnusableStateError


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
    class Full:
        def write(self, _: str) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr("dnsguard.controller.auditlog.append_to", lambda _: Full())
    log = AuditLog(tmp_path / "audit.jsonl")
    log(record(7))
    log.close()
    assert "No space left" in log.problem
    assert "tiers/7" in caplog.text


def test_a_log_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableStateError):
        AuditLog(tmp_path)
