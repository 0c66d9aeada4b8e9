import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.api.services import CannotExplain, ReadModelUnavailable
from dnsguard.api.views.explaining import ExplainOutcome, ExplainQuery, Explanation
from dnsguard.controller.explain.model import ExplainModel
from dnsguard.controller.explain.notes import MOST_ROUTES
from dnsguard.controller.explain.routing import InterfaceOf, Pair, Passing
from dnsguard.errors import DnsguardError
from dnsguard.link.messages import LearnedAlias, WithheldAddress
from tests.unit.controller.running import SHOP, FakeForwarders, InForce, lease

HOST = """
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: node}
spec: {node: here, interfaceName: eth0, expectedIPs: [192.0.2.7]}
"""
MACHINE = (
    ("eth0", (ip_address("192.0.2.7"), ip_address("192.0.2.8"))),
    ("eth1", (ip_address("192.0.2.129"),)),
    ("lo", (ip_address("192.0.2.200"),)),
)
OPEN = """
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: open}
spec: {selector: has(app), types: [Egress], egress: [{action: Allow}]}
"""
ON_FORWARD = """
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: every, labels: {role: host}}
spec: {node: here, interfaceName: "*"}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec:
  selector: role == 'host'
  applyOnForward: true
  types: [Egress]
  egress: [{action: Deny, protocol: TCP, destination: {ports: [25]}}, {action: Allow}]
"""
COUNTERS: Mapping[str, tuple[int, int]] = {
    "np-shop.names-egress-0": (12, 720),
    "tier-default-egress-end": (3, 180),
    "np-shop.names-egress-1": (1, 60),
}


def by_eth0(pairs: Sequence[Pair], interface_of: InterfaceOf) -> list[Passing]:
    """A ``Routing``: what is no workload's and not the machine's is behind eth0."""
    own = {address for _, addresses in MACHINE for address in addresses}

    def passes(address: Any) -> str:
        return "" if address in own else interface_of(address) or "eth0"

    return [
        Passing(passes(source), passes(destination), frozenset({source, destination} & own))
        for source, destination in pairs
    ]


@pytest.fixture(scope="module")
def in_force() -> InForce:
    return InForce(SHOP)


def model(
    in_force: InForce, forwarders: FakeForwarders | None = None, counters: Mapping[str, tuple[int, int]] = COUNTERS
) -> ExplainModel:
    return ExplainModel(
        in_force.enforcer,
        forwarders or FakeForwarders(),
        lambda: counters,
        in_force.worker,
        in_force.settings,
        lambda: MACHINE,
        by_eth0,
    )


async def explained(
    in_force: InForce,
    destination: str,
    forwarders: FakeForwarders | None = None,
    source: str = "shop/cart",
    port: int | str | None = 443,
    **more: Any,
) -> Explanation:
    query = ExplainQuery(source=source, destination=destination, port=port, **more)
    return await model(in_force, forwarders)(query)


def only(answer: Explanation) -> ExplainOutcome:
    (outcome,) = answer.outcomes
    return outcome


async def test_a_name_that_was_looked_up_is_judged_by_the_addresses_it_led_to(in_force: InForce) -> None:
    names = in_force.lease_set("*.example.org")
    forwarders = FakeForwarders(lease("203.0.113.9", names), lease("203.0.113.10", names, names=("other.example.org",)))
    answer = await explained(in_force, "API.example.org", forwarders)
    assert answer.verdict == "Allow"
    assert answer.summary == (
        "shop/cart to api.example.org (203.0.113.9), TCP port 443: allowed by rule 0 of NetworkPolicy/shop/names"
    )
    assert only(answer).decision.written == {
        "action": "Allow",
        "protocol": "TCP",
        "destination": {"ports": [443], "domains": ["*.example.org"]},
    }
    assert answer.notes == ("kernel counter np-shop.names-egress-0: 12 packets, 720 bytes",)
    assert forwarders.asked == ["10.0.0.7", "2001:db8::7"]


