"""A kernel without nf_tables, and a process that may not use it: both say so in words that people find, and nothing is
answered that would have to be opened."""

from pathlib import Path

import pytest

from tests.support.netns import namespace
from tests.system.controller import Controller, until
from tests.system.forwarder import rig

NO_SUBSYSTEM = (
    "import socket; from dnsguard.netlink import socket as s; s._RESOURCE = socket.htons(5); s._SUBSYSTEM_HIGH = 5 << 8"
)
"""Asks the kernel for a subsystem that takes no batches, as it asks for all of them where nf_tables is no module."""

NO_NETFILTER = "from dnsguard.netlink import socket as s; s._NETLINK_NETFILTER = 31"
"""A family of netlink that no kernel has."""

NO_RIGHTS = "import ctypes; ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), bytes(24))"

MISSING = {
    NO_SUBSYSTEM: "Operation not supported (the kernel says so where it has no nf_tables)",
    NO_NETFILTER: "Protocol not supported (the kernel says so where it has no netfilter)",
    NO_RIGHTS: "Operation not permitted (it takes CAP_NET_ADMIN)",
}


def hint(first: str) -> str:
    """What is in brackets."""
    return MISSING[first].partition("(")[2]


@pytest.mark.parametrize("first", MISSING, ids=["nf_tables", "netfilter", "rights"])
async def test_the_forwarder_does_not_start_and_says_why_in_one_line(tmp_path: Path, first: str) -> None:
    async with rig(tmp_path) as here:
        here.launch(first=first)
        assert await here.ended() == 1
        assert "nftables cannot be used: " in here.log
        assert MISSING[first] in here.log
        assert len(here.log.splitlines()) == 1


@pytest.mark.parametrize("first", MISSING, ids=["nf_tables", "netfilter", "rights"])
def test_the_controller_says_so_and_so_does_its_status(tmp_path: Path, first: str) -> None:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path)
        try:
            made.start(first)
            if first == NO_NETFILTER:
                assert made.ended() == 1
            else:
                until(lambda: "API on" in made.log)
                status = until(lambda: (found := made.status())["problems"] and found)
                assert not status["ready"]
                assert any(hint(first) in each for each in status["problems"])
            assert hint(first) in made.log
            assert "Traceback" not in made.log
            assert made.rules() == ""
        finally:
            made.close()
