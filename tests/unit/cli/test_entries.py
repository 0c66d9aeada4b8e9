"""`dnsguard allow` and `dnsguard disallow`."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dnsguard.cli.entries import ENTRIES
from dnsguard.cli.server import Server
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import POLICY, SET, TIER

Write = Callable[[str, str], str]

pytestmark = pytest.mark.usefixtures("stocked")
IN = ("--set", "partners", "-n", "shop")
USED = "  looked into by NetworkPolicy/shop/security.partners (egress rule 0, tier security): Allow\n"


@pytest.fixture
def stocked(api: Api, run: Run, write: Write) -> Api:
    run("apply", "-f", write("all.yaml", f"{TIER}---\n{SET}---\n{POLICY}"))
    return api


def held(run: Run, name: str = "partners") -> Any:
    return json.loads(run("get", "networkset", name, "-n", "shop", "-o", "json")[1])["spec"]


def test_it_says_what_became_of_each_entry_and_what_that_opens(run: Run) -> None:
    assert run("allow", "API.example.com.", "192.0.2.7", "*.example.org", "2001:db8::/32", *IN) == (
        0,
        "api.example.com added to networkset shop/partners\n"
        "192.0.2.7/32 added to networkset shop/partners, which 192.0.2.0/24 in it covers already\n"
        "*.example.org already there\n"
        "2001:db8::/32 added to networkset shop/partners\n" + USED,
        "",
    )
    assert held(run) == {
        "nets": ["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32"],
        "allowedEgressDomains": ["*.example.org", "api.example.com"],
    }


def test_twice_is_once(run: Run) -> None:
    run("allow", "b\u00fccher.example", *IN)
    assert run("allow", "xn--bcher-kva.example", "-q", *IN) == (0, "xn--bcher-kva.example already there\n", "")


def test_what_stays_open_is_said(run: Run) -> None:
    run("allow", "a.example.org", *IN)
    code, out, err = run("disallow", "b.example.org", "*.example.org", "192.0.2.0/25", "-q", *IN)
    assert code == 0
    assert out == (
        "b.example.org not there\n*.example.org removed from networkset shop/partners\n192.0.2.0/25 not there\n"
    )
    assert err == (
        "warning: within *.example.org, networkset shop/partners still holds a.example.org\n"
        "warning: 192.0.2.0/25 stays open: 192.0.2.0/24 in networkset shop/partners covers it\n"
    )
    assert held(run)["allowedEgressDomains"] == ["a.example.org"]


def test_a_dry_run_keeps_nothing(run: Run) -> None:
    before = held(run)
    out = run("allow", "a.example.com", "--dry-run", "-q", *IN)[1]
    assert out == "a.example.com added to networkset shop/partners (dry run)\n"
    assert run("allow", "a.example.com", "--dry-run", "--create", "--set", "other")[1] == (
        "networkset default/other created (dry run)\na.example.com added to networkset default/other (dry run)\n"
    )
    assert held(run) == before
    assert run("get", "networkset", "other")[0] == 1


def test_all_or_nothing(run: Run) -> None:
    before = held(run)
    assert run("allow", "a.example.com", "b..c", "1.2.3.4/33", *IN) == (
        2,
        "",
        "dnsguard allow: bad domain 'b..c': a component is empty: two dots in a row, or a dot at the start (V-53e)\n"
        "dnsguard allow: '1.2.3.4/33' is no CIDR: write an IPv4 or IPv6 network, as 192.0.2.0/24 or 2001:db8::/32"
        " (V-18)\n",
    )
    assert held(run) == before


def test_files_and_standard_input(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = write("list.txt", "# partners\na.example.com\n\n  b.example.com  # the other\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: "198.51.100.0/24\n"))
    assert run("allow", "-q", "-f", listed, "-f", "-", *IN)[0] == 0
    assert held(run) == {
        "nets": ["192.0.2.0/24", "198.51.100.0/24"],
        "allowedEgressDomains": ["*.example.org", "a.example.com", "b.example.com"],
    }
    assert run("allow", "-f", "/nowhere/list", *IN)[::2] == (
        2,
        "dnsguard allow: /nowhere/list: cannot be read: No such file or directory\n",
    )


def test_a_set_is_made_where_that_is_wanted(run: Run) -> None:
    made = run("allow", "a.example.com", "192.0.2.1", "--create", "--label", "role=cdn", "-n", "shop", "--set", "cdn")
    assert made == (
        0,
        "networkset shop/cdn created\na.example.com added to networkset shop/cdn\n"
        "192.0.2.1/32 added to networkset shop/cdn\n",
        "warning: no rule of any policy selects networkset shop/cdn: it opens nothing; a rule does by"
        " destination.selector\n",
    )
    assert held(run, "cdn") == {"allowedEgressDomains": ["a.example.com"], "nets": ["192.0.2.1/32"]}
    assert run("get", "networksets", "-l", "role=cdn", "-n", "shop", "-o", "name")[1] == (
        "networkset.projectcalico.org/cdn\n"
    )
    again = run("allow", "b.example.com", "-q", "--create", "--label", "role=cdn", "-n", "shop", "--set", "cdn")
    assert again[1] == "b.example.com added to networkset shop/cdn\n"


def test_a_global_set(run: Run) -> None:
    words = ("allow", "a.example.com", "--create", "--global", "--set", "cdn", "-o", "json")
    report = json.loads(run(*words)[1])
    assert (report["kind"], report["namespace"], report["created"]) == ("GlobalNetworkSet", "", True)
    assert report["usedBy"] == {"policies": 0, "rules": []}
    report = json.loads(run("disallow", "a.example.com", "--global", "--set", "cdn", "-o", "json")[1])
    assert [entry["outcome"] for entry in report["entries"]] == ["removed"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "partnrs", "-n", "shop"), "networksets/shop/partnrs does not exist; did you mean partners?\n"),
        (
            ("--set", "partners"),
            "networksets/default/partners does not exist; there is one in namespace shop: -n shop\n",
        ),
        (("--set", "x"), "networksets/default/x does not exist; --create --label KEY=VALUE makes it\n"),
        (("--set", "x", "--global"), "globalnetworksets/x does not exist; --create --label KEY=VALUE makes it\n"),
    ],
)
def test_a_set_that_is_not_there(run: Run, words: tuple[str, ...], said: str) -> None:
    assert run("allow", "a.example.com", *words) == (1, "", f"dnsguard allow: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("allow", "--set", "x"), "name what: domains, networks, or -f FILE"),
        (("disallow", "--set", "x"), "name what: domains, networks, or -f FILE"),
        (("allow", "a.b"), "the following arguments are required: --set"),
        (("allow", "a.b", "--set", "x", "--label", "a=b"), "--label is for the set that --create makes"),
        (("allow", "a.b", "--set", "x", "--create", "--label", "ab"), "--label ab: write KEY=VALUE"),
        (("allow", "a..b", "--set", "x", "--create"), "a component is empty"),
        (("allow", "a.b", "--set", "x", "--global", "-n", "shop"), "not allowed with argument"),
    ],
)
def test_bad_words(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_set_that_others_make_meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Server.send
    seen: list[str] = []

    def send_late(self: Server, method: str, path: str, *given: Any, **more: Any) -> Any:
        seen.append(method)
        if seen == ["PATCH", "POST"]:
            send(self, "POST", path, {"metadata": {"name": "new"}, "spec": {"nets": ["192.0.2.0/24"]}})
        return send(self, method, path, *given, **more)

    monkeypatch.setattr(Server, "send", send_late)
    assert run("allow", "a.example.com", "--create", "--set", "new", "-n", "shop", "-q")[:2] == (
        0,
        "a.example.com added to networkset shop/new\n",
    )
    assert seen == ["PATCH", "POST", "PATCH"]
    assert held(run, "new") == {"nets": ["192.0.2.0/24"], "allowedEgressDomains": ["a.example.com"]}


def test_the_set_stays_at_home(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []
    answer = Server._answer

    def noted(self: Server, method: str, path: str, *given: Any, **more: Any) -> Any:
        sent = given[2] if len(given) > 2 else {}
        asked.append((method, path, sent.get("Content-Type", "")))
        return answer(self, method, path, *given, **more)

    monkeypatch.setattr(Server, "_answer", noted)
    run("allow", "a.example.com", *IN)
    assert asked == [
        ("PATCH", "/apis/projectcalico.org/v3/namespaces/shop/networksets/partners", ENTRIES),
        ("GET", "/v1/set-users", ""),
    ]


def test_rules_that_do_not_allow_are_told_apart(run: Run, write: Write) -> None:
    deny = POLICY.replace("action: Allow", "action: Deny")
    run("apply", "-f", write("deny.yaml", deny))
    assert run("allow", "a.example.com", *IN)[2] == "warning: no rule that looks into networkset shop/partners allows\n"
    ingress = (
        POLICY.replace("egress:", "ingress:").replace("destination:", "source:").replace("ports: [443]", "ports: [1]")
    )
    assert run("apply", "-f", write("in.yaml", ingress))[0] == 0
    assert run("allow", "b.example.com", *IN)[2].startswith("warning: domains count in egress rules that allow")
    assert run("allow", "192.0.2.0/26", *IN)[2] == ""