async def test_the_chain_of_a_name_and_what_carries_it_are_told(in_force: InForce) -> None:
    names = in_force.lease_set("*.example.org")
    forwarders = FakeForwarders(
        lease("203.0.113.9", names, names=("api.example.org", "edge.example.net")),
        aliases=(LearnedAlias("api.example.org", "edge.example.net", 41.5),),
    )
    name = (await explained(in_force, "api.example.org", forwarders)).name
    assert name is not None
    assert [(each.owner, each.target, each.seconds_left) for each in name.aliases] == [
        ("api.example.org", "edge.example.net", 41.5)
    ]
    (address,) = name.addresses
    assert (address.address, address.sets, address.node_wide, address.seconds_left) == (
        "203.0.113.9",
        (names,),
        False,
        59.6,
    )
    (carrier,) = name.carriers
    assert (carrier.pattern, carrier.rules, carrier.used) == (
        "*.example.org",
        ("rule 0 of NetworkPolicy/shop/names",),
        True,
    )
    assert name.query == "its query is answered: its policy lets it send no DNS, but names this domain"


async def test_a_name_never_looked_up_is_judged_for_where_it_may_lead(in_force: InForce) -> None:
    answer = await explained(in_force, "new.example.org")
    assert answer.verdict == "Allow"
    assert "new.example.org (an address new to it), TCP port 443: allowed" in answer.summary
    assert (
        "new.example.org led shop/cart nowhere yet: judged for a new address of it that a name may open" in answer.notes
    )
    assert [flow.destination for flow in only(answer).flows] == ["", ""], "of both families"


async def test_a_name_that_no_policy_takes_is_denied_and_never_answered(in_force: InForce) -> None:
    answer = await explained(in_force, "example.net")
    assert (answer.verdict, answer.name and answer.name.carriers) == ("Deny", ())
    outcome = only(answer)
    said = [step.reason for step in outcome.steps] + [reason for each in outcome.nearest for reason in each.failing]
    assert not any("203.0.113." in text for text in said), "an address that nobody asked about"
    assert "destination was not learned for 10.0.0.7 from a name of [*.example.org]" in said
    assert answer.name is not None
    assert answer.name.query == "its query is REFUSED: its policy lets it send no DNS, and does not name this domain"
    assert "kernel counter tier-default-egress-end: 3 packets, 180 bytes" in answer.notes


