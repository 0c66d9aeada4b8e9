"""Who gets in, with how much, and what is written down about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from dnsguard.api.auditing import Auditing
from dnsguard.api.gate import Gate, caller_of
from dnsguard.api.services import Caller, Services, TokenExpired
from dnsguard.api.traffic import Traffic
from tests.unit.api.conftest import SETS, TOKEN, V3, World, network_set

LIMIT = 1_000_000


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer \xff\xfe"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{V3}/tiers"),
        ("POST", SETS),
        ("GET", "/v1/status"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/nonsense"),
        ("GET", "/healthz/"),
        ("OPTIONS", SETS),
    ],
)
async def test_without_the_token_nothing_is_said(
    client: httpx.AsyncClient, world: World, method: str, path: str, authorization: str
) -> None:
    before = await world.store.list_objects()
    headers = {b"Authorization": authorization.encode("latin-1")}
    response = await client.request(method, path, json=network_set(), headers=headers)
    assert response.status_code == 401
    assert (response.json()["kind"], response.json()["reason"]) == ("Status", "Unauthorized")
    assert response.headers["www-authenticate"] == 'Bearer realm="dnsguard"'
    assert await world.store.list_objects() == before
    assert [record.code for record in world.audit] == [401]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_with_the_token_it_works(client: httpx.AsyncClient, scheme: str) -> None:
    response = await client.get(f"{V3}/tiers", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("authorization", "path", "caller"),
    [
        (f"Bearer {TOKEN}", "/", Caller("admin", ("system:masters", "system:authenticated"))),
        (f"Bearer {TOKEN}", "/livez", Caller("admin", ("system:masters", "system:authenticated"))),
        ("", "/livez", Caller("system:anonymous", ("system:unauthenticated",))),
        ("Bearer wrong", "/livez", Caller("system:anonymous", ("system:unauthenticated",))),
    ],
)
async def test_routes_learn_who_asks(world: World, authorization: str, path: str, caller: Caller) -> None:
    seen: list[Caller] = []

    async def routes(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(caller_of(scope))
        await PlainTextResponse("")(scope, receive, send)

    gate = Gate(routes, world.services(), Traffic())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://dnsguard.example.org") as client:
        await client.get(path, headers={"Authorization": authorization})
    assert seen == [caller]


@pytest.mark.parametrize("path", ["/healthz", "/livez"])
async def test_liveness_needs_no_token_and_tells_nothing(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"Authorization": ""})
    assert (response.status_code, response.text) == (200, "ok")


@pytest.mark.parametrize(
    ("report", "code", "stranger", "known"),
    [
        ({}, 200, "ok", "ok"),
        ({"enforcing": "enforcing, proven 1 s ago"}, 200, "ok", "enforcing, proven 1 s ago"),
        ({"ready": False, "problems": ("it leaks",)}, 503, "unready", "not ready: dnsguard status says why"),
    ],
)
async def test_readiness_needs_no_token_and_is_one_word_then(
    client: httpx.AsyncClient, world: World, report: dict[str, object], code: int, stranger: str, known: str
) -> None:
    world.status_report = world.status_report.model_copy(update=report)
    for headers, said in (({"Authorization": ""}, stranger), ({}, known)):
        response = await client.get("/readyz", headers=headers)
        assert (response.status_code, response.text) == (code, f"{said}\n")


async def test_no_page_of_another_origin_is_let_in(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://attacker.example", "Access-Control-Request-Method": "POST"}
    for response in (
        await client.options(SETS, headers=headers),
        await client.post(SETS, json=network_set(), headers=headers),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert "set-cookie" not in response.headers
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(100 * LIMIT)}, {"Content-Length": "9" * 18}])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_is_refused_as_soon_as_the_limit_passes(
    world: World, method: str, headers: dict[str, str]
) -> None:
    received = 0
    answers: list[Message] = []

    async def receive() -> Message:
        nonlocal received
        received += 100_000
        return {"type": "http.request", "body": b" " * 100_000, "more_body": True}

    async def send(message: Message) -> None:
        answers.append(message)

    fields = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        **headers,
    }
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": SETS if method == "POST" else f"{SETS}/partners",
        "raw_path": b"",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
        "client": ("192.0.2.1", 1),
    }
    await world.app()(scope, receive, send)
    assert answers[0]["status"] == 413
    assert b'"reason":"RequestEntityTooLarge"' in answers[1]["body"]
    assert received == (0 if headers else LIMIT + 100_000)
    assert (world.audit[-1].code, world.audit[-1].source) == (413, "192.0.2.1")


async def test_a_body_at_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    body = b'{"metadata": {"name": "x"}, "spec": {}}'
    response = await client.post(SETS, content=body + b" " * (LIMIT - len(body)))
    assert response.status_code == 201


async def test_questions_are_not_changes(client: httpx.AsyncClient, world: World) -> None:
    await client.post("/v1/explain", json={"source": "shop/a", "destination": "example.org", "port": 443})
    assert world.audit == []


async def test_a_change_is_in_the_audit_before_its_answer_leaves(world: World) -> None:
    app = world.app()
    await app.state.objects.ensure_builtins()
    records_when_answered: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                records_when_answered.append(len(world.audit))
            await send(message)

        await app(scope, receive, sending)

    headers = {"Authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(watched)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://dnsguard.example.org", headers=headers
    ) as client:
        made = await client.post(SETS, json=network_set())
        refused = await client.delete(f"{SETS}/nowhere")
    assert (made.status_code, refused.status_code) == (201, 404)
    assert records_when_answered == [1, 2]


class Linked:
    """A connection that proves something."""

    def __init__(self, peer: Caller | None, *, is_local: bool = False) -> None:
        self.peer = peer
        self.is_local = is_local
        self.requests = 0

    def known(self) -> None:
        self.requests += 1


async def through(
    services: Services, connection: Linked, requests: Sequence[Mapping[str, str]]
) -> list[tuple[int, str]]:
    """Codes and bodies of what a gate answers to requests over a connection, each a set of headers."""

    async def routes(scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        await PlainTextResponse(" ".join((caller.name, *caller.groups)))(scope, receive, send)

    inner = Auditing(Gate(routes, services, Traffic()), services)

    async def linked(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"connection": connection}
        await inner(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(linked), base_url="http://localhost") as client:
        answers = [await client.get("/v1/status", headers=headers) for headers in requests]
    return [(answer.status_code, answer.text) for answer in answers]


ANN = Caller("ann", ("readers",))


async def test_the_connection_says_who_it_is_where_no_token_does(world: World) -> None:
    connection = Linked(ANN)
    headers = [{}, {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer wrong"}, {"Authorization": ""}]
    first, second, third, fourth = await through(world.services(), connection, headers)
    assert first == (200, "ann readers system:authenticated")
    assert second == (200, "admin system:masters system:authenticated")
    assert (third[0], fourth[0]) == (401, 401)  # who tries a token is not somebody else when it fails
    assert connection.requests == 2


async def test_who_sends_two_tokens_is_nobody(world: World) -> None:
    """A proxy in between may have judged another one than we would."""
    right, wrong = ("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer wrong")
    for pair in ([right, wrong], [wrong, right], [right, right]):
        ((code, _),) = await through(world.services(), Linked(ANN), [httpx.Headers(pair)])
        assert code == 401


async def test_a_token_that_has_expired_is_told_so(world: World) -> None:
    def expired(_: str) -> Caller | None:
        raise TokenExpired("the token of ann has expired: have another one made")

    ((code, body),) = await through(
        replace(world.services(), tokens=expired), Linked(None), [{"Authorization": "Bearer x"}]
    )
    assert (code, "the token of ann has expired" in body) == (401, True)


async def test_a_caller_is_limited_but_at_the_socket(world: World) -> None:
    services = replace(world.services(), api_rate=2)
    codes = [code for code, _ in await through(services, Linked(ANN), [{}] * 8)]
    assert codes[:4] == [200] * 4
    assert 429 in codes[4:]
    codes = [code for code, _ in await through(services, Linked(ANN, is_local=True), [{}] * 8)]
    assert codes == [200] * 8


async def test_strangers_are_told_to_wait_and_who_is_known_is_not(world: World) -> None:
    services = world.services()
    wrong, right = {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}"}
    answers = await through(services, Linked(None), [*[wrong] * 25, right])
    codes = [code for code, _ in answers]
    assert codes[:20] == [401] * 20
    assert 429 in codes[20:25]
    assert "without a valid token: try again in 1 s" in answers[codes.index(429)][1]
    assert codes[25] == 200
