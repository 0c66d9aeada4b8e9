"""The published verdicts, through the kernel: each row's packet is sent, and counted behind our chains if it passes.

Leases are put in directly: what the published DNS state leads to, for every client, as the cases assume.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled, Direction
from dnsguard.dataplane import naming
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import HostAction, Settings
from dnsguard.netlink.nftables import Element, Message, add_elements
from dnsguard.netlink.socket import NetfilterSocket
from dnsguard.resources import Resource, parse_object, to_dict
from dnsguard.resources.manifest import load
from tests.conformance import data_files, fixtures
from tests.support.lab import topology
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.topology import HostInterface, Workload

pytestmark = pytest.mark.xdist_group("conformance packets")

NODE = "node-a"
OTHER_NODE = "node-b"
EXTRAS = yaml.safe_load((data_files.DATA.parent / "extras.yaml").read_text(encoding="utf-8"))
NOT_SHOWN = yaml.safe_load(Path(__file__).with_name("not_shown_by_packets.yaml").read_text(encoding="utf-8"))
FIXTURES = data_files.load("fixtures.yaml")

# A workload may reach its own node here: some rows have a host of the same node as their peer.
SETTINGS = Settings(node=NODE, endpoint_to_host=HostAction.ACCEPT)

THROUGH = Workload("through", "through", ("10.244.9.20",))
"""What forwarded rows send from, or to: its packets pass through a host endpoint's interface."""

WORKLOADS = [
    *(
        Workload(each["name"], each["namespace"], tuple(each["addresses"]), each["labels"])
        for each in FIXTURES["endpoints"]
        if each["kind"] == "WEP"
    ),
    Workload("gw-pod", "shop", ("10.244.6.77",)),
    THROUGH,
]
HOSTS = [
    HostInterface(each["name"], each["name"], each["addresses"][0], each["labels"])
    for each in FIXTURES["endpoints"]
    if each["kind"] == "HEP"
]
TABLE_OF_HEP_A = 100 + [host.name for host in HOSTS].index("hep-a")
HOST_ADDRESSES = {host.name: host.address for host in HOSTS}
OWNERS = {address: workload.name for workload in WORKLOADS for address in workload.addresses}

LEASE_MS = 3_600_000
PACKET_WAIT = 0.08
"""Seconds until a sender gives up on an answer: whether the packet passed is known long before."""

PROBE_CHAINS = {"seen-input": "input", "seen-postrouting": "postrouting"}


@dataclass(frozen=True, slots=True)
class Case:
    """One published policy with the rows that it decides."""

    name: str
    resources: tuple[Resource, ...]
    rows: tuple[dict[str, Any], ...]

    elsewhere: str = ""
    """A workload that is on another node here: what a host sends to one of its own is judged by nobody, and what bears
    the address of one of its own comes from nowhere else."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Who sends what where, for one row."""

    agent: str
    source: str
    """Empty: whatever the sender has."""

    address: str
    transport: str
    port: int


def _endpoints(elsewhere: str) -> list[Resource]:
    """The fixtures' endpoints, on the lab's interfaces; one of them on another node, where that is wanted."""
    by_name = {resource.metadata.name: resource for resource in fixtures.endpoints()}
    if elsewhere:
        manifest = to_dict(by_name[elsewhere])
        by_name[elsewhere] = parse_object({**manifest, "spec": {**manifest["spec"], "node": OTHER_NODE}})
    hosts = [parse_object(topology.host_endpoint(host, NODE)) for host in HOSTS]
    workloads = [resource for name, resource in by_name.items() if name not in HOST_ADDRESSES]
    return [*workloads, *hosts, parse_object(topology.workload_endpoint(THROUGH))]


def _cases(name: str) -> Iterator[Case]:
    """The rows of a file, and each of those that need another workload away from home."""
    data = data_files.load(name)
    rows = [row for row in data["rows"] if "id" in row and _can_be_shown(row)]
    documents = [*load(data["manifests"] or "", name), *load(EXTRAS.get(name, ""), "extras.yaml")]
    resources = tuple(each.resource for each in documents)
    at_home = tuple(row for row in rows if not _peer_is_its_own(row))
    if at_home:
        yield Case(name, resources, at_home)
    for row in rows:
        if _peer_is_its_own(row):
            yield Case(name, resources, (row,), elsewhere=OWNERS[row["address"]])


