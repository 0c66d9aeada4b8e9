"""The audit log."""

import io
import json
from dataclasses import replace

from api.audit import AuditLines, AuditRecord

RECORD = AuditRecord(
    time="2026-01-02T03:04:05.000678+00:00",
    caller="admin",
    address="192.0.2.1",
    verb="create",
    resource="networksets/shop/partners",
    status=201,
)


def test_a_record_is_one_line_of_json() -> None:
    stream = io.StringIO()
    write = AuditLines(stream)
    write(RECORD)
    write(replace(RECORD, resource='x\n{"forged": true}\r\u2028'))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["resource"] == "networksets/shop/partners"
    assert json.loads(lines[1])["resource"] == 'x\n{"forged": true}\r\u2028'


def test_a_log_that_cannot_be_written_does_not_break_the_request() -> None:
    stream = io.StringIO()
    stream.close()
    write = AuditLines(stream)
    write(RECORD)
    write(RECORD)
    assert write.lost == 2
