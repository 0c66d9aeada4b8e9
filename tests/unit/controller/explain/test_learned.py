from dataclasses import replace
from ipaddress import ip_address

import pytest

from dnsguard.controller.explain.learned import Learned, would_lease
from dnsguard.domains import wire_name
from dnsguard.link.messages import LearnedAlias, LearnedLease, LeasesReply
from tests.unit.controller.policy import LEASES, compiled
from tests.unit.controller.running import lease

CART, ADDRESS = ip_address("10.0.0.7"), ip_address("203.0.113.9")
NAME = wire_name("api.example.org")


def test_the_replies_of_all_forwarders_are_one() -> None:
    one, other = lease("203.0.113.9", "s:a"), lease("203.0.113.10")
    step = LearnedAlias("a.example.org", "b.example.org", 5.0)
    learned = Learned.of([LeasesReply(1, (one,), aliases=(step,)), LeasesReply(2, (one, other), True, (step,))])
    assert (learned.leases, learned.aliases, learned.truncated) == ((one, other), (step,), True)


def test_what_two_answers_say_a_moment_apart_is_one_thing() -> None:
    earlier, later = (replace(lease("203.0.113.9"), seconds_left=seconds) for seconds in (5.0, 4.999))
    steps = [LearnedAlias("a.example.org", "b.example.org", seconds) for seconds in (5.0, 4.999)]
    learned = Learned.of(
        [LeasesReply(1, (earlier,), aliases=(steps[0],)), LeasesReply(2, (later,), aliases=(steps[1],))]
    )
    assert (learned.leases, learned.aliases) == ((later,), (steps[1],))


@pytest.mark.parametrize(
    ("found", "leased"),
    [
        (lease("203.0.113.9", "s:names"), True),
        (lease("203.0.113.9", "s:other"), False),
        (lease("203.0.113.9"), False),
        (lease("203.0.113.10", "s:names"), False),
        (LearnedLease("shop/cart", "10.0.0.8", "203.0.113.9", ("s:names",), (), 1.0), False),
        (LearnedLease("node", "10.0.0.7", "203.0.113.9", ("s:names",), (), 1.0), True),
    ],
)
def test_a_lease_is_of_a_set_a_client_and_an_address(found: LearnedLease, leased: bool) -> None:
    assert Learned((found,)).leased("s:names", CART, ADDRESS) is leased


def test_names_and_addresses_know_each_other() -> None:
    learned = Learned((lease("203.0.113.9", names=("api.example.org", "edge.example.net")), lease("203.0.113.10")))
    assert learned.names_of(ADDRESS) == {NAME, wire_name("edge.example.net")}
    assert learned.addresses_of(NAME) == (ADDRESS, ip_address("203.0.113.10"))
    assert learned.addresses_of(wire_name("example.org")) == ()
    assert learned.addresses == {ADDRESS, ip_address("203.0.113.10")}


def test_what_takes_a_name_would_lease_it() -> None:
    world = compiled()
    assert would_lease(world, [NAME])(LEASES.id, CART, ADDRESS)
    assert not would_lease(world, [wire_name("example.net")])(LEASES.id, CART, ADDRESS)
    assert not would_lease(world, [NAME])("s:unknown", CART, ADDRESS)
    assert not would_lease(world, [])(LEASES.id, CART, ADDRESS)
