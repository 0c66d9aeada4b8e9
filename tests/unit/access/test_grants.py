"""Roles and bindings as they come and go: whom they give which rights."""

from itertools import pairwise
from typing import Any

import pytest

from dnsguard.access import grants as module
from dnsguard.access.ask import Ask
from dnsguard.access.builtin import BUILTIN_ROLES
from dnsguard.access.covering import effective_lacking
from dnsguard.access.grants import MASTERS
from dnsguard.resources import parse_object, to_dict
from tests.unit.access.roles import CALICO, binding, granted, on, role

READER = role("reader", on("get", "networksets"))
SHOP = Ask("get", CALICO, "networksets", "shop", "a")
BANK = Ask("get", CALICO, "networksets", "bank", "a")


@pytest.mark.parametrize(
    ("objects", "user", "groups", "allowed"),
    [
        ([READER], "alice", (), (False, False)),
        ([READER, binding("b", "reader", "User:alice")], "alice", (), (True, True)),
        ([READER, binding("b", "reader", "User:alice")], "alic", (), (False, False)),
        ([READER, binding("b", "reader", "User:alice")], "bob", ("alice",), (False, False)),
        ([READER, binding("b", "reader", "Group:netops")], "bob", ("netops",), (True, True)),
        ([READER, binding("b", "reader", "Group:netops")], "netops", (), (False, False)),
        ([READER, binding("b", "reader", "User:alice", namespace="shop")], "alice", (), (True, False)),
        ([binding("b", "reader", "User:alice")], "alice", (), (False, False)),
        ([binding("b", "Role/reader", "User:alice", namespace="shop"), READER], "alice", (), (False, False)),
        (
            [binding("b", "Role/r", "User:alice", namespace="shop"), role("r", on("*", "*"), namespace="shop")],
            "alice",
            (),
            (True, False),
        ),
        (
            [binding("b", "Role/r", "User:alice", namespace="shop"), role("r", on("*", "*"), namespace="bank")],
            "alice",
            (),
            (False, False),
        ),
        ([binding("b", "view", "User:alice")], "alice", (), (True, True)),
        ([], "whoever", (MASTERS,), (True, True)),
        ([], MASTERS, (), (False, False)),
    ],
)
def test_who_may(objects: list[dict[str, Any]], user: str, groups: tuple[str, ...], allowed: tuple[bool, bool]) -> None:
    for order in (objects, objects[::-1]):
        rights = granted(*order).rights_of(user, groups)
        assert (rights.allow(SHOP), rights.allow(BANK)) == allowed


def test_a_service_account_is_a_user_by_its_long_name() -> None:
    bound = binding("b", "view") | {"subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "robot"}]}
    grants = granted(bound)
    assert grants.rights_of("system:serviceaccount:shop:robot", ()).allow(SHOP)
    assert not grants.rights_of("robot", ()).allow(SHOP)


def test_what_goes_takes_its_rights_along() -> None:
    grants = granted(READER, binding("b", "reader", "User:alice"))
    before = grants.rights_of("alice", ())
    assert grants.rights_of("alice", ()) is before, "kept while nothing changes"
    grants.drop("ClusterRoleBinding", "", "b")
    assert not grants.rights_of("alice", ()).allow(SHOP)
    grants.put(parse_object(binding("b", "reader", "User:alice")))  # type: ignore[arg-type]
    assert grants.rights_of("alice", ()) == before
    grants.put(parse_object(binding("b", "reader", "User:bob")))  # type: ignore[arg-type]
    assert not grants.rights_of("alice", ()).allow(SHOP)
    assert grants.rights_of("bob", ()).allow(SHOP)
    grants.drop("ClusterRole", "", "reader")
    assert not grants.rights_of("bob", ()).allow(SHOP)
    assert grants.keys("ClusterRoleBinding") == {("", "b")}
    assert grants.keys("ClusterRole") == set()


def test_a_stored_role_does_not_stand_in_for_a_built_in_one() -> None:
    grants = granted(role("view", on("*", "*", group="*")), binding("b", "view", "User:alice"))
    assert not grants.rights_of("alice", ()).allow(Ask("delete", CALICO, "networksets", "shop", "a"))
    grants.drop("ClusterRole", "", "view")
    assert grants.rights_of("alice", ()).allow(SHOP)


def test_rights_are_kept_for_a_bounded_number_of_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CALLERS", 2)
    grants = granted(READER)
    for number in range(5):
        grants.rights_of(f"u{number}", ())
    assert len(grants._rights) <= 2


POLICIES = Ask("get", CALICO, "tier.networkpolicies", "shop", "a")
TOKENS = Ask("list", "dnsguard.io", "accesstokens")


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        ("view", [SHOP, POLICIES, Ask("get", path="/metrics"), Ask("post", path="/v1/explain")],
         [TOKENS, Ask("get", "rbac.authorization.k8s.io", "roles", "shop", "a"), Ask("post", path="/v1/x"),
          Ask("create", CALICO, "networksets", "shop")]),
        ("edit", [Ask("delete", CALICO, "tier.networkpolicies", "shop", "a"),
                  Ask("create", "networking.k8s.io", "networkpolicies", "shop")],
         [TOKENS, Ask("create", CALICO, "workloadendpoints", "shop"), Ask("update", CALICO, "tiers", name="a"),
          Ask("create", CALICO, "tier.globalnetworkpolicies"),
          Ask("create", "rbac.authorization.k8s.io", "roles", "shop")]),
        ("admin", [Ask("create", "rbac.authorization.k8s.io", "rolebindings", "shop")],
         [TOKENS, Ask("create", "rbac.authorization.k8s.io", "clusterroles"),
          Ask("escalate", "rbac.authorization.k8s.io", "roles", "shop", "a")]),
        ("cluster-admin", [TOKENS, Ask("escalate", "rbac.authorization.k8s.io", "clusterroles"),
                           Ask("post", path="/whatever")], []),
        ("tigera-network-admin", [Ask("create", CALICO, "tier.globalnetworkpolicies"),
                                  Ask("delete", CALICO, "felixconfigurations", name="default")], [TOKENS]),
        ("tigera-ui-user", [POLICIES, Ask("list", CALICO, "tiers")],
         [TOKENS, Ask("update", CALICO, "tier.networkpolicies", "shop", "a")]),
    ],
)  # fmt: skip
def test_the_built_in_roles(name: str, may: list[Ask], may_not: list[Ask]) -> None:
    rights = granted(binding("b", name, "User:alice")).rights_of("alice", ())
    assert [asked for asked in may if not rights.allow(asked)] == []
    assert [asked for asked in may_not if rights.allow(asked)] == []


def test_each_built_in_role_has_what_the_lesser_has() -> None:
    grants = granted(*(binding(each.name, each.name, f"User:{each.name}") for each in BUILTIN_ROLES))
    order = ["cluster-admin", "admin", "edit", "view", "tigera-ui-user"]
    for more, less in pairwise(order):
        assert effective_lacking(grants.rights_of(more, ()), grants.rights_of(less, ())) == []
    assert effective_lacking(grants.rights_of("view", ()), grants.rights_of("edit", ()))
    masters = grants.rights_of("x", (MASTERS,))
    assert effective_lacking(masters, grants.rights_of("cluster-admin", ())) == []
    assert effective_lacking(grants.rights_of("cluster-admin", ()), masters) == [], "but for what is in code"
    assert effective_lacking(grants.rights_of("admin", ()), masters)


def test_built_in_roles_read_back_as_they_are() -> None:
    for each in BUILTIN_ROLES:
        assert parse_object(to_dict(each)) == each
