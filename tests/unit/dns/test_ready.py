from dnsguard.dns.client import Client
from dnsguard.dns.ready import ReadyAnswers

ONE = Client(b"\x0a\0\0\1", b"\x7f\0\0\1", "udp")
OTHER = ONE._replace(address=b"\x0a\0\0\2")


def test_each_client_has_its_own() -> None:
    ready = ReadyAnswers()
    ready.put(ONE, b"idquestion", b"idanswer", 7.0)
    assert ready.of(ONE) == {b"question": (b"answer", 7.0)}
    assert ready.of(OTHER) == {}


def test_clearing_reaches_what_was_handed_out() -> None:
    ready = ReadyAnswers()
    kept = ready.of(ONE)
    ready.put(ONE, b"idquestion", b"idanswer", 7.0)
    ready.clear()
    assert kept == {}
    ready.put(ONE, b"idquestion", b"idanswer", 8.0)
    assert kept == {b"question": (b"answer", 8.0)}


def test_answers_and_clients_are_bounded_and_nothing_out_of_date_stays_with_anybody() -> None:
    ready = ReadyAnswers()
    kept = ready.of(ONE)
    for number in range(70_000):
        ready.put(ONE, b"id%d" % number, b"idanswer", 7.0)
    assert len(kept) < 65_536
    ready.put(ONE, b"idquestion", b"idanswer", 7.0)
    for number in range(70_000):
        ready.of(Client(number.to_bytes(4, "big"), b"\x7f\0\0\1", "udp"))
    assert kept == {}


def test_what_they_take_is_bounded_however_long_queries_are() -> None:
    ready = ReadyAnswers()
    kept = ready.of(ONE)
    for number in range(20_000):
        ready.put(ONE, b"id%d" % number + bytes(4000), bytes(1232), 7.0)
        assert kept
    assert sum(len(query) + len(answer) for query, (answer, _) in kept.items()) <= 33 * 1024 * 1024


def test_an_answer_in_place_of_another_counts_too() -> None:
    ready = ReadyAnswers()
    for number in range(30_000):
        ready.put(ONE, b"id%d" % number, b"id", 7.0)
    for number in range(30_000):
        ready.put(ONE, b"id%d" % number, bytes(1232), 7.0)
    assert sum(len(answer) for answer, _ in ready.of(ONE).values()) <= 33 * 1024 * 1024