def _can_be_shown(row: dict[str, Any]) -> bool:
    """What is only proposed is not in the kernel."""
    return "pending" not in row["direction"]


def _peer_is_its_own(row: dict[str, Any]) -> bool:
    """Whether a host and a workload talk to each other."""
    forwarded = "forward" in row["direction"]
    return row["endpoint"] in HOST_ADDRESSES and row["address"] in OWNERS and not forwarded


CASES = [case for name in data_files.case_files() for case in _cases(name)]
SHOWN = [(case, row) for case in CASES for row in case.rows]


def _shot(row: dict[str, Any]) -> Shot:
    transport, _, port = row["flow"].lower().partition("/")
    flow = (transport, int(port or 0))
    endpoint, peer = row["endpoint"], row["address"]
    if row["direction"] == "egress (forward)":
        return Shot(THROUGH.name, "", peer, *flow)
    if row["direction"] == "egress":
        source = HOST_ADDRESSES.get(endpoint, "")
        return Shot("node" if source else endpoint, source, peer, *flow)
    if row["direction"] == "ingress (forward)":
        return Shot("internet", peer, THROUGH.address(), *flow)
    if endpoint in HOST_ADDRESSES:
        return Shot("internet", peer, HOST_ADDRESSES[endpoint], *flow)
    own = next(workload for workload in WORKLOADS if workload.name == endpoint).address(ip_address(peer).version)
    return Shot(OWNERS.get(peer, "internet"), "" if peer in OWNERS else peer, own, *flow)


class Bench:
    """The lab with one case in force at a time."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        with lab.in_node():
            self._socket = NetfilterSocket()
        self._driver = Driver(self._socket, build_plan(Compiled(), SETTINGS))
        self._case: Case | None = None
        self.compiled = Compiled()

    def close(self) -> None:
        self._socket.close()

    def enforce(self, case: Case) -> None:
        """Put a case's policy and the published leases in force, if they are not."""
        if case is self._case:
            return
        self._driver.uninstall()
        self._driver.open()
        self._move(self._case.elsewhere if self._case else "", "del")
        self._move(case.elsewhere, "add")
        self.compiled = compile_policy([*_endpoints(case.elsewhere), *case.resources])
        self._driver.apply(build_plan(self.compiled, SETTINGS))
        self._socket.transact(list(_leases(self.compiled)))
        self._install_probe(case)
        self._case = case

    def send(self, row: dict[str, Any]) -> tuple[str, set[str]]:
        """``Allow`` when the row's packet passed, and the counters of ours that it raised."""
        shot = _shot(row)
        before = self._driver.counters()
        self.lab.agent(shot.agent).call(
            "connect",
            transport=shot.transport,
            address=shot.address,
            port=shot.port,
            source=shot.source,
            wait=PACKET_WAIT,
        )
        after = self._driver.counters()
        risen = {name for name, counted in after.items() if counted.packets > before[name].packets}
        return "Allow" if self._passed(row) else "Deny", risen

    @staticmethod
    def _move(workload: str, verb: str) -> None:
        """Let a workload be reached through ``hep-a``, as one of another node, or at home again."""
        if not workload:
            return
        address = next(each.address() for each in WORKLOADS if each.name == workload)
        run(topology.INTERNET, f"ip route {verb} local {address} dev lo table main")
        run(topology.NODE, f"ip rule {verb} preference 50 to {address} table {TABLE_OF_HEP_A}")

    def _install_probe(self, case: Case) -> None:
        """Counters behind every chain of ours, one for each row."""
        rows = case.rows
        lines = ["table inet probe", "delete table inet probe", "table inet probe {"]
        lines += [f"counter row-{row['id']} {{}}" for row in rows]
        for chain, hook in PROBE_CHAINS.items():
            lines.append(f"chain {chain} {{ type filter hook {hook} priority 400;")
            lines += [f"{_match(row)} counter name row-{row['id']}" for row in rows]
            lines.append("}")
        self.lab_run("nft -f - <<'END'\n" + "\n".join([*lines, "}"]) + "\nEND")

    def _passed(self, row: dict[str, Any]) -> bool:
        listing = json.loads(self.lab_run(f"nft -j list counter inet probe row-{row['id']}"))
        return any(entry["counter"]["packets"] > 0 for entry in listing["nftables"] if "counter" in entry)

    @staticmethod
    def lab_run(script: str) -> str:
        return run(topology.NODE, script)


