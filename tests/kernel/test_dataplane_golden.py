"""Text and netlink make the same ruleset, and nft can read it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render
from dnsguard.dataplane.tables import Tables
from dnsguard.netlink.nftables import BRIDGE, IPV4, IPV6
from dnsguard.netlink.probe import sees_bridges
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket
from tests.support.netns import Namespace, namespace, table_blocks
from tests.unit.dataplane.samples import SAMPLES


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


def listed(node: Namespace, families: Iterable[str]) -> dict[str, list[str]]:
    """By family; without how much of their time elements have left."""
    listings = {family: node.run(f"nft list table {family} dnsguard") for family in families}
    return {family: table_blocks(re.sub(r" expires \w+", "", listing)) for family, listing in listings.items()}


@pytest.mark.parametrize("sample", SAMPLES)
def test_text_and_netlink_make_the_same_ruleset(node: Namespace, sample: str) -> None:
    make, settings = SAMPLES[sample]
    plan = build_plan(make(), settings)
    with node.entered(), FamilySocket(BRIDGE) as frames:
        if settings.workload_bridges and not sees_bridges(frames):
            pytest.skip("skipped: this kernel does not tell which bridge a port is of (CONFIG_NFT_BRIDGE_META)")
    node.run("nft -f -", render(plan))
    families = [each.family for each in (plan, plan.beside, *plan.turning) if each is not None]
    by_text = listed(node, families)
    node.run("nft flush ruleset")
    with node.entered():
        socket, frames = NetfilterSocket(), FamilySocket(BRIDGE)
        turning = {"ip": FamilySocket(IPV4), "ip6": FamilySocket(IPV6)}
    foundation = build_plan(Compiled(), replace(settings, canary=None))
    with socket, frames:
        Tables(Driver(socket, foundation), frames, foundation, turning).apply(plan)
    for each in turning.values():
        each.close()
    assert listed(node, families) == by_text
    assert len(node.run("nft list tables").splitlines()) == len(families)
