"""The page for people: it needs nothing from elsewhere, runs nothing, and all its links lead somewhere."""

import base64
import re
from hashlib import sha256

import httpx
import pytest

from dnsguard.api.description.docs import page
from dnsguard.resources import KINDS
from dnsguard.resources.schemas import schema_name

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def shown(client: httpx.AsyncClient) -> httpx.Response:
    answer = await client.get("/docs", headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer


async def test_nothing_is_loaded_and_nothing_runs(shown: httpx.Response) -> None:
    assert not re.search(r"<(script|link|img|iframe|form|object)\b|\bon\w+=|style=|https?:|url\(", shown.text)
    policy = dict(part.split(" ", 1) for part in shown.headers["content-security-policy"].split("; "))
    assert policy.pop("style-src") == f"'sha256-{_digest(shown.text)}'"
    assert set(policy.values()) == {"'none'"}
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} == policy.keys()


def _digest(text: str) -> str:
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    return base64.b64encode(sha256(style.encode()).digest()).decode()


async def test_links_lead_somewhere_also_behind_a_proxy(shown: httpx.Response) -> None:
    links = set(re.findall(r'href="([^"]*)"', shown.text))
    places = re.findall(r'id="([^"]*)"', shown.text)
    assert len(set(places)) == len(places)
    assert {link[1:] for link in links if link.startswith("#")} <= set(places)
    assert {link for link in links if not link.startswith("#")} == {"openapi.json"}
    assert {schema_name(kind) for kind in KINDS} <= set(places)


async def test_a_terminal_gets_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = [line.split() for line in answer.text.splitlines()]
    assert ["POST", "/v1/explain", "What", "would"] in [line[:4] for line in lines]
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {(line[0].lower(), line[1]) for line in lines if len(line) > 2 and line[1].startswith("/")} == {
        (method, path) for path, item in paths.items() for method in item
    }


async def test_nobody_unknown_sees_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs", headers={**HTML, "Authorization": ""})).status_code == 401


async def test_what_is_said_of_the_api_is_text(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    document["paths"]["/version"]["get"]["summary"] = "<b onclick='x'>&`<i>`"
    shown = page(document)
    assert "&lt;b onclick='x'&gt;&amp;<code>&lt;i&gt;</code>" in shown
