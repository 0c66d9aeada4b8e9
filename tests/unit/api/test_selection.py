"""Label and field selectors of Kubernetes."""

import pytest

from api.failures import Failure
from api.selection import selection
from dnsguard.resources import kind_of

OBJECTS = {
    "a": {"env": "prod", "app": "web"},
    "b": {"env": "dev", "example.org/owner": "me"},
    "c": {"env": ""},
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
        "a>1",
        "!",
        "!a=b",
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
    ("text", "names"),
    [
        ("metadata.name=a", "a"),
        ("metadata.name==a", "a"),
        ("metadata.name!=a", "bcd"),
        ("metadata.namespace=shop,metadata.name!=a", "bcd"),
        ("metadata.namespace=other", ""),
        ("spec.tier=tier-b", "b"),
    ],
)
def test_field_selectors(text: str, names: str) -> None:
    assert chosen(fields=text) == names


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("NetworkPolicy", "metadata.name", "no requirement"),
        ("NetworkPolicy", "spec.order=1", "'spec.order' is not supported"),
        ("NetworkSet", "spec.tier=x", "supported are metadata.name, metadata.namespace"),
        ("Tier", "metadata.namespace=x", "supported are metadata.name"),
    ],
)
def test_field_selectors_that_are_none(kind: str, text: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        chosen(fields=text, kind=kind)
