"""What each condition of a rule means for packets, in both families.

Ports are read behind the extension headers of IPv6 and from whole packets: connection tracking puts fragments together
before any of our chains sees them.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from struct import pack

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, Direction, EntityMatch, IcmpMatch, PortRange
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import DenyAction, Settings
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.compiled import (
    compiled,
    lease_set,
    member_set,
    nets,
    policy,
    policy_class,
    port_set,
    ports,
    tier,
    workload,
)
from tests.support.road import PATIENCE_SECONDS, Road, road

ICMP, TCP, UDP, ICMP6, SCTP, UDPLITE = 1, 6, 17, 58, 132, 136
ALLOW, DENY, LOG, PASS = Action.ALLOW, Action.DENY, Action.LOG, Action.PASS
EGRESS = Direction.EGRESS
SETTINGS = Settings()
A, A6 = "10.65.0.2", "2001:db8:65::2"
FAR = {4: "198.51.100.10", 6: "2001:db8:d::10"}
NEAR = {4: "192.0.2.10", 6: "2001:db8:c::10"}
END = "tier-application-egress-end"
RULE = "np-app.p-egress-0"


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        made.node.run("sysctl -qw net.netfilter.nf_conntrack_checksum=0")
        yield made


def enforce(way: Road, *rules: CompiledRule, settings: Settings = SETTINGS) -> None:
    judging = policy("p", rules)
    state = compiled(
        endpoints=[workload("a", A, A6, egress=policy_class(EGRESS, tier("application", judging)))],
        policies=[judging],
        members=[member_set("s:far", "198.51.100.0/24", "2001:db8:d::/64"), member_set("s:none")],
        leases=[lease_set("s:web", "web.example.org")],
        named_ports=[
            port_set("s:dns", (FAR[4], UDP, 5353), (FAR[6], UDP, 5353), (FAR[4], SCTP, 5353), (FAR[6], SCTP, 5353)),
            port_set("s:nobody"),
        ],
    )
    way.driver.apply(build_plan(state, settings))


def transport(protocol: int, port: int = 0, kind: int = 0, code: int = 0) -> bytes:
    """What follows the network header."""
    if protocol in (ICMP, ICMP6):
        return pack("!BBHHH", kind, code, 0, 77, 1)
    if protocol == UDP:
        return pack("!HHHH", 4000, port, 8, 0)
    if protocol == UDPLITE:
        return pack("!HHHH", 4000, port, 8, 1)
    if protocol == SCTP:
        return pack("!HHII", 4000, port, 0, 0) + pack("!BBHIIHHI", 1, 0, 20, 1, 60000, 1, 1, 1)
    if protocol == TCP:
        return pack("!HHIIBBHHH", 4000, port, 1, 0, 0x50, 2, 60000, 0, 0)
    return bytes(16)


def raised(way: Road, send: Callable[[], None]) -> set[str]:
    """The policy's counters that a packet raises."""
    before = way.driver.counters()
    send()
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = {name for name in way.counted(before) if name == END or name.startswith("np-")}
        if found:
            return found
    return {"nothing"}


def raw(way: Road, family: int, address: str, protocol: int, data: bytes) -> set[str]:
    number = socket.AF_INET if family == 4 else socket.AF_INET6

    def send() -> None:
        with way.places["a"].entered(), socket.socket(number, socket.SOCK_RAW, protocol) as sender:
            sender.sendto(data, (address, 0))

    return raised(way, send)