def _match(row: dict[str, Any]) -> str:
    """The row's own packet in nft's words, by where it goes and, if it has a source of its own, where from."""
    shot = _shot(row)
    version6 = ":" in shot.address
    family = "ip6" if version6 else "ip"
    sender = shot.source
    if not sender and shot.agent not in ("node", "internet"):
        sender = next(each for each in WORKLOADS if each.name == shot.agent).address(6 if version6 else 4)
    words = f"{family} saddr {sender} {family} daddr {shot.address} "
    if shot.transport == "icmp":
        return words + ("icmpv6 type echo-request" if version6 else "icmp type echo-request")
    return words + f"{shot.transport} dport {shot.port}"


def _leases(compiled: Compiled) -> Iterator[Message]:
    leased = fixtures.leases(compiled)
    clients = [ip_address(text) for text in [*OWNERS, *HOST_ADDRESSES.values()]]
    answers = [ip_address(record["value"]) for record in FIXTURES["dns"] if record["type"] in ("A", "AAAA")]
    for lease_set in compiled.lease_sets:
        names = dict(zip((4, 6), naming.lease_set_names(lease_set), strict=True))
        for version, name in names.items():
            elements = [
                Element(client.packed + answer.packed, LEASE_MS)
                for client in clients
                for answer in set(answers)
                if client.version == answer.version == version and leased(lease_set, client, answer)
            ]
            yield from add_elements(SETTINGS.table, name, elements) if elements else ()


def _expected_counter(compiled: Compiled, row: dict[str, Any]) -> str | None:
    """The counter of who decided; ``None`` where nothing of ours counts."""
    direction = Direction(row["direction"].split()[0])
    words = row["decided_by"].split()
    match words:
        case ["rule", index, "of", name]:
            (policy,) = [policy for policy in compiled.policies if policy.name == name]
            return naming.counter_of(policy, direction, int(index))
        case ["end", "of", "tier", tier]:
            return naming.counter_of_tier(tier, direction)
        case ["profile", profile]:
            return naming.counter_of_profile(profile, direction, 0)
        case ["no", "profile"]:
            return naming.counter_of_no_profile(direction)
    return None


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Lab(WORKLOADS, [], hosts=HOSTS) as lab:
        # What forwarded rows send leaves by hep-a, and what they receive comes by gw.
        run(topology.NODE, f"ip rule add preference 50 from {THROUGH.address()} table {TABLE_OF_HEP_A}")
        run(topology.INTERNET, f"ip route add {THROUGH.address()} via {HOST_ADDRESSES['gw']} dev gw")
        built = Bench(lab)
        try:
            yield built
        finally:
            built.close()


@pytest.mark.parametrize(("case", "row"), SHOWN, ids=[f"row {row['id']}" for _, row in SHOWN])
def test_the_kernel_gives_a_published_row_its_verdict(bench: Bench, case: Case, row: dict[str, Any]) -> None:
    bench.enforce(case)
    verdict, risen = bench.send(row)
    if row["verdict"] == "no decision":
        # No rule of that stage counted the packet, and the next stage did: row 105 is that one's.
        assert not risen & set(_rule_counters(bench.compiled))
        assert naming.counter_of_no_profile(Direction(row["direction"].split()[0])) in risen
        return
    expected = _expected_counter(bench.compiled, row)
    assert verdict == row["verdict"]
    assert expected is None or expected in risen


def _rule_counters(compiled: Compiled) -> Iterator[str]:
    for policy in compiled.policies.values():
        yield from (naming.counter_of(policy.id, Direction.INGRESS, rule.index) for rule in policy.ingress)
        yield from (naming.counter_of(policy.id, Direction.EGRESS, rule.index) for rule in policy.egress)


def test_just_what_cannot_be_shown_is_listed_with_its_reason() -> None:
    shown = [row["id"] for _, row in SHOWN]
    assert len(shown) == len(set(shown))
    assert sorted([*shown, *NOT_SHOWN]) == list(range(1, 149))
    assert all(NOT_SHOWN.values())
