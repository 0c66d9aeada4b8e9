from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.compiled import (
    Action,
    Address,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledRule,
    Direction,
    EndpointId,
    EntityMatch,
    MemberSet,
    PolicyClass,
    PolicyId,
    Stage,
    TierSlice,
)
from dnsguard.controller.egress import rules_of
from dnsguard.controller.feeds import Feeds
from dnsguard.controller.node import InterfaceAddresses
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


def test_only_what_changed_is_judged_again() -> None:
    asked: list[str] = []

    def asks(each: CompiledEndpoint, _client: Address, _server: Address, protocol: int) -> bool:
        if protocol == 17:
            asked.append(each.id.name)
        return True

    # A rule looks at the source, so endpoints are judged one by one.
    source = EntityMatch(members="x")
    cart, web = endpoint("cart", "192.0.2.7"), endpoint("web", "192.0.2.8")
    in_force = compiled(source=source)
    feeds = Feeds("dnsguard", "", "AllowAll")

    def judged(*endpoints: CompiledEndpoint, listen: frozenset[str] = LISTEN, **sets: MemberSet) -> list[str]:
        asked.clear()
        policy = replace(in_force, endpoints={each.id: each for each in endpoints}, member_sets=sets)
        told = feeds.snapshot(policy, listen, lambda: asks)
        assert told == Feeds("dnsguard", "", "AllowAll").snapshot(policy, listen, lambda: everything)
        return sorted(asked)

    assert judged(cart, web) == ["cart", "web"]
    assert judged(web, cart) == []
    assert judged(cart, endpoint("web", "192.0.2.9")) == ["web"]
    assert judged(cart) == []
    assert judged(cart, listen=frozenset({"192.0.2.54#53"})) == ["cart"]
    x, other = MemberSet("x", "all()", ()), MemberSet("other", "all()", ())
    assert judged(cart, x=x) == ["cart"]
    assert judged(cart, x=x, other=other) == []
    assert judged(cart, other=other) == ["cart"]
    assert judged(replace(cart), other=other) == ["cart"]
    in_force = compiled(source=source)
    assert judged(cart, web) == ["cart", "web"]


def test_a_changed_lease_set_is_told_anew() -> None:
    feeds = Feeds("dnsguard", "", "AllowAll")
    policy = compiled()
    ((name, lease_set),) = policy.lease_sets.items()
    assert feeds.snapshot(policy, LISTEN, lambda: everything).lease_sets[0].patterns == ("*.example.org",)
    fewer = replace(policy, lease_sets={name: replace(lease_set, patterns=frozenset())})
    assert feeds.snapshot(fewer, LISTEN, lambda: everything).lease_sets[0].patterns == ()
    assert feeds.snapshot(replace(policy, lease_sets={}), LISTEN, lambda: everything).lease_sets == ()


def with_lease(name: str, *, source: str | None = None, destination: str | None = None) -> CompiledPolicy:
    """A policy that allows the lease set of its own name, and what a member set holds."""
    leased = CompiledRule(
        0, Action.ALLOW, source=EntityMatch(members=source), destination=EntityMatch(leases=f"s:{name}")
    )
    held = CompiledRule(1, Action.ALLOW, destination=EntityMatch(members=destination))
    return CompiledPolicy(PolicyId("GlobalNetworkPolicy", "", name), "default", egress=(leased, held))


def egress(stage: Stage, *policies: CompiledPolicy) -> PolicyClass:
    tiers = (TierSlice("default", Action.DENY, tuple(each.id for each in policies)),) if policies else ()
    return PolicyClass(Direction.EGRESS, stage, tiers, ())


def with_classes(base: CompiledEndpoint, *classes: PolicyClass) -> CompiledEndpoint:
    return replace(base, classes={**base.classes, **{(each.stage, each.direction): each for each in classes}})


POLICIES = {name: with_lease(name) for name in ("own", "normal", "forward", "untracked")}
HOST = with_classes(
    endpoint("eth0", "192.0.2.1", kind="HostEndpoint", node="here"),
    egress(Stage.NORMAL, POLICIES["normal"], POLICIES["forward"]),
    egress(Stage.FORWARD, POLICIES["forward"]),
    egress(Stage.UNTRACKED, POLICIES["untracked"]),
)
CART = with_classes(endpoint("cart", "192.0.2.7"), egress(Stage.NORMAL, POLICIES["own"]))


def world(*endpoints: CompiledEndpoint) -> Compiled:
    return Compiled(
        endpoints={each.id: each for each in endpoints}, policies={each.id: each for each in POLICIES.values()}
    )


def test_look_ups_feed_the_sets_that_the_packets_of_who_asked_meet() -> None:
    told = Feeds("dnsguard", "here", "AllowAll").snapshot(world(CART, HOST), LISTEN, lambda: everything)
    assert told.identities == (
        Identity("", (), (), (), ("s:forward",)),
        Identity("eth0", ("192.0.2.1",), ("s:forward", "s:normal", "s:untracked"), MAY),
        Identity("shop/cart", ("192.0.2.7",), ("s:own",), MAY, ("s:forward",)),
    )


