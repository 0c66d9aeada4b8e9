from ipaddress import ip_network

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, EntityMatch, IcmpMatch, PortRange
from dnsguard.dataplane.denying import Denying
from dnsguard.dataplane.render import render_rule
from dnsguard.dataplane.rules import Verdict
from dnsguard.dataplane.translate import Outcome, kernel_rules, literal_sets, passing
from tests.support.compiled import nets, ports

OUTCOME = Outcome((Verdict.ACCEPT,), Denying(Verdict.DROP), passing(0x10000), 100, 10)
ALLOW = Action.ALLOW


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        pytest.param(CompiledRule(0, ALLOW), ["accept"], id="anything"),
        pytest.param(CompiledRule(0, Action.PASS), ["meta mark set meta mark | 0x00010000 return"], id="pass"),
        pytest.param(
            CompiledRule(0, Action.LOG), ['limit rate 10/second burst 10 packets log prefix "c" group 100'], id="log"
        ),
        pytest.param(CompiledRule(0, ALLOW, ip_version=6), ["meta nfproto ipv6 accept"], id="one family"),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(ports=ports(80, 443))),
            ["tcp dport 80 accept", "tcp dport 443 accept"],
            id="a rule a port",
        ),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(members="s:m", leases="s:l", ports=ports(443))),
            [
                "tcp dport 443 ip daddr @n4-m accept",
                "tcp dport 443 ip saddr . ip daddr @d4-l accept",
                "tcp dport 443 ip6 daddr @n6-m accept",
                "tcp dport 443 ip6 saddr . ip6 daddr @d6-l accept",
            ],
            id="members or leases",
        ),
        pytest.param(
            CompiledRule(
                0, ALLOW, protocol=17, ip_version=4, destination=EntityMatch(ports=ports(53), named_ports="s:d")
            ),
            [
                "meta nfproto ipv4 udp dport 53 accept",
                "meta l4proto udp ip daddr . meta l4proto . th dport @p4-d accept",
            ],
            id="a number or a name",
        ),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=17, destination=EntityMatch(ports=ports(53), named_ports="s:d")),
            [
                "udp dport 53 accept",
                "meta l4proto udp ip daddr . meta l4proto . th dport @p4-d accept",
                "meta l4proto udp ip6 daddr . meta l4proto . th dport @p6-d accept",
            ],
            id="a number once for both families, or a name",
        ),
        pytest.param(
            CompiledRule(
                0, Action.LOG, protocol=17, ip_version=4, destination=EntityMatch(ports=ports(53), named_ports="s:d")
            ),
            [
                "udp dport 53 ip daddr . meta l4proto . th dport != @p4-d "
                'limit rate 10/second burst 10 packets log prefix "c" group 100',
                "meta l4proto udp ip daddr . meta l4proto . th dport @p4-d "
                'limit rate 10/second burst 10 packets log prefix "c" group 100',
            ],
            id="a number or a name, but one log",
        ),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(ports=(PortRange(80, 90), *ports(85, 91, 1)))),
            ["tcp dport 1 accept", "tcp dport 80-90 accept", "tcp dport 91 accept"],
            id="ports that overlap",
        ),
        pytest.param(CompiledRule(0, ALLOW, destination=nets()), [], id="an empty list of nets"),
        pytest.param(CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(ports=())), [], id="no port at all"),
        pytest.param(
            CompiledRule(0, ALLOW, destination=nets("192.0.2.0/24")), ["ip daddr 192.0.2.0/24 accept"], id="one net"
        ),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=1, icmp=IcmpMatch(8, 0)), ["icmp type 8 icmp code 0 accept"], id="icmp"
        ),
        pytest.param(
            CompiledRule(0, ALLOW, ip_version=4, not_icmp=IcmpMatch(3, 1)),
            ["icmp type != 3 accept", "icmp type 3 icmp code != 1 accept"],
            id="type and code negated together",
        ),
        pytest.param(
            CompiledRule(0, ALLOW, ip_version=4, source=EntityMatch(not_nets=(ip_network("192.0.2.0/24"),))),
            ["ip saddr != 192.0.2.0/24 accept"],
            id="outside a net",
        ),
        pytest.param(
            CompiledRule(0, ALLOW, protocol=6, destination=EntityMatch(not_ports=(PortRange(1, 9), PortRange(80, 80)))),
            ["tcp dport != 1-9 tcp dport != 80 accept"],
            id="none of the ports",
        ),
    ],
)
def test_kernel_rules(rule: CompiledRule, texts: list[str]) -> None:
    found = [render_rule(item) for item in kernel_rules(rule, "c", "", OUTCOME)]
    assert [text.replace('counter name "c" ', "") for text in found] == texts


def test_alternatives_share_the_counter_and_say_which_rule_they_are() -> None:
    rule = CompiledRule(3, ALLOW, protocol=6, destination=EntityMatch(ports=ports(80, 443)))
    for item in kernel_rules(rule, "np-a-egress-3", "NetworkPolicy/a egress rule 3", OUTCOME):
        assert 'counter name "np-a-egress-3"' in render_rule(item)
        assert item.comment == "NetworkPolicy/a egress rule 3"


def test_lists_become_sets_that_equal_lists_share() -> None:
    six = EntityMatch(ports=ports(1, 3, 5, 7, 9, 11))
    one, other = (CompiledRule(0, action, protocol=6, destination=six) for action in (ALLOW, Action.DENY))
    assert list(literal_sets(one)) == list(literal_sets(other))
    (made,) = literal_sets(one)
    assert made.ranges == tuple((port, port) for port in (1, 3, 5, 7, 9, 11))


def test_short_lists_that_multiply_become_sets() -> None:
    """A policy holds a thousand rules: with a kernel rule for each pair of ports it would be a hundred thousand."""
    source = EntityMatch(members="s:m", ports=ports(1, 3, 5, 7), named_ports="s:p")
    destination = EntityMatch(members="s:m", leases="s:l", ports=ports(2, 4, 6, 8), named_ports="s:p")
    rule = CompiledRule(0, ALLOW, protocol=6, source=source, destination=destination)
    assert [made.ranges[0][0] for made in literal_sets(rule)] == [1, 2]
    assert len(kernel_rules(rule, "c", "", OUTCOME)) == 12


def test_nets_that_overlap_are_one_range_and_neighbours_two() -> None:
    (made,) = literal_sets(CompiledRule(0, ALLOW, destination=nets("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8")))
    assert made.ranges == ((0x0A000000, 0x0AFFFFFF), (0x0B000000, 0x0BFFFFFF))
