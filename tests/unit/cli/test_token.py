"""`dnsguard token`: made, listed, revoked; nothing is left of what fails half-way."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dnsguard.cli.errors import UsageError
from dnsguard.cli.server import Server, ServerError
from dnsguard.cli.token import moment
from tests.unit.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("api")

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SETS = ("get", "networksets", "-n", "shop")


def test_a_token_with_a_role_in_a_namespace(run: Run) -> None:
    code, secret, told = run("token", "create", "ci", "--role", "edit", "-n", "shop", "--expires", "30d")
    assert (code, len(secret.splitlines())) == (0, 1)
    assert told.startswith("ci may do what cluster role edit allows in namespace shop, until 20")
    assert secret.strip() not in told
    as_ci = ("--token", secret.strip())
    assert run(*SETS, *as_ci)[0] == 0
    code, _, err = run("get", "networksets", "-n", "bank", *as_ci)
    assert (code != 0, 'User "ci" cannot list resource "networksets"' in err) == (True, True)
    code, listed, _ = run("token", "list")
    assert code == 0
    assert listed.splitlines()[0].split() == ["NAME", "EXPIRES", "GROUPS", "ROLES"]
    assert listed.splitlines()[1].endswith("edit in shop")
    assert secret.strip() not in listed
    code, said, _ = run("token", "revoke", "ci")
    assert (code, said.splitlines()) == (
        0,
        ["accesstoken.dnsguard.io/ci revoked", "rolebinding.rbac.authorization.k8s.io/token:ci:edit deleted"],
    )
    code, _, err = run(*SETS, *as_ci)
    assert (code != 0, "the token is not known here" in err) == (True, True)


def test_everywhere_by_groups_and_without_an_end(run: Run) -> None:
    run("token", "create", "ann", "--role", "view", "--group", "a", "--group", "b", "--expires", "never")
    _, secret, told = run("token", "create", "bob", "-o", "json")
    assert json.loads(secret)["status"]["token"].startswith("dnsguard_")
    assert "bob has the rights that bindings give to it, until" in told
    lines = [line.split() for line in run("token", "list")[1].splitlines()]
    assert lines[1] == ["ann", "never", "a,b", "view"]
    assert lines[2][0::2] == ["bob", "-"]
    items = json.loads(run("token", "list", "-o", "json")[1])["items"]
    assert [(each["metadata"]["name"], "managedFields" in each["metadata"]) for each in items] == [
        ("ann", False),
        ("bob", False),
    ]
    assert run("token", "revoke", "ann", "bob")[0] == 0
    assert "no tokens" in run("token", "list")[2]


def test_nothing_is_left_of_a_token_whose_binding_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Server.send

    def refused(server: Server, method: str, path: str, *more: Any) -> Any:
        if "bindings" in path:
            raise ServerError(403, "not for you")
        return send(server, method, path, *more)

    monkeypatch.setattr(Server, "send", refused)
    code, out, err = run("token", "create", "ci", "--role", "edit")
    assert (code, out, err) == (5, "", "dnsguard token: not for you\n")
    assert "no tokens" in run("token", "list")[2]


def test_a_role_that_is_not_there(run: Run) -> None:
    code, out, err = run("token", "create", "ci", "--role", "edti")
    assert (code, out) == (1, "")
    assert "there is no cluster role edti" in err
    assert "no tokens" in run("token", "list")[2]


def test_a_name_that_is_taken(run: Run) -> None:
    assert run("token", "create", "ci")[0] == 0
    code, out, err = run("token", "create", "ci")
    assert (code, out, "exists already" in err) == (1, "", True)


def test_whose_name_begins_alike_keeps_the_roles(run: Run) -> None:
    for name in ("ann", "ann:ci"):
        run("token", "create", name, "--role", "view")
    assert run("token", "revoke", "ann")[0] == 0
    assert run("token", "list")[1].splitlines()[1].split()[0::3] == ["ann:ci", "view"]


def test_a_token_that_is_not_there_keeps_back_no_other(run: Run) -> None:
    for name in ("ann", "bob"):
        run("token", "create", name, "--role", "view")
    code, out, err = run("token", "revoke", "an", "bob", "ann")
    assert (code, err) == (1, "dnsguard token: accesstokens.dnsguard.io/an does not exist; did you mean ann?\n")
    assert [line.split()[0] for line in out.splitlines() if line.endswith("revoked")] == [
        "accesstoken.dnsguard.io/bob",
        "accesstoken.dnsguard.io/ann",
    ]
    assert "no tokens" in run("token", "list")[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", "2026-02-01T03:04:05Z"),
        ("12h", "2026-01-02T15:04:05Z"),
        ("90m", "2026-01-02T04:34:05Z"),
        ("2w", "2026-01-16T03:04:05Z"),
        ("2031-12-31T00:00:00Z", "2031-12-31T00:00:00Z"),
        ("2031-12-31T01:00:00+01:00", "2031-12-31T00:00:00Z"),
        ("never", None),
    ],
)
def test_when_it_ends(text: str, expected: str | None) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "30", "0d", "-1d", "30 d", "1y", "tomorrow", "2031-12-31", "2020-01-01T00:00:00Z"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="--expires"):
        moment(text, NOW)


def test_a_namespace_needs_a_role(run: Run) -> None:
    assert run("token", "create", "ci", "-n", "shop")[0] == 2
