"""What other people's programs took from an answer, or failed to, each as a test named after the report.

k8s: kubernetes/kubernetes, C: cilium/cilium. With ``--soak SECONDS`` counts are those of the reports.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord

from tests.support import dnswire
from tests.support.dnswire import address, alias, record, wire
from tests.support.fake_upstream import Asked, Script, send_from_elsewhere
from tests.system.forwarder import LISTEN, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
GOOD, BAD = "198.18.0.1", "198.18.0.66"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    """An endpoint that may reach ``*.example.org``."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        await made.start()
        await made.connected()
        await made.enforced(policy(FEED, identities=[WEB]))
        yield made


def open_to(here: Rig) -> set[str]:
    return {each for _, each in here.elements("d4-web")}


def saying(*records: bytes, authority: tuple[bytes, ...] = (), additional: tuple[bytes, ...] = ()) -> Script:
    """Whatever is asked, these records."""

    def answer(asked: Asked) -> Iterable[bytes]:
        yield dnswire.answer(asked.ident, asked.question, *records, authority=authority, additional=additional)

    return answer


async def test_coredns_7277_forty_records_cut_over_udp_and_whole_over_tcp(here: Rig) -> None:
    """Of an answer that did not fit only what fitted was open."""
    forty = [f"198.18.0.{number}" for number in range(100, 140)]

    def cut(asked: Asked) -> Iterable[bytes]:
        if asked.transport == "udp":
            yield dnswire.answer(asked.ident, asked.question, *map(address, forty[:7]), flags=0x200)
        else:
            yield dnswire.answer(asked.ident, asked.question, *map(address, forty))

    here.upstream.script = cut
    first = await here.ask("www.example.org")
    assert first.header.tc, "without EDNS 512 octets are all there is room for"
    with here.workload.entered():
        whole = await asyncio.to_thread(DNSRecord.question("www.example.org").send, LISTEN, 53, True, 5)
    assert [str(each.rdata) for each in DNSRecord.parse(whole).rr] == forty
    assert open_to(here) == set(forty)


async def test_antrea_4934_mixed_case(here: Rig) -> None:
    """Names were compared as they were written."""
    here.zone["www.example.org"] = [("A", GOOD)]
    reply = await here.ask("wWw.ExAmPlE.oRg")
    assert str(reply.q.qname) == "wWw.ExAmPlE.oRg."
    assert open_to(here) == {GOOD}


NAME = "www.example.org"
EIGHT = [alias(NAME, "c1.example.net"), *(alias(f"c{n}.example.net", f"c{n + 1}.example.net") for n in range(1, 8))]
AGAIN = wire("evil.example.org")
"""Policy would allow it, had it been asked for."""

