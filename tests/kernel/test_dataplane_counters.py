"""Counters of a table, read and begun anew beside the driver."""

from dnsguard.dataplane.counters import CounterTable
from dnsguard.netlink import nftables
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket
from tests.support.netns import namespace


def test_counters_of_our_table_are_told_and_those_that_are_named_begin_anew() -> None:
    with namespace() as node, node.entered(), NetfilterSocket() as socket:
        table = CounterTable(socket, "ours")
        assert table.counters() == {}, "no table, no counters"
        assert table.reset(["a"]) == {}
        socket.transact([nftables.add_table("ours"), nftables.add_table("theirs")])
        for of, name, packets in ("ours", "a", 1), ("ours", "b", 2), ("theirs", "a", 3):
            node.run(f"nft add counter inet {of} {name} {{ packets {packets} bytes {packets * 60} }}")
        assert table.counters() == {"a": (1, 60), "b": (2, 120)}
        assert table.reset(["b", "nosuch"]) == {"b": (2, 120)}
        assert table.counters() == {"a": (1, 60), "b": (0, 0)}
        assert CounterTable(socket, "theirs").counters() == {"a": (3, 180)}


def test_what_both_tables_count_under_one_name_is_added_up() -> None:
    with namespace() as node, node.entered(), NetfilterSocket() as socket, FamilySocket(nftables.BRIDGE) as frames:
        table = CounterTable(socket, "ours", frames)
        assert table.counters() == {}
        node.run("nft add table inet ours")
        node.run("nft add table bridge ours")
        for family, name, packets in ("inet", "a", 1), ("inet", "both", 2), ("bridge", "both", 3), ("bridge", "b", 4):
            node.run(f"nft add counter {family} ours {name} {{ packets {packets} bytes {packets * 60} }}")
        assert table.counters() == {"a": (1, 60), "both": (5, 300), "b": (4, 240)}
