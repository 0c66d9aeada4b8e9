"""Staged policies at the API: refused where the enforced kind would be, and holding their tier."""

from typing import Any

import httpx
import pytest

from tests.unit.api.conftest import V3, tier

STAGED = f"{V3}/namespaces/shop/stagednetworkpolicies"
GLOBAL = f"{V3}/stagedglobalnetworkpolicies"
RULE = {"action": "Deny"}


def staged(name: str = "lockdown", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"tier": "nosuchtier"}, "V-08"),  # N33
        ({"stagedAction": "Delete", "egress": [RULE]}, "V-16"),  # N37
        ({"stagedAction": "Remove"}, "type"),  # N38
        ({"types": ["ingress"]}, "V-09"),
        ({"stagedAction": "Learn", "egress": [{"action": "deny"}]}, "V-30"),
    ],
)
async def test_what_its_enforced_kind_refuses_is_refused(
    client: httpx.AsyncClient, spec: dict[str, Any], code: str
) -> None:
    for path in (STAGED, GLOBAL):
        refused = await client.post(path, json=staged(**spec))
        assert refused.status_code == 422
        assert [cause["reason"] for cause in refused.json()["details"]["causes"]] == [code]


async def test_a_tier_that_holds_a_staged_policy_stays(client: httpx.AsyncClient) -> None:
    """N41."""
    await client.post(f"{V3}/tiers", json=tier())
    for path in (STAGED, GLOBAL):
        made = await client.post(path, json=staged(tier="security", egress=[RULE]))
        assert made.json()["metadata"]["labels"] == {
            "projectcalico.org/tier": "security",
            "projectcalico.org/spec.stagedAction": "Set",
        }
        refused = await client.delete(f"{V3}/tiers/security")
        assert refused.status_code == 409
        assert [cause["reason"] for cause in refused.json()["details"]["causes"]] == ["V-23"]
        assert (await client.delete(f"{path}/lockdown")).status_code == 200
    assert (await client.delete(f"{V3}/tiers/security")).status_code == 200


@pytest.mark.parametrize("path", [STAGED, GLOBAL])
async def test_the_tier_chooses(client: httpx.AsyncClient, path: str) -> None:
    await client.post(f"{V3}/tiers", json=tier())
    for name, where in (("a", "security"), ("b", "default")):
        assert (await client.post(path, json=staged(name, tier=where))).status_code == 201
    for selector in ({"fieldSelector": "spec.tier=security"}, {"labelSelector": "projectcalico.org/tier=security"}):
        listed = (await client.get(path, params=selector)).json()["items"]
        assert [each["metadata"]["name"] for each in listed] == ["a"]


async def test_moved_to_another_tier_the_label_follows(client: httpx.AsyncClient) -> None:
    await client.post(f"{V3}/tiers", json=tier())
    await client.post(GLOBAL, json=staged())
    moved = await client.patch(
        f"{GLOBAL}/lockdown",
        content='{"spec": {"tier": "security"}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert moved.json()["metadata"]["labels"]["projectcalico.org/tier"] == "security"
    refused = await client.patch(
        f"{GLOBAL}/lockdown",
        content='{"spec": {"tier": "nosuchtier"}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert refused.status_code == 422


async def test_an_action_is_filled_in_and_can_be_changed(client: httpx.AsyncClient) -> None:
    made = await client.post(STAGED, json=staged(egress=[RULE]))
    assert made.json()["spec"]["stagedAction"] == "Set"
    merge = {"Content-Type": "application/merge-patch+json"}
    path = f"{STAGED}/lockdown"
    refused = await client.patch(path, content='{"spec": {"stagedAction": "Delete"}}', headers=merge)
    assert refused.status_code == 422, "what it says besides has no meaning any more"
    emptied = '{"spec": {"stagedAction": "Delete", "egress": null, "types": null}}'
    deleting = await client.patch(path, content=emptied, headers=merge)
    assert deleting.json()["spec"] == {"stagedAction": "Delete"}
    chosen = (await client.get(STAGED, params={"labelSelector": "projectcalico.org/spec.stagedAction=Delete"})).json()
    assert [each["metadata"]["name"] for each in chosen["items"]] == ["lockdown"]
