from ipaddress import ip_network

import pytest

from dnsguard.dns.client import Client, Transport
from dnsguard.dns.codes import NXDOMAIN
from dnsguard.dns.hooks import Refusal
from dnsguard.domains import wire_name
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.judge import DENIED, NOT_LISTED, NOT_READY, STRANGER, UNKNOWN, QueryJudge
from dnsguard.forwarder.policy import Policy
from dnsguard.forwarder.refusing import EXPANSION, NEGATIVE_TTL, Refusing
from dnsguard.forwarder.rights import Rights
from dnsguard.leases import LeaseBook
from dnsguard.link.messages import AskingRight, Identity, RightsReply, Snapshot
from tests.unit.leases.naive import client, feed, packed

MAY_ASK = Identity("shop/open", ("10.9.0.7",), ("a",), ("udp/10.9.0.1",))
MAY_NOT = Identity("shop/closed", ("10.9.0.8",), ("a",), ())


def judge(query_policy: str | None, refusing: Refusing | None = None) -> QueryJudge:
    """With a policy, or before there is one."""
    clients = Clients([packed("10.9.0.53")], [ip_network("10.9.0.0/24")], [ip_network("192.0.2.0/24")])
    clients.set_own({packed("10.9.0.1")})
    book = LeaseBook()
    made = QueryJudge(clients, book, ForwarderCounters(), lambda: 0.0, refusing)
    if query_policy is not None:
        made.policy = Policy()
        made.policy.replace(Snapshot(1, "t", (), (MAY_ASK, MAY_NOT), query_policy))
        known = [client("shop/open", "10.9.0.7", "a"), client("shop/closed", "10.9.0.8", "a")]
        book.replace_policy([feed("a", "*.example.org")], known, 0.0)
    return made


@pytest.mark.parametrize(
    ("address", "transport", "name", "allow_all", "allow_listed", "before"),
    [
        ("10.9.0.1", "udp", "example.net", None, None, None),  # the node
        ("10.9.0.53", "udp", "example.net", None, None, NOT_READY),  # a shared resolver
        ("10.9.0.7", "udp", "example.net", None, NOT_LISTED, NOT_READY),
        ("10.9.0.7", "udp", "www.example.org", None, None, NOT_READY),
        ("10.9.0.7", "tcp", "example.net", DENIED, DENIED, NOT_READY),  # may ask over UDP only
        ("10.9.0.8", "udp", "example.net", DENIED, DENIED, NOT_READY),
        ("10.9.0.8", "udp", "www.example.org", None, None, NOT_READY),
        ("10.9.0.9", "udp", "www.example.org", UNKNOWN, UNKNOWN, NOT_READY),
        ("192.0.2.7", "udp", "www.example.org", None, NOT_LISTED, NOT_READY),  # a served client
        ("198.51.100.1", "udp", "www.example.org", STRANGER, STRANGER, NOT_READY),
    ],
)
def test_who_may_ask_what(
    address: str,
    transport: Transport,
    name: str,
    allow_all: Refusal | None,
    allow_listed: Refusal | None,
    before: Refusal | None,
) -> None:
    asked = Client(packed(address), packed("10.9.0.1"), transport)
    said = [judge(policy)(asked, wire_name(name), 1) for policy in ("AllowAll", "AllowListed", None)]
    assert said == [allow_all, allow_listed, before]


@pytest.mark.parametrize(
    ("client", "transport", "name", "refusal"),
    [
        ("10.9.0.7", "udp", "example.net", None),
        ("10.9.0.7", "tcp", "example.net", DENIED),
        ("10.9.0.7", "tcp", "www.example.org", None),  # allowing a domain implies looking it up
        ("10.9.0.8", "udp", "example.net", DENIED),
        ("10.9.0.8", "udp", "www.example.org", None),
        ("10.9.0.9", "udp", "www.example.org", UNKNOWN),
    ],
)
async def test_on_its_way_to_another_server_what_policy_says_of_that_one_counts(
    client: str, transport: Transport, name: str, refusal: Refusal | None
) -> None:
    judging = judge("AllowAll")
    judging.rights = Rights(lambda _: True, ForwarderCounters())
    asked = Client(packed(client), packed("198.51.100.53"), transport)
    # Nothing is known of the server yet: as if policy denied it.
    assert judging(asked, wire_name("example.net"), 1) == (refusal if client == "10.9.0.9" else DENIED)
    judging.rights.hold("shop/open", asked, lambda: None)
    judging.rights.answered(RightsReply(1, (AskingRight("shop/open", "198.51.100.53", ("udp",)),)))
    assert judging(asked, wire_name(name), 1) == refusal


SEARCH = [wire_name("cluster.local"), wire_name("corp.example")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("www.example.org", None),
        ("example.net", DENIED),
        ("www.example.org.shop.svc.cluster.local", EXPANSION),
        ("example.net.cluster.local", EXPANSION),
        ("db.cluster.local", EXPANSION),
        ("example.net.corp.example", EXPANSION),
        ("cluster.local", DENIED),  # is no expansion itself
        ("notcluster.local", DENIED),
        ("cluster.local.example.net", DENIED),
    ],
)
@pytest.mark.parametrize("nxdomain", [False, True])
def test_names_below_a_search_domain_are_denied_otherwise(name: str, said: Refusal | None, nxdomain: bool) -> None:
    asked = Client(packed("10.9.0.8"), packed("10.9.0.1"), "udp")
    made = judge("AllowAll", Refusing(SEARCH, nxdomain=nxdomain))
    if said is DENIED and nxdomain:
        said = DENIED._replace(rcode=NXDOMAIN, negative_ttl=NEGATIVE_TTL)
    assert made(asked, wire_name(name), 1) == said
    assert made._counters.refused_by_policy == (said is not None and said.is_denial)


def test_a_name_below_a_search_domain_that_policy_allows_is_answered() -> None:
    made = judge("AllowListed", Refusing([wire_name("example.org")]))
    for address in ("10.9.0.7", "10.9.0.8"):
        asked = Client(packed(address), packed("10.9.0.1"), "udp")
        assert made(asked, wire_name("www.example.org"), 1) is None
    may_ask = Client(packed("10.9.0.7"), packed("10.9.0.1"), "udp")
    assert judge("AllowAll", Refusing(SEARCH))(may_ask, wire_name("www.example.org.cluster.local"), 1) is None


@pytest.mark.parametrize("address", ["10.9.0.9", "198.51.100.1"])
def test_who_is_not_ours_is_refused_whatever_the_name(address: str) -> None:
    asked = Client(packed(address), packed("10.9.0.1"), "udp")
    said = judge("AllowAll", Refusing(SEARCH, nxdomain=True))(asked, wire_name("a.cluster.local"), 1)
    assert said in (UNKNOWN, STRANGER)
