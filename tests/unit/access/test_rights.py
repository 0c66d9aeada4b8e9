"""Which request some rules allow, as Kubernetes documents it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.access import rights as module
from dnsguard.access.ask import Ask
from dnsguard.access.covering import lacking
from dnsguard.access.rights import Names, Rights
from dnsguard.access.rule import ALL, Rule
from tests.unit.access.roles import at, on, read_rules

SETS = Ask("get", "projectcalico.org", "networksets", "shop", "partners")


def ask(verb: str, resource: str = "networksets", name: str = "", group: str = "projectcalico.org") -> Ask:
    return Ask(verb, group, resource, "shop", name)


@pytest.mark.parametrize(
    ("rule", "asked", "allowed"),
    [
        (on("get", "networksets"), SETS, True),
        (on("list", "networksets"), SETS, False),
        (on("*", "networksets"), SETS, True),
        (on("get", "*"), SETS, True),
        (on("get", "*", group="*"), SETS, True),
        (on("get", "networksets", group="*"), SETS, True),
        (on("get", "networksets", group=""), SETS, False),
        (on("get", "networksets", group="networking.k8s.io"), SETS, False),
        (on("get", "NetworkSets"), SETS, False),
        (on("get", "networkset"), SETS, False),
        # names
        (on("get", "networksets", "partners"), SETS, True),
        (on("get", "networksets", "partner"), SETS, False),
        (on("get", "networksets", "*"), SETS, False),
        (on("get", "networksets", "part*"), SETS, False),
        (on("list", "networksets", "partners"), ask("list"), False),
        (on("create", "networksets", "partners"), ask("create"), False),
        (on("deletecollection", "networksets", "partners"), ask("deletecollection"), False),
        (on("list", "networksets", "partners"), ask("list", name="partners"), True),
        (on("list", "networksets", ""), ask("list"), False),
        # subresources
        (on("get", "networkpolicies"), ask("get", "networkpolicies/status"), False),
        (on("get", "networkpolicies/status"), ask("get", "networkpolicies/status"), True),
        (on("get", "networkpolicies/status"), ask("get", "networkpolicies"), False),
        (on("get", "*/status"), ask("get", "networkpolicies/status"), True),
        (on("get", "*/status"), ask("get", "networkpolicies/scale"), False),
        (on("get", "*/status"), ask("get", "networkpolicies"), False),
        (on("get", "*"), ask("get", "networkpolicies/status"), True),
        (on("get", "networkpolicies/*"), ask("get", "networkpolicies/status"), False),
        # paths
        (at("get", "/metrics"), Ask("get", path="/metrics"), True),
        (at("get", "/metrics"), Ask("post", path="/metrics"), False),
        (at("*", "/metrics"), Ask("post", path="/metrics"), True),
        (at("get", "/metrics"), Ask("get", path="/metrics/x"), False),
        (at("get", "/v1/*"), Ask("get", path="/v1/status"), True),
        (at("get", "/v1/*"), Ask("get", path="/v1"), False),
        (at("get", "/v1*"), Ask("get", path="/v1beta/x"), True),
        (at("get", "*"), Ask("get", path="/anything"), True),
        (at("get", "/v1/status"), Ask("get", path="/V1/status"), False),
        (at("get", "*"), SETS, False),
        (on("*", "*", group="*"), Ask("get", path="/metrics"), False),
    ],
)
def test_one_rule(rule: dict[str, Any], asked: Ask, allowed: bool) -> None:
    assert Rights(read_rules(rule)).allow(asked) is allowed


def test_rules_of_a_namespace_hold_there_only() -> None:
    rights = Rights(within={"shop": read_rules(on("*", "*", group="*"))})
    assert rights.allow(SETS)
    assert not rights.allow(Ask("get", SETS.group, SETS.resource, "bank", SETS.name))
    assert not rights.allow(Ask("list", SETS.group, SETS.resource)), "all namespaces"
    assert not rights.allow(Ask("get", SETS.group, "tiers", name="default")), "of no namespace"
    assert not rights.allow(Ask("get", path="/metrics"))


def test_paths_within_a_namespace_are_no_rights() -> None:
    assert not Rights(within={"": read_rules(at("*", "*")), "shop": read_rules(at("*", "*"))}).allow(
        Ask("get", path="/metrics")
    )


def test_names_of_several_rules_add_up() -> None:
    rights = Rights(read_rules(on("get", "tiers", "a"), on("get", "tiers", "b"), on("list", "tiers")))
    assert rights.names("get", "projectcalico.org", "tiers") == Names(any=False, named=frozenset("ab"))
    assert rights.names("list", "projectcalico.org", "tiers").any
    assert not rights.names("delete", "projectcalico.org", "tiers")


def test_nobody_without_rules_may_anything_and_masters_may_all() -> None:
    for asked in (SETS, Ask("get", path="/metrics")):
        assert not Rights().allow(asked)
        assert Rights(all_=True).allow(asked)
    assert Rights(all_=True).names("escalate", "x", "y", "z").any


def test_answers_are_kept_for_a_bounded_number_of_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)
    rights = Rights(read_rules(on("get", "networksets")))
    for number in range(10):
        assert rights.names("get", "projectcalico.org", "networksets", f"n{number}").any
        assert not rights.names("list", "projectcalico.org", "networksets", f"n{number}")
        assert len(rights._answers) <= 3


WORDS = {
    "verbs": ["get", "list", ALL],
    "groups": ["", "a", ALL],
    "resources": ["p", "p/status", "*/status", "q", ALL],
    "names": ["x", "y"],
    "paths": ["/a", "/a/*", "/a/b", "*"],
}


def some(field: str, least: int = 1) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(WORDS[field]), min_size=least, max_size=3)


rules = st.lists(
    st.one_of(
        st.builds(Rule, some("verbs"), some("groups"), some("resources"), some("names", 0)),
        st.builds(Rule, some("verbs"), paths=some("paths")),
    ),
    max_size=3,
)
REQUESTS = [
    *(
        Ask(verb, group, resource, namespace, name)
        for verb in ("get", "list", "put")
        for group in ("", "a", "b")
        for resource in ("p", "p/status", "q", "q/status", "r")
        for namespace in ("", "shop")
        for name in ("", "x", "y", "z")
    ),
    *(Ask(verb, path=path) for verb in ("get", "list", "put") for path in ("/a", "/a/", "/a/b", "/b")),
]


@given(rules, rules, rules)
def test_who_has_what_a_role_gives_may_all_that_it_allows(own: Any, local: Any, wanted: Any) -> None:
    rights = Rights(own, {"shop": local})
    for namespace, given_rights in (("", Rights(wanted)), ("shop", Rights((), {"shop": wanted}))):
        if not lacking(rights, wanted, namespace):
            assert [asked for asked in REQUESTS if given_rights.allow(asked) and not rights.allow(asked)] == []


@given(rules, rules)
def test_what_is_lacking_is_what_has_to_be_added(own: Any, wanted: Any) -> None:
    missing = lacking(Rights(own), wanted)
    assert lacking(Rights([*own, *missing]), wanted) == []
    assert lacking(Rights(wanted), wanted) == []
    assert not missing or lacking(Rights(own), missing)
