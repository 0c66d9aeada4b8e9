from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Address, CompiledEndpoint, EntityMatch, MemberSet
from dnsguard.controller.feeds import Feeds, is_local
from dnsguard.link.messages import Identity, LeaseSetFeed
from tests.unit.controller.policy import compiled, endpoint

LISTEN = frozenset({"192.0.2.53#53"})
MAY = ("udp/192.0.2.53", "tcp/192.0.2.53")


def everything(_: CompiledEndpoint, _client: Address, _server: Address, _protocol: int) -> bool:
    return True


def test_lease_sets_and_local_endpoints_travel_sorted() -> None:
    policy = compiled(
        endpoint("web", "192.0.2.8", "2001:db8::8"),
        endpoint("cart", "192.0.2.7", node="here"),
        endpoint("remote", "192.0.2.9", node="there"),
        endpoint("starting"),
        endpoint("eth0", "192.0.2.1", kind="HostEndpoint"),
    )
    told = Feeds("dnsguard", "here", "AllowListed").snapshot(policy, LISTEN, lambda: everything)
    assert told.lease_sets == (LeaseSetFeed("s:names", "d4-names", "d6-names", ("*.example.org",)),)
    assert told.identities == (
        Identity("eth0", ("192.0.2.1",), ("s:names",), MAY),
        Identity("shop/cart", ("192.0.2.7",), ("s:names",), MAY),
        Identity("shop/web", ("192.0.2.8", "2001:db8::8"), ("s:names",), MAY),
    )
    assert (told.table, told.query_policy) == ("dnsguard", "AllowListed")


@pytest.mark.parametrize(
    ("of", "node", "local"), [("a", "a", True), ("", "a", True), ("b", "a", False), ("b", "", True)]
)
def test_whose_an_endpoint_is(of: str, node: str, local: bool) -> None:
    assert is_local(endpoint("x", node=of), node) is local


def test_only_what_changed_is_judged_again() -> None:
    asked: list[str] = []

    def asks(each: CompiledEndpoint, _client: Address, _server: Address, protocol: int) -> bool:
        if protocol == 17:
            asked.append(each.id.name)
        return True

    # A rule looks at the source, so endpoints are judged one by one.
    source = EntityMatch(members="s:x")
    cart, web = endpoint("cart", "192.0.2.7"), endpoint("web", "192.0.2.8")
    feeds = Feeds("dnsguard", "", "AllowAll")

    def judged(*endpoints: CompiledEndpoint, listen: frozenset[str] = LISTEN, **sets: MemberSet) -> list[str]:
        asked.clear()
        policy = replace(compiled(*endpoints, source=source), member_sets=sets)
        told = feeds.snapshot(policy, listen, lambda: asks)
        assert told == Feeds("dnsguard", "", "AllowAll").snapshot(policy, listen, lambda: everything)
        return sorted(asked)

    assert judged(cart, web) == ["cart", "web"]
    assert judged(web, cart) == []
    assert judged(cart, endpoint("web", "192.0.2.9")) == ["web"]
    assert judged(cart) == []
    assert judged(cart, listen=frozenset({"192.0.2.54#53"})) == ["cart"]
    assert judged(cart, x=MemberSet("x", "all()", ())) == ["cart"]
    assert judged(replace(cart)) == ["cart"]


def test_a_changed_lease_set_is_told_anew() -> None:
    feeds = Feeds("dnsguard", "", "AllowAll")
    policy = compiled()
    ((name, lease_set),) = policy.lease_sets.items()
    assert feeds.snapshot(policy, LISTEN, lambda: everything).lease_sets[0].patterns == ("*.example.org",)
    fewer = replace(policy, lease_sets={name: replace(lease_set, patterns=frozenset())})
    assert feeds.snapshot(fewer, LISTEN, lambda: everything).lease_sets[0].patterns == ()
    assert feeds.snapshot(replace(policy, lease_sets={}), LISTEN, lambda: everything).lease_sets == ()
