"""`dnsguard get`."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import yaml

from dnsguard.cli.output import as_text
from dnsguard.cli.server import Server, ServerError
from dnsguard.cli.table import aligned
from dnsguard.resources.columns import age
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL
from tests.unit.cli.scripted import Scripted, answer

Write = Callable[[str, str], str]

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def stocked(api: Api, run: Run, write: Write) -> Api:
    run("apply", "-f", write("all.yaml", ALL))
    return api


def columns(out: str) -> list[list[str]]:
    """The lines without the age, which moves."""
    return [line.split()[:-1] for line in out.splitlines()]


def test_a_table(run: Run) -> None:
    code, out, _ = run("get", "networkpolicies", "-n", "shop")
    assert code == 0
    assert columns(out) == [
        ["NAME", "TIER", "ORDER", "TYPES", "SELECTOR", "ENFORCED"],
        ["security.partners", "security", "5", "Egress", "app", "==", "'web'", "-"],
    ]


def test_all_namespaces_and_wide(run: Run) -> None:
    assert columns(run("get", "netsets", "-A", "-o", "wide")[1]) == [
        ["NAMESPACE", "NAME", "NETS", "DOMAINS", "ENFORCED", "LABELS"],
        ["shop", "partners", "1", "1", "-", "role=partner"],
    ]


def test_flags_may_stand_between_kind_and_name(run: Run) -> None:
    between = run("get", "netset", "-n", "shop", "partners", "-o", "name")
    assert between == (0, "networkset.projectcalico.org/partners\n", "")


def test_several_kinds_each_in_a_table_of_its_own(run: Run) -> None:
    out = run("get", "tiers,netsets", "-A", "-o", "name")[1]
    assert out.split()[-2:] == ["tier.projectcalico.org/security", "networkset.projectcalico.org/partners"]


def test_names(run: Run) -> None:
    assert run("get", "tiers", "-o", "name")[1].split() == [
        f"tier.projectcalico.org/{name}" for name in ("default", "kube-admin", "kube-baseline", "security")
    ]


def test_one_object_as_yaml_and_json(run: Run) -> None:
    as_yaml = yaml.safe_load(run("get", "networkset", "partners", "-n", "shop", "-o", "yaml")[1])
    as_json = json.loads(run("get", "networkset/partners", "-n", "shop", "-o", "json")[1])
    assert as_yaml == as_json
    assert as_json["spec"] == {"nets": ["192.0.2.0/24"], "allowedEgressDomains": ["*.example.org"]}


def test_a_list_can_be_applied_again(run: Run, write: Write) -> None:
    listed = run("get", "networksets", "-A", "-o", "yaml")[1]
    assert run("apply", "-f", write("again.yaml", listed))[1] == "networkset.projectcalico.org/partners unchanged\n"


def test_selectors_choose(run: Run) -> None:
    assert run("get", "netsets", "-A", "-l", "role=partner", "-o", "name")[1] != ""
    assert run("get", "netsets", "-A", "-l", "role=other", "-o", "name")[1] == ""


def test_nothing_there_is_said_and_is_no_error(run: Run) -> None:
    assert run("get", "networksets") == (
        0,
        "",
        "no networksets in namespace default; -A shows those of all namespaces\n",
    )
    assert run("get", "hep") == (0, "", "no hostendpoints\n")


def test_an_object_that_is_not_there_is_named_once(run: Run) -> None:
    assert run("get", "tier", "nosuch") == (1, "", "dnsguard get: tiers/nosuch does not exist\n")
    assert run("get", "snp", "sknp") == (1, "", "dnsguard get: stagednetworkpolicies/default/sknp does not exist\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "unknown kind 'nosuch'; the kinds are Namespace, Felix"),
        (("tier", "a", "-l", "x=y"), "--selector and a name"),
        (("tier/a", "b"), "write KIND/NAME for each"),
        (("netzet/a", "-A"), "unknown kind 'netzet'"),
        (("NetworkPolcy",), "unknown kind 'NetworkPolcy'; did you mean NetworkPolicy?"),
        (("np/shop/web",), "'np/shop/web': write the namespace for itself, as in -n shop np/web"),
        (("wep", "shop/web"), "'shop/web': write the namespace for itself, as in -n shop wep web"),
        (("np,gnp", "a"), "'np,gnp': several kinds take no names"),
        (("np,", "-A"), "unknown kind ''"),
        (("networkset/a", "-A"), "write -n instead of -A\n"),
        (("snp", "web", "-A"), "write -n instead of -A\n"),
        (("snp", "sknp", "-A"), "write -n instead of -A; several kinds stand with a comma between them: snp,sknp\n"),
        (("tier", "a", "b", "-w"), "--watch takes one kind"),
        ((), "the following arguments are required"),
    ],
)
def test_bad_usage(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("get", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_wrong_token(run: Run) -> None:
    code, out, err = run("get", "tiers", "--token", "wrong")
    assert (code, out) == (5, "")
    assert err


def test_nobody_answers(run: Run) -> None:
    code, _, err = run("get", "tiers", "--server", "http://127.0.0.1:1", "--token", "x")
    assert code == 4
    assert "http://127.0.0.1:1 does not answer" in err


def test_a_watch_goes_on_from_the_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Server.watch
    calls = []

    def watch_once(self: Server, path: str, parameters: dict[str, str]):  # type: ignore[no-untyped-def]
        calls.append(parameters["resourceVersion"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        listed = self.get(path)["items"][0]
        self.send("PUT", f"/apis/projectcalico.org/v3/tiers/{listed['metadata']['name']}", listed)
        self.send("POST", path, {**listed, "metadata": {"name": "later"}, "spec": {"order": 7}})
        self.delete(f"{path}/later")
        for number, event in enumerate(watch(self, path, parameters)):
            yield event
            if number == 1:
                return

    monkeypatch.setattr(Server, "watch", watch_once)
    code, out, _ = run("get", "tiers", "-w", "-o", "name")
    assert code == 130
    assert out.splitlines()[-2:] == [
        "added tier.projectcalico.org/later",
        "deleted tier.projectcalico.org/later",
    ]
    assert int(calls[1]) > int(calls[0])


def test_a_watch_that_fell_behind_compares(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []

    def behind(self: Server, path: str, _: object) -> Iterator[dict[str, object]]:
        turns.append(path)
        if len(turns) == 1:
            self.delete(f"{path}/security")
            self.send("POST", path, {"metadata": {"name": "later"}, "spec": {"order": 7}})
            return iter([{"type": "ERROR", "object": {"code": 410, "message": "too old"}}])
        return iter([{"type": "ERROR", "object": {"code": 500, "message": "broken"}}])

    run("delete", "np", "security.partners", "-n", "shop")
    monkeypatch.setattr(Server, "watch", behind)
    code, out, err = run("get", "tiers", "-w", "-o", "name")
    assert code == 1
    assert out.splitlines()[-2:] == ["deleted tier.projectcalico.org/security", "added tier.projectcalico.org/later"]
    assert not [line for line in out.splitlines() if line.startswith("modified")], (
        "what is as it was is not shown again"
    )
    assert "broken" in err


def test_a_watch_that_may_not_go_on_ends_as_what_may_not_begin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def revoked(*_: object) -> Iterator[dict[str, object]]:
        raise ServerError(401, "the token is not known here")

    monkeypatch.setattr(Server, "watch", revoked)
    assert run("get", "tiers", "-w")[::2] == (5, "dnsguard get: the token is not known here\n")


def listing(name: str, version: str) -> bytes:
    value = {"metadata": {"resourceVersion": version}, "items": [tier(name, version)]}
    return answer(json.dumps(value))


def tier(name: str, version: str) -> dict[str, object]:
    return {"kind": "Tier", "metadata": {"name": name, "resourceVersion": version}, "spec": {"order": 1}}


def event(name: str, version: str) -> bytes:
    """The begin of a watch: one event, and no end."""
    line = json.dumps({"type": "ADDED", "object": tier(name, version)}).encode() + b"\n"
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(line), line)


def test_a_watch_waits_for_a_server_that_restarts_and_goes_on_where_it_was(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def slept(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", slept)
    with Scripted([listing("a", "5"), event("b", "6")], [event("c", "9")]) as server:
        code, out, err = run("get", "tiers", "-w", "-o", "name", "--server", server.url, "--token", "x")
    assert (code, out.splitlines()) == (
        130,
        [
            "tier.projectcalico.org/a",
            "added tier.projectcalico.org/b",
            "added tier.projectcalico.org/c",
        ],
    )
    assert [re.findall(rb"resourceVersion=([0-9]+)", request) for request in server.requests] == [[], [b"5"], [b"6"]]
    assert err.count("does not answer") == 2, "once each time"
    assert pauses[0] == pauses[1] < pauses[2]


def test_long_lists_come_in_pages(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    get = Server.get

    def noted(self: Server, path: str, parameters: dict[str, str], **more: str) -> object:
        asked.append(dict(parameters))
        return get(self, path, parameters, **more)

    monkeypatch.setattr(Server, "get", noted)
    whole = run("get", "tiers", "-o", "name", "--chunk-size", "0")[1]
    assert run("get", "tiers", "-o", "name", "--chunk-size", "2")[1] == whole
    assert [each.get("limit") for each in asked] == [None, *["2"] * ((len(whole.splitlines()) + 1) // 2)]
    assert [bool(each.get("continue")) for each in asked[:3]] == [False, False, True]


def test_field_selectors(run: Run) -> None:
    assert run("get", "np", "-A", "--field-selector", "spec.tier=security", "-o", "name")[1] == (
        "networkpolicy.projectcalico.org/security.partners\n"
    )
    assert run("get", "np", "-A", "--field-selector", "spec.tier=default", "-o", "name")[1] == ""
    assert run("get", "tier", "a", "--field-selector", "metadata.name=a")[0] == 2


def test_who_mistypes_a_name_is_helped(run: Run) -> None:
    assert run("get", "tier", "securty")[2] == "dnsguard get: tiers/securty does not exist; did you mean security?\n"
    assert run("delete", "netset", "partners")[2] == (
        "dnsguard delete: networksets/default/partners does not exist; there is one in namespace shop: -n shop\n"
    )


def test_a_deletion_for_show(run: Run) -> None:
    assert run("delete", "netset", "partners", "-n", "shop", "--dry-run")[:2] == (
        0,
        "networkset.projectcalico.org/partners deleted (dry run)\n",
    )
    assert run("get", "netset", "partners", "-n", "shop")[0] == 0


def test_events_as_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    event = {
        "type": "ADDED",
        "object": {"kind": "Tier", "metadata": {"name": "a", "resourceVersion": "9"}, "spec": {"order": 7}},
    }
    for output, expected in [((), "added     a"), (("-o", "json"), '"type": "ADDED"'), (("-o", "yaml"), "# ADDED")]:
        batches = iter([[event], [{"type": "ERROR", "object": {"code": 500, "message": "over"}}]])
        monkeypatch.setattr(Server, "watch", lambda *_, batches=batches: iter(next(batches)))
        assert expected in run("get", "tiers", "-w", *output)[1]


def test_ages() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    stamps = ["2026-01-09T23:59:59Z", "2026-01-09T23:50:00Z", "2026-01-09T20:00:00Z", "2026-01-01T00:00:00Z", "x", None]
    assert [age(stamp, now) for stamp in stamps] == ["1s", "10m", "4h", "9d", "-", "-"]


def test_columns_stand_below_each_other() -> None:
    assert aligned([["A", "LONG"], ["longer", ""]]) == ["A        LONG", "longer"]


def test_text_keeps_the_order_of_fields() -> None:
    assert as_text({"b": 1, "a": "b\u00fccher"}, "yaml") == "b: 1\na: b\u00fccher"


def test_what_somebody_wrote_does_nothing_to_a_terminal(run: Run, write: Write) -> None:
    evil = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": "security.evil", "namespace": "shop"},
        "spec": {
            "tier": "security",
            "order": 6,
            "selector": "app == '\x1b[2J\x1b]0;x\x07\x9b8m\nforged'",
            "types": ["Egress"],
        },
    }
    code, out, err = run("apply", "-f", write("evil.json", json.dumps(evil)))
    assert code == 0, err
    out = run("get", "networkpolicies", "-n", "shop")[1]
    assert "app == '?[2J?]0;x??8m?forged'" in out
    assert len(out.splitlines()) == 3
