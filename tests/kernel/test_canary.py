"""The self-test against the kernel: it proves what is so, and finds out what is not."""

import asyncio
import contextlib
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledRule, Direction, Stage
from dnsguard.dataplane.canary import ALLOWED_IN, ALLOWED_OUT, DENIED_OUT, Canary, lease_set
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import Settings
from dnsguard.forwarder.canary.testing import SelfTest
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import LeaseBook
from dnsguard.link.proof import Proof, ProofState
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.canarypair import CanaryPair, NotOurs, remove_pair
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.compiled import compiled, host, policy, policy_class, tier, workload
from tests.support.netns import Namespace, namespace
from tests.support.rights import NET_RAW, SYS_ADMIN, lacking, started_without
from tests.support.road import Road, road
from tests.system.surgery import DISEASES, duplicate_of

CANARY = Canary("dgcanary0", "dgcanary1", (ip_network("192.0.0.240/30"), ip_network("100::dc:0/126")))
SETTINGS = Settings(workload_interfaces=("cali*",), canary=CANARY)
FORWARDING = "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
BOTH = "IPv4 and IPv6"
BY_OTHERS = "table dnsguard let it pass, another table or a route did not"


class Rig:
    """A node with our table, and its self-test."""

    def __init__(
        self,
        node: Namespace,
        *,
        required: bool = False,
        policies: Compiled | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        self.node = node
        self.kernel = NetfilterSocket()
        self.plan = build_plan(policies or Compiled(), settings)
        self.committer = Committer(LeaseBook(), self.kernel, ForwarderCounters(), deadline=1.0)
        self.committer.table = SETTINGS.table
        self.said: list[Proof] = []
        self.counters = ForwarderCounters()
        self.test = SelfTest(
            CANARY, 60.0, self.committer, self.kernel, self.counters, required=required, changed=self._note
        )

    def _note(self) -> None:
        self.said.append(self.test.proof)

    def apply(self) -> None:
        """Our table as it should be, whatever it is."""
        Driver(self.kernel, build_plan(Compiled(), Settings())).apply(self.plan)

    async def look(self, times: int = 1) -> Proof:
        for _ in range(times):
            await self.test.look()
        return self.test.proof

    def leased(self) -> int:
        """Leases that the canary has."""
        keys = [(lease_set(road.client.version), road.client.packed + road.target.packed) for road in CANARY.roads()]
        requests = [nftables.element_request(SETTINGS.table, name, key) for name, key in keys]
        return sum(answer is not None for answer in self.kernel.ask(requests))

    def counted(self) -> list[int]:
        """Packets that the canary could send, that its target took, and that it could not send."""
        requests = [nftables.counter_request(SETTINGS.table, name) for name in (ALLOWED_OUT, ALLOWED_IN, DENIED_OUT)]
        return [dumps.counters([answer])[0].packets for answer in self.kernel.ask(requests) if answer is not None]

    def links(self) -> list[str]:
        return re.findall(r"^\d+: ([^:@]+)", self.node.run("ip link"), re.MULTILINE)


@contextlib.asynccontextmanager
async def rig(
    *sysctls: str, required: bool = False, policies: Compiled | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[Rig]:
    with namespace() as node, node.entered():
        for setting in sysctls:
            node.run(f"sysctl -qw {setting}")
        made = Rig(node, required=required, policies=policies, settings=settings)
        made.apply()
        try:
            yield made
        finally:
            await made.test.close()
            made.kernel.close()


async def test_what_is_leased_passes_and_what_is_not_does_not() -> None:
    async with rig(*FORWARDING) as made:
        proof = await made.look(3)
        assert (proof.state, proof.is_ready(), proof.problem) == (ProofState.PROVEN, True, "")
        assert proof.words() == f"enforcing, proven 0 s ago by canary (namespace), {BOTH}"
        assert made.counted() == [6, 6, 6]
        assert made.leased() == 0
        assert made.links() == ["lo", "dgcanary0"]
        assert (made.counters.self_test_rounds, made.counters.self_test_failures) == (3, 0)
        assert len(made.said) == 1
        await made.test.close()
        assert made.links() == ["lo"]


async def test_where_no_namespace_may_be_made_both_ends_are_here() -> None:
    async with rig(*FORWARDING) as made:
        with lacking(SYS_ADMIN):
            proof = await made.look()
        assert proof.words() == f"enforcing, proven 0 s ago by canary (veth), {BOTH}"
        assert made.links() == ["lo", "dgcanary1", "dgcanary0"]
        await made.test.close()
        assert made.links() == ["lo"]


@pytest.mark.parametrize(("required", "ready"), [(False, True), (True, False)])
async def test_where_nothing_can_be_made_that_is_said(required: bool, ready: bool) -> None:
    async with rig(*FORWARDING, required=required) as made:
        with lacking(NET_RAW):
            proof = await made.look()
        assert (proof.state, proof.is_ready()) == (ProofState.UNPROVEN, ready)
        assert proof.words() == "not proven: no canary can be made: Operation not permitted (it takes CAP_NET_RAW)"
        assert made.links() == ["lo"]


async def test_the_machine_is_as_it_was() -> None:
    """Nothing but the interface itself, and two routes by it for each family, which go with it."""

    def seen(node: Namespace) -> list[str]:
        commands = (
            "ip addr",
            "ip rule",
            "ip -6 rule",
            "ip route show table all",
            "ip -6 route show table all",
            "sysctl -a",
        )
        lines = "".join(map(node.run, commands)).splitlines()
        return sorted(
            line
            for line in lines
            if line.startswith(("net.", "default", "ff", "192.", "100:")) and "conf.dg" not in line
        )

    async with rig(*FORWARDING) as made:
        before = seen(made.node)
        await made.look()
        new = [line for line in seen(made.node) if line not in before]
        assert all(
            "dgcanary0" in line or re.match(r"net\.ipv[46]\.(neigh\.dgcanary0|.*unres)|net.netfilter", line)
            for line in new
        ), new
        assert made.node.run("ip -6 addr show dev dgcanary0") == ""
        counted = made.node.run(
            "nstat -asz IcmpOutMsgs IcmpOutRedirects Icmp6OutRedirects Icmp6OutNeighborSolicits Icmp6OutRouterSolicits"
        )
        assert [line.split()[1] for line in counted.splitlines()[1:]] == ["0"] * 5
        await made.test.close()
        assert [line for line in seen(made.node) if "dgcanary" in line] == []


async def test_ipv6_is_proven_where_the_node_forwards_it() -> None:
    async with rig() as made:
        assert (await made.look()).by == "canary (namespace), IPv4"
        made.node.run("sysctl -qw net.ipv6.conf.all.forwarding=1")
        assert (await made.look()).by == f"canary (namespace), {BOTH}"


async def test_a_strict_filter_of_reverse_paths_lets_the_canary_pass() -> None:
    async with rig(*FORWARDING, "net.ipv4.conf.all.rp_filter=1") as made:
        assert (await made.look()).state is ProofState.PROVEN


def chain_of(node: Namespace, beginning: str) -> str:
    found = re.search(rf"chain ({beginning}\S*) ", node.run("nft list table inet dnsguard"))
    assert found is not None
    return found[1]


def delete_rule(node: Namespace, chain: str, text: str) -> None:
    listed = node.run(f"nft -a list chain inet dnsguard {chain}")
    (handle,) = re.findall(rf"{re.escape(text)}.* # handle (\d+)", listed)
    node.run(f"nft delete rule inet dnsguard {chain} handle {handle}")


def delete_base(chain: str) -> Callable[[Namespace], object]:
    return lambda node: node.run("nft -f -", f"flush chain inet dnsguard {chain}\ndelete chain inet dnsguard {chain}\n")


def others(hook: str, priority: str, rest: str) -> Callable[[Namespace], object]:
    return lambda node: node.run(
        "nft -f -", f"table inet others {{ chain c {{ type filter hook {hook} priority {priority}; {rest}\n }}\n}}\n"
    )


def without_leases(node: Namespace) -> None:
    node.run("nft flush chain inet dnsguard canary-self-test-egress")
    node.run("nft delete set inet dnsguard d4-_canary")


LEAKED = "IPv4: a packet passed that had no lease"
UNJUDGED = "IPv4: a packet passed that no egress rule of table dnsguard judged"
LOST = "IPv4: allowed packet did not arrive"
UNWRITTEN = "leases cannot be written: add elements to set d4-_canary: No such file or directory"
END = 'counter name "tier-_canary-egress-end"'

SABOTAGE: dict[str, tuple[Callable[[Namespace], object], str]] = {
    "everything flushed": (lambda node: node.run("nft flush ruleset"), f"{LEAKED}, and {UNWRITTEN}"),
    "the table deleted": (lambda node: node.run("nft delete table inet dnsguard"), f"{LEAKED}, and {UNWRITTEN}"),
    "no chain for egress": (delete_base("forward-egress"), UNJUDGED),
    "no chain for ingress": (delete_base("forward-ingress"), UNJUDGED.replace("egress", "ingress")),
    "a base chain emptied": (lambda node: node.run("nft flush chain inet dnsguard forward-egress"), UNJUDGED),
    "no look into the map": (lambda node: delete_rule(node, "forward-egress", "ip saddr vmap"), UNJUDGED),
    "no look into the map of IPv6": (
        lambda node: delete_rule(node, "forward-egress", "ip6 saddr vmap"),
        UNJUDGED.replace("IPv4", "IPv6"),
    ),
    "no element in the map": (
        lambda node: node.run("nft delete element inet dnsguard workload-egress-4 { 192.0.0.241 }"),
        UNJUDGED,
    ),
    "no end of the tier": (lambda node: delete_rule(node, chain_of(node, "class-egress-_canary"), END), LEAKED),
    "an accept before the policy": (
        lambda node: node.run(f"nft insert rule inet dnsguard {chain_of(node, 'class-egress-_canary')} accept"),
        UNJUDGED,
    ),
    "an accept in the policy": (
        lambda node: node.run("nft add rule inet dnsguard canary-self-test-egress accept"),
        LEAKED,
    ),
    "a policy without its rules": (
        lambda node: node.run("nft flush chain inet dnsguard canary-self-test-egress"),
        f"{LOST}: table dnsguard denied it though its lease is written",
    ),
    "an ingress policy without its rules": (
        lambda node: node.run("nft flush chain inet dnsguard canary-self-test-ingress"),
        f"{LOST}: no ingress rule of table dnsguard allowed it",
    ),
    "no set of leases": (without_leases, f"IPv4: {UNWRITTEN}"),
    "others drop everything between our hooks": (others("forward", "-7", "policy drop;"), f"{LOST}: {BY_OTHERS}"),
    "others drop it before": (
        others("prerouting", "-300", 'iifname "dgcanary0" drop'),
        f"{LOST}: no egress rule of table dnsguard judged it",
    ),
    "IPv4 is not forwarded any more": (
        lambda node: node.run("sysctl -qw net.ipv4.ip_forward=0"),
        "IPv4: this node does not forward any more: ipv4.ip_forward is 0",
    ),
    "IPv6 is not forwarded any more": (
        lambda node: node.run("sysctl -qw net.ipv6.conf.all.forwarding=0"),
        "IPv6: this node does not forward any more: ipv6.conf.all.forwarding is 0",
    ),
}


@pytest.mark.parametrize("what", SABOTAGE)
async def test_what_goes_wrong_is_found_and_said_once_until_it_is_right_again(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    sabotage, said = SABOTAGE[what]
    async with rig(*FORWARDING) as made:
        assert (await made.look()).is_ready()
        caplog.clear()
        sabotage(made.node)
        proof = await made.look(3)
        assert proof.problem == said
        assert (proof.state, proof.is_ready()) == (ProofState.FAILED, False)
        assert proof.words().startswith(f"the self-test fails: {said}")
        loud = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert loud == [f"the self-test fails, this node is not ready: {proof.problem}"]

        made.node.run("nft flush ruleset")
        for setting in FORWARDING:
            made.node.run(f"sysctl -qw {setting}")
        made.apply()
        proof = await made.look()
        assert (proof.state, proof.is_ready(), proof.problem) == (ProofState.PROVEN, True, "")
        assert made.leased() == 0


HARMLESS: dict[str, Callable[[Namespace], object]] = {
    "others accept everything": others("forward", "-100", "accept"),
    "others drop everything behind ours, as Docker does": others("forward", "0", "policy drop;"),
    "others accept everything first": others("prerouting", "-300", "accept"),
    "the interface deleted": lambda node: node.run("ip link delete dgcanary0"),
}  # fmt: skip


@pytest.mark.parametrize("what", HARMLESS)
async def test_what_does_not_matter_or_can_be_mended_at_once_is_no_failure(what: str) -> None:
    async with rig(*FORWARDING) as made:
        await made.look()
        HARMLESS[what](made.node)
        assert [(await made.look()).state for _ in range(2)] == [ProofState.PROVEN] * 2
        assert made.counters.self_test_failures == 0


MENDED: dict[str, Callable[[Namespace], object]] = {
    "the interface down": lambda node: node.run("ip link set dgcanary0 down"),
    "routes gone": lambda node: node.run("ip route flush dev dgcanary0"),
    "IPv6 routes gone": lambda node: node.run("ip -6 route flush dev dgcanary0"),
    "nothing forwarded that comes by it": lambda node: node.run("sysctl -qw net.ipv4.conf.dgcanary0.forwarding=0"),
}  # fmt: skip


@pytest.mark.parametrize("what", MENDED)
async def test_what_others_changed_of_it_is_mended_before_anybody_worries(what: str) -> None:
    async with rig(*FORWARDING) as made:
        await made.look()
        MENDED[what](made.node)
        assert [(await made.look()).state for _ in range(2)] == [ProofState.PROVEN] * 2
        assert made.counters.self_test_failures == 1


async def test_nobody_complains_before_the_table_is_there() -> None:
    async with rig(*FORWARDING) as made:
        made.node.run("nft flush ruleset")
        proof = await made.look()
        assert (proof.state, proof.is_ready()) == (ProofState.WAITING, False)
        assert proof.words().startswith("not proven yet: IPv4: a packet passed that had no lease")
        made.apply()
        assert (await made.look()).is_ready()


@pytest.mark.parametrize(("required", "ready"), [(False, True), (True, False)])
async def test_where_others_drop_it_from_the_start_nothing_is_proven_either_way(required: bool, ready: bool) -> None:
    async with rig(*FORWARDING, required=required) as made:
        others("forward", "-7", "policy drop;")(made.node)
        proof = await made.look(2)
        assert (proof.state, proof.is_ready()) == (ProofState.UNPROVEN, ready)
        assert proof.words() == f"not proven: IPv4: allowed packet did not arrive: {BY_OTHERS}"


async def test_where_others_drop_it_behind_our_hooks_it_is_proven_as_far_as_there() -> None:
    """As Docker's policy of FORWARD does."""
    async with rig(*FORWARDING, required=True) as made:
        others("forward", "0", "policy drop;")(made.node)
        proof = await made.look()
        assert (proof.state, proof.is_ready()) == (ProofState.PROVEN, True)
        assert proof.by == f"canary (namespace), {BOTH}, whose packets another firewall drops behind dnsguard"
        made.node.run("nft delete table inet others")
        assert (await made.look()).by == f"canary (namespace), {BOTH}"


async def test_an_interface_that_others_made_is_left_alone() -> None:
    async with rig(*FORWARDING) as made:
        made.node.run("ip link add dgcanary0 type veth peer name theirs")
        proof = await made.look()
        assert proof.words() == "not proven: no canary can be made: there is an interface dgcanary0, and others made it"
        with pytest.raises(NotOurs):
            remove_pair("dgcanary0")
        assert made.links() == ["lo", "theirs", "dgcanary0"]
        made.node.run("ip link delete dgcanary0")
        assert (await made.look()).is_ready()


def killed_with_a_pair() -> None:
    """A process that may not make namespaces is killed when it has made its pair."""
    code = (
        "import os; from dnsguard.netlink.canarypair import CanaryPair;"
        "CanaryPair('dgcanary0', 'dgcanary1').make([]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], preexec_fn=started_without(SYS_ADMIN), check=False)


async def test_what_a_killed_process_left_is_replaced() -> None:
    async with rig(*FORWARDING) as made:
        killed_with_a_pair()
        assert made.links() == ["lo", "dgcanary1", "dgcanary0"]
        assert (await made.look()).by == f"canary (namespace), {BOTH}"
        assert made.links() == ["lo", "dgcanary0"]


async def test_who_is_told_to_stop_in_between_closes_what_it_opened() -> None:
    async with rig(*FORWARDING) as made:
        others("forward", "0", "policy drop;")(made.node)
        running = asyncio.create_task(made.test.look())
        while not made.leased():  # noqa: ASYNC110 - the kernel sets no events
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert made.leased() == 0


async def test_where_established_connections_are_judged_again() -> None:
    async with rig(*FORWARDING, settings=replace(SETTINGS, mark_mask=0x0000_FF00)) as made:
        assert (await made.look(3)).by == f"canary (namespace), {BOTH}"
        assert made.counters.self_test_failures == 0


@pytest.mark.parametrize("disease", DISEASES)
async def test_a_socket_that_dies_is_not_taken_for_a_machine_where_nothing_can_be_proven(disease: str) -> None:
    async with rig(*FORWARDING) as made:
        with duplicate_of(made.kernel.fileno()) as same:
            DISEASES[disease](same)
        states = [(await made.look()).state for _ in range(3)]
        assert ProofState.UNPROVEN not in states
        assert states[-1] is ProofState.PROVEN


async def test_policy_of_host_endpoints_for_every_interface_does_not_concern_it() -> None:
    closed = policy("application.closed", [CompiledRule(0, Action.DENY)], [CompiledRule(0, Action.DENY)])
    stages = (
        policy_class(direction, tier("application", closed), stage=stage)
        for stage in (Stage.UNTRACKED, Stage.PRE_DNAT, Stage.FORWARD)
        for direction in Direction
    )
    everywhere = host("everywhere", "*", *stages)
    async with rig(*FORWARDING, policies=compiled(endpoints=[everywhere], policies=[closed])) as made:
        assert (await made.look()).by == f"canary (namespace), {BOTH}"


CLIENTS, TARGETS = ("192.0.0.241", "100::dc:1"), ("192.0.0.242", "100::dc:2")
FAR = "198.51.100.10", "2001:db8:d::10"


@pytest.fixture(scope="module")
def way() -> Iterator[Road]:
    """Workloads a and b may send to everybody, and nobody knows u. The canary has its lease all the while."""
    free = policy("application.free", [CompiledRule(0, Action.ALLOW)])
    egress = policy_class(Direction.EGRESS, tier("application", free))
    endpoints = (
        workload("a", "10.65.0.2", "2001:db8:65::2", interface="cali-a", egress=egress),
        workload("b", "10.65.0.3", "2001:db8:65::3", interface="cali-b", egress=egress),
    )
    with road(replace(SETTINGS, canary=None)) as made:
        made.driver.apply(build_plan(compiled(endpoints=endpoints, policies=[free]), SETTINGS))
        for client, target in zip(CLIENTS, TARGETS, strict=True):
            source, destination = ip_address(client), ip_address(target)
            element = Element(source.packed + destination.packed, 600_000)
            made.kernel.transact(nftables.add_elements("dnsguard", lease_set(source.version), [element]))
            for place, address in ("a", client), ("u", client), ("net", client), ("net", target):
                made.places[place].run(f"ip addr add {address}/{source.max_prefixlen} dev lo")
        pair = CanaryPair("dgcanary0", "dgcanary1")
        with made.node.entered():
            pair.make(CANARY.roads())
        try:
            yield made
        finally:
            with made.node.entered():
                pair.close()


@pytest.mark.parametrize(
    ("source", "address", "bind", "outcome"),
    [
        *[("a", far, client, "spoofed-source") for far, client in zip(FAR, CLIENTS, strict=True)],
        *[("u", far, client, "spoofed-source") for far, client in zip(FAR, CLIENTS, strict=True)],
        *[("a", target, client, "spoofed-source") for target, client in zip(TARGETS, CLIENTS, strict=True)],
        *[("u", target, client, "spoofed-source") for target, client in zip(TARGETS, CLIENTS, strict=True)],
        *[("b", address, "", "tier-_canary-ingress-end") for address in (*CLIENTS, *TARGETS)],
        *[("b", far, "", "arrived") for far in FAR],
    ],
)
def test_no_workload_has_the_canarys_addresses_or_reaches_them(
    way: Road, source: str, address: str, bind: str, outcome: str
) -> None:
    before = way.driver.counters()
    assert way.send(source, "net", address, 9, bind) == outcome
    assert not {ALLOWED_OUT, ALLOWED_IN, DENIED_OUT}.intersection(way.counted(before))
