"""The load test of containers that come and go, at a small size: what is allowed passes, what is denied never does."""

import socket

import pytest

from loadtest.containers import KINDS, Life, Outcome, at, lines, measure, note, note_ping
from tests.support.dockerd import lacking
from tests.support.dockerhost import ADDRESSES

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]


@pytest.mark.skipif(bool(lacking()), reason=lacking())
@pytest.mark.soak
def test_each_is_let_through_to_what_its_label_says_and_to_nothing_else() -> None:
    outcome = measure(rate=2, seconds=3, life=0.5, tell=lambda _: None)
    assert [life.kind for life in outcome.lives] == [*KINDS, *KINDS]
    assert not outcome.is_wrong, list(lines(outcome))
    assert len(outcome.took) == 4
    assert all(life.arrived for life in outcome.allowed)


def test_datagrams_count_for_the_container_that_sent_them() -> None:
    outcome = Outcome([Life("first"), Life("second")], seconds=1)
    note(b"c0-first 0 4 10.5", 0, 11.0, outcome)
    note(b"c0-first 0 3 10.5", 0, 11.1, outcome)  # overtaken
    note(b"c0-first 0 7 10.5", 0, 11.2, outcome)
    assert not outcome.denied_arrived
    note(b"c1-second 0 1 10.5", 0, 11.2, outcome)
    note(b"c1-second 1 1 10.5", 0, 11.2, outcome)
    assert (outcome.lives[0].arrived, outcome.lives[0].lost, outcome.took) == (3, 2, [0.5])
    assert (outcome.denied_arrived, outcome.never, outcome.is_wrong) == (2, 1, True)
    note(b"hello", 0, 11.2, outcome)
    assert outcome.strays == 1


def test_pings_tell_whose_label_their_sender_had() -> None:
    outcome = Outcome()

    def packet(kind: int, to: str, pattern: int) -> bytes:
        return bytes([0x45, *[0] * 15]) + socket.inet_aton(to) + bytes([kind, 0, *[0] * 6]) + bytes([pattern]) * 8

    note_ping(packet(8, ADDRESSES[0], 0), outcome)
    note_ping(packet(0, ADDRESSES[0], 1), outcome)  # an answer
    assert (outcome.pings, outcome.denied_pings) == (1, 0)
    note_ping(packet(8, ADDRESSES[1], 0), outcome)
    note_ping(packet(8, ADDRESSES[1], 2), outcome)
    assert (outcome.pings, outcome.denied_pings) == (1, 2)


def test_shares() -> None:
    assert (at(0.5, [1, 2, 3]), at(0.99, [1, 2, 3]), at(1, [1, 2, 3]), at(0.5, [])) == (2, 3, 3, 0.0)
