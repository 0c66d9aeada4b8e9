"""Text and netlink make the same ruleset, and nft can read it."""

import re
from collections.abc import Iterator

import pytest

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.netns import Namespace, namespace, table_blocks
from tests.unit.dataplane.samples import SAMPLES


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


def listed(node: Namespace) -> list[str]:
    """Without how much of their time elements have left."""
    return table_blocks(re.sub(r" expires \w+", "", node.run("nft list table inet dnsguard")))


@pytest.mark.parametrize("sample", SAMPLES)
def test_text_and_netlink_make_the_same_ruleset(node: Namespace, sample: str) -> None:
    make, settings = SAMPLES[sample]
    plan = build_plan(make(), settings)
    node.run("nft -f -", render(plan))
    by_text = listed(node)
    node.run("nft flush ruleset")
    with node.entered():
        socket = NetfilterSocket()
    with socket:
        Driver(socket, build_plan(Compiled(), settings)).apply(plan)
    assert listed(node) == by_text
