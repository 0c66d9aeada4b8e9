import errno
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from dnsguard.netlink import dumps, nftables, probe
from dnsguard.netlink.expressions import OBJECT_COUNTER
from dnsguard.netlink.nftables import Element, Hook, Message
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError
from tests.support.netns import Namespace, namespace

TABLE = "dnsguard-test"
PAIR = 7 << 6 | 7


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


@pytest.fixture
def socket(node: Namespace) -> Iterator[NetfilterSocket]:
    with node.entered():
        opened = NetfilterSocket()
    with opened:
        opened.transact(
            [
                nftables.add_table(TABLE),
                nftables.add_set(TABLE, "d4-a", key_type=PAIR, key_length=8, flags=nftables.SET_TIMEOUT),
            ]
        )
        yield opened


def elements(socket: NetfilterSocket, name: str = "d4-a") -> list[nftables.DumpedElement]:
    request = nftables.list_request(nftables.GET_ELEMENT, TABLE, name)
    return socket.dump(request, lambda bodies: list(dumps.elements(bodies)))


def test_elements_are_there_when_the_transaction_returns(socket: NetfilterSocket) -> None:
    socket.transact(nftables.add_elements(TABLE, "d4-a", [Element(b"12345678", 60_000), Element(b"abcdefgh", 5_000)]))
    found = {element.key: element for element in elements(socket)}
    assert set(found) == {b"12345678", b"abcdefgh"}
    assert found[b"12345678"].timeout_ms == 60_000
    assert 59_000 < (found[b"12345678"].expires_ms or 0) <= 60_000
    socket.transact(nftables.delete_elements(TABLE, "d4-a", [Element(b"12345678")]))
    assert [element.key for element in elements(socket)] == [b"abcdefgh"]


def test_the_same_timeout_again_starts_anew(socket: NetfilterSocket) -> None:
    socket.transact(nftables.add_elements(TABLE, "d4-a", [Element(b"\x0a\0\0\1\xc0\0\2\1", 60_000)]))
    before = elements(socket)[0].expires_ms
    assert before is not None
    while (elements(socket)[0].expires_ms or 0) > before - 20:
        pass  # the kernel's own clock has to move
    socket.transact(nftables.add_elements(TABLE, "d4-a", [Element(b"\x0a\0\0\1\xc0\0\2\1", 60_000)]))
    after = elements(socket)[0].expires_ms
    assert after is not None
    assert after > before - 20


def test_a_refused_batch_changes_nothing_and_names_the_message(socket: NetfilterSocket) -> None:
    batch = [
        *nftables.add_elements(TABLE, "d4-a", [Element(b"12345678", 60_000)]),
        nftables.delete_chain(TABLE, "class-missing"),
        nftables.add_chain(TABLE, "class-b"),
    ]
    with pytest.raises(NetlinkError, match="delete chain class-missing: No such file or directory") as caught:
        socket.transact(batch)
    assert (caught.value.errno, caught.value.index) == (errno.ENOENT, 1)
    assert elements(socket) == []
    socket.transact(batch[:1])
    assert len(elements(socket)) == 1


def test_a_full_set_is_refused(socket: NetfilterSocket) -> None:
    small = nftables.add_set(TABLE, "d4-small", key_type=PAIR, key_length=8, flags=nftables.SET_TIMEOUT, size=1)
    socket.transact([small])
    two = [Element(b"12345678", 60_000), Element(b"abcdefgh", 60_000)]
    with pytest.raises(NetlinkError, match="add elements to set d4-small") as caught:
        socket.transact(nftables.add_elements(TABLE, "d4-small", two))
    assert caught.value.errno == errno.ENFILE
    assert elements(socket, "d4-small") == []


def test_a_batch_larger_than_the_buffer_is_refused_whole(node: Namespace) -> None:
    with node.entered():
        opened = NetfilterSocket(buffer_bytes=4096)
    with opened:
        opened.transact([nftables.add_table(TABLE)])
        chains = [nftables.add_chain(TABLE, f"class-{number}") for number in range(2_000)]
        message = r"batch of 2000, \d+ bytes, first add chain class-0: Message too long \(this socket takes 8192;"
        with pytest.raises(NetlinkError, match=message) as caught:
            opened.transact(chains)
        assert caught.value.errno == errno.EMSGSIZE
        assert opened.dump(nftables.list_request(nftables.GET_CHAIN, TABLE), dumps.chains) == []


