"""Which rule came closest. The rows are the docstring's order of nearness."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.compiled import (
    ANY,
    Action,
    Compiled,
    CompiledPolicy,
    CompiledRule,
    Direction,
    EntityMatch,
    IcmpMatch,
    MemberSet,
    PortRange,
    PortSet,
    Stage,
)
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.matching import nothing_leased, why_not
from dnsguard.calc.evaluator.packet import ICMP, Packet
from dnsguard.controller.explain.nearest import candidates, conditions, nearest, taken_apart
from tests.unit.controller.policy import LEASES, POLICY, endpoint

CLIENT, SERVER = ip_address("10.0.0.7"), ip_address("192.0.2.9")
PACKET = Packet(CLIENT, SERVER, 6, 40000, 80)
NETS = (ip_network("192.0.2.0/24"),)
OTHER_NETS = (ip_network("198.51.100.0/24"),)
MEMBERS = MemberSet("s:m", "role == 'db'", NETS)
PORTS = PortSet("n:p", "tcp http of all()", frozenset({(SERVER, 6, 80)}))


def ports(*numbers: int) -> tuple[PortRange, ...]:
    return tuple(PortRange(number, number) for number in numbers)


def to(**conditions: object) -> EntityMatch:
    return EntityMatch(**conditions)  # type: ignore[arg-type]  # rows are short


def world(*rules: CompiledRule) -> Compiled:
    cart = endpoint("cart", str(CLIENT))
    return Compiled(
        endpoints={cart.id: cart},
        policies={POLICY: CompiledPolicy(POLICY, "default", egress=rules)},
        lease_sets={LEASES.id: LEASES},
        member_sets={MEMBERS.id: MEMBERS},
        port_sets={PORTS.id: PORTS},
    )


def allow(index: int, **conditions: object) -> CompiledRule:
    return CompiledRule(index, Action.ALLOW, **conditions)  # type: ignore[arg-type]


def closest(*rules: CompiledRule, packet: Packet = PACKET) -> int:
    compiled = world(*rules)
    (cart,) = compiled.endpoints
    judgement = Evaluator(compiled).judge(cart, Direction.EGRESS, packet)
    found = nearest(candidates(judgement, packet, compiled, nothing_leased), Direction.EGRESS)
    assert found is not None
    return found.rule.index


@pytest.mark.parametrize(
    ("expected", "rules"),
    [
        pytest.param(
            1,
            (allow(0, protocol=17, destination=to(ports=ports(53))), allow(1, destination=to(nets=OTHER_NETS))),
            id="one kind of condition fails rather than two",
        ),
        pytest.param(
            1,
            (
                allow(0, destination=to(ports=ports(443))),
                allow(1, protocol=6, destination=to(nets=NETS, ports=ports(443))),
            ),
            id="of equally many failures, the one where more holds",
        ),
        pytest.param(
            1,
            (
                allow(0, protocol=6, destination=to(nets=OTHER_NETS, ports=ports(80))),
                allow(1, protocol=6, destination=to(nets=NETS, ports=ports(443))),
            ),
            id="the port is milder than the other end",
        ),
        pytest.param(
            1,
            (
                allow(0, destination=to(nets=OTHER_NETS)),
                allow(1, source=to(nets=OTHER_NETS)),
            ),
            id="the own address is milder than that of the other end",
        ),
        pytest.param(
            1, (allow(0, ip_version=6), allow(1, protocol=17)), id="the protocol is milder than the IP version"
        ),
        pytest.param(
            0,
            (allow(0, destination=to(ports=ports(443))), allow(1, destination=to(ports=ports(444)))),
            id="of equals, the first",
        ),
        pytest.param(
            0,
            (
                allow(0, destination=to(nets=OTHER_NETS, not_nets=NETS)),
                allow(1, protocol=17, destination=to(ports=ports(53))),
            ),
            id="two conditions on one address are of one kind",
        ),
    ],
)
def test_the_nearest_rule(expected: int, rules: tuple[CompiledRule, ...]) -> None:
    assert closest(*rules) == expected


def test_an_icmp_type_is_milder_than_a_protocol() -> None:
    ping = Packet(CLIENT, SERVER, ICMP, icmp_type=8, icmp_code=0)
    assert closest(allow(0, protocol=6), allow(1, icmp=IcmpMatch(3, None)), packet=ping) == 1


def test_every_condition_that_fails_is_told_and_every_kind_that_holds() -> None:
    rule = allow(0, protocol=17, destination=to(nets=NETS, not_nets=NETS, members=MEMBERS.id, ports=ports(443, 8443)))
    matching, failing = taken_apart(rule, PACKET, world(rule), nothing_leased)
    assert matching == ()
    assert failing == (
        ("protocol", "the protocol is TCP, not UDP"),
        ("destination", "destination 192.0.2.9 is in notNets [192.0.2.0/24]"),
        ("destination port", "destination port 80 is none of [443, 8443]"),
    )


def test_what_would_match_stands_behind_what_decides() -> None:
    deny = CompiledRule(0, Action.DENY)
    compiled = world(deny, allow(1))
    (cart,) = compiled.endpoints
    judgement = Evaluator(compiled).judge(cart, Direction.EGRESS, PACKET)
    (behind,) = candidates(judgement, PACKET, compiled, nothing_leased)
    assert (behind.failing, behind.behind) == ((), "rule 0 of NetworkPolicy/shop/names")
    assert nearest([behind], Direction.EGRESS) is None


def test_what_would_match_may_stand_behind_a_pass() -> None:
    compiled = world(CompiledRule(0, Action.PASS), allow(1))
    (cart,) = compiled.endpoints
    judgement = Evaluator(compiled).judge(cart, Direction.EGRESS, PACKET)
    (behind,) = candidates(judgement, PACKET, compiled, nothing_leased)
    assert behind.behind == "rule 0 of NetworkPolicy/shop/names (Pass)"


def test_a_stage_without_policies_has_no_candidates() -> None:
    compiled = world(allow(0))
    (cart,) = compiled.endpoints
    judgement = Evaluator(compiled).judge(cart, Direction.EGRESS, PACKET, stage=Stage.FORWARD)
    assert candidates(judgement, PACKET, compiled, nothing_leased) == []


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("IP version", {"ip_version": 4}),
        ("protocol", {"protocol": 6}),
        ("protocol", {"not_protocol": 6}),
        ("ICMP type", {"icmp": IcmpMatch(8, None)}),
        ("ICMP type", {"not_icmp": IcmpMatch(8, None)}),
        *(
            (kind.format(end), {end: to(**condition)})
            for end in ("source", "destination")
            for kind, condition in (
                ("{}", {"nets": ()}),
                ("{}", {"not_nets": NETS}),
                ("{}", {"members": MEMBERS.id}),
                ("{}", {"leases": LEASES.id}),
                ("{}", {"members": MEMBERS.id, "leases": LEASES.id}),
                ("{}", {"not_members": MEMBERS.id}),
                ("{} port", {"ports": ()}),
                ("{} port", {"named_ports": PORTS.id}),
                ("{} port", {"members": MEMBERS.id, "ports": ports(80), "named_ports": PORTS.id}),
                ("{} port", {"not_ports": ports(80)}),
                ("{} port", {"not_named_ports": PORTS.id}),
            )
        ),
    ],
)
def test_a_single_condition_stays_itself(kind: str, rule: dict[str, object]) -> None:
    assert list(conditions(allow(0, **rule))) == [(kind, allow(0, **rule))]


entities = st.builds(
    EntityMatch,
    nets=st.sampled_from([None, (), NETS, OTHER_NETS]),
    not_nets=st.sampled_from([(), NETS, OTHER_NETS]),
    members=st.sampled_from([None, MEMBERS.id]),
    leases=st.sampled_from([None, LEASES.id]),
    not_members=st.sampled_from([None, MEMBERS.id]),
    ports=st.sampled_from([None, (), ports(80), ports(443)]),
    named_ports=st.sampled_from([None, PORTS.id]),
    not_ports=st.sampled_from([(), ports(80), ports(443)]),
    not_named_ports=st.sampled_from([None, PORTS.id]),
)
rules = st.builds(
    CompiledRule,
    index=st.just(0),
    action=st.just(Action.ALLOW),
    ip_version=st.sampled_from([None, 4, 6]),
    protocol=st.sampled_from([None, 1, 6]),
    not_protocol=st.sampled_from([None, 1, 6]),
    icmp=st.sampled_from([None, IcmpMatch(8, None), IcmpMatch(3, 1)]),
    not_icmp=st.sampled_from([None, IcmpMatch(8, 0)]),
    source=entities,
    destination=entities,
)
packets = st.sampled_from(
    [
        PACKET,
        Packet(CLIENT, SERVER, 6, 40000, 443),
        Packet(SERVER, CLIENT, 6, None, 80),
        Packet(CLIENT, SERVER, ICMP, icmp_type=8, icmp_code=0),
    ]
)


@given(rules, packets)
def test_a_rule_matches_where_all_its_conditions_do(rule: CompiledRule, packet: Packet) -> None:
    compiled = world(rule)
    _, failing = taken_apart(rule, packet, compiled, nothing_leased)
    assert (not failing) is (not why_not(rule, packet, compiled, nothing_leased))


@given(rules)
def test_no_condition_is_lost_on_the_way(rule: CompiledRule) -> None:
    kinds = [kind for kind, _ in conditions(rule)]
    assert bool(kinds) is (rule != CompiledRule(0, Action.ALLOW, source=ANY, destination=ANY))
