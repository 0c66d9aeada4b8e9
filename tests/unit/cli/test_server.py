"""The client side of the admin API: tokens, paths, and answers that are not what they should be."""

import argparse
import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.cli.access import Access, add_server_flags
from dnsguard.cli.errors import UsageError
from dnsguard.cli.server import Server, ServerError, UnreachableError, object_path
from dnsguard.resources import kind_of
from tests.unit.cli.scripted import Scripted, answer


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_server_flags(parser)
    return parser.parse_args(words)


@contextlib.contextmanager
def answering(octets: bytes) -> Iterator[Server]:
    with Scripted([octets]) as scripted, Server(Access(scripted.url, token="token")) as server:
        yield server


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


def used_token(words: tuple[str, ...], environ: dict[str, str]) -> str:
    with (
        Scripted([answer("{}")]) as scripted,
        Server.of(arguments(*words, "--server", scripted.url), environ) as server,
    ):
        server.get("/")
    (token,) = re.findall(rb"\r\nAuthorization: Bearer (.*)\r\n", scripted.requests[0])
    return str(token.decode())


def test_which_token_is_used(tmp_path: Path) -> None:
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
        assert used_token(words, environ) == token


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--token-file", "/nowhere/token"), "no token: /nowhere/token: No such file or directory"),
        (("--token", "a b"), "--token: holds no token"),
        (("--token", "b\u00fc"), "--token: holds no token"),
        (("--token", "x", "--server", "dnsguard:8053"), "write https://HOST:PORT, http://HOST:PORT or unix:PATH"),
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
        assert str(caught.value).startswith(
            f"no dnsguard found: neither a socket at {tmp_path}/run/api.sock nor a token at {tmp_path}/token, which"
            " `dnsguard run` makes when it starts; is it running, with the same --state-dir or DNSGUARD_STATE_DIR?"
        )


def test_a_token_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is no text"):
        Server.of(arguments(), {"DNSGUARD_STATE_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("octets", "message", "fields"),
    [
        (answer("<html>", "502 Bad Gateway"), "the server answers 502 Bad Gateway", []),
        (answer("[]", "404 Not Found"), "the server answers 404 Not Found", []),
        (answer("{}", "500 Internal Server Error"), "Internal Server Error", []),
        (answer('{"message": "m", "details": null}', "422 Invalid"), "m", []),
        (answer('{"message": "m", "details": {"causes": [{"field": "a"}, 5]}}', "422 Invalid"), "m", ["a"]),
        (answer("hello"), "/x answers what is no JSON", []),
    ],
)
def test_answers_that_are_refusals(octets: bytes, message: str, fields: list[str]) -> None:
    with answering(octets) as server, pytest.raises(ServerError) as caught:
        server.get("/x")
    assert str(caught.value).endswith(message)
    assert [cause.field for cause in caught.value.causes] == fields


def test_only_what_is_not_found_counts_as_absent() -> None:
    with answering(answer('{"message": "no"}', "404 Not Found")) as server:
        assert server.find("/x") is None
    with answering(answer('{"message": "no"}', "403 Forbidden")) as server, pytest.raises(ServerError):
        server.find("/x")


def test_warnings_of_an_answer() -> None:
    headers = ('Warning: 299 - "a \\"b\\", c"', 'Warning: 299 - "d"')
    with answering(answer("{}", "200 OK", *headers)) as server:
        assert server.send("POST", "/x", {}) == ({}, ('a "b", c', "d"))


def test_a_watch_yields_events_and_says_why_there_are_none() -> None:
    with answering(answer('{"type": "A"}\n\n{"type": "B"}\n')) as server:
        assert [event["type"] for event in server.watch("/x", {})] == ["A", "B"]
    with answering(answer('{"message": "gone"}', "410 Gone")) as server, pytest.raises(ServerError) as caught:
        list(server.watch("/x", {}))
    assert caught.value.status == 410
    broken = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with broken as server, pytest.raises(UnreachableError, match="does not answer"):
        list(server.watch("/x", {}))


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    said = r"does not answer \(Connection refused\): is `dnsguard run`"
    with (
        Server(Access(f"http://127.0.0.1:{port}", token="token")) as server,
        pytest.raises(UnreachableError, match=said),
    ):
        server.get("/x")
