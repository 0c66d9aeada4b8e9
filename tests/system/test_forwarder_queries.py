"""A query is traffic too: who may ask what, and what the answer is when they may not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import EDNS0, RCODE, DNSRecord

from tests.system.forwarder import NEIGHBOUR, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        made.zone["www.example.net"] = [("A", "198.51.100.2")]
        yield made


def outcome(reply: DNSRecord) -> str:
    return str(RCODE[reply.header.rcode])


async def test_before_the_first_policy_only_the_node_is_answered(here: Rig) -> None:
    await here.start()
    await here.connected()
    assert outcome(await here.ask("www.example.org")) == "SERVFAIL"
    assert outcome(await here.ask("www.example.org", source="127.0.0.1")) == "NOERROR"
    assert here.http("/readyz") == (503, "no policy: the controller was never there\n")
    await here.enforced(policy(FEED, identities=[identity("shop/web", [WORKLOAD], ["web"])]))
    assert outcome(await here.ask("www.example.org")) == "NOERROR"
    assert here.http("/readyz") == (200, "ok\n")


async def test_where_policy_denies_dns_only_its_own_names_are_answered(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[identity("shop/web", [WORKLOAD], ["web"], may_query=False)]))
    assert outcome(await here.ask("www.example.org")) == "NOERROR"
    assert outcome(await here.ask("www.example.net")) == "REFUSED"
    assert "refused shop/web (10.9.0.2) over udp to 10.9.0.1: www.example.net" in here.log
    assert [asked.name for asked in here.upstream.asked] == [b"\x03www\x07example\x03org\0"]


async def test_allow_listed_refuses_names_that_no_policy_of_the_client_allows(here: Rig) -> None:
    await here.start()
    await here.connected()
    web, other = identity("shop/web", [WORKLOAD], ["web"]), identity("shop/other", [NEIGHBOUR], [])
    await here.enforced(policy(FEED, identities=[web, other], query_policy="AllowListed"))
    assert outcome(await here.ask("www.example.org")) == "NOERROR"
    assert outcome(await here.ask("www.example.net")) == "REFUSED"
    assert outcome(await here.ask("www.example.org", source=NEIGHBOUR)) == "REFUSED"


async def test_unknown_is_closed(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[identity("shop/web", [WORKLOAD], ["web"])]))
    assert outcome(await here.ask("www.example.org", source=NEIGHBOUR)) == "REFUSED"
    assert "refused unknown workload (10.9.0.3)" in here.log


@pytest.mark.parametrize(("flags", "expected"), [((), "REFUSED"), (("--served-clients", "10.9.0.0/24"), "NOERROR")])
async def test_a_client_from_elsewhere_is_served_where_the_settings_say_so(
    here: Rig, flags: tuple[str, ...], expected: str
) -> None:
    await here.start("--workload-cidrs", "10.8.0.0/24", *flags)
    await here.connected()
    await here.enforced(policy(FEED))
    assert outcome(await here.ask("www.example.org", source=NEIGHBOUR)) == expected
    assert here.elements("d4-web") == {}


async def test_a_shared_resolver_asks_for_everybody(here: Rig) -> None:
    await here.start("--shared-resolvers", NEIGHBOUR)
    await here.connected()
    await here.enforced(policy(FEED, identities=[identity("shop/web", [WORKLOAD], ["web"])]))
    await here.ask("www.example.org", source=NEIGHBOUR)
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}


async def test_with_node_scope_one_look_up_is_everybodys(here: Rig) -> None:
    await here.start("--lease-scope", "Node")
    await here.connected()
    both = [identity("shop/web", [WORKLOAD], ["web"]), identity("shop/other", [NEIGHBOUR], ["web"])]
    await here.enforced(policy(FEED, identities=both))
    await here.ask("www.example.org")
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1"), (NEIGHBOUR, "198.51.100.1")}


async def test_a_refusal_says_why(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED))
    query = DNSRecord.question("www.example.org")
    assert b"unknown workload" not in (await here.ask("www.example.org")).pack(), "no EDNS, no extended error"
    query.add_ar(EDNS0(udp_len=1232))
    reply = await here.send(query)
    assert b"\x00\x0f" in reply
    assert b"unknown workload" in reply
