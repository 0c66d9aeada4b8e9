"""Keys of a configuration are taken in any case by every way of writing, and kept in one."""

import json
from typing import Any

import httpx
import pytest

from tests.unit.api.conftest import V3

CONFIGURATIONS = f"{V3}/felixconfigurations"
DEFAULT = f"{CONFIGURATIONS}/default"
WARNING = '299 - "spec.DNSPolicyMode: is written dnsPolicyMode (D-29)"'


def configuration(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "default"}, "spec": spec}


async def patch(client: httpx.AsyncClient, content: Any) -> httpx.Response:
    form = "json-patch" if isinstance(content, list) else "merge-patch"
    return await client.patch(
        DEFAULT, content=json.dumps(content), headers={"Content-Type": f"application/{form}+json"}
    )


async def test_the_old_spelling_is_created_and_replaced(client: httpx.AsyncClient) -> None:
    made = await client.post(CONFIGURATIONS, json=configuration(DNSPolicyMode="DelayDNSResponse"))
    assert (made.status_code, made.headers.get_list("warning")) == (201, [WARNING])
    put = await client.put(DEFAULT, json=configuration(DNSPolicyMode="NoDelay"))
    assert put.headers.get_list("warning") == [WARNING]
    assert (await client.get(DEFAULT)).json()["spec"] == {"dnsPolicyMode": "NoDelay"}


@pytest.mark.parametrize(
    ("content", "kept", "warned"),
    [
        ({"spec": {"DNSPolicyMode": "NoDelay"}}, {"dnsPolicyMode": "NoDelay"}, True),
        ({"spec": {"DNSPolicyMode": None}}, {}, True),
        ({"spec": {"DNSPolicyMode": None, "dnsPolicyMode": "NoDelay"}}, {"dnsPolicyMode": "NoDelay"}, True),
        ({"spec": {"dnsPolicyMode": None, "DNSPolicyMode": "NoDelay"}}, {"dnsPolicyMode": "NoDelay"}, True),
        ({"spec": {"dnsPolicyMode": "NoDelay"}}, {"dnsPolicyMode": "NoDelay"}, False),
        ({"spec": {}}, {"dnsPolicyMode": "DelayDNSResponse"}, False),
        ([{"op": "replace", "path": "/spec/DNSPolicyMode", "value": "NoDelay"}], {"dnsPolicyMode": "NoDelay"}, True),
        ([{"op": "add", "path": "/spec/DNSPolicyMode", "value": "NoDelay"}], {"dnsPolicyMode": "NoDelay"}, True),
        ([{"op": "remove", "path": "/spec/DNSPolicyMode"}], {}, True),
        (
            [{"op": "replace", "path": "/spec", "value": {"DNSPolicyMode": "NoDelay"}}],
            {"dnsPolicyMode": "NoDelay"},
            True,
        ),
        (
            [{"op": "test", "path": "/spec/DNSPolicyMode", "value": "DelayDNSResponse"}],
            {"dnsPolicyMode": "DelayDNSResponse"},
            True,
        ),
    ],
)
async def test_a_patch_in_any_spelling_meets_what_is_kept(
    client: httpx.AsyncClient, content: Any, kept: dict[str, str], warned: bool
) -> None:
    await client.post(CONFIGURATIONS, json=configuration(dnsPolicyMode="DelayDNSResponse"))
    patched = await patch(client, content)
    assert patched.status_code == 200, patched.text
    assert patched.json()["spec"] == kept
    assert patched.headers.get_list("warning") == ([WARNING] if warned else [])


async def test_items_of_a_list_are_found_under_any_spelling(client: httpx.AsyncClient) -> None:
    await client.post(CONFIGURATIONS, json=configuration(dnsTrustedServers=["192.0.2.53"]))
    added = [{"op": "add", "path": "/spec/DNSTrustedServers/-", "value": "192.0.2.54"}]
    assert (await patch(client, added)).json()["spec"] == {"dnsTrustedServers": ["192.0.2.53", "192.0.2.54"]}
    moved = [{"op": "move", "from": "/spec/dnstrustedservers/0", "path": "/spec/DNSTRUSTEDSERVERS/1"}]
    assert (await patch(client, moved)).json()["spec"] == {"dnsTrustedServers": ["192.0.2.54", "192.0.2.53"]}


async def test_two_spellings_with_two_values_are_refused(client: httpx.AsyncClient) -> None:
    both = {"DNSPolicyMode": "NoDelay", "dnsPolicyMode": "Inline"}
    assert (await client.post(CONFIGURATIONS, json=configuration(**both))).status_code == 422
    await client.post(CONFIGURATIONS, json=configuration(dnsPolicyMode="DelayDNSResponse"))
    for refused in (await client.put(DEFAULT, json=configuration(**both)), await patch(client, {"spec": both})):
        assert refused.status_code == 422
        (cause,) = refused.json()["details"]["causes"]
        assert (cause["field"], cause["reason"]) == ("spec.dnsPolicyMode", "D-29")
    assert (await client.get(DEFAULT)).json()["spec"] == {"dnsPolicyMode": "DelayDNSResponse"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"spec": []}, 422),
        ({"spec": None}, 200),
        ([3], 400),
        ([{"op": "add", "path": 3}], 400),
        ([{"path": "/spec/X"}], 400),
    ],
)
async def test_what_is_no_patch_of_keys_is_left_to_what_any_kind_says(
    client: httpx.AsyncClient, content: Any, status: int
) -> None:
    await client.post(CONFIGURATIONS, json=configuration())
    assert (await patch(client, content)).status_code == status


async def test_keys_of_other_kinds_are_exact(client: httpx.AsyncClient) -> None:
    await client.post(f"{V3}/tiers", json={"metadata": {"name": "a"}, "spec": {"order": 1}})
    refused = await client.patch(
        f"{V3}/tiers/a", content='{"spec": {"Order": 5}}', headers={"Content-Type": "application/merge-patch+json"}
    )
    assert refused.status_code == 422


async def test_fields_without_effect_come_back_as_they_were_written(client: httpx.AsyncClient) -> None:
    spec = {"bpfEnabled": None, "logSeverityScreen": "Info", "healthTimeoutOverrides": [{"name": "x", "timeout": "9s"}]}
    told = f'299 - "spec: these fields are kept and have no effect here: {", ".join(sorted(spec))}"'
    made = await client.post(CONFIGURATIONS, json=configuration(**spec))
    assert (made.status_code, made.headers.get_list("warning")) == (201, [told])
    assert (await client.get(DEFAULT)).json()["spec"] == spec
    patched = await patch(client, {"spec": {"LOGSEVERITYSCREEN": "Debug", "bpfEnabled": None}})
    assert patched.status_code == 200
    del spec["bpfEnabled"]
    assert (await client.get(DEFAULT)).json()["spec"] == {**spec, "logSeverityScreen": "Debug"}
