"""What is large or deep comes into force; what the kernel refuses changes nothing and is called by its name."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledPolicy, CompiledRule, Direction, EntityMatch, PolicyClass
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.rules import Goto, Plan, Rule
from dnsguard.dataplane.sets import IntervalSet
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.socket import NetlinkError
from tests.support.compiled import compiled, member_set, policy, policy_class, ports, tier, workload
from tests.support.road import Road, road

UDP = 17
ALLOW, DENY, PASS = Action.ALLOW, Action.DENY, Action.PASS
EGRESS = Direction.EGRESS
SETTINGS = Settings()
A, FAR = "10.65.0.2", "198.51.100.10"
ARRIVED = "arrived"


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        yield made


def state_of(egress: PolicyClass, *policies: CompiledPolicy) -> Compiled:
    return compiled(
        endpoints=[workload("a", A, egress=egress)],
        policies=policies,
        members=[member_set("s:far", "198.51.100.0/24")],
    )


def enforce(way: Road, egress: PolicyClass, *policies: CompiledPolicy) -> None:
    way.driver.apply(build_plan(state_of(egress, *policies), SETTINGS))


def to_port(action: Action, number: int) -> CompiledRule:
    return CompiledRule(0, action, protocol=UDP, destination=EntityMatch(ports=ports(number)))


def test_a_hundred_tiers_that_all_can_pass(way: Road) -> None:
    """The kernel follows sixteen chains deep; each tier decides about its own port, and passes the others."""
    policies = [
        policy(f"t{number}", [to_port(ALLOW, 100 + number), to_port(DENY, 300 + number), to_port(PASS, 199)])
        for number in range(100)
    ]
    default = [PASS] * 99 + [DENY]
    tiers = [tier(f"tier{number}", item, default=default[number]) for number, item in enumerate(policies)]
    enforce(way, policy_class(EGRESS, *tiers), *policies)
    assert way.send("a", "net", FAR, 100) == ARRIVED
    assert way.send("a", "net", FAR, 198) == ARRIVED
    assert way.send("a", "net", FAR, 199) == ARRIVED  # passed by all of them: the profile allows
    assert way.send("a", "net", FAR, 350) == "np-app.t50-egress-1"
    assert way.send("a", "net", FAR, 9) == "tier-tier99-egress-end"


def test_a_thousand_policies_on_one_endpoint(way: Road) -> None:
    policies = [policy(f"p{number}", [to_port(ALLOW, 1000 + number)]) for number in range(1000)]
    enforce(way, policy_class(EGRESS, tier("application", *policies)), *policies)
    assert way.send("a", "net", FAR, 1000) == ARRIVED
    assert way.send("a", "net", FAR, 1999) == ARRIVED
    assert way.send("a", "net", FAR, 2000) == "tier-application-egress-end"


def test_a_policy_of_1024_rules_before_and_after_an_edit(way: Road) -> None:
    rules = [to_port(DENY if number % 2 else ALLOW, 1000 + number) for number in range(1024)]
    planner = Planner()
    for given in rules, [to_port(DENY, 1000), *rules[1:]]:
        long = policy("long", given)
        way.driver.apply(planner.plan(state_of(policy_class(EGRESS, tier("application", long)), long), SETTINGS))
        first = ARRIVED if given is rules else "np-app.long-egress-0"
        assert way.send("a", "net", FAR, 1000) == first
        assert way.send("a", "net", FAR, 2022) == ARRIVED
        assert way.send("a", "net", FAR, 2023) == "np-app.long-egress-1023"
    assert way.driver.switched.messages == 2


BY_MEMBER = CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(members="s:far", ports=ports(9)))


def broken_rule(plan: Plan) -> Plan:
    """The second rule of the policy leads to a chain that there is none of."""
    chains = tuple(
        replace(chain, rules=(*chain.rules[:-1], Rule((Goto("nowhere"),), chain.rules[-1].comment)))
        if chain.name == "np-app.web-egress"
        else chain
        for chain in plan.chains
    )
    return replace(plan, chains=chains)


def broken_set(plan: Plan) -> Plan:
    """The ranges of a set overlap."""
    sets = tuple(
        replace(item, ranges=((1, 10), (5, 20))) if isinstance(item, IntervalSet) and item.name == "n4-far" else item
        for item in plan.sets
    )
    return replace(plan, sets=sets)


@pytest.mark.parametrize(
    ("breaking", "number", "words"),
    [
        (broken_rule, errno.ENOENT, "NetworkPolicy/app/web egress rule 1"),
        (broken_set, errno.EEXIST, "elements to set n4-far, for NetworkPolicy/app/web egress rule 0"),
    ],
)
def test_what_the_kernel_refuses_leaves_the_last_good_state(
    way: Road, breaking: Callable[[Plan], Plan], number: int, words: str
) -> None:
    web = policy("web", [BY_MEMBER])
    egress = policy_class(EGRESS, tier("application", web))
    good = build_plan(state_of(egress, web), SETTINGS)
    way.driver.apply(good)
    more = policy("web", [BY_MEMBER, to_port(ALLOW, 10)])
    bad = breaking(build_plan(state_of(egress, more), SETTINGS))
    for _ in range(2):
        with pytest.raises(NetlinkError, match=words) as caught:
            way.driver.apply(bad)
        assert caught.value.errno == number
        assert way.send("a", "net", FAR, 9) == ARRIVED
        assert way.send("a", "net", FAR, 10) == "tier-application-egress-end"
    way.driver.apply(build_plan(state_of(egress, more), SETTINGS))
    assert way.send("a", "net", FAR, 10) == ARRIVED