async def test_the_wrong_port_of_a_right_name_is_denied_with_the_nearest_rule(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", in_force.lease_set("*.example.org")))
    answer = await explained(in_force, "api.example.org", forwarders, port=80)
    assert answer.verdict == "Deny"
    (near,) = only(answer).nearest
    assert (near.policy, near.rule, near.matching, near.failing) == (
        "NetworkPolicy/shop/names",
        0,
        ("protocol", "destination"),
        ("destination port 80 is none of [443]",),
    )


async def test_an_earlier_deny_wins_and_the_later_allow_is_named(in_force: InForce) -> None:
    answer = await explained(in_force, "198.51.100.9")
    assert answer.summary.endswith("denied by rule 1 of NetworkPolicy/shop/names")
    (behind,) = only(answer).behind
    assert (behind.policy, behind.rule, behind.behind) == (
        "NetworkPolicy/shop/names",
        2,
        "rule 1 of NetworkPolicy/shop/names",
    )


async def test_a_profile_that_allows_everything_is_no_rule_that_comes_too_late() -> None:
    closed = """
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: closed}
spec: {selector: app == 'web', types: [Egress]}
"""
    outcome = only(await explained(InForce(SHOP + closed), "203.0.113.1", source="shop/web"))
    assert (outcome.verdict, outcome.behind) == ("Deny", ())


async def test_a_leased_address_counts_when_it_is_asked_for_by_address(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", in_force.lease_set("*.example.org")))
    assert (await explained(in_force, "203.0.113.9", forwarders)).verdict == "Allow"
    assert (await explained(in_force, "203.0.113.10", forwarders)).verdict == "Deny"


async def test_both_families_are_judged_and_a_difference_is_shown(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", in_force.lease_set("*.example.org")), lease("2001:db8:5::9"))
    answer = await explained(in_force, "api.example.org", forwarders)
    assert [(each.verdict, [flow.destination for flow in each.flows]) for each in answer.outcomes] == [
        ("Deny", ["2001:db8:5::9"]),
        ("Allow", ["203.0.113.9"]),
    ]
    assert answer.verdict == "Deny"
    assert answer.summary.startswith("shop/cart to api.example.org, TCP port 443: 2001:db8:5::9 denied by")


async def test_a_network_is_cut_where_policy_tells_its_addresses_apart(in_force: InForce) -> None:
    answer = await explained(in_force, "198.51.100.0/23")
    assert [(each.decision.text, [flow.destination for flow in each.flows]) for each in answer.outcomes] == [
        ("by rule 1 of NetworkPolicy/shop/names", ["198.51.100.0/25", "198.51.100.128/25"]),
        ("by the end of tier default, where no rule matched", ["198.51.101.0/24"]),
    ]


async def test_a_network_that_connects_is_told_apart_by_its_sources(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1", source="10.0.0.0/28")
    parts = answer.summary.partition(": ")[2].split("; ")
    assert [re.split(" (?:denied|allowed) ", part)[0] for part in parts] == [
        "from 10.0.0.0-10.0.0.6, 10.0.0.10-10.0.0.15",
        "from 10.0.0.7",
        "from 10.0.0.9",
        "from 10.0.0.8",
    ]


async def test_of_routes_a_few_are_named_and_none_of_an_address_that_nobody_asked_about(in_force: InForce) -> None:
    def nowhere(pairs: Sequence[Pair], _interface_of: InterfaceOf) -> list[Passing]:
        return [Passing(notes=(f"no route to {destination}",)) for _, destination in pairs]

    machine = ExplainModel(
        in_force.enforcer,
        FakeForwarders(),
        lambda: COUNTERS,
        in_force.worker,
        in_force.settings,
        lambda: MACHINE,
        nowhere,
    )
    asked = await machine(ExplainQuery(source="shop/cart", destination="0.0.0.0/0", port=443))
    routes = [note for note in asked.notes if "route" in note]
    assert [note.startswith("no route to ") for note in routes] == [True] * MOST_ROUTES + [False]
    assert re.fullmatch(r"… and \d+ more such notes on routes of this node", routes[-1])
    by_name = await machine(ExplainQuery(source="shop/cart", destination="new.example.org", port=443))
    assert not [note for note in by_name.notes if "route" in note]


async def test_an_address_of_a_host_endpoint_that_is_not_here_is_judged_as_one_elsewhere() -> None:
    gone = SHOP + "---" + HOST.replace("[192.0.2.7]", "[192.0.2.7, 192.0.2.99]")
    answer = await explained(InForce(gone), "192.0.2.99", source="203.0.113.1")
    (note,) = [note for note in answer.notes if "no interface of this node has" in note]
    assert note == (
        "no interface of this node has 192.0.2.99 now: it is judged as an address elsewhere, not as host endpoint node"
    )


@pytest.mark.parametrize(
    ("spec", "notes"),
    [
        ("interfaceName: eth0, expectedIPs: [192.0.2.7]", []),
        ("interfaceName: eth5, expectedIPs: [192.0.2.99]", ["interface eth5 of", "no interface of this node has"]),
        ("interfaceName: eth0, expectedIPs: [192.0.2.99]", ["no interface of this node has"]),
        ("interfaceName: eth1, expectedIPs: [192.0.2.129]", ["taken to pass by eth1"]),
        ("interfaceName: eth5, expectedIPs: [192.0.2.7]", ["interface eth5 of", "taken to pass by eth5"]),
        ("interfaceName: '*', expectedIPs: [192.0.2.99]", ["no interface of this node has"]),
        ("expectedIPs: [192.0.2.99]", ["no interface of this node has"]),
        ("expectedIPs: [192.0.2.129]", ["taken to pass by eth1"]),
        ("expectedIPs: [192.0.2.200]", ["taken to pass by its interface"]),
    ],
)
async def test_a_host_endpoint_that_is_asked_for_by_name_judges_wherever_its_interface_is(
    spec: str, notes: list[str]
) -> None:
    host = f"""
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {{name: gate, labels: {{role: gate}}}}
spec: {{node: here, {spec}}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: guard}}
spec: {{selector: role == 'gate', egress: [{{action: Deny}}], ingress: [{{action: Deny}}], types: [Ingress, Egress]}}
"""
    in_force = InForce(host)
    for source, destination in (("gate", "203.0.113.1"), ("203.0.113.1", "gate")):
        answer = await explained(in_force, destination, source=source, port=4000)
        assert (answer.verdict, only(answer).decision.policy) == ("Deny", "GlobalNetworkPolicy/guard")
        said = [note for note in answer.notes if "counter" not in note]
        assert len(said) == len(notes), said
        assert all(note.startswith(start) for note, start in zip(said, notes, strict=True)), said


@pytest.mark.parametrize(("orchestrator", "noted"), [("", 1), (", orchestrator: k8s", 0)])
async def test_a_policy_of_kubernetes_that_passes_over_what_is_no_pod_is_named(orchestrator: str, noted: int) -> None:
    isolating = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolate, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
"""
    shop = SHOP.replace("profiles: [kns.shop]", f"profiles: [kns.shop]{orchestrator}".replace(", ", "\n  "))
    answer = await explained(InForce(shop + isolating), "203.0.113.1", source="shop/web")
    assert answer.verdict == ("Allow" if noted else "Deny")
    said = [note for note in answer.notes if "passes over" in note]
    named = (
        "KubernetesNetworkPolicy/shop/isolate passes over shop/web, which its podSelector matches, since that is no "
        "pod: write orchestrator: k8s in its spec, or a policy of Calico's"
    )
    assert said == [named] * noted


async def test_both_ends_are_judged_and_every_step_is_listed(in_force: InForce) -> None:
    answer = await explained(in_force, "shop/web", port="http")
    assert answer.verdict == "Allow"
    assert [
        (step.direction, step.endpoint, step.tier, step.policy, step.rule, step.action, step.matched, step.decides)
        for step in only(answer).steps
    ] == [
        ("egress", "shop/cart", "default", "NetworkPolicy/shop/names", 0, "Allow", False, False),
        ("egress", "shop/cart", "default", "NetworkPolicy/shop/names", 1, "Deny", False, False),
        ("egress", "shop/cart", "default", "NetworkPolicy/shop/names", 2, "Allow", False, False),
        ("egress", "shop/cart", "default", "NetworkPolicy/shop/names", 3, "Allow", True, False),
        ("ingress", "shop/web", "", "Profile/kns.shop", 0, "Allow", True, True),
    ]
    assert answer.destination == "workload endpoint shop/web"


async def test_the_end_of_a_tier_is_a_step(in_force: InForce) -> None:
    last = only(await explained(in_force, "203.0.113.1")).steps[-1]
    assert (last.tier, last.policy, last.action, last.matched, last.decides) == ("default", "", "Deny", True, True)


async def test_an_endpoint_elsewhere_is_judged_there(in_force: InForce) -> None:
    answer = await explained(in_force, "shop/far", port=80)
    assert "shop/far is on node there: that node enforces its policy, and knows what it looked up" in answer.notes
    assert (answer.verdict, only(answer).decision.node) == ("Deny", "there")
    assert "denied on node there since no profile says anything of it" in answer.summary


async def test_an_address_of_workloads_without_endpoint_is_denied(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1", source="10.0.0.99")
    assert answer.verdict == "Deny"
    assert answer.summary.endswith("denied since one end is a workload that no endpoint describes")
    assert "a WorkloadEndpoint with that address and its interface makes it known" in answer.notes


async def test_what_concerns_no_endpoint_is_allowed(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1", source="192.0.2.1")
    assert (answer.verdict, only(answer).steps) == ("Allow", ())
    assert "neither end is an endpoint" in answer.summary


@pytest.mark.parametrize(("failsafe", "verdict"), [(["tcp:22"], "Allow"), ([], "Deny")])
async def test_failsafe_ports_are_those_of_the_settings(failsafe: list[str], verdict: str) -> None:
    answer = await explained(InForce(HOST, failsafe_inbound=failsafe), "192.0.2.7", source="203.0.113.1", port=22)
    assert answer.verdict == verdict


@pytest.mark.parametrize(
    ("forwarders", "note"),
    [
        (FakeForwarders(connected=False), "no forwarder is connected: what was learned from DNS is not known"),
        (FakeForwarders(answers=False), "no forwarder answered within 2 s: what was learned from DNS is not known"),
    ],
)
async def test_what_was_learned_may_be_unknown(in_force: InForce, forwarders: FakeForwarders, note: str) -> None:
    assert note in (await explained(in_force, "203.0.113.1", forwarders)).notes


async def test_what_cannot_be_asked_of_the_kernel_does_not_hide_the_verdict(in_force: InForce) -> None:
    def broken() -> Mapping[str, tuple[int, int]]:
        raise DnsguardError("no kernel today")

    def lost(_pairs: Sequence[Pair], _interface_of: InterfaceOf) -> list[Passing]:
        raise OSError(1, "not allowed")

    def nowhere() -> Any:
        raise OSError(2, "nothing there")

    enforcer, worker, settings = in_force.enforcer, in_force.worker, in_force.settings
    explain = ExplainModel(enforcer, FakeForwarders(), broken, worker, settings, nowhere, lost)
    answer = await explain(ExplainQuery(source="shop/cart", destination="203.0.113.1", port=1))
    assert answer.verdict == "Deny"
    assert answer.notes == (
        "the node's addresses cannot be read: [Errno 2] nothing there",
        "which interfaces it takes is not known: the kernel was asked for its routes, and [Errno 1] not allowed",
        "the kernel's counters cannot be read: no kernel today",
    )


async def test_before_the_first_computation_nothing_is_known() -> None:
    in_force = InForce(SHOP)
    in_force.enforcer.enforced = None
    with pytest.raises(ReadModelUnavailable):
        await explained(in_force, "192.0.2.1")


async def test_too_many_pairs_are_too_much_to_ask(in_force: InForce) -> None:
    with pytest.raises(CannotExplain, match="pairs of addresses"):
        await explained(in_force, "0.0.0.0/0", source="0.0.0.0/0")


@pytest.mark.parametrize(
    ("action", "port", "verdict", "says"),
    [
        ("Drop", 80, "Deny", "denied since workloads do not reach their own node"),
        ("Drop", 53, "Allow", "allowed since it goes to the forwarder, which judges each query itself"),
        ("Accept", 80, "Allow", "allowed by rule 0 of GlobalNetworkPolicy/open"),
        ("Return", 80, "Allow", "allowed by rule 0 of GlobalNetworkPolicy/open"),
    ],
)
async def test_a_workload_and_its_own_node(action: str, port: int, verdict: str, says: str) -> None:
    in_force = InForce(SHOP + OPEN, endpoint_to_host_action=action, listen=["192.0.2.8:53"])
    answer = await explained(in_force, "192.0.2.8", source="shop/web", port=port)
    assert (answer.verdict, answer.summary.endswith(says)) == (verdict, True), answer.summary
    assert (await explained(in_force, "192.0.2.9", source="shop/web", port=port)).verdict == "Allow"


FELIX = """
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {allowVXLANPacketsFromWorkloads: true}
"""


async def test_packets_in_packets_are_dropped_before_policy_unless_the_configuration_says_so() -> None:
    answer = await explained(InForce(SHOP + OPEN), "203.0.113.1", source="shop/web", port=4789, protocol="UDP")
    assert answer.verdict == "Deny"
    assert answer.summary.endswith("denied since encapsulated packets from workloads are dropped")
    assert any("allowVXLANPacketsFromWorkloads" in note for note in answer.notes)
    answer = await explained(InForce(SHOP + OPEN + FELIX), "203.0.113.1", source="shop/web", port=4789, protocol="UDP")
    assert answer.verdict == "Allow"


@pytest.mark.parametrize(("interface", "verdict"), [('"*"', "Deny"), ("eth0", "Deny"), ("eth1", "Allow")])
async def test_the_host_endpoint_on_the_way_judges_what_is_forwarded(interface: str, verdict: str) -> None:
    in_force = InForce(SHOP + OPEN + ON_FORWARD.replace('"*"', interface))
    assert (await explained(in_force, "203.0.113.1", source="shop/web", port=80)).verdict == "Allow"
    answer = await explained(in_force, "203.0.113.1", source="shop/web", port=25)
    assert answer.verdict == verdict
    assert [(flow.arrives, flow.leaves) for flow in only(answer).flows] == [("cali2", "eth0")]


async def test_an_address_that_two_endpoints_claim_is_said_to_be() -> None:
    twin = """
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: brother, namespace: shop}
spec: {interfaceName: cali9, ipNetworks: [10.0.0.8/32]}
"""
    answer = await explained(InForce(SHOP + twin), "203.0.113.1", source="shop/web", port=80)
    assert "10.0.0.8 is also that of shop/brother: its packets are judged as those of shop/brother" in answer.notes


@pytest.mark.parametrize(
    ("source", "note"),
    [
        (
            "shop/web",
            "the forwarder answers in the place of 203.0.113.53, which hears nothing of it: every name, since policy"
            " allows it to ask there by rule 0 of GlobalNetworkPolicy/open",
        ),
        (
            "shop/cart",
            "the forwarder answers in the place of 203.0.113.53, which hears nothing of it: only names that its rules"
            " allow, since policy denies it to ask there by the end of tier default, where no rule matched",
        ),
    ],
)
async def test_dns_for_another_server_is_answered_by_the_forwarder_where_it_is_intercepted(
    source: str, note: str
) -> None:
    policy = SHOP + OPEN.replace("has(app)", "app == 'web'")
    probe: dict[str, Any] = {"source": source, "port": 53, "protocol": "UDP"}
    answer = await explained(InForce(policy, intercept_dns="Workloads"), "203.0.113.53", **probe)
    assert (answer.verdict, only(answer).decision.text) == (
        "Allow",
        "since it goes to the forwarder, which judges each query itself",
    )
    assert note in answer.notes
    # What the forwarder asks is left alone, as is everything without interception.
    trusting = InForce(policy, intercept_dns="Workloads", upstreams=["10.0.0.8"])
    trusted = await explained(trusting, "203.0.113.53", **probe)
    plain = await explained(InForce(policy), "203.0.113.53", **probe)
    assert (trusted.verdict, plain.verdict) == (("Allow", "Allow") if source == "shop/web" else ("Allow", "Deny"))
    assert not any("in the place of" in each for each in plain.notes)
    assert any("in the place of" in each for each in trusted.notes) is (source == "shop/cart")


async def test_the_forwarder_at_its_own_address_stands_in_nobodys_place() -> None:
    in_force = InForce(SHOP, intercept_dns="Workloads", listen=["192.0.2.8:53"])
    answer = await explained(in_force, "192.0.2.8", port=53, protocol="UDP")
    assert (answer.verdict, [note for note in answer.notes if "in the place of" in note]) == ("Allow", [])


@pytest.mark.parametrize(
    ("destination", "nets", "reason"),
    [
        ("10.8.0.9", ["10.0.0.0/8"], "in 10.0.0.0/8 of unleased_nets"),
        ("64:ff9b::10.8.0.9", ["10.0.0.0/8"], "in 10.0.0.0/8 of unleased_nets"),
        ("169.254.169.254", [], "link-local"),
        ("10.8.0.9", [], None),
    ],
)
async def test_of_a_denied_address_that_no_name_opens_it_is_said_why(
    destination: str, nets: list[str], reason: str | None
) -> None:
    answer = await explained(InForce(SHOP, unleased_nets=nets), destination)
    said = [note for note in answer.notes if note.startswith("no name opens")]
    assert answer.verdict == "Deny"
    assert said == ([] if reason is None else [
        f"no name opens {ip_address(destination)}, it is {reason}: where it is to be reached, nets say so"
    ])  # fmt: skip


def withheld(address: str, reason: str, *names: str) -> WithheldAddress:
    return WithheldAddress(address, names or ("api.example.org",), reason, 41.5)


PRIVATE = withheld("10.50.0.9", "in 10.0.0.0/8 of unleased_nets")


async def test_a_name_that_leads_to_what_no_name_opens_is_denied_with_the_reason(in_force: InForce) -> None:
    """The kernel drops it, whatever policy allows by name."""
    answer = await explained(in_force, "api.example.org", FakeForwarders(withheld=(PRIVATE,)))
    assert answer.verdict == "Deny"
    assert answer.summary == (
        "shop/cart to api.example.org (10.50.0.9), TCP port 443: denied by the end of tier default, where no rule"
        " matched; api.example.org leads to 10.50.0.9, which no name opens: it is in 10.0.0.0/8 of unleased_nets"
    )
    assert answer.name is not None
    assert [(each.address, each.reason, each.seconds_left) for each in answer.name.withheld] == [
        ("10.50.0.9", PRIVATE.reason, 41.5)
    ]
    assert only(answer).unselecting == ()
    assert not [note for note in answer.notes if "led shop/cart nowhere yet" in note]
    assert [note for note in answer.notes if note.startswith("no name opens 10.50.0.9")]


async def test_where_the_rest_of_the_answer_was_leased_both_are_told(in_force: InForce) -> None:
    known = lease("203.0.113.9", in_force.lease_set("*.example.org"))
    answer = await explained(in_force, "api.example.org", FakeForwarders(known, withheld=(PRIVATE,)))
    assert [(each.verdict, each.flows[0].destination) for each in answer.outcomes] == [
        ("Deny", "10.50.0.9"),
        ("Allow", "203.0.113.9"),
    ]
    assert answer.summary.endswith("leads to 10.50.0.9, which no name opens: it is in 10.0.0.0/8 of unleased_nets")


async def test_what_nets_allow_is_allowed_by_whatever_name_it_is_asked(in_force: InForce) -> None:
    kept = withheld("198.51.100.200", "the node's own address")
    open_to_all = InForce(SHOP + OPEN)
    answer = await explained(open_to_all, "api.example.org", FakeForwarders(withheld=(kept,)), source="shop/web")
    assert answer.verdict == "Allow"
    assert "no name opens" not in answer.summary
    other = await explained(in_force, "other.example.org", FakeForwarders(withheld=(kept,)))
    assert other.verdict == "Allow", "of another name it says nothing"


async def test_of_many_addresses_that_no_name_opens_a_few_are_named(in_force: InForce) -> None:
    kept = tuple(withheld(f"10.50.0.{last}", "in 10.0.0.0/8 of unleased_nets") for last in range(5))
    answer = await explained(in_force, "api.example.org", FakeForwarders(withheld=kept))
    assert answer.summary.count("which no name opens") == 3
    assert answer.summary.endswith("; and to 2 more such")


@pytest.mark.parametrize(
    ("destination", "self_test", "noted"),
    [("192.0.0.242", "Try", True), ("192.0.0.243", "Try", False), ("192.0.0.242", "Off", False)],
)
async def test_what_is_the_self_tests_is_said_to_be_nobody_elses(destination: str, self_test: str, noted: bool) -> None:
    found = await explained(InForce(SHOP + OPEN, self_test=self_test), destination)
    said = "192.0.0.242 is the self-test's: whatever policy says, others neither send from it nor reach it"
    assert (said in found.notes) is noted
