"""Real resolvers with ndots:5 and a search list find an allowed name in one pass, though each expansion is denied.

A pass is counted in queries: one that is sent again, or to somebody else, was waited for.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import QTYPE, DNSRecord

from dnsguard.dns.codes import NXDOMAIN
from tests.support.resolvers import Resolver, glibc, musl
from tests.system.forwarder import LISTEN, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example")
BOTH = 2
"""Families: a resolver asks for A and AAAA."""

CLOSED = identity("shop/web", [WORKLOAD], ["web"], may_query=False)
FREE = identity("shop/web", [WORKLOAD], ["web"])


@pytest.fixture(params=["glibc", "musl"])
def resolver(request: pytest.FixtureRequest, tmp_path: Path) -> Resolver:
    made = glibc() if request.param == "glibc" else musl(tmp_path)
    if made is None:
        pytest.skip("musl-gcc is not installed (Debian: musl-tools)")
    return made


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    directory = tmp_path / "etc"
    directory.mkdir()
    (directory / "resolv.conf").write_text(f"nameserver {LISTEN}\nsearch {' '.join(SEARCH)}\noptions ndots:5\n")
    (directory / "nsswitch.conf").write_text("hosts: dns\n")
    (directory / "hosts").write_text("")
    return directory


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.upstream.script = lambda asked: map(no_such_name, made.answer(asked))
        made.make_sets(FEED)
        made.zone["api.example.org"] = [("A", "198.51.100.1"), ("AAAA", "2001:db8::1")]
        made.zone["old.example.org"] = [("A", "198.51.100.2")]
        yield made


def no_such_name(answer: bytes) -> bytes:
    """NXDOMAIN where the rig's server says nothing: one that knows no such name says so, and resolvers go on."""
    record = DNSRecord.parse(answer)
    owner_known = record.rr or record.q.qname in ("old.example.org", "db.shop.svc.cluster.local")
    record.header.rcode = 0 if owner_known else NXDOMAIN
    return bytes(record.pack())


async def started(rig_: Rig, *flags: str, **policies: object) -> None:
    await rig_.start("--search-domains", "cluster.local,corp.example", *flags)
    await rig_.connected()
    await rig_.enforced(policy(FEED, **policies))  # type: ignore[arg-type]


def counted(rig_: Rig, name: str) -> int:
    found = rig_.http("/metrics")
    assert found is not None
    return int(next(line.split()[1] for line in found[1].splitlines() if line.split()[0] == f"dnsguard_{name}_total"))


def forwarded(rig_: Rig) -> set[tuple[bytes, str]]:
    return {(asked.name, QTYPE[asked.question[-3]]) for asked in rig_.upstream.asked}


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("api.example.org", {"198.51.100.1", "2001:db8::1"}),
        ("old.example.org", {"198.51.100.2"}),  # it has no AAAA
    ],
)
async def test_cilium_6366_musl_and_glibc_go_through_a_denied_search_list_in_one_pass(
    here: Rig, etc: Path, resolver: Resolver, name: str, addresses: set[str]
) -> None:
    await started(here, identities=[CLOSED])
    assert await resolver.look_up(here.workload, etc, name) == addresses
    assert counted(here, "dns_queries") == BOTH * (len(SEARCH) + 1)
    assert counted(here, "dns_search_expansions") == BOTH * len(SEARCH)
    assert counted(here, "dns_refused") == counted(here, "forwarder_refused_by_policy") == 0
    label = bytes((len(name) - 12,)) + name[:-12].encode()
    assert forwarded(here) == {(label + b"\7example\3org\0", kind) for kind in ("A", "AAAA")}
    assert "refused" not in here.log
    assert set(here.elements("d4-web")) == {(WORKLOAD, a) for a in addresses if "." in a}


@pytest.mark.parametrize(("name", "expansions"), [("api.example.net", len(SEARCH)), ("api.example.net.", 0)])
async def test_a_denied_name_that_is_nxdomain_ends_at_once(
    here: Rig, etc: Path, resolver: Resolver, name: str, expansions: int
) -> None:
    await started(here, "--query-refusal", "NXDomain", identities=[CLOSED])
    assert await resolver.look_up(here.workload, etc, name) == set()
    assert counted(here, "dns_queries") == BOTH * (expansions + 1)
    assert counted(here, "dns_refused") == counted(here, "forwarder_refused_by_policy") == BOTH
    assert forwarded(here) == set()


@pytest.mark.parametrize(
    ("search_domains", "addresses", "expansions"), [("cluster.local", {"198.51.100.9"}, BOTH), ("none", set(), 0)]
)
async def test_a_service_that_policy_allows_is_found_behind_a_denied_expansion(
    here: Rig, etc: Path, resolver: Resolver, search_domains: str, addresses: set[str], expansions: int
) -> None:
    """And what search domains are there for: REFUSED ends the list (glibc), or is waited for in vain (musl)."""
    await here.start("--search-domains", search_domains)
    await here.connected()
    await here.enforced(policy(feed("web", "db.shop.svc.cluster.local"), identities=[CLOSED]))
    here.zone["db.shop.svc.cluster.local"] = [("A", "198.51.100.9")]
    with (etc / "resolv.conf").open("a") as file:
        file.write("options timeout:1 attempts:1\n")
    assert await resolver.look_up(here.workload, etc, "db.shop") == addresses
    assert set(here.elements("d4-web")) == {(WORKLOAD, address) for address in addresses}
    assert counted(here, "dns_search_expansions") == expansions
    assert (counted(here, "dns_refused") > 0) == (not addresses)


async def test_cilium_20191_a_server_that_rewrites_an_expansion_opens_what_the_meant_name_leads_to(
    here: Rig, etc: Path, resolver: Resolver
) -> None:
    """CoreDNS's autopath: the first expansion is answered with an alias of the name as it was meant."""
    await started(here, identities=[FREE])
    here.zone["api.example.org.shop.svc.cluster.local"] = [("CNAME", "api.example.org")]
    assert await resolver.look_up(here.workload, etc, "api.example.org") == {"198.51.100.1", "2001:db8::1"}
    assert counted(here, "dns_queries") == BOTH
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}


async def test_what_is_denied_says_for_how_long_it_may_be_kept(here: Rig) -> None:
    await started(here, "--query-refusal", "NXDomain", identities=[CLOSED])
    for name in ("api.example.net", "api.example.org.cluster.local"):
        (soa,) = (await here.ask(name)).auth
        assert (soa.rname, soa.ttl, soa.rdata.times[-1]) == (name, 5, 5)