ROWS = [
    pytest.param(CompiledRule(0, ALLOW, destination=EntityMatch(nets=())), UDP, {"port": 9}, False, id="empty nets"),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(ports=())), UDP, {"port": 9}, False, id="no ports"
    ),
    pytest.param(
        CompiledRule(0, ALLOW, destination=EntityMatch(members="s:none")), UDP, {"port": 9}, False, id="nobody"
    ),
    pytest.param(
        CompiledRule(0, DENY, destination=EntityMatch(not_members="s:none")), UDP, {"port": 9}, True, id="not nobody"
    ),
    pytest.param(
        CompiledRule(0, ALLOW, destination=EntityMatch(not_members="s:far")), UDP, {"port": 9}, False, id="not those"
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(named_ports="s:dns")),
        UDP, {"port": 5353}, True, id="port by name",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(named_ports="s:dns")),
        UDP, {"port": 9}, False, id="another port than the name's",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(named_ports="s:nobody")),
        UDP, {"port": 5353}, False, id="a name that nobody declares",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=SCTP, destination=EntityMatch(named_ports="s:dns")),
        SCTP, {"port": 5353}, True, id="port by name, SCTP",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(ports=ports(9), named_ports="s:dns")),
        UDP, {"port": 9}, True, id="number or name: the number",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(ports=ports(9), named_ports="s:dns")),
        UDP, {"port": 5353}, True, id="number or name: the name",
    ),
    pytest.param(
        CompiledRule(
            0, ALLOW, protocol=UDP, destination=EntityMatch(members="s:none", ports=ports(9), named_ports="s:dns")
        ),
        UDP, {"port": 9}, False, id="a number counts only where the selector matches",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(not_named_ports="s:dns")),
        UDP, {"port": 5353}, False, id="not the port of that name",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(not_named_ports="s:dns")),
        UDP, {"port": 9}, True, id="not the port of that name: another",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(not_ports=(PortRange(1, 10),))),
        UDP, {"port": 9}, False, id="not in a range",
    ),
    pytest.param(CompiledRule(0, ALLOW, protocol=UDP), TCP, {"port": 9}, False, id="another protocol"),
    pytest.param(CompiledRule(0, ALLOW, not_protocol=UDP), UDP, {"port": 9}, False, id="not that protocol"),
    pytest.param(CompiledRule(0, ALLOW, protocol=99), 99, {}, True, id="protocol by number"),
    pytest.param(CompiledRule(0, ALLOW, protocol=99), 98, {}, False, id="another number"),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=SCTP, destination=EntityMatch(ports=ports(9))),
        SCTP, {"port": 9}, True, id="SCTP port",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=SCTP, destination=EntityMatch(ports=ports(9))),
        SCTP, {"port": 10}, False, id="another SCTP port",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDPLITE, destination=EntityMatch(ports=ports(9))),
        UDPLITE, {"port": 9}, True, id="UDPLite port",
    ),
    pytest.param(
        CompiledRule(0, ALLOW, protocol=UDPLITE, destination=EntityMatch(ports=ports(9))),
        UDPLITE, {"port": 10}, False, id="another UDPLite port",
    ),
]  # fmt: skip


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("rule", "protocol", "fields", "matches"), ROWS)
def test_conditions(
    way: Road, rule: CompiledRule, protocol: int, fields: dict[str, int], matches: bool, family: int
) -> None:
    enforce(way, rule)
    assert raw(way, family, FAR[family], protocol, transport(protocol, **fields)) == {RULE if matches else END}


NETS = {4: "198.51.100.0/25", 6: "2001:db8:d::/65"}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("within", "listed"), [(True, ["{}"]), (False, ["{}"]), (False, ["{}", "203.0.113.0/24", "2001:db8:ff::/48"])]
)
def test_networks_and_not_networks(way: Road, within: bool, listed: list[str], family: int) -> None:
    networks = [ip_network(text.format(NETS[family])) for text in listed]
    mine = tuple(network for network in networks if network.version == family)
    match = EntityMatch(nets=mine) if within else EntityMatch(not_nets=mine)
    enforce(way, CompiledRule(0, ALLOW, ip_version=family, destination=match))
    outcome = raw(way, family, FAR[family], UDP, transport(UDP, 9))
    assert outcome == {RULE if within else END}
    assert raw(way, family, NEAR[family], UDP, transport(UDP, 9)) == {END if within else RULE}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("conditions", "kind", "code", "matches"),
    [
        ({"icmp": IcmpMatch(0, None)}, 0, 1, True),
        ({"icmp": IcmpMatch(0, 0)}, 0, 0, True),
        ({"icmp": IcmpMatch(0, 0)}, 0, 1, False),
        ({"icmp": IcmpMatch(0, 0)}, 1, 0, False),
        ({"not_icmp": IcmpMatch(0, None)}, 0, 0, False),
        ({"not_icmp": IcmpMatch(0, None)}, 1, 0, True),
        ({"not_icmp": IcmpMatch(0, 0)}, 0, 0, False),
        ({"not_icmp": IcmpMatch(0, 0)}, 0, 1, True),
    ],
)
def test_icmp(way: Road, conditions: dict[str, IcmpMatch], kind: int, code: int, matches: bool, family: int) -> None:
    """Types from the echo request on, which starts a connection; an echo has no code, others are taken as they are."""
    request = {4: 8, 6: 128}[family]
    shifted = {name: IcmpMatch(request + (item.type or 0), item.code) for name, item in conditions.items()}
    way.node.run("nft add table inet untracked")
    way.node.run("nft add chain inet untracked pre {type filter hook prerouting priority -301;}")
    way.node.run("nft add rule inet untracked pre meta l4proto {icmp,icmpv6} notrack")
    try:
        protocol = {4: ICMP, 6: ICMP6}[family]
        enforce(way, CompiledRule(0, ALLOW, protocol=protocol, **shifted))  # type: ignore[arg-type]
        outcome = raw(way, family, FAR[family], protocol, transport(protocol, kind=request + kind, code=code))
        assert outcome == {RULE if matches else END}
    finally:
        way.node.run("nft delete table inet untracked")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("port", "outcome"), [(9, RULE), (10, END)])
def test_fragments_have_the_ports_of_the_whole(way: Road, family: int, port: int, outcome: str) -> None:
    enforce(way, CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(ports=ports(9))))
    data = pack("!HHHH", 4001, port, 4008, 0) + bytes(4000)
    number = socket.AF_INET if family == 4 else socket.AF_INET6

    def send() -> None:
        with way.places["a"].entered(), socket.socket(number, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, (FAR[family], port))

    assert raised(way, send) == {outcome}


