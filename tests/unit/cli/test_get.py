"""`dnsguard get`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import yaml

from dnsguard.cli.output import as_text
from dnsguard.cli.server import Server
from dnsguard.cli.table import aligned
from dnsguard.resources.columns import age
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL

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
    assert (code, out) == (1, "")
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


def test_a_watch_that_fell_behind_lists_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        [
            [{"type": "ERROR", "object": {"code": 410, "message": "too old"}}],
            [{"type": "ERROR", "object": {"code": 500, "message": "broken"}}],
        ]
    )
    monkeypatch.setattr(Server, "watch", lambda *_: iter(next(answers)))
    code, out, err = run("get", "tier", "security", "-w", "-o", "name")
    assert code == 1
    assert out.splitlines() == ["tier.projectcalico.org/security", "modified tier.projectcalico.org/security"]
    assert "broken" in err


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