def test_a_host_endpoint_without_addresses_forwards_as_well_and_one_of_another_node_does_not() -> None:
    feeds = Feeds("dnsguard", "here", "AllowAll")
    told = feeds.snapshot(world(CART, replace(HOST, addresses=())), LISTEN, lambda: everything)
    assert [each.forwarded for each in told.identities] == [("s:forward",), ("s:forward",)]
    told = feeds.snapshot(world(CART, replace(HOST, node="there")), LISTEN, lambda: everything)
    assert told.identities == (Identity("shop/cart", ("192.0.2.7",), ("s:own",), MAY),)


def interfaces(**addresses: str) -> InterfaceAddresses:
    return tuple((name, tuple(map(ip_address, texts.split()))) for name, texts in addresses.items())


MACHINE = interfaces(eth0="192.0.2.1 2001:db8::1 fe80::1", eth1="198.51.100.1", lo="127.0.0.1 ::1")
BY_NAME = replace(HOST, addresses=(), interface="eth0")
EVERY = replace(HOST, id=EndpointId("HostEndpoint", "", "all"), addresses=(), interface="*")


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ([BY_NAME], {"eth0": ("192.0.2.1", "2001:db8::1")}),
        ([EVERY], {"all": ("192.0.2.1", "2001:db8::1", "198.51.100.1")}),
        ([EVERY, BY_NAME], {"all": ("198.51.100.1",), "eth0": ("192.0.2.1", "2001:db8::1")}),
        ([replace(HOST, interface="eth0")], {"eth0": ("192.0.2.1", "2001:db8::1")}),
        ([replace(HOST, interface="")], {"eth0": ("192.0.2.1", "2001:db8::1")}),
        ([replace(BY_NAME, interface="eth7")], {}),
        ([replace(BY_NAME, node="there")], {}),
    ],
)
def test_a_host_endpoint_asks_under_the_addresses_of_its_interfaces(
    hosts: list[CompiledEndpoint], told: dict[str, tuple[str, ...]]
) -> None:
    made = Feeds("dnsguard", "here", "AllowAll").snapshot(world(*hosts), LISTEN, lambda: everything, MACHINE)
    assert {each.endpoint: each.addresses for each in made.identities if each.endpoint} == told
    assert all(each.lease_sets == ("s:forward", "s:normal", "s:untracked") for each in made.identities if each.endpoint)


def test_a_host_endpoint_follows_its_interfaces_and_other_host_endpoints() -> None:
    feeds, moved = Feeds("dnsguard", "here", "AllowAll"), interfaces(eth0="192.0.2.2")
    both, one = world(EVERY, BY_NAME), world(EVERY)
    for policy, machine in ((both, MACHINE), (both, moved), (one, moved), (both, moved), (both, ()), (one, MACHINE)):
        anew = Feeds("dnsguard", "here", "AllowAll").snapshot(policy, LISTEN, lambda: everything, machine)
        assert feeds.snapshot(policy, LISTEN, lambda: everything, machine) == anew


def test_what_stays_the_same_is_the_same_object() -> None:
    feeds = Feeds("dnsguard", "here", "AllowAll")
    first = feeds.snapshot(world(CART, HOST), LISTEN, lambda: everything)
    assert feeds.snapshot(world(HOST, CART), LISTEN, lambda: everything).identities is first.identities
    edited = replace(world(CART, HOST), policies={each.id: replace(each) for each in POLICIES.values()})
    again = feeds.snapshot(edited, LISTEN, lambda: everything)
    assert all(one is other for one, other in zip(again.identities, first.identities, strict=True))


def test_a_set_of_destinations_counts_as_far_as_it_holds_the_forwarder() -> None:
    made = Sequences()
    made.policies["own"] = with_lease("own", destination="x")
    made.put("pod1", 7, ("own",), "")
    feeds = Feeds("dnsguard", "here", "AllowAll")

    def asks(network: str) -> tuple[str, ...]:
        made.sets["x"] = MemberSet("x", "", (ip_network(network),))
        policy = made.compiled()
        return feeds.snapshot(policy, LISTEN, lambda: partial(allowed, policy)).identities[0].may_query

    assert asks("10.0.0.0/8") == ()
    assert asks("192.0.2.53/32") == ("udp/192.0.2.53",)
    first = feeds._told
    assert asks("192.0.2.0/24") == ("udp/192.0.2.53",)
    assert list(feeds._told.values()) == list(first.values())
    assert asks("10.0.0.0/8") == ()


