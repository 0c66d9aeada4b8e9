import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.compiled import Direction, PolicyId
from dnsguard.dataplane import naming

NFT_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9/_.-]*")
SVC3 = PolicyId("NetworkPolicy", "app2-ns", "application.app2-svc3-egress")
GLOBAL = PolicyId("GlobalNetworkPolicy", "", "security.deny-list")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (naming.counter_of(SVC3, Direction.EGRESS, 0), "np-app2-ns.application.app2-svc3-egress-egress-0"),
        (naming.counter_of(GLOBAL, Direction.INGRESS, 12), "gnp-security.deny-list-ingress-12"),
        (naming.counter_of_tier("application", Direction.EGRESS), "tier-application-egress-end"),
        (naming.counter_of_profile("kns.app2-ns", Direction.INGRESS, 0), "profile-kns.app2-ns-ingress-0"),
        (naming.counter_of_no_profile(Direction.EGRESS), "no-profile-egress"),
        (naming.counter_of_unknown_workload(Direction.INGRESS), "unknown-workload-ingress"),
        (naming.lease_set_names("s:Ab-_9"), ("d4-Ab-_9", "d6-Ab-_9")),
        (naming.member_set_name("s:Ab", 6), "n6-Ab"),
        (naming.port_set_name("s:Ab", 4), "p4-Ab"),
    ],
)
def test_names(name: object, expected: object) -> None:
    assert name == expected


def test_what_is_cut_keeps_its_own_name() -> None:
    names = {
        naming.counter_of(PolicyId("NetworkPolicy", "n" * 63, "p" * 250 + end), Direction.EGRESS, 0) for end in "ab"
    }
    assert len(names) == 2
    assert all(len(name) <= naming.LONGEST for name in names)


def test_what_nft_cannot_read_keeps_its_own_name() -> None:
    assert naming.identifier("a b") != naming.identifier("a-b") == "a-b"
    assert NFT_IDENTIFIER.fullmatch(naming.identifier("a b"))


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(Direction), st.integers(0, 10**6))
def test_every_name_is_an_identifier(namespace: str, name: str, direction: Direction, index: int) -> None:
    counter = naming.counter_of(PolicyId("NetworkPolicy", namespace, name), direction, index)
    assert NFT_IDENTIFIER.fullmatch(counter)
    assert len(counter) <= naming.LONGEST
    assert NFT_IDENTIFIER.fullmatch(naming.chain_name(f"np-{name}", "content"))


@given(st.text(max_size=200))
def test_comments_can_stand_in_quotes(text: str) -> None:
    assert re.fullmatch(r"[ !#-~]{0,120}", naming.comment(text))


def test_chains_are_named_by_content() -> None:
    one = naming.chain_name("np-app.web-egress", "a")
    assert one == naming.chain_name("np-app.web-egress", "a")
    assert one != naming.chain_name("np-app.web-egress", "b")
    assert one.startswith("np-app.web-egress-")


def test_only_lease_sets_are_lease_sets() -> None:
    assert all(map(naming.is_lease_set, naming.lease_set_names("s:x")))
    assert not any(map(naming.is_lease_set, ["n4-x", "c4-x", "p4-x", "ports-x", "workload-egress-4", "d5-x"]))
