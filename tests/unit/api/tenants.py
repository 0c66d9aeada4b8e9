"""Users with tokens and roles, for tests of who may what."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.unit.access.roles import binding, on, role

RBAC = "/apis/rbac.authorization.k8s.io/v1"
TOKENS = "/apis/dnsguard.io/v1/accesstokens"
TIERS = "/apis/projectcalico.org/v3/tiers"


@dataclass
class User:
    """Somebody with a token."""

    client: httpx.AsyncClient
    name: str
    secret: str

    async def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret}"} | more.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **more)


async def made(client: httpx.AsyncClient, path: str, value: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=value)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def user(client: httpx.AsyncClient, name: str, *groups: str, expires: str = "") -> User:
    spec: dict[str, Any] = {"groups": list(groups)} | ({"expires": expires} if expires else {})
    token = {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": name}, "spec": spec}
    return User(client, name, (await made(client, TOKENS, token))["status"]["token"])


async def grant(client: httpx.AsyncClient, name: str, *rules: dict[str, Any], namespace: str = "") -> None:
    """A role of these rules for a user, everywhere or in one namespace."""
    title = f"{name}-{namespace or 'all'}"
    await made(client, f"{RBAC}/clusterroles", role(title, *rules))
    place = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    await made(client, place, binding(title, title, f"User:{name}", namespace=namespace))


@pytest.fixture
async def alice(client: httpx.AsyncClient) -> User:
    """May all with policies of tier `net` in namespace shop."""
    for name in ("net", "sec"):
        await made(client, TIERS, {"metadata": {"name": name}, "spec": {"order": 10}})
    await grant(client, "alice", on("get", "tiers", "net"))
    await grant(client, "alice", on("*", "tier.networkpolicies", "net.*"), namespace="shop")
    return await user(client, "alice")


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]
