"""Label and field selectors of Kubernetes."""

from contextlib import nullcontext

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.reading.selection import selection
from dnsguard.resources import kind_of
from dnsguard.store.interface import Key

OBJECTS = {
    "a": {"env": "prod", "app": "web"},
    "b": {"env": "dev", "example.org/owner": "me"},
    "c": {"env": "", "rank": "12"},
    "d": {},
}


def chosen(labels: str = "", fields: str = "", kind: str = "NetworkPolicy") -> str:
    wanted = selection(kind_of(kind), labels, fields)
    return "".join(
        name
        for name, own in OBJECTS.items()
        if wanted({"metadata": {"name": name, "namespace": "shop", "labels": own}, "spec": {"tier": f"tier-{name}"}})
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "abcd"),
        ("  ", "abcd"),
        ("env=prod", "a"),
        ("env==prod", "a"),
        (" env = prod , app = web ", "a"),
        ("env=prod,app=db", ""),
        ("env!=prod", "bcd"),
        ("env=", "c"),
        ("env", "abc"),
        ("!env", "d"),
        ("! env", "d"),
        ("env in (prod,dev)", "ab"),
        ("env in ( prod , dev )", "ab"),
        ("env in ()", "c"),
        ("env notin (prod,dev)", "cd"),
        ("env in (prod),app", "a"),
        ("example.org/owner=me", "b"),
        ("in in (x)", ""),
        ("env,!app", "bc"),
        ("env in (prod,dev),!app", "b"),
        ("env  notin(prod , dev) ,rank", "c"),
        ("env in (prod,)", "ac"),
        ("rank>11", "c"),
        ("rank > 12", ""),
        ("rank<13,env=", "c"),
    ],
)
def test_label_selectors(text: str, names: str) -> None:
    assert chosen(labels=text) == names


@pytest.mark.parametrize(
    "text",
    [
        "=x",
        "a=b,",
        ",a",
        "a,,b",
        "a b",
        "a in x",
        "a in (x",
        "a in (x))",
        "a=b=c",
        "a>",
        "a>b",
        "a<1.5",
        "!",
        "!a=b",
        "!-a",
        "a=b c",
        "-a",
        "a=-",
    ],
)
def test_label_selectors_that_are_none(text: str) -> None:
    with pytest.raises(Failure, match="labelSelector") as caught:
        chosen(labels=text)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("labels", "fields", "is_too_much"),
    [
        (",".join(["!x"] * 100), "", False),
        (",".join(["!x"] * 101), "", True),
        ("", ",".join(["metadata.name!=x"] * 101), True),
        (",".join(["!x"] * 60), ",".join(["metadata.name!=x"] * 41), True),
        (f"env in ({','.join(['x'] * 200)})", "", False),
    ],
)
def test_a_selector_is_no_long_programme(labels: str, fields: str, is_too_much: bool) -> None:
    expected = pytest.raises(Failure, match="more than 100 requirements") if is_too_much else nullcontext()
    with expected:
        chosen(labels=labels, fields=fields)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metadata.name=a", "a"),
        ("metadata.name==a", "a"),
        ("metadata.name!=a", "bcd"),
        ("metadata.namespace=shop,metadata.name!=a", "bcd"),
        ("metadata.namespace=other", ""),
        ("spec.tier=tier-b", "b"),
        ("metadata.name=a,metadata.name=b", ""),
        ("metadata.namespace=shop,metadata.namespace=ops", ""),
    ],
)
def test_field_selectors(text: str, names: str) -> None:
    assert chosen(fields=text) == names


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("NetworkPolicy", "metadata.name", "no requirement"),
        ("NetworkPolicy", "spec.order=1", "field label not supported: 'spec.order'"),
        ("Namespace", "spec.tier=x", "field label not supported: 'spec.tier'"),
        ("WorkloadEndpoint", "spec.pod=x", "supported are .*, spec.node, spec.interfaceName"),
        ("NetworkSet", "spec.tier=x", "those supported are metadata.name, metadata.namespace"),
        ("Tier", "metadata.namespace=x", "supported are metadata.name"),
    ],
)
def test_field_selectors_that_are_none(kind: str, text: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        chosen(fields=text, kind=kind)


def test_endpoints_are_chosen_by_their_node_and_interface() -> None:
    value = {"metadata": {"name": "a"}, "spec": {"node": "n1", "interfaceName": "cali1"}}
    kind = kind_of("WorkloadEndpoint")
    assert selection(kind, "", "spec.node=n1,spec.interfaceName!=cali2").holds(value)
    assert not selection(kind, "", "spec.node=n2").holds(value)


def test_what_a_key_tells_is_not_asked_of_the_object() -> None:
    wanted = selection(kind_of("NetworkSet"), "", "metadata.name=a,metadata.namespace=shop")
    assert (wanted.name, wanted.namespace, wanted.tests) == ("a", "shop", ())
    keys = [Key("networksets", *name.split("/")) for name in ("shop/a", "shop/b", "ops/a")]
    assert [wanted.may_be(key) for key in keys] == [True, False, False]
    assert not wanted.also(lambda _: False).holds({"metadata": {}})
