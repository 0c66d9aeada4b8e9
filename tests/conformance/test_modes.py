"""The published situations of the mode of DNS policy, each by the part of the program that shows it.

Where we differ, the check says so: a blocked update is SERVFAIL and not a release, and modes are no setting.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import pytest
from dnslib import DNSRecord

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Address, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import TCP, Packet
from dnsguard.dataplane import naming
from dnsguard.dns.client import Client
from dnsguard.dns.codes import SERVFAIL
from dnsguard.dns.counters import Counters
from dnsguard.dns.relay import Relay, RelaySettings
from dnsguard.dns.scan import scan_answer
from dnsguard.dns.upstream.exchange import Done, Found
from dnsguard.dns.upstream.question import Question, encode
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.leasing import Leasing
from dnsguard.leases import Feed, LeaseBook, LocalClient
from dnsguard.resources import InvalidResource, parse_object, to_dict, warnings
from dnsguard.resources.felixchoices import DnsPolicyMode, NftablesDnsPolicyMode
from dnsguard.resources.manifest import load
from dnsguard.settings import Settings
from dnsguard.settings.effective import effective
from tests.conformance import data_files, fixtures
from tests.unit.dns.messages import answer_bytes, query_bytes
from tests.unit.forwarder.test_committer import Kernel

NAME = "case-7-11-seed-001-felixconfiguration-fragment.yaml"
POLICY = "case-7-4-seeds-000-and-001-domains-in-a-namespaced-policy.yaml"
FRAGMENT = data_files.load(NAME)["manifests"]
SITUATIONS: list[str] = [row[0] for row in data_files.load(NAME)["rows"][0]["rows"]]

ROLL1 = EndpointId("WorkloadEndpoint", "rollout-test", "roll1")
BOB = "198.51.100.7"


class Pod:
    """A new pod under the policy of example 7.4, the whole way of its query, and a kernel that the test plays."""

    def __init__(self, mode: str, field: str = "dnsPolicyMode") -> None:
        documents = load(data_files.load(POLICY)["manifests"], POLICY)
        self._compiled = compile_policy([*fixtures.endpoints(), *(each.resource for each in documents)])
        (lease_set,) = self._compiled.lease_sets.values()
        self._sets = naming.lease_set_names(lease_set.id)
        own = self._compiled.endpoints[ROLL1].addresses
        self._address = next(each for each in own if each.version == 4)
        self.kernel, self.counters, self._book = Kernel(), ForwarderCounters(), LeaseBook()
        self._book.replace_policy(
            [Feed(lease_set.id, *self._sets, lease_set.patterns)],
            [LocalClient("rollout-test/roll1", tuple(each.packed for each in own), frozenset({lease_set.id}))],
            0,
        )
        self.committer = Committer(self._book, self.kernel, self.counters, deadline=0.25)
        complaints = Complaints(logging.getLogger("test"))
        leasing = Leasing(self._book, self.committer, Clients([], [], []), self.counters, complaints, node_wide=False)
        configured = effective(Settings.model_validate(SETTINGS), [parse_object(configuration(mode, field))])
        leasing.no_delay, self.said = configured.no_delay, configured.warnings
        self._relay = Relay(self._ask, lambda *_: None, leasing, RelaySettings(), Counters())
        self.answers: list[DNSRecord] = []

    def look_up(self) -> None:
        """Ask for ``bob.example.com``; the upstream answers at once."""
        client = Client(self._address.packed, b"\x7f\0\0\1", "udp")
        query = query_bytes("bob.example.com")
        self._relay.handle(query, client, lambda out: self.answers.append(DNSRecord.parse(bytes(out))))

    @staticmethod
    def _ask(question: Question, done: Done) -> None:
        data = answer_bytes(encode(question, 99, question.name), f"bob.example.com 300 A {BOB}")
        done(Found(data, scan_answer(data, question.name, question.qtype), "192.0.2.53:53"))

    def connects(self) -> bool:
        """Whether its first packet to the address passes now."""
        packet = Packet(self._address, ip_address(BOB), TCP, source_port=40_000, destination_port=443)
        return str(Evaluator(self._compiled).evaluate(packet, self._leased).action) == "allow"

    def _leased(self, _lease_set: str, client: Address, address: Address) -> bool:
        return address.packed in self._book.held.of(self._sets[address.version == 6], client.packed)

    def close(self) -> None:
        self._relay.close()


SETTINGS: dict[str, Any] = {
    "state_dir": "/nowhere",
    "run_dir": "/nowhere",
    "node_name": "node-a",
    "upstreams": ["192.0.2.53"],
}


def configuration(mode: str, field: str = "dnsPolicyMode") -> dict[str, Any]:
    metadata = {"name": "default"}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "FelixConfiguration",
        "metadata": metadata,
        "spec": {field: mode},
    }


async def load_the_fragment() -> None:
    (document,) = load(FRAGMENT, NAME)
    assert to_dict(document.resource)["spec"] == {"dnsPolicyMode": "DelayDNSResponse"}
    assert [said for said in warnings(document.resource) if "DNSPolicyMode" in said and "D-29" in said]


async def the_answer_is_held(mode: str = "DelayDNSResponse") -> None:
    pod = Pod(mode)
    pod.look_up()
    assert (pod.answers, pod.connects()) == ([], False)
    await asyncio.sleep(0)
    assert [str(record.rdata) for record in pod.answers[0].rr] == [BOB]
    assert pod.connects()
    pod.close()


async def the_answer_is_not_held() -> None:
    pod = Pod("NoDelay")
    pod.look_up()
    assert [str(record.rdata) for record in pod.answers[0].rr] == [BOB]
    assert not pod.connects()
    await asyncio.sleep(0)
    assert pod.connects(), "the retransmission"
    pod.close()


async def denied_packets_are_not_held_but_answers_are() -> None:
    """No packet is queued: the answer waits, the first packet passes, and no staged policy ever sees a denial."""
    pod = Pod("DelayDeniedPacket")
    assert [said for said in pod.said if "behaves as DelayDNSResponse" in said]
    pod.close()
    await the_answer_is_held("DelayDeniedPacket")


async def a_blocked_update_is_servfail() -> None:
    """Published: released after 3 s, and denied. Ours: no answer that cannot be used."""
    pod = Pod("DelayDNSResponse")
    pod.kernel.silent = True
    pod.look_up()
    await asyncio.sleep(0)
    assert [(answer.header.rcode, answer.rr) for answer in pod.answers] == [(SERVFAIL, [])]
    assert not pod.connects()
    assert pod.counters.commits_failed == 1
    pod.kernel.silent = False
    pod.committer.retry()
    assert pod.connects()
    pod.close()


async def modes_are_written_exactly() -> None:
    with pytest.raises(InvalidResource, match="did you mean DelayDNSResponse"):
        parse_object(configuration("delaydnsresponse"))
    assert not modes_are_settings()


async def unknown_modes_are_refused() -> None:
    with pytest.raises(InvalidResource, match="Sometimes"):
        parse_object(configuration("Sometimes"))
    assert not modes_are_settings()


def modes_are_settings() -> bool:
    """Whether flags, environment or file could say a mode: then the published forms of it would have to be taken."""
    return any("policy_mode" in name for name in Settings.model_fields)


CHECKS: dict[str, Callable[[], Awaitable[None]]] = {
    "Load the fragment": load_the_fragment,
    "Example 7.4; a new pod looks up `bob.example.com` and connects in the same millisecond": the_answer_is_held,
    "Same with `NoDelay`": the_answer_is_not_held,
    "Same with `DelayDeniedPacket`": denied_packets_are_not_held_but_answers_are,
    "Set update blocked for 5 s, `DelayDNSResponse`": a_blocked_update_is_servfail,
    "`dnsPolicyMode: delaydnsresponse` in YAML": modes_are_written_exactly,
    "`dnsPolicyMode: Sometimes`": unknown_modes_are_refused,
}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_published_situation_ends_as_it_says(situation: str) -> None:
    await CHECKS[situation]()


def test_every_check_is_of_a_published_situation() -> None:
    assert list(CHECKS) == SITUATIONS


MODES = [
    *(("dnsPolicyMode", mode) for mode in DnsPolicyMode),
    *(("nftablesDNSPolicyMode", mode) for mode in NftablesDnsPolicyMode),
]


@pytest.mark.parametrize(("field", "mode"), MODES)
async def test_every_mode_either_holds_the_answer_or_does_not_and_says_where_it_is_not_what_it_is_called(
    field: str, mode: str
) -> None:
    """The published mapping to a forwarder of user space (D-30), and its overruling: nothing is ever released late."""
    pod = Pod(mode, field)
    pod.look_up()
    answered_at_once = [len(pod.answers), pod.connects()]
    await asyncio.sleep(0)
    assert (len(pod.answers), pod.connects()) == (1, True)
    assert answered_at_once == ([1, False] if mode == "NoDelay" else [0, False])
    assert bool(pod.said) is (mode in ("NoDelay", "DelayDeniedPacket"))
    pod.close()
