"""Which changes can deny what was allowed."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, EntityMatch, MemberSet
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.withdrawal import Withdrawal, Withdrawals, denies_more
from tests.support.compiled import (
    ALLOW_ALL,
    compiled,
    host,
    lease_set,
    member_set,
    policy,
    policy_class,
    port_set,
    ports,
    rules,
    tier,
    workload,
)

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS, LOG = Action.ALLOW, Action.DENY, Action.PASS, Action.LOG
NODE = Node(name="here", workload_cidrs=(ip_network("10.65.0.0/16"),))
A, B, C = "10.65.0.2", "10.65.0.3", "10.65.0.4"


def rule(action: Action, protocol: int = 6) -> CompiledRule:
    return CompiledRule(0, action, protocol=protocol)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param([rule(ALLOW)], [rule(ALLOW)], False, id="the same"),
        pytest.param([rule(ALLOW)], [rule(ALLOW), rule(ALLOW, 17)], False, id="an Allow more, last"),
        pytest.param([rule(DENY), rule(ALLOW)], [rule(ALLOW, 17), rule(DENY), rule(ALLOW)], False, id="or first"),
        pytest.param([rule(DENY), rule(ALLOW)], [rule(ALLOW)], False, id="a Deny less"),
        pytest.param([rule(ALLOW), rule(DENY)], [rule(ALLOW)], False, id="a Deny less, last"),
        pytest.param([rule(ALLOW)], [rule(LOG), rule(ALLOW)], False, id="a Log more"),
        pytest.param([rule(LOG), rule(ALLOW)], [rule(ALLOW)], False, id="a Log less"),
        pytest.param([rule(ALLOW)], [], True, id="an Allow less"),
        pytest.param([rule(ALLOW)], [rule(ALLOW, 17)], True, id="another Allow"),
        pytest.param([rule(ALLOW)], [rule(DENY), rule(ALLOW)], True, id="a Deny more"),
        pytest.param(
            [rule(ALLOW)], [rule(ALLOW), rule(DENY)], True, id="a Deny more, last: the next policy allowed it"
        ),
        pytest.param([rule(ALLOW)], [rule(PASS), rule(ALLOW)], True, id="a Pass more"),
        pytest.param([rule(PASS), rule(ALLOW)], [rule(ALLOW)], True, id="a Pass less"),
        pytest.param([rule(DENY, 17), rule(ALLOW)], [rule(ALLOW), rule(DENY, 17)], True, id="another order"),
        pytest.param([rule(DENY), rule(DENY, 17), rule(ALLOW)], [rule(DENY, 17), rule(ALLOW)], False, id="one of two"),
    ],
)
def test_rules(before: list[CompiledRule], after: list[CompiledRule], more: bool) -> None:
    assert denies_more(rules(*before), rules(*after)) is more


def state(action: Action = ALLOW, *, negated: bool = False, members: tuple[str, ...] = (f"{A}/32",)) -> Compiled:
    """``a``, whose policy has a rule with a set; ``c`` is no part of it."""
    entity = EntityMatch(not_members="s:web") if negated else EntityMatch(members="s:web")
    web = policy("app.web", [CompiledRule(0, action, destination=entity)])
    egress = policy_class(EGRESS, tier("app", web))
    return compiled(
        endpoints=[workload("a", A, interface="cali-a", egress=egress), workload("c", C, interface="cali-c")],
        policies=[web],
        members=[member_set("s:web", *members)],
        leases=[lease_set("s:names", "www.example.org", "example.net")],
        named_ports=[port_set("s:ports", (A, 6, 80))],
    )


def with_members(before: Compiled, *networks: str) -> Compiled:
    found = MemberSet("s:web", 'role == "s:web"', tuple(ip_network(text) for text in networks))
    return replace(before, member_sets={"s:web": found})


def taken(before: Compiled, after: Compiled) -> Withdrawal:
    return Withdrawals().between(before, after, NODE)


@pytest.mark.parametrize(
    ("action", "negated", "by_less", "by_more"),
    [(ALLOW, False, True, False), (ALLOW, True, False, True), (DENY, False, False, True), (DENY, True, True, False),
     (PASS, False, True, True), (LOG, False, False, False)],
)  # fmt: skip
def test_sets_that_shrink_and_grow(action: Action, negated: bool, by_less: bool, by_more: bool) -> None:
    before = state(action, negated=negated, members=("192.0.2.0/28",))
    assert taken(before, with_members(before, "192.0.2.0/29")).of_policy is by_less
    assert taken(before, with_members(before, "192.0.2.0/27")).of_policy is by_more
    assert taken(before, with_members(before, "192.0.2.0/29", "192.0.2.8/29")).of_policy is False
    assert taken(before, with_members(before, "192.0.2.0/28", "2001:db8::/64")).of_policy is by_more


def test_a_set_of_ports_that_shrinks() -> None:
    before = state()
    web = policy("app.web", [CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(named_ports="s:ports"))])
    before = replace(before, policies={web.id: web})
    less = replace(before, port_sets={"s:ports": port_set("s:ports")})
    assert taken(before, less).of_policy
    assert not taken(less, before).of_policy


def without(before: Compiled, *names: str) -> Compiled:
    return replace(before, endpoints={key: each for key, each in before.endpoints.items() if key.name not in names})


def test_endpoints_that_come_and_go_with_what_they_are_members_of() -> None:
    more = with_members(state(), f"{A}/32", f"{C}/32")
    less = with_members(without(more, "c"), f"{A}/32")
    assert taken(more, less) == Withdrawal(gone=frozenset({ip_address(C)}))
    assert taken(less, more) == Withdrawal()
    denying = replace(state(DENY), member_sets=more.member_sets)
    assert taken(replace(without(denying, "c"), member_sets=less.member_sets), denying) == Withdrawal()


def test_an_endpoint_that_stays_and_leaves_a_set() -> None:
    before = with_members(state(), f"{A}/32", f"{C}/32")
    assert taken(before, with_members(before, f"{A}/32")).of_policy
    assert taken(before, with_members(without(before, "c"), f"{C}/32")).of_policy, "the wrong one"


Change = Callable[[Compiled], Compiled]


def changed(name: str, **fields: Any) -> Change:
    def change(before: Compiled) -> Compiled:
        (old,) = [each for each in before.endpoints.values() if each.id.name == name]
        return replace(before, endpoints={**before.endpoints, old.id: replace(old, **fields)})

    return change


def adding(*args: Any, **fields: Any) -> Change:
    made = workload(*args, **fields)
    return lambda before: replace(before, endpoints={**before.endpoints, made.id: made})


OTHER_CLASSES = workload("x", A, egress=policy_class(EGRESS, profiles=("other",))).classes
HOST = host("eth0", "eth0")


@pytest.mark.parametrize(
    ("change", "takes"),
    [
        pytest.param(changed("a", labels={"role": "other"}), False, id="labels that nothing follows from"),
        pytest.param(changed("a", classes=OTHER_CLASSES), True, id="other policies apply: a quarantine"),
        pytest.param(changed("a", addresses=(ip_address(B),)), True, id="another address"),
        pytest.param(changed("a", interface="cali-x"), True, id="another interface"),
        pytest.param(adding("d", "10.65.0.9", interface="cali-d"), False, id="a new one"),
        pytest.param(adding("d", "10.65.0.9"), False, id="a new one of no interface, where its network is closed"),
        pytest.param(adding("d", "192.0.2.9"), True, id="a new one where nothing was closed before"),
        pytest.param(adding("d", "192.0.2.9", node="there"), False, id="the same on another node"),
        pytest.param(adding("d", C, interface="cali-d"), True, id="a new one with the address of another"),
        pytest.param(lambda it: adding("d", C, interface="cali-d")(without(it, "c")), True, id="which goes"),
        pytest.param(lambda it: without(it, "c"), False, id="one that goes"),
        pytest.param(lambda it: replace(it, endpoints={**it.endpoints, HOST.id: HOST}), True, id="a host endpoint"),
        pytest.param(lambda it: replace(it, profiles={}), False, id="a profile that nobody lists"),
        pytest.param(
            lambda it: replace(it, profiles={"kns.app": replace(ALLOW_ALL, egress=())}),
            True,
            id="a profile's rule less",
        ),
    ],
)
def test_endpoints(change: Change, takes: bool) -> None:
    before = state()
    assert taken(before, change(before)).of_policy is takes


def test_a_policy_that_is_edited() -> None:
    before = state()
    (web,) = before.policies.values()
    more = replace(web, egress=rules(*web.egress, rule(ALLOW, 17)))
    assert not taken(before, replace(before, policies={web.id: more})).of_policy
    less = replace(web, egress=rules(*web.egress[:0]))
    assert taken(before, replace(before, policies={web.id: less})).of_policy
    to_ports = replace(web, egress=rules(replace(web.egress[0], protocol=6, destination=EntityMatch(ports=ports(80)))))
    assert taken(before, replace(before, policies={web.id: to_ports})).of_policy


def test_domains_that_go() -> None:
    before = state()
    less = replace(before, lease_sets={"s:names": lease_set("s:names", "www.example.org")})
    assert taken(before, less) == Withdrawal(of_leases=True)
    assert taken(less, before) == Withdrawal()


def test_what_is_compared_with_is_what_is_said_to_be_before() -> None:
    """A change that the kernel refused was not put in force, and the next is compared with what is."""
    before = state()
    withdrawals = Withdrawals()
    assert withdrawals.between(before, without(before, "c"), NODE).gone
    assert withdrawals.between(before, adding("d", C, interface="cali-d")(before), NODE).of_policy
    assert not withdrawals.between(before, before, NODE).gone
