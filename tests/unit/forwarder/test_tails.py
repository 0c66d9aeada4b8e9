"""Who watches the DNS log: first what was before, then what comes; a slow one loses its own records."""

from dataclasses import dataclass, field

from dnsguard.forwarder.tails import MAX_TAILS, Tails
from dnsguard.link.messages import DnsLogQuery, DnsLogReply
from dnsguard.observe.wanted import Wanted
from tests.unit.observe.test_record import record


@dataclass
class Outlet:
    """A link with so much room."""

    room: int = 100
    told: list[DnsLogReply] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        return len(self.told) < self.room

    def tell(self, reply: DnsLogReply) -> None:
        assert self.has_room
        self.told.append(reply)


ALL = Wanted()


def following(request: int = 1) -> DnsLogQuery:
    return DnsLogQuery(request, 10, follow=True)


def test_what_was_before_comes_first_in_pieces_and_then_what_comes() -> None:
    tails, outlet = Tails(), Outlet()
    tails.add(following(), ALL, map(str, range(150)))
    tails.offer(record(), "new")
    tails.send(outlet)
    assert outlet.told == [
        DnsLogReply(1, tuple(map(str, range(100)))),
        DnsLogReply(1, tuple(map(str, range(100, 150))), done=True),
        DnsLogReply(1, ("new",)),
    ]


def test_who_does_not_follow_is_done_with_that() -> None:
    tails, outlet = Tails(), Outlet()
    tails.add(DnsLogQuery(1, 10, follow=False), ALL, [])
    assert not tails.following
    tails.send(outlet)
    tails.offer(record(), "new")
    tails.send(outlet)
    assert outlet.told == [DnsLogReply(1, done=True)]
    assert all(tails.add(following(number), ALL, []) for number in range(MAX_TAILS))


def test_each_is_shown_what_it_wants() -> None:
    tails, outlet = Tails(), Outlet()
    tails.add(following(1), Wanted.of("shop/db", "", denied=False), [])
    tails.add(following(2), Wanted.of("", "*.example.org", denied=False), [])
    tails.offer(record(), "x")
    tails.announce("gap")
    tails.send(outlet)
    assert outlet.told[0] == DnsLogReply(1, done=True)
    assert {(reply.request, reply.lines) for reply in outlet.told if reply.lines} == {(1, ("gap",)), (2, ("x", "gap"))}


def test_while_there_is_no_room_lines_wait_and_then_the_oldest_go_and_are_counted() -> None:
    tails, outlet = Tails(), Outlet(room=0)
    tails.add(following(), ALL, ["before"])
    for number in range(2_003):
        tails.offer(record(), str(number))
    tails.send(outlet)
    assert outlet.told == []
    outlet.room = 2
    tails.send(outlet)
    assert outlet.told == [
        DnsLogReply(1, ("before",), done=True),
        DnsLogReply(1, tuple(map(str, range(3, 103))), lost=3),
    ]
    outlet.room = 3
    tails.send(outlet)
    assert outlet.told[2] == DnsLogReply(1, tuple(map(str, range(103, 203))))


def test_there_is_room_for_so_many_and_one_that_stops_makes_room() -> None:
    tails = Tails()
    assert all(tails.add(following(number), ALL, []) for number in range(MAX_TAILS))
    assert not tails.add(following(99), ALL, [])
    tails.remove(0)
    tails.remove(0)
    assert tails.add(following(99), ALL, [])
    tails.clear()
    assert not tails.following
