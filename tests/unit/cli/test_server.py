"""The client side of the admin API: tokens, paths, and answers that are not what they should be."""

import argparse
from pathlib import Path

import httpx
import pytest

from dnsguard.cli.errors import UsageError
from dnsguard.cli.server import Server, ServerError, UnreachableError, add_server_flags, object_path
from dnsguard.resources import kind_of

CLIENT = httpx.Client


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_server_flags(parser)
    return parser.parse_args(words)


def answering(response: httpx.Response | Exception) -> Server:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    return Server("http://dnsguard.example.org", "token", httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        ("Tier", "", "", "/apis/projectcalico.org/v3/tiers"),
        ("Tier", "ignored", "a", "/apis/projectcalico.org/v3/tiers/a"),
        ("NetworkSet", "", "", "/apis/projectcalico.org/v3/networksets"),
        ("NetworkSet", "shop", "a", "/apis/projectcalico.org/v3/namespaces/shop/networksets/a"),
        ("Namespace", "", "shop", "/api/v1/namespaces/shop"),
        ("Tier", "", "../../v1/x?y", "/apis/projectcalico.org/v3/tiers/..%2F..%2Fv1%2Fx%3Fy"),
    ],
)
def test_paths(kind: str, namespace: str, name: str, path: str) -> None:
    assert object_path(kind_of(kind), namespace, name) == path


def used_token(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str]) -> str:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    monkeypatch.setattr(httpx, "Client", lambda **given: CLIENT(**{**given, "transport": httpx.MockTransport(handle)}))
    with Server.of(arguments(*words), environ) as server:
        server.get("/")
    return seen[0].removeprefix("Bearer ")


def test_which_token_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("flag", "environment", "state/token"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"of-{Path(name).name}-file\n")
    flag, variable, state = str(tmp_path / "flag"), str(tmp_path / "environment"), str(tmp_path / "state")
    everything = {"DNSGUARD_TOKEN": "of-variable", "DNSGUARD_TOKEN_FILE": variable, "DNSGUARD_STATE_DIR": state}
    for words, environ, token in [
        (("--token", "of-flag", "--token-file", flag), everything, "of-flag"),
        (("--token-file", flag), everything, "of-flag-file"),
        ((), everything, "of-variable"),
        ((), {"DNSGUARD_TOKEN_FILE": variable, "DNSGUARD_STATE_DIR": state}, "of-environment-file"),
        ((), {"DNSGUARD_STATE_DIR": state}, "of-token-file"),
        (("--state-dir", state), everything | {"DNSGUARD_STATE_DIR": "/nowhere"}, "of-token-file"),
        (("--state-dir", state, "--token-file", flag), everything, "of-flag-file"),
        (("--state-dir", state, "--token", "of-flag"), everything, "of-flag"),
    ]:
        assert used_token(monkeypatch, words, environ) == token


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--token-file", "/nowhere/token"), "no token: /nowhere/token: No such file or directory"),
        (("--token", "a b"), "--token: holds no token"),
        (("--token", "b\u00fc"), "--token: holds no token"),
        (("--token", "x", "--server", "dnsguard:8053"), "write http://HOST:PORT"),
        (("--token", "x", "--server", "http://[::1"), "--server http://[::1: "),
    ],
)
def test_what_cannot_be_used(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Server.of(arguments(*words), {})
    assert said in str(caught.value)


def test_before_there_is_a_token_it_is_said_who_writes_it(tmp_path: Path) -> None:
    for words, environ in ((), {"DNSGUARD_STATE_DIR": str(tmp_path)}), (("--state-dir", str(tmp_path)), {}):
        with pytest.raises(UsageError) as caught:
            Server.of(arguments(*words), environ)
        assert str(caught.value) == (
            f"no token yet at {tmp_path}/token: `dnsguard run` writes it when it starts; is it running, with the same"
            " --state-dir or DNSGUARD_STATE_DIR?"
        )


def test_a_token_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is no text"):
        Server.of(arguments(), {"DNSGUARD_STATE_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("response", "message", "fields"),
    [
        (httpx.Response(502, text="<html>"), "the server answers 502 Bad Gateway", []),
        (httpx.Response(404, json=[]), "the server answers 404 Not Found", []),
        (httpx.Response(500, json={}), "Internal Server Error", []),
        (httpx.Response(422, json={"message": "m", "details": None}), "m", []),
        (httpx.Response(422, json={"message": "m", "details": {"causes": [{"field": "a"}, 5]}}), "m", ["a"]),
        (httpx.Response(200, text="hello"), "http://dnsguard.example.org/x answers what is no JSON", []),
    ],
)
def test_answers_that_are_refusals(response: httpx.Response, message: str, fields: list[str]) -> None:
    with answering(response) as server, pytest.raises(ServerError) as caught:
        server.get("/x")
    assert str(caught.value) == message
    assert [cause.field for cause in caught.value.causes] == fields


def test_only_what_is_not_found_counts_as_absent() -> None:
    with answering(httpx.Response(404, json={"message": "no"})) as server:
        assert server.find("/x") is None
    with answering(httpx.Response(403, json={"message": "no"})) as server, pytest.raises(ServerError):
        server.find("/x")


def test_warnings_of_an_answer() -> None:
    headers = [("Warning", '299 - "a \\"b\\", c"'), ("Warning", '299 - "d"')]
    with answering(httpx.Response(200, json={}, headers=headers)) as server:
        assert server.send("POST", "/x", {}) == ({}, ('a "b", c', "d"))


def test_a_watch_yields_events_and_says_why_there_are_none() -> None:
    with answering(httpx.Response(200, text='{"type": "A"}\n\n{"type": "B"}\n')) as server:
        assert [event["type"] for event in server.watch("/x", {})] == ["A", "B"]
    with answering(httpx.Response(410, json={"message": "gone"})) as server, pytest.raises(ServerError) as caught:
        list(server.watch("/x", {}))
    assert caught.value.status == 410
    with answering(httpx.ReadError("cut")) as server, pytest.raises(UnreachableError, match="cut"):
        list(server.watch("/x", {}))
    refused = httpx.ConnectError("[Errno 111] Connection refused")
    with answering(refused) as server, pytest.raises(UnreachableError, match=r"does not answer \(Connection refused\)"):
        server.get("/x")
