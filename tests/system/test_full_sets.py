"""A set of the kernel takes no more: who needs room in it is told so, others are served, and it heals by itself."""

from pathlib import Path

from dnslib import EDNS0, DNSRecord

from dnsguard.dns.codes import EDE_NOT_READY, NOERROR, SERVFAIL
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element
from tests.system.forwarder import NEIGHBOUR, TABLE, WORKLOAD, feed, identity, policy, rig
from tests.unit.leases.naive import packed

SMALL, LARGE = feed("small", "*.example.org"), feed("large", "*.example.com")
OLD, NEW, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.3"
PAIR = 7 << 6 | 7
EXTENDED_ERROR = 15


async def test_a_set_that_is_full(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        here.make_sets(LARGE)
        here.kernel.transact([
            nftables.add_set(TABLE, "d4-small", key_type=PAIR, key_length=8, flags=nftables.SET_TIMEOUT, size=1),
            nftables.add_set(TABLE, "d6-small", key_type=8 << 6 | 8, key_length=32, flags=nftables.SET_TIMEOUT),
        ])  # fmt: skip
        here.zone |= {
            "old.example.org": [("A", OLD)],
            "new.example.org": [("A", NEW)],
            "www.example.com": [("A", OTHER)],
        }
        await here.start()
        await here.connected()
        users = [identity("shop/web", [WORKLOAD], ["small"]), identity("shop/other", [NEIGHBOUR], ["large"])]
        await here.enforced(policy(SMALL, LARGE, identities=users))
        assert (await here.ask("old.example.org")).rr

        query = DNSRecord.question("new.example.org")
        query.add_ar(EDNS0(udp_len=1232))
        reply = DNSRecord.parse(await here.send(query))
        assert (reply.header.rcode, reply.rr) == (SERVFAIL, [])
        (told,) = [option for record in reply.ar for option in record.rdata if option.code == EXTENDED_ERROR]
        assert int.from_bytes(told.data[:2], "big") == EDE_NOT_READY
        assert told.data[2:].decode().endswith("Too many open files in system (the set is full)")
        assert "(the set is full)" in (here.http("/readyz") or (0, ""))[1]

        assert (await here.ask("old.example.org")).header.rcode == NOERROR, "what is open is still said"
        assert (await here.ask("www.example.com", source=NEIGHBOUR)).rr
        assert (NEIGHBOUR, OTHER) in here.elements("d4-large")

        gone = Element(packed(WORKLOAD) + packed(OLD))  # as when its time is over
        here.kernel.transact(nftables.delete_elements(TABLE, "d4-small", [gone]))
        await here.until(
            lambda: set(here.elements("d4-small")) == {(WORKLOAD, NEW)}, "what was owed is written without being asked"
        )
        await here.until(lambda: here.http("/readyz") == (200, "ok\n"), "it is ready again")
        assert (await here.ask("new.example.org")).rr
