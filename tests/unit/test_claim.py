"""Who writes a table is one process of each role."""

import os
from collections.abc import Iterator

import pytest

from dnsguard.claim import AlreadyClaimed, claimed
from tests.support.netns import namespace


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with namespace() as node, node.entered():
        yield


async def test_the_second_is_told_who_the_first_is_as_often_as_it_tries() -> None:
    with claimed("forwarder", "dnsguard"):
        for _ in range(3):
            told = pytest.raises(AlreadyClaimed, match=rf"another forwarder of dnsguard \(pid {os.getpid()}\)")
            with told, claimed("forwarder", "dnsguard"):
                raise AssertionError
        with claimed("controller", "dnsguard"), claimed("forwarder", "other"):
            pass
    with claimed("forwarder", "dnsguard"):
        pass


async def test_another_network_is_another_matter() -> None:
    with claimed("forwarder", "dnsguard"), namespace() as other, other.entered(), claimed("forwarder", "dnsguard"):
        pass
