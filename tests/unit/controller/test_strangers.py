"""What the audit writes of requests that anybody can send."""

from api.audit import AuditRecord
from dnsguard.controller.strangers import MINUTE, MOST_A_MINUTE, Strangers


def record(number: int, caller: str = "") -> AuditRecord:
    message = "" if caller else "the token is not known here"
    return AuditRecord("2026-01-02T03:04:05.000000Z", caller, "192.0.2.1", "create", f"tiers/{number}", 401, message)


def test_some_a_minute_are_written_and_the_rest_is_a_number() -> None:
    strangers = Strangers()
    written = [each for number in range(MOST_A_MINUTE + 5) for each in strangers.admitted(record(number), 1000.0)]
    assert written == [record(number) for number in range(MOST_A_MINUTE)]
    assert strangers.admitted(record(50), 1000.0 + MINUTE - 0.1) == []
    (told, after) = strangers.admitted(record(99), 1000.0 + MINUTE)
    assert told.resource == "tiers/50"
    assert told.message == (
        "the token is not known here (5 other requests without a known token before this one are not written)"
    )
    assert after == record(99)
    assert strangers.counted() == []


def test_a_known_caller_is_written_always_and_in_order() -> None:
    strangers = Strangers()
    for number in range(MOST_A_MINUTE + 1):
        strangers.admitted(record(number), 0.0)
    for number in range(1000):
        assert strangers.admitted(record(number, "admin"), 1.0) == [record(number, "admin")]
    told, known = strangers.admitted(record(7, "admin"), MINUTE)
    assert (told.resource, known) == (f"tiers/{MOST_A_MINUTE}", record(7, "admin"))


def test_what_was_counted_can_be_asked_for_at_the_end() -> None:
    strangers = Strangers()
    for number in range(MOST_A_MINUTE + 3):
        strangers.admitted(record(number), 0.0)
    (told,) = strangers.counted()
    assert "2 other requests" in told.message
    assert strangers.counted() == []
