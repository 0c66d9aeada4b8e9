from ipaddress import ip_network

import pytest

from dnsguard.dns.eligible import Eligible, UnleasedNets
from dnsguard.forwarder.withheld import MAX_ADDRESSES, MAX_SCOPES, Withheld
from dnsguard.leases import NODE, Scope, Terms
from dnsguard.link.messages import WithheldAddress
from tests.unit.leases.naive import answer, packed

OWN = {packed("192.0.2.7")}
NOW = 1000.0
TERMS = Terms()


@pytest.fixture
def withheld() -> Withheld:
    return Withheld(Eligible(lambda: OWN, UnleasedNets([ip_network("10.0.0.0/8")])))


def told(withheld: Withheld, *scopes: Scope, now: float = NOW) -> list[tuple[str, str]]:
    return [(each.address, each.reason) for each in withheld.of(scopes, now)]


def test_what_no_name_may_open_is_kept_with_the_names_that_led_there_and_the_reason(withheld: Withheld) -> None:
    facts = answer("bob.example.com CNAME edge.example.net 90", "edge.example.net A 10.50.0.9 90")
    assert withheld.take("shop/web", facts, TERMS, NOW, age=10.0) == 1
    (found,) = withheld.of(["shop/web"], NOW)
    assert found == WithheldAddress(
        "10.50.0.9", ("bob.example.com", "edge.example.net"), "in 10.0.0.0/8 of unleased_nets", TERMS.lease(80)
    )
    assert told(withheld, "shop/other") == []


def test_only_that_is_kept(withheld: Withheld) -> None:
    facts = answer("a.example.com A 192.0.2.1 90", "a.example.com A 192.0.2.7 90", "a.example.com A 127.0.0.1 90")
    assert withheld.take(NODE, facts, TERMS, NOW, 0.0) == 2
    assert told(withheld, NODE) == [("192.0.2.7", "the node's own address"), ("127.0.0.1", "loopback")]
    assert withheld.take("shop/web", answer("a.example.com A 192.0.2.1 90"), TERMS, NOW, 0.0) == 0
    assert told(withheld, "shop/web") == []


def test_it_is_kept_as_long_as_a_lease_would_last_and_while_the_reason_holds(withheld: Withheld) -> None:
    withheld.take("shop/web", answer("a.example.com A 192.0.2.7 90"), TERMS, NOW, 0.0)
    end = NOW + TERMS.lease(90)
    assert told(withheld, "shop/web", now=end - 1)
    assert not told(withheld, "shop/web", now=end)
    OWN.clear()
    assert not told(withheld, "shop/web")
    OWN.add(packed("192.0.2.7"))


def test_it_is_bounded_and_what_was_seen_last_is_kept(withheld: Withheld) -> None:
    many = [f"10.1.0.{last}" for last in range(MAX_ADDRESSES)]
    withheld.take("shop/web", answer(*(f"a.example.com A {each} 90" for each in many)), TERMS, NOW, 0.0)
    withheld.take("shop/web", answer(f"a.example.com A {many[0]} 90"), TERMS, NOW, 0.0)
    withheld.take("shop/web", answer("b.example.com A 10.2.0.1 90"), TERMS, NOW, 0.0)
    assert [address for address, _ in told(withheld, "shop/web")] == [*many[2:], many[0], "10.2.0.1"]
    for each in range(MAX_SCOPES):
        assert told(withheld, "shop/web"), each
        withheld.take(f"shop/{each}", answer("a.example.com A 10.1.0.1 90"), TERMS, NOW, 0.0)
    assert not told(withheld, "shop/web")
    assert told(withheld, "shop/0")