DESTINATION_OPTIONS, HOP_BY_HOP = 59, 54


@pytest.mark.parametrize("option", [DESTINATION_OPTIONS, HOP_BY_HOP])
@pytest.mark.parametrize(("port", "outcome"), [(9, RULE), (10, END)])
def test_ports_stand_behind_extension_headers(way: Road, option: int, port: int, outcome: str) -> None:
    enforce(way, CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(ports=ports(9))))

    def send() -> None:
        with way.places["a"].entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IPV6, option, bytes((0, 0, 1, 4, 0, 0, 0, 0)))
            sender.sendto(b"?", (FAR[6], port))

    assert raised(way, send) == {outcome}


def test_pass_in_the_last_tier_is_for_the_profiles(way: Road) -> None:
    enforce(way, CompiledRule(0, PASS, protocol=UDP))
    assert way.send("a", "net", FAR[4], 9) == "arrived"
    assert way.send("a", "net", FAR[6], 9) == "arrived"


def test_domains_open_what_is_leased_to_the_client_and_no_port_by_name(way: Road) -> None:
    enforce(way, CompiledRule(0, ALLOW, protocol=UDP, destination=EntityMatch(leases="s:web", ports=ports(9))))
    pair = ip_address(A).packed + ip_address(FAR[4]).packed
    with way.node.entered(), NetfilterSocket() as writer:
        writer.transact(nftables.add_elements("dnsguard", "d4-web", [Element(pair, 600_000)]))
        assert way.send("a", "net", FAR[4], 9) == "arrived"
        assert way.send("a", "net", FAR[4], 10) == END
        assert way.send("a", "net", NEAR[4], 9) == END
        by_name = EntityMatch(leases="s:web", named_ports="s:nobody")
        enforce(way, CompiledRule(0, ALLOW, protocol=UDP, destination=by_name))
        assert way.send("a", "net", FAR[4], 9) == END
        assert way.send("a", "net", FAR[4], 5353) == END
        writer.transact(nftables.delete_elements("dnsguard", "d4-web", [Element(pair)]))


def test_a_log_rule_says_which_it_is_and_decides_nothing(way: Road) -> None:
    settings = replace(SETTINGS, log_per_second=3)
    enforce(way, CompiledRule(0, LOG, protocol=UDP), CompiledRule(0, ALLOW, protocol=UDP), settings=settings)
    before = way.driver.counters()
    with way.node.entered(), log_reader(settings.log_group) as reader:
        for _ in range(20):
            assert way.send("a", "net", FAR[4], 9) == "arrived"
        prefixes = prefixes_of(reader)
    assert set(prefixes) == {RULE}
    assert 3 <= len(prefixes) < 20
    assert way.driver.counters()[RULE].packets - (before[RULE].packets if RULE in before else 0) == 20


def log_reader(group: int) -> socket.socket:
    """Bound to a group of the kernel's packet log."""
    reader = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    reader.bind((0, 0))
    for attribute in (
        pack("=HHB3x", 5, 1, 1),
        pack("=HHIBB2x", 10, 2, 0xFFFF, 2, 0),
        pack("=HHI", 8, 5, socket.htonl(1)),
    ):
        body = pack("=BBH", 0, 0, socket.htons(group)) + attribute
        reader.send(pack("=IHHII", 16 + len(body), 4 << 8 | 1, 5, 1, 0) + body)
        assert reader.recv(4096)[16:20] == bytes(4)
    reader.setblocking(False)
    return reader


def prefixes_of(reader: socket.socket) -> list[str]:
    found: list[str] = []
    with suppress(BlockingIOError):
        while True:
            datagram = reader.recv(1 << 16)
            while datagram:
                length = int.from_bytes(datagram[:4], "little")
                body, datagram = datagram[20:length], datagram[length + 3 & ~3 :]
                while body:
                    size, kind = int.from_bytes(body[:2], "little"), int.from_bytes(body[2:4], "little")
                    if kind == 10:
                        found.append(body[4:size].rstrip(b"\0").decode())
                    body = body[size + 3 & ~3 :]
    return found


@pytest.mark.parametrize("family", [4, 6])
def test_a_rejected_packet_is_answered(way: Road, family: int) -> None:
    rejecting = replace(SETTINGS, deny=DenyAction.REJECT)
    enforce(way, CompiledRule(0, ALLOW, protocol=UDP, destination=nets()), settings=rejecting)
    number = socket.AF_INET if family == 4 else socket.AF_INET6
    with way.places["a"].entered(), socket.socket(number, socket.SOCK_DGRAM) as sender:
        sender.connect((FAR[family], 9))
        sender.settimeout(PATIENCE_SECONDS)
        sender.send(b"?")
        with pytest.raises(OSError, match=r"No route to host|Permission denied"):
            sender.recv(1)
