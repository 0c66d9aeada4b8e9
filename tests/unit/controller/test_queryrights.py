from dataclasses import replace

from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, EntityMatch
from dnsguard.controller.egress import EgressClasses
from dnsguard.controller.queryrights import QueryRights, addresses_of
from tests.unit.controller.policy import compiled, endpoint

LISTEN = ("192.0.2.53#53", "2001:db8::53#53", "192.0.2.53#5353")


class Verdicts:
    """Allows what it was given, and counts questions."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.asked = 0

    def __call__(self, _: CompiledEndpoint, client: Address, server: Address, protocol: int) -> bool:
        self.asked += 1
        return f"{client} {server} {protocol}" in self.allowed


def judging(policy: Compiled, listen: tuple[str, ...], verdicts: Verdicts) -> QueryRights:
    classes = EgressClasses()
    classes.follow(policy, addresses_of(listen))
    return QueryRights(listen, lambda: verdicts, classes)


V4_UDP, V4_TCP, V6_UDP = "192.0.2.7 192.0.2.53 17", "192.0.2.7 192.0.2.53 6", "2001:db8::7 2001:db8::53 17"


def test_each_address_and_protocol_is_judged_from_the_address_of_its_family() -> None:
    cart = endpoint("cart", "192.0.2.7", "2001:db8::7")
    rights = judging(compiled(cart), LISTEN, Verdicts(V4_TCP, V6_UDP))
    assert rights.may_query(cart) == ("tcp/192.0.2.53", "udp/2001:db8::53")


def test_without_an_address_of_that_family_nothing_is_allowed() -> None:
    cart = endpoint("cart", "192.0.2.7")
    assert judging(compiled(cart), LISTEN, Verdicts(V4_UDP, V6_UDP)).may_query(cart) == ("udp/192.0.2.53",)


def test_one_of_two_addresses_that_is_denied_denies() -> None:
    cart = endpoint("cart", "192.0.2.7", "192.0.2.8")
    assert judging(compiled(cart), LISTEN, Verdicts(V4_UDP)).may_query(cart) == ()


def test_a_class_is_judged_once() -> None:
    classes = endpoint("pod").classes
    many = [replace(endpoint(f"pod{number}", f"192.0.2.{number}"), classes=classes) for number in range(50)]
    verdicts = Verdicts()
    rights = judging(compiled(*many), LISTEN, verdicts)
    for each in many:
        rights.may_query(each)
    assert verdicts.asked == 2


def test_what_was_judged_is_kept_until_policy_or_the_addresses_change() -> None:
    cart = endpoint("cart", "192.0.2.7")
    policy, classes, here, there = compiled(cart), EgressClasses(), LISTEN[:1], ("192.0.2.54#53",)
    edited = replace(policy, policies={key: replace(each) for key, each in policy.policies.items()})
    asked = []
    for now, listen in ((policy, here), (policy, here), (policy, there), (policy, here), (edited, here)):
        verdicts = Verdicts(V4_UDP, "192.0.2.7 192.0.2.54 6")
        classes.follow(now, addresses_of(listen))
        told = QueryRights(listen, lambda verdicts=verdicts: verdicts, classes).may_query(cart)  # type: ignore[misc]
        assert told == (("udp/192.0.2.53",) if listen == here else ("tcp/192.0.2.54",))
        asked.append(verdicts.asked)
    assert asked == [2, 0, 2, 2, 2]


def test_unless_a_rule_looks_at_the_source() -> None:
    many = [endpoint("cart", "192.0.2.7"), endpoint("web", "192.0.2.8")]
    rights = judging(compiled(*many, source=EntityMatch(members="s:x")), LISTEN, Verdicts(V4_UDP))
    assert [rights.may_query(each) for each in many] == [("udp/192.0.2.53",), ()]


def test_the_host_itself_may_ask_everywhere() -> None:
    host = endpoint("eth0", "192.0.2.1", kind="HostEndpoint")
    rights = judging(compiled(host), LISTEN, Verdicts())
    assert rights.may_query(host) == ("udp/192.0.2.53", "tcp/192.0.2.53", "udp/2001:db8::53", "tcp/2001:db8::53")
