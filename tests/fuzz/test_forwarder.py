"""A forwarder between changed messages from both sides. `python -m tests.fuzz.forwarder` is the long form."""

import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsguard.dns.eligible import ineligible
from tests.fuzz.attack import Attack, Found
from tests.fuzz.justified import Justified
from tests.support import dnswire
from tests.system.forwarder import WORKLOAD, rig

ROUNDS = 25


async def test_changed_messages_from_both_sides(tmp_path: Path) -> None:
    seed = time.time_ns() // 1_000_000
    async with rig(tmp_path) as made:
        attack = Attack(made, seed)
        await attack.begin()
        try:
            for _ in range(ROUNDS):
                await attack.round()
            attack.end()
        except Found as found:
            pytest.fail(f"seed {seed}: {found}")
    assert attack.promises > 0
    assert attack.outcomes.keys() >= {"NOERROR", "FORMERR", "SERVFAIL"}


async def test_what_nobody_justified_is_found(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        attack = Attack(made, 1)
        await attack.begin()
        made.node.run(f"nft add element inet dnsguard d4-web {{ {WORKLOAD} . 203.0.113.1 timeout 60s }}")
        with pytest.raises(Found, match=r"never justified: \{'203.0.113.1'\}"):
            await attack.round()


def test_what_is_justified_follows_aliases_of_several_answers() -> None:
    told = Justified("example.org", ())
    told.said(dnswire.answer(1, dnswire.question("www.example.org"), dnswire.alias("www.example.org", "c.net")))
    assert told.may_open() == set()
    told.said(dnswire.answer(1, dnswire.question("c.net"), dnswire.address("198.18.0.1")))
    assert told.may_open() == {"198.18.0.1"}
    told.said(dnswire.answer(1, dnswire.question("other.net"), dnswire.address("198.18.0.2")))
    told.said(dnswire.answer(1, dnswire.question("a.example.org"), dnswire.address("127.0.0.1")))
    assert told.may_open() == {"198.18.0.1"}


@pytest.mark.parametrize(
    "text",
    ["0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "10.0.0.1", "::", "::1",
     "::2", "fe80::1", "febf::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:192.0.2.1",
     "64:ff9b::a9fe:1", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2002:c000:201::1",
     "::ffff:0:7f00:1"],
)  # fmt: skip
def test_both_name_the_same_addresses_special(text: str) -> None:
    packed = ip_address(text).packed
    assert (ineligible(packed) is None) == bool(Justified("example.org", ()).eligible(packed))
