"""Every kind of denial gives its record: who, to what, and by which rule; in both directions and families."""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledProfile,
    CompiledRule,
    Direction,
    EntityMatch,
    Stage,
)
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import DeniedLog, Settings
from dnsguard.netlink.packetlog import BUFFER, PacketLog
from dnsguard.observe.packetrecord import WantedPackets
from tests.support.compiled import ALLOW_ALL, compiled, host, policy, policy_class, ports, rules, tier, workload
from tests.support.road import Road, road
from tests.support.watching import PATIENCE, Watch, watching

UDP = 17
EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS, LOG = Action.ALLOW, Action.DENY, Action.PASS, Action.LOG
SETTINGS = Settings(workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/64")), denied_log=DeniedLog())
A, B, U, FORGED, OWN = "10.65.0.2", "10.65.0.3", "10.65.0.9", "10.65.0.77", "10.65.0.1"
A6, B6, U6 = "2001:db8:65::2", "2001:db8:65::3", "2001:db8:65::9"
FAR, FAR6, NODE, NODE6 = "198.51.100.10", "2001:db8:d::10", "192.0.2.1", "2001:db8:c::1"


def to(port: int) -> EntityMatch:
    return EntityMatch(ports=ports(port))


def policies() -> Compiled:
    web = policy(
        "app.web",
        [
            CompiledRule(0, DENY, protocol=UDP, destination=to(666)),
            CompiledRule(1, LOG, protocol=UDP, destination=to(777)),
            CompiledRule(2, ALLOW, protocol=UDP, destination=to(777)),
            CompiledRule(3, PASS, protocol=UDP, destination=to(7)),
            CompiledRule(4, ALLOW, protocol=UDP, destination=to(667)),
            CompiledRule(5, ALLOW, protocol=UDP, destination=to(8080)),
            CompiledRule(6, ALLOW, protocol=UDP, destination=to(4789)),
        ],
        tier="app",
    )
    guarded = policy("app.guarded", [], [CompiledRule(0, DENY, protocol=UDP, destination=to(667))], tier="app")
    closed = policy("closed", [], [CompiledRule(0, DENY, protocol=UDP, destination=to(668))], "edge", namespace="")
    shop = CompiledProfile("kns.shop", egress=rules(CompiledRule(0, DENY, protocol=UDP, destination=to(53))))
    early = policy("early", [], [CompiledRule(0, DENY, protocol=UDP, destination=to(669))], "edge", namespace="")
    passing = policy("passing", [], [CompiledRule(0, DENY, protocol=UDP, destination=to(670))], "edge", namespace="")
    gateway = host(
        "gw",
        "eth0",
        policy_class(INGRESS, tier("edge", closed)),
        policy_class(EGRESS, profiles=("kns.shop",)),
        policy_class(INGRESS, tier("edge", early, default=PASS), profiles=(), stage=Stage.UNTRACKED),
        policy_class(INGRESS, tier("edge", passing, default=PASS), profiles=(), stage=Stage.FORWARD),
    )
    return compiled(
        endpoints=[
            workload("a", A, A6, interface="cali-a", egress=policy_class(EGRESS, tier("app", web), profiles=())),
            workload(
                "b",
                B,
                B6,
                interface="cali-b",
                egress=policy_class(EGRESS, profiles=("kns.shop",)),
                ingress=policy_class(INGRESS, tier("app", guarded)),
            ),
            gateway,
        ],
        policies=[web, guarded, closed, early, passing],
        profiles=[ALLOW_ALL, shop],
    )


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    with road(SETTINGS) as made:
        made.driver.apply(build_plan(policies(), SETTINGS))
        for place in "a", "b":
            made.places[place].run(f"ip addr add {FORGED}/32 dev eth0")
        yield made


async def no_names(pairs: Collection[tuple[bytes, bytes]]) -> Mapping[tuple[bytes, bytes], tuple[str, ...]]:
    return {(client, address): ("www.example.org",) for client, address in pairs if address == ip_address(FAR).packed}


def watch(
    way: Road, plan: Plan | None = None, per_second: int = 100, buffer_bytes: int = BUFFER
) -> contextlib.AbstractAsyncContextManager[Watch]:
    made, plan = policies(), plan or build_plan(policies(), SETTINGS)
    return watching(way, made, plan, no_names, per_second=per_second, buffer_bytes=buffer_bytes)


def udp(place: str, address: str, port: int, bind: str = "", count: int = 1) -> Callable[[Road], None]:
    def send(way: Road) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with way.places[place].entered(), socket.socket(family, socket.SOCK_DGRAM) as sender:
            if bind:
                sender.bind((bind, 0))
            for _ in range(count):
                with contextlib.suppress(PermissionError):
                    sender.sendto(b"?", (address, port))

    return send


def raw(place: str, address: str, protocol: int, octets: bytes) -> Callable[[Road], None]:
    def send(way: Road) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with way.places[place].entered(), socket.socket(family, socket.SOCK_RAW, protocol) as sender:
            sender.sendto(octets, (address, 0))

    return send


PING = struct.pack("!BBHHH", 8, 0, 0xF7FE, 0, 1)
PING6 = struct.pack("!BBHHH", 128, 0, 0, 0, 1)
NO_FLAGS = struct.pack("!HHIIBBHHH", 4000, 443, 1, 1, 5 << 4, 0, 1024, 0, 0)
"""A TCP segment of no connection, that begins none."""

WEB, GUARDED = "NetworkPolicy/app/app.web", "NetworkPolicy/app/app.guarded"
KINDS: dict[str, tuple[Callable[[Road], None], dict[str, Any]]] = {
    "Deny rule": (
        udp("a", FAR, 666),
        {"endpoint": "app/a", "direction": "egress", "policy": WEB, "rule": 0, "tier": "app",
         "decided_by": f"rule 0 of {WEB}", "names": ["www.example.org"], "interface_in": "cali-a",
         "interface_out": "eth0", "source_ip": A, "destination_ip": FAR, "destination_port": 666, "protocol": "UDP"},
    ),
    "Deny rule, IPv6": (
        udp("a", FAR6, 666),
        {"endpoint": "app/a", "policy": WEB, "rule": 0, "source_ip": A6, "destination_ip": FAR6},
    ),
    "Deny rule, ingress": (
        udp("a", B, 667),
        {"endpoint": "app/b", "peer": "app/a", "direction": "ingress", "policy": GUARDED, "rule": 0},
    ),
    "Deny rule, ingress, IPv6": (
        udp("net", B6, 667),
        {"endpoint": "app/b", "direction": "ingress", "policy": GUARDED, "rule": 0, "interface_in": "eth0"},
    ),
    "end of tier": (
        udp("a", FAR, 9),
        {"endpoint": "app/a", "direction": "egress", "tier": "app", "decided_by": "end of tier app"},
    ),
    "end of tier, ingress": (
        udp("net", B, 9),
        {"endpoint": "app/b", "direction": "ingress", "tier": "app", "decided_by": "end of tier app"},
    ),
    "ICMP": (
        raw("a", FAR, 1, PING),
        {"endpoint": "app/a", "protocol": "ICMP", "icmp_type": 8, "icmp_code": 0, "decided_by": "end of tier app"},
    ),
    "ICMPv6": (
        raw("a", FAR6, 58, PING6),
        {"endpoint": "app/a", "protocol": "ICMPv6", "icmp_type": 128, "decided_by": "end of tier app"},
    ),
    "profile": (
        udp("b", FAR, 53),
        {"endpoint": "app/b", "profile": "kns.shop", "rule": 0, "decided_by": "rule 0 of profile kns.shop"},
    ),
    "no profile": (
        udp("b", FAR6, 9),
        {"endpoint": "app/b", "direction": "egress", "decided_by": "no profile decided"},
    ),
    "no profile after Pass": (
        udp("a", FAR, 7),
        {"endpoint": "app/a", "direction": "egress", "decided_by": "no profile decided"},
    ),
    "unknown workload": (
        udp("u", FAR, 9),
        {"source_ip": U, "direction": "egress", "decided_by": "a workload that no endpoint describes",
         "interface_in": "cali-u"},
    ),
    "unknown workload, ingress": (
        udp("net", U6, 9),
        {"destination_ip": U6, "direction": "ingress", "decided_by": "a workload that no endpoint describes"},
    ),
    "forged source": (
        udp("a", FAR, 666, bind=FORGED),
        {"endpoint": "app/a", "direction": "egress", "source_ip": FORGED,
         "decided_by": "not the address of the workload behind that interface"},
    ),
    "the node itself": (
        udp("a", OWN, 8080),
        {"endpoint": "app/a", "direction": "egress", "decided_by": "workloads do not reach their own node"},
    ),
    "encapsulated": (
        udp("a", FAR, 4789),
        {"endpoint": "app/a", "decided_by": "encapsulated packets from workloads are dropped"},
    ),
    "no connection": (
        raw("a", FAR, 6, NO_FLAGS),
        {"endpoint": "app/a", "direction": "egress", "protocol": "TCP", "source_port": 4000, "destination_port": 443,
         "decided_by": "belongs to no connection"},
    ),
    "host endpoint, ingress": (
        udp("net", NODE, 668),
        {"endpoint": "gw", "direction": "ingress", "policy": "GlobalNetworkPolicy/closed", "rule": 0, "tier": "edge"},
    ),
    "host endpoint, ingress, IPv6": (
        udp("net", NODE6, 9),
        {"endpoint": "gw", "direction": "ingress", "decided_by": "end of tier edge"},
    ),
    "host endpoint, egress": (
        udp("node", FAR, 9),
        {"endpoint": "gw", "direction": "egress", "decided_by": "no profile decided", "interface_out": "eth0"},
    ),
    "host endpoint, before connections are tracked": (
        udp("net", B, 669),
        {"endpoint": "gw", "direction": "ingress", "policy": "GlobalNetworkPolicy/early", "rule": 0,
         "destination_ip": B},
    ),
    "host endpoint, on the way to a workload": (
        udp("net", A, 670),
        {"endpoint": "gw", "direction": "ingress", "policy": "GlobalNetworkPolicy/passing", "rule": 0,
         "destination_ip": A},
    ),
    "Log rule": (
        udp("a", FAR, 777),
        {"action": "Log", "endpoint": "app/a", "policy": WEB, "rule": 1, "tier": "app", "destination_port": 777},
    ),
}  # fmt: skip


async def test_every_kind_of_denial_has_its_record(way: Road) -> None:
    """All in one go: a record takes a second, for what may be like it."""
    async with watch(way) as seen:
        for send, _ in KINDS.values():
            send(way)
        await seen.until(lambda: len(seen.records()) >= len(KINDS))
        records = seen.records()
    left = list(records)
    for kind, (_, expected) in KINDS.items():
        expected = {"type": "PACKET", "action": "Deny"} | expected
        found = [each for each in left if expected.items() <= each.items()]
        assert found, f"{kind}: {expected} is not among {left}"
        left.remove(found[0])
    assert left == []


async def test_packets_that_are_alike_are_one_record(way: Road) -> None:
    async with watch(way) as seen:
        udp("a", FAR, 666, count=5)(way)
        udp("a", FAR, 9)(way)
        await seen.until(lambda: len(seen.records()) == 2)
        assert [each.get("count") for each in seen.records()] == [5, None]


async def test_what_goes_beyond_the_limit_is_counted_and_denied(way: Road) -> None:
    limited = replace(SETTINGS, denied_log=DeniedLog(per_second=10))
    plan = build_plan(policies(), limited)
    way.driver.apply(plan)
    try:
        async with watch(way, plan, per_second=10) as seen:
            gaps: list[dict[str, Any]] = []
            lines = seen.packets.shown.follow(WantedPackets(), 0)
            assert await anext(lines) == ""
            await seen.until(lambda: seen.packets.is_counting)
            before = way.driver.counters()["np-app.app.web-egress-0"].packets
            udp("a", FAR, 666, count=500)(way)
            assert way.driver.counters()["np-app.app.web-egress-0"].packets == before + 500
            shown = 0
            async with asyncio.timeout(PATIENCE):
                while shown + sum(each["count"] for each in gaps) < 500:
                    line = json.loads(await anext(lines))
                    if line["type"] == "UNLOGGED":
                        gaps.append(line)
                    else:
                        shown += line.get("count", 1)
        assert 0 < shown < 500
        (gap,) = gaps
        assert (gap["of"], gap["counter"]) == (f"rule 0 of {WEB}", "np-app.app.web-egress-0")
        assert gap["reason"] == "beyond what is logged in a second"
        assert shown + gap["count"] == 500
    finally:
        way.driver.apply(build_plan(policies(), SETTINGS))


async def test_what_is_lost_on_its_way_is_counted_once(way: Road) -> None:
    """More at once than the socket takes, while nobody reads."""
    generous = replace(SETTINGS, denied_log=DeniedLog(per_second=10_000))
    plan = build_plan(policies(), generous)
    way.driver.apply(plan)
    try:
        async with watch(way, plan, per_second=10_000, buffer_bytes=65_536) as seen:
            lines = seen.packets.shown.follow(WantedPackets(), 0)
            assert await anext(lines) == ""
            await seen.until(lambda: seen.packets.is_counting)
            udp("a", FAR, 666, count=60_000)(way)
            await asyncio.sleep(0.3)
            udp("a", FAR, 666, count=40)(way)  # whose numbers tell
            told: dict[str, int] = {}
            async with asyncio.timeout(PATIENCE):
                while sum(told.values()) < 60_040:
                    line = json.loads(await anext(lines))
                    told[line.get("reason", "")] = told.get(line.get("reason", ""), 0) + line.get("count", 1)
        assert told.keys() == {"", "lost on the way from the kernel", "beyond what is logged in a second"}
        assert sum(told.values()) == 60_040
        assert seen.packets.lost == told["lost on the way from the kernel"]
    finally:
        way.driver.apply(build_plan(policies(), SETTINGS))


async def test_a_noisy_workload_hides_nothing_of_another(way: Road) -> None:
    """Both are denied by the same rule, and the noisy one first."""
    limited = replace(SETTINGS, denied_log=DeniedLog(per_second=10))
    made = policies()
    plan = build_plan(made, limited)
    way.driver.apply(plan)
    try:
        async with watch(way, plan, per_second=10) as seen:
            udp("b", FAR, 666, bind=FORGED, count=3_000)(way)
            udp("a", FAR, 666, bind=FORGED)(way)
            await seen.until(lambda: [each for each in seen.records() if each.get("endpoint") == "app/a"])
    finally:
        way.driver.apply(build_plan(policies(), SETTINGS))


async def test_a_group_that_another_program_has_is_left_to_it_and_said(way: Road) -> None:
    with way.node.entered():
        other = PacketLog(101)
        other.open()
    made = policies()
    taken = watching(way, made, build_plan(made, SETTINGS), until=lambda packets: packets.problems)
    with contextlib.closing(other):
        async with taken as seen:
            assert seen.packets.problems == (
                "the log of denied packets cannot be read, and is tried again: NFLOG group 101: Operation not permitted"
                " (another program has it)",
            )
        udp("a", FAR, 666)(way)
        give_up = time.monotonic() + PATIENCE
        while not (found := other.read()):
            assert time.monotonic() < give_up
        assert found[0].prefix == "np-app.app.web-egress-0"