ANSWERS = {
    # what is in the answer: the script, what it opens
    "eight aliases": (saying(*EIGHT, address(GOOD, owner=wire("c8.example.net"))), {GOOD}),
    "a loop": (saying(alias(NAME, "c1.example.net"), alias("c1.example.net", NAME), address(GOOD)), {GOOD}),
    "DNAME and its CNAME": (
        saying(
            record(wire("example.org"), dnswire.DNAME, wire("example.net")),
            alias(NAME, "www.example.net"),
            address(GOOD, owner=wire("www.example.net")),
        ),
        {GOOD},
    ),
    "DNAME alone": (
        saying(
            record(wire("example.org"), dnswire.DNAME, wire("example.net")), address(BAD, owner=wire("www.example.net"))
        ),
        set(),
    ),
    "an unrelated owner": (saying(address(GOOD), address(BAD, owner=AGAIN)), {GOOD}),
    "an alias of an unrelated owner": (
        saying(address(GOOD), alias("evil.example.org", "c.example.net"), address(BAD, owner=wire("c.example.net"))),
        {GOOD},
    ),
    "authority and additional": (
        saying(
            address(GOOD), authority=(address(BAD, owner=AGAIN),), additional=(address(BAD), address(BAD, owner=AGAIN))
        ),
        {GOOD},
    ),
    "another class": (saying(address(GOOD), record(dnswire.ASKED, 1, bytes([198, 18, 0, 66]), of_class=3)), {GOOD}),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_cve_2025_40778_records_that_nobody_asked_for(here: Rig, what: str) -> None:
    """BIND took such records into its cache."""
    here.upstream.script, expected = ANSWERS[what]
    await here.ask(NAME)
    assert open_to(here) == expected
    asked = len(here.upstream.asked)
    here.upstream.script = saying(address(GOOD))
    await here.ask("evil.example.org")
    assert len(here.upstream.asked) == asked + 1, "nobody else's name is in the cache"


LOOKS_ALIKE = {
    "a dot in a label": b"\x0bwww.example\3org\0",
    "a whole name in a label": b"\x0fwww.example.org\0",
    "two labels in one": b"\3www\x0bexample.org\0",
    "a NUL in a label": b"\3www\x0cexample\0.org\0",
    "a NUL and another domain": b"\x10www.example.org\0\4evil\3com\0",
}


@pytest.mark.parametrize("name", LOOKS_ALIKE.values(), ids=LOOKS_ALIKE)
async def test_dnslib_dotted_and_nul_labels_never_match(here: Rig, name: bytes) -> None:
    """As text, one label with a dot prints like two."""
    here.upstream.script = saying(address(BAD))
    query = dnswire.query(name + b"\0\1\0\1")
    assert RCODE[(await here.exchange(query))[3] & 15] == "NOERROR"
    assert open_to(here) == set()
    here.upstream.script = saying(record(dnswire.ASKED, 5, name), address(BAD, owner=name))
    await here.ask("www.example.net")
    assert open_to(here) == set()


async def test_k8s_56903_a_and_aaaa_from_one_socket_at_once(here: Rig, soak: float) -> None:
    """Of the two one was lost, and the C library waited five seconds for it."""
    here.upstream.script = saying(address(GOOD, 0))
    loop, asker = asyncio.get_running_loop(), here.socket_of(WORKLOAD)
    for number in range(10_000 if soak else 500):
        pair = {}
        for kind in (1, 28):
            pair[2 * number + kind // 28] = query = dnswire.query(
                dnswire.question(f"n{number}.example.org", kind), 2 * number + kind // 28
            )
            await loop.sock_sendall(asker, query)
        async with asyncio.timeout(5):
            replies = [await loop.sock_recv(asker, 512) for _ in pair]
        assert {int.from_bytes(each[:2], "big") for each in replies} == pair.keys()
        assert {each[3] & 15 for each in replies} == {0}


SEARCHED = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", ""]
"""What a pod's ``search`` line and ``ndots:5`` make of a name, in this order."""


@pytest.mark.parametrize("may_query", [True, False], ids=["DNS allowed", "only its own names"])
async def test_cilium_6366_musl_goes_through_its_search_domains_in_one_pass(here: Rig, may_query: bool) -> None:
    """musl goes on after NXDOMAIN and gives up after every other error, REFUSED among them."""
    here.zone[NAME] = [("A", GOOD)]
    await here.enforced(policy(FEED, identities=[identity("shop/web", [WORKLOAD], ["web"], may_query=may_query)]))

    def answer(asked: Asked) -> Iterable[bytes]:
        if not asked.name.endswith(wire("cluster.local")):
            return here.answer(asked)
        return [dnswire.answer(asked.ident, asked.question, flags=3)]

    here.upstream.script = answer
    for suffix in SEARCHED:
        reply = await here.ask(f"{NAME}.{suffix}")
        if RCODE[reply.header.rcode] != "NXDOMAIN":
            break
    assert (RCODE[reply.header.rcode], str(reply.q.qname)) == ("NOERROR", f"{NAME}.")
    assert open_to(here) == {GOOD}


async def test_tudoor_the_right_answer_wins_though_it_is_late(here: Rig) -> None:
    """One wrong packet ended the wait, or the question was given up for a moment."""
    here.upstream.script = lies
    asking = asyncio.create_task(here.ask(NAME))
    await here.upstream.wait_for_questions(1)
    await here.until(lambda: here.metric("dns_upstream_unmatched_total") >= 100, "lies arrive")
    while not asking.done():
        for each in here.upstream.asked[-4:]:
            send_from_elsewhere(dnswire.answer(each.ident, each.question, address(BAD)), each.peer)
            here.upstream.send(dnswire.answer(each.ident, each.question, address(GOOD)), each.peer)
        await asyncio.sleep(0.01)
    assert {str(each.rdata) for each in asking.result().rr} == {GOOD}
    assert open_to(here) == {GOOD}


def lies(asked: Asked) -> Iterable[bytes]:
    """What somebody off the path would try who knows our port, and packets of no sense."""
    lie = address(BAD)
    for guess in range(1, 200):
        yield dnswire.answer(asked.ident ^ guess, asked.question, lie)
    for other in ("other.example.org", "wwx.example.org"):
        yield dnswire.answer(asked.ident, dnswire.question(other), lie)
    yield dnswire.answer(asked.ident, asked.question[:-4] + b"\0\x1c\0\1", lie)
    yield dnswire.answer(asked.ident, asked.question[:-4] + b"\0\1\0\3", lie)
    yield dnswire.answer(asked.ident, b"", lie)
    yield asked.data
    yield from (b"", b"\0", asked.data[:2], asked.data[:11], b"\xff" * 512)
