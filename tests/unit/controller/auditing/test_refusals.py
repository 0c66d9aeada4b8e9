"""What the audit writes of requests that are refused."""

from dnsguard.api.audit import AuditRecord
from dnsguard.controller.auditing.refusals import KNOWN, MINUTE, MOST_CALLERS, STRANGERS, Refusals
from tests.unit.api.test_audit import record as audit_record


def record(number: int, user: str = "", code: int = 401) -> AuditRecord:
    return audit_record(name=f"t{number}", user=user, code=code, message="the token is not known here")


def test_some_a_minute_are_written_and_the_rest_is_a_number() -> None:
    refusals = Refusals()
    written = [each for number in range(STRANGERS + 5) for each in refusals.admitted(record(number), 1000.0)]
    assert written == [record(number) for number in range(STRANGERS)]
    assert refusals.admitted(record(50, "system:anonymous"), 1000.0 + MINUTE - 0.1) == []
    (told, after) = refusals.admitted(record(99), 1000.0 + MINUTE)
    assert (told.name, told.alike) == ("t50", 5)
    assert told.message == "the token is not known here (and 5 more like this within a minute)"
    assert after == record(99)
    assert refusals.counted() == []


def test_a_change_is_written_always_and_in_order() -> None:
    refusals = Refusals()
    for number in range(KNOWN + 2):
        refusals.admitted(record(number, "ci", 403), 0.0)
    for number in range(1000):
        assert refusals.admitted(record(number, "ci", 201), 1.0) == [record(number, "ci", 201)]
    told, known = refusals.admitted(record(7, "ci", 200), MINUTE)
    assert (told.name, told.alike, known) == (f"t{KNOWN + 1}", 1, record(7, "ci", 200))


def test_who_floods_hides_nobody_else() -> None:
    refusals = Refusals()
    for number in range(KNOWN + 100):
        refusals.admitted(record(number, "mallory", 403), 0.0)
    assert refusals.admitted(record(1, "alice", 403), 1.0) == [record(1, "alice", 403)]
    for number in range(10 * MOST_CALLERS):
        refusals.admitted(record(number, f"made-up-{number}", 403), 1.0)
    assert len(refusals.counted()) == 2, "mallory's, and what callers beyond the bound share"
    assert not refusals.are_counting


def test_it_is_said_when_the_minute_is_over_though_nothing_comes() -> None:
    refusals = Refusals()
    for number in range(STRANGERS + 3):
        refusals.admitted(record(number), 0.0)
    assert refusals.are_counting
    assert refusals.ended(MINUTE - 1) == []
    (told,) = refusals.ended(MINUTE)
    assert told.alike == 2
    assert refusals.ended(MINUTE) == []
    assert not refusals.are_counting
