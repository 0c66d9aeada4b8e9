"""The record of an attempted change."""

import json

from api.audit import AuditRecord


def test_a_record_is_one_line_of_json_whatever_a_name_holds() -> None:
    name = 'x\n{"forged": true}\r\u2028'
    record = AuditRecord("2026-01-02T03:04:05.000678+00:00", "admin", "192.0.2.1", "create", name, 201)
    assert len(record.line().splitlines()) == 1
    assert json.loads(record.line())["resource"] == name