def test_what_a_million_ranges_need_fits_into_one_batch(socket: NetfilterSocket) -> None:
    """70 MB: content of sets in use changes at once, and one that is refused would hold up all that comes after it."""
    padding = attributes_of_unknown_kind(60_000)
    kind, flags, body, subject = nftables.add_table(TABLE)
    batch = [Message(kind, flags, body + padding, subject)] * 1_200
    if Path("/proc/self/uid_map").read_text().split() == ["0", "0", str(2**32 - 1)]:
        socket.transact(batch)
    else:
        with pytest.raises(NetlinkError, match="root of the machine may raise that"):
            socket.transact(batch)


def attributes_of_unknown_kind(length: int) -> bytes:
    """The kernel passes over what it does not know."""
    return pack("=HH", length + 4, 99) + bytes(length)


def test_large_sets_come_back_whole(socket: NetfilterSocket) -> None:
    # With its size known: a hash set that grows is moved in the background, and a list meanwhile may lack elements.
    large = nftables.add_set(TABLE, "d4-large", key_type=PAIR, key_length=8, flags=nftables.SET_TIMEOUT, size=20_000)
    items = [Element(number.to_bytes(8, "big"), 600_000) for number in range(10_000)]
    socket.transact([large, *nftables.add_elements(TABLE, "d4-large", items)])
    assert {element.key for element in elements(socket, "d4-large")} == {item.key for item in items}


def test_dumps_describe_what_was_made(socket: NetfilterSocket) -> None:
    socket.transact(
        [
            nftables.add_chain(TABLE, "forward-egress", Hook("filter", "forward", -10), "who may go out"),
            nftables.add_chain(TABLE, "class-a"),
            nftables.add_counter(TABLE, "np-a"),
        ]
    )
    chains = socket.dump(nftables.list_request(nftables.GET_CHAIN, TABLE), dumps.chains)
    assert [(chain.name, chain.is_base, chain.comment) for chain in chains] == [
        ("forward-egress", True, "who may go out"),
        ("class-a", False, ""),
    ]
    (made,) = socket.dump(nftables.list_request(nftables.GET_SET, TABLE), dumps.sets)
    assert (made.name, made.flags, made.key_type, made.key_length) == ("d4-a", nftables.SET_TIMEOUT, PAIR, 8)
    request = nftables.list_request(nftables.GET_OBJECT, TABLE, object_type=1)
    assert socket.dump(request, dumps.counters) == [(TABLE, "np-a", 0, 0)]


def test_listing_what_is_not_there_is_an_error(socket: NetfilterSocket) -> None:
    with pytest.raises(NetlinkError, match="list of d4-none: No such file"):
        elements(socket, "d4-none")


def test_the_probe_answers_and_leaves_nothing(socket: NetfilterSocket) -> None:
    assert probe.readding_updates_timeout(socket) in {True, False}
    assert probe.log_refusal(socket) == ""
    assert socket.dump(nftables.list_request(nftables.GET_TABLE, TABLE), dumps.tables) == [TABLE]


def test_each_transaction_is_one_generation(node: Namespace) -> None:
    with node.entered(), NetfilterSocket() as socket:
        before = socket.generation()
        socket.transact([nftables.add_table("other"), nftables.add_chain("other", "some")])
        assert socket.generation() == before + 1
        node.run("nft delete table inet other")
        assert socket.generation() == before + 2


def test_single_counters_are_told_and_begin_anew(socket: NetfilterSocket, node: Namespace) -> None:
    node.run(f"nft add counter inet {TABLE} a {{ packets 7 bytes 420 }}")
    node.run(f"nft add counter inet {TABLE} b {{ packets 9 bytes 540 }}")
    generation = socket.generation()
    requests = [nftables.reset_request(TABLE, name, OBJECT_COUNTER) for name in ("a", "nosuch", "a", "b")]
    first, missing, again, other = socket.ask(requests)
    assert missing is None
    told = dumps.counters(filter(None, (first, again, other)))
    assert [(each.name, each.packets, each.bytes) for each in told] == [("a", 7, 420), ("a", 0, 0), ("b", 9, 540)]
    assert socket.generation() == generation, "nobody takes it for a change of rules"