class Sequences:
    """A policy that changes step by step, as the compiler makes it: what does not change stays the same object."""

    def __init__(self) -> None:
        self.policies = dict(POLICIES)
        self.sets: dict[str, MemberSet] = {}
        self.endpoints: dict[str, CompiledEndpoint] = {}
        self.classes: dict[tuple[Stage, tuple[str, ...]], PolicyClass] = {}

    def class_of(self, stage: Stage, names: tuple[str, ...]) -> PolicyClass:
        return self.classes.setdefault((stage, names), egress(stage, *(POLICIES[name] for name in names)))

    def put(self, name: str, number: int, chosen: tuple[str, ...], node: str) -> None:
        if name.startswith("eth"):
            base = endpoint(name, f"198.51.100.{number}", kind="HostEndpoint", node=node)
            stages = (Stage.NORMAL, Stage.FORWARD, Stage.UNTRACKED)[: 1 + number]
            self.endpoints[name] = with_classes(base, *(self.class_of(stage, chosen) for stage in stages))
        else:
            base = endpoint(name, *[f"192.0.2.{number}"] * (number > 0), node=node)
            self.endpoints[name] = with_classes(base, self.class_of(Stage.NORMAL, chosen))

    def compiled(self) -> Compiled:
        return Compiled(
            endpoints={each.id: each for each in self.endpoints.values()},
            policies={each.id: each for each in self.policies.values()},
            member_sets=dict(self.sets),
        )


def allowed(policy: Compiled, who: CompiledEndpoint, client: Address, server: Address, protocol: int) -> bool:
    """By all that a judgement may depend on."""

    def holds(name: str | None, address: Address) -> bool:
        member_set = policy.member_sets.get(name or "")
        return member_set is not None and any(address in network for network in member_set.networks)

    rules = list(rules_of(who.classes[Stage.NORMAL, Direction.EGRESS], policy))
    from_there = any(holds(rule.source.members, client) for rule in rules)
    to_here = any(holds(rule.destination.members, server) for rule in rules)
    return from_there or (to_here and protocol == 17)


names = st.sampled_from([*(f"pod{number}" for number in range(5)), "eth0", "eth1"])
chosen = st.lists(st.sampled_from(sorted(POLICIES)), max_size=3, unique=True).map(tuple)
set_names = st.sampled_from([None, "x", "y"])
steps = st.one_of(
    st.tuples(st.just("put"), names, st.integers(0, 2), chosen, st.sampled_from(["", "here", "there"])),
    st.tuples(st.just("take"), names),
    st.tuples(st.just("policy"), st.sampled_from(sorted(POLICIES)), set_names, set_names, st.booleans()),
    st.tuples(st.just("set"), st.sampled_from("xy"), st.sampled_from(["192.0.2.0/26", "192.0.2.53/32", "10.0.0.0/8"])),
    st.tuples(st.just("listen"), st.sampled_from(["192.0.2.53#53", "192.0.2.54#53"])),
    st.tuples(st.just("machine"), st.sampled_from([(), MACHINE, interfaces(eth0="192.0.2.2", eth1="198.51.100.1")])),
)


class Fails:
    """Judges as policy does, so often, and then no more."""

    def __init__(self, policy: Compiled, left: int) -> None:
        self._policy = policy
        self._left = left

    def __call__(self, who: CompiledEndpoint, client: Address, server: Address, protocol: int) -> bool:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("enough")
        return allowed(self._policy, who, client, server, protocol)


BOTH = MemberSet("x", "", (ip_network("192.0.2.0/26"),))
"""Where the forwarder listens, now or later."""

bursts = st.tuples(st.lists(steps, min_size=1, max_size=4), st.none() | st.integers(0, 3))
"""Steps, and after how many judgements an attempt fails that comes before the next."""


@given(st.lists(bursts, max_size=12))
def test_step_by_step_comes_to_the_same_as_from_scratch(sequence: list[tuple[list[Any], int | None]]) -> None:
    made, feeds, listen, machine = Sequences(), Feeds("dnsguard", "here", "AllowAll"), LISTEN, MACHINE
    made.policies["own"], made.sets["x"] = with_lease("own", destination="x"), BOTH
    for burst, fails_after in sequence:
        for what, *arguments in burst:
            match what:
                case "put":
                    made.put(*arguments)
                case "take":
                    made.endpoints.pop(arguments[0], None)
                case "policy":
                    name, source, destination, leased = arguments
                    edited = with_lease(name, source=source, destination=destination)
                    made.policies[name] = edited if leased else replace(edited, egress=())
                case "set":
                    name, network = arguments
                    made.sets[name] = MemberSet(name, "", (ip_network(network),))
                case "listen":
                    listen = frozenset(arguments)
                case "machine":
                    (machine,) = arguments
        policy = made.compiled()

        if fails_after is not None:
            with suppress(RuntimeError):
                feeds.snapshot(policy, listen, partial(Fails, policy, fails_after), machine)
        allows = partial(partial, allowed, policy)
        told = feeds.snapshot(policy, listen, allows, machine)
        assert told == Feeds("dnsguard", "here", "AllowAll").snapshot(policy, listen, allows, machine)
