from ipaddress import ip_network

import pytest

from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render, render_rule
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressMap,
    AddressWithin,
    ClearMark,
    ConnectionState,
    Count,
    Family,
    Goto,
    HopLimit,
    Icmp,
    IcmpField,
    Interface,
    InterfaceMap,
    Jump,
    LeasedTo,
    Log,
    Marked,
    Match,
    Port,
    PortIn,
    Protocol,
    Rule,
    SetMark,
    Side,
    Statement,
    TripleIn,
    Verdict,
    Way,
)
from tests.unit.dataplane.samples import SAMPLES

FROM, TO = Side.SOURCE, Side.DESTINATION


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((Family(6),), "meta nfproto ipv6"),
        ((Protocol(6),), "meta l4proto tcp"),
        ((Protocol(89, negated=True),), "meta l4proto != 89"),
        ((Protocol(6), Port(6, TO, 443, 443)), "tcp dport 443"),
        ((Port(17, FROM, 1, 3, negated=True),), "udp sport != 1-3"),
        ((Port(None, TO, 53, 53),), "th dport 53"),
        ((PortIn(132, TO, "ports-a"),), "sctp dport @ports-a"),
        ((AddressWithin(TO, ip_network("192.0.2.0/24")),), "ip daddr 192.0.2.0/24"),
        ((AddressWithin(FROM, ip_network("2001:db8::1/128"), negated=True),), "ip6 saddr != 2001:db8::1"),
        ((AddressIn(FROM, 4, "n4-a", negated=True),), "ip saddr != @n4-a"),
        ((LeasedTo(6, "d6-a"),), "ip6 saddr . ip6 daddr @d6-a"),
        ((TripleIn(TO, 4, "p4-a"),), "ip daddr . meta l4proto . th dport @p4-a"),
        ((Icmp(4, IcmpField.TYPE, 8, 8), Icmp(4, IcmpField.CODE, 0, 0)), "icmp type 8 icmp code 0"),
        ((Icmp(6, IcmpField.TYPE, 130, 132), HopLimit(1)), "icmpv6 type 130-132 ip6 hoplimit 1"),
        ((Interface(Way.IN, "cali*"),), 'iifname "cali*"'),
        ((Interface(Way.OUT, "cali*", negated=True),), 'oifname != "cali*"'),
        ((ConnectionState(6),), "ct state established,related"),
        ((Marked(0x10000), Goto("rest-a")), "meta mark & 0x00010000 == 0x00010000 goto rest-a"),
        ((SetMark(0x10000), Verdict.RETURN), "meta mark set meta mark | 0x00010000 return"),
        ((ClearMark(0x10000),), "meta mark set meta mark & 0xfffeffff"),
        ((Count("np-a"), Verdict.DROP), 'counter name "np-a" drop'),
        ((Log("np-a", 100, 5),), 'limit rate 5/second burst 5 packets log prefix "np-a" group 100'),
        ((AddressMap(FROM, 6, "m"),), "ip6 saddr vmap @m"),
        ((InterfaceMap(Way.OUT, "m"),), "oifname vmap @m"),
        ((Jump("np-a"),), "jump np-a"),
        ((Verdict.NOTRACK, Verdict.ACCEPT), "notrack accept"),
        ((Verdict.REJECT,), "reject with icmpx admin-prohibited"),
    ],
)
def test_rules_as_text(parts: tuple[Match | Statement, ...], text: str) -> None:
    assert render_rule(Rule(parts)) == text
    assert render_rule(Rule(parts, "why")) == f'{text} comment "why"'


def test_a_table_reads_like_its_policy() -> None:
    make, settings = SAMPLES["domains"]
    text = render(build_plan(make(), settings))
    policy = "np-app.application.app2-svc3-egress"
    for line in (
        f"\tcounter {policy}-egress-0 {{",
        "\tset d4-github {",
        "\t\tcomment \"set == 's:github'\"",
        f'\t\ttcp dport 443 ip saddr . ip daddr @d4-github counter name "{policy}-egress-0" accept comment '
        "\"NetworkPolicy/app/application.app2-svc3-egress egress rule 0, tier application: to set == 's:github'\"",
        '\t\tcounter name "tier-application-egress-end" drop comment "end of tier application: deny"',
        "\t\tip saddr vmap @workload-egress-4",
    ):
        assert line in text.splitlines()
    assert 'comment "app/app2-svc3" : jump class-egress-application-' in text
