"""Discovery in one answer, as clients ask for it that know it."""

import httpx
import pytest

from dnsguard.resources import KINDS

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
BETA = V2.replace("v=v2", "v=v2beta1")
PLAIN = "application/json"


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (f"{V2},{BETA},{PLAIN}", "v2"),
        (f"{BETA},{PLAIN}", "v2beta1"),
        (V2.replace(";", "; "), "v2"),
        (f"{PLAIN};g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,{BETA}", "v2beta1"),
        (PLAIN, ""),
        (f"{PLAIN},{V2}", ""),
        ("", ""),
    ],
)
async def test_who_asks_for_it_gets_it(client: httpx.AsyncClient, accept: str, version: str) -> None:
    for path in ("/api", "/apis"):
        answer = await client.get(path, headers={"Accept": accept})
        kind = answer.json()["kind"]
        assert answer.headers["vary"] == "Accept"
        if version:
            assert (kind, answer.json()["apiVersion"]) == ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}")
            assert answer.headers["content-type"] == V2.replace("v=v2", f"v={version}")
        else:
            assert kind in ("APIVersions", "APIGroupList")
            assert answer.headers["content-type"] == PLAIN


async def test_it_says_what_the_plain_form_says(client: httpx.AsyncClient) -> None:
    listed = {}
    for path in ("/api", "/apis"):
        for group in (await client.get(path, headers={"Accept": V2})).json()["items"]:
            (version,) = group["versions"]
            api_version = "/".join(filter(None, (group["metadata"]["name"], version["version"])))
            plain = (await client.get(f"{path}/{api_version}")).json()["resources"]
            for one, other in zip(version["resources"], plain, strict=True):
                assert (one["resource"], one["singularResource"], one["verbs"]) == (
                    other["name"], other["singularName"], other["verbs"],
                )  # fmt: skip
                assert (one["scope"] == "Namespaced") is other["namespaced"]
                for field in ("shortNames", "categories"):
                    assert one.get(field) == other.get(field)
                listed[api_version, one["responseKind"]["kind"]] = one["responseKind"]["group"]
    assert listed.items() >= {(kind.api_version, kind.kind): kind.group for kind in KINDS}.items()


async def test_categories(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/apis/projectcalico.org/v3")).json()["resources"]
    of = {each["name"]: each["categories"] for each in listed}
    assert of["networkpolicies"] == ["all", "calico"]
    assert of["tiers"] == ["calico"]
