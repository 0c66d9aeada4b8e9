"""Calico's tiered access control, row by row."""

from typing import Any

import pytest

from dnsguard.access.ask import Ask
from dnsguard.access.rights import Rights
from dnsguard.access.tiers import in_some_tier, in_tier, is_tiered, tier_in_name
from tests.unit.access.roles import CALICO, on, read_rules

GET_NET = on("get", "tiers", "net")
GET_TIERS = on("get", "tiers")
ANY = on("*", "tier.networkpolicies")
OF_NET = on("*", "tier.networkpolicies", "net.*")
ONE = on("*", "tier.networkpolicies", "net.web")
PLAIN = on("*", "networkpolicies tiers")
ALLOWED, REFUSED, NO_TIER = (True, True), (False, True), (False, False)


@pytest.mark.parametrize(
    ("rules", "tier", "name", "decision"),
    [
        ([], "net", "net.web", NO_TIER),
        ([GET_NET], "net", "net.web", REFUSED),
        ([ANY], "net", "net.web", NO_TIER),
        ([GET_NET, ANY], "net", "net.web", ALLOWED),
        ([GET_NET, ANY], "other", "other.web", NO_TIER),
        ([GET_TIERS, ANY], "other", "other.web", ALLOWED),
        ([GET_NET, OF_NET], "net", "net.web", ALLOWED),
        ([GET_NET, OF_NET], "net", "named-otherwise", ALLOWED),
        ([GET_NET, OF_NET], "net", "", ALLOWED),
        ([GET_TIERS, OF_NET], "other", "net.web", REFUSED),
        ([GET_TIERS, OF_NET], "other", "other.web", REFUSED),
        ([GET_TIERS, OF_NET], "net2", "net.web", REFUSED),
        ([GET_NET, ONE], "net", "net.web", ALLOWED),
        ([GET_NET, ONE], "net", "net.web2", REFUSED),
        ([GET_NET, ONE], "net", "web", REFUSED),
        ([GET_NET, ONE], "net", "", REFUSED),
        ([GET_TIERS, ONE], "other", "net.web", ALLOWED),  # a name is compared as it is sent
        ([PLAIN], "net", "net.web", REFUSED),
        ([GET_NET, on("get", "tier.globalnetworkpolicies")], "net", "net.web", REFUSED),
        ([GET_NET, on("list", "tier.networkpolicies")], "net", "net.web", REFUSED),
        ([on("*", "*")], "net", "net.web", ALLOWED),
        ([on("get", "tiers", "net", group="x"), ANY], "net", "net.web", NO_TIER),
    ],
)
def test_a_request_in_a_tier(rules: list[dict[str, Any]], tier: str, name: str, decision: tuple[bool, bool]) -> None:
    asked = Ask("get", CALICO, "networkpolicies", "shop", name)
    assert in_tier(Rights(read_rules(*rules)), asked, tier) == decision


@pytest.mark.parametrize(
    ("rules", "name", "some"),
    [
        ([], "a", False),
        ([GET_NET], "a", False),
        ([ANY], "a", False),
        ([GET_NET, ANY], "a", True),
        ([GET_NET, OF_NET], "a", True),
        ([GET_TIERS, OF_NET], "a", True),
        ([on("get", "tiers", "other"), OF_NET], "a", False),
        ([GET_NET, ONE], "net.web", True),
        ([GET_NET, ONE], "a", False),
        ([GET_NET, ONE], "", False),
    ],
)
def test_whether_there_could_be_a_tier(rules: list[dict[str, Any]], name: str, some: bool) -> None:
    assert in_some_tier(Rights(read_rules(*rules)), Ask("get", CALICO, "networkpolicies", "shop", name)) is some


def test_rights_within_a_namespace_need_the_tier_from_everywhere() -> None:
    local = read_rules(GET_NET, ANY)
    asked = Ask("get", CALICO, "networkpolicies", "shop", "net.web")
    assert in_tier(Rights((), {"shop": local}), asked, "net") == NO_TIER, "tiers are of no namespace"
    assert in_tier(Rights(read_rules(GET_NET), {"shop": local}), asked, "net") == ALLOWED
    assert in_tier(Rights(read_rules(GET_NET), {"bank": local}), asked, "net") == REFUSED


def test_which_kinds_are_in_tiers() -> None:
    assert is_tiered(CALICO, "stagedglobalnetworkpolicies")
    assert not is_tiered(CALICO, "stagedkubernetesnetworkpolicies")
    assert not is_tiered("networking.k8s.io", "networkpolicies")


@pytest.mark.parametrize(("name", "tier"), [("net.web", "net"), ("web", ""), ("a.b.c", "a"), ("", "")])
def test_the_tier_that_a_name_says(name: str, tier: str) -> None:
    assert tier_in_name(name) == tier
