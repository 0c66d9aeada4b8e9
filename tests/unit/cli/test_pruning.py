"""`dnsguard apply --prune`: only what an apply of the same applyset brought ever goes."""

import argparse
from collections.abc import Callable

import pytest
import yaml

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.sending import APPLYSET
from dnsguard.cli.server import Server
from tests.unit.cli.conftest import Run
from tests.unit.cli.manifests import ALL, POLICY, SET, TIER

Write = Callable[[str, str], str]

pytestmark = pytest.mark.usefixtures("api")
SHOP = ("--applyset", "shop", "--prune")


def names(run: Run) -> set[str]:
    out = "".join(run("get", kind, "-A", "-o", "name")[1] for kind in ("tiers", "networksets", "networkpolicies"))
    return set(out.split()) - {f"tier.projectcalico.org/{name}" for name in (
        "adminnetworkpolicy", "baselineadminnetworkpolicy", "default", "kube-admin", "kube-baseline",
    )}  # fmt: skip


def test_what_is_in_the_files_no_more_goes_policies_first(run: Run, write: Write) -> None:
    assert run("apply", "-f", write("all.yaml", ALL), *SHOP)[0] == 0
    assert run("apply", "-f", write("all.yaml", ALL), *SHOP)[1].count("unchanged") == 3
    assert run("apply", "-f", write("all.yaml", SET), "--dry-run", *SHOP)[1] == (
        "networkset.projectcalico.org/partners unchanged (dry run)\n"
        "networkpolicy.projectcalico.org/security.partners pruned (dry run)\n"
        "tier.projectcalico.org/security pruned (dry run)\n"
    )
    assert len(names(run)) == 3
    assert run("apply", "-f", write("all.yaml", SET), *SHOP) == (
        0,
        "networkset.projectcalico.org/partners unchanged\n"
        "networkpolicy.projectcalico.org/security.partners pruned\n"
        "tier.projectcalico.org/security pruned\n",
        "",
    )
    assert names(run) == {"networkset.projectcalico.org/partners"}


def test_a_preview_shows_what_goes(run: Run, write: Write) -> None:
    run("apply", "-f", write("all.yaml", f"{SET}---\n{TIER}"), *SHOP)
    code, out, err = run("diff", "-f", write("all.yaml", TIER), *SHOP)
    assert (code, err) == (1, "1 unchanged, 1 pruned (dry run)\n")
    assert out.startswith("--- NetworkSet shop/partners (server)\n+++ /dev/null\n@@ -1,13 +0,0 @@\n-apiVersion: ")
    assert "networkset.projectcalico.org/partners" in names(run)


def test_what_others_made_stays(run: Run, write: Write) -> None:
    other = SET.replace("name: partners", "name: others")
    copied = SET.replace("name: partners", "name: copied").replace("labels: {", f"labels: {{{APPLYSET}: shop, ")
    run("apply", "-f", write("other.yaml", other))
    run("apply", "-f", write("second.yaml", SET.replace("name: partners", "name: second")), "--applyset", "second")
    parser = argparse.ArgumentParser()
    add_server_flags(parser)
    with Server.of(parser.parse_args([])) as server:
        server.send("POST", "/apis/projectcalico.org/v3/namespaces/shop/networksets", yaml.safe_load(copied))
    run("apply", "-f", write("copied.yaml", copied.replace("name: copied", "name: copied-too")))
    run("apply", "-f", write("all.yaml", f"{SET}---\n{TIER}"), *SHOP)
    assert run("apply", "-f", write("all.yaml", TIER), *SHOP)[1].endswith(
        "networkset.projectcalico.org/partners pruned\n"
    )
    assert {name.rpartition("/")[2] for name in names(run)} == {"others", "second", "copied", "copied-too", "security"}


def test_an_object_of_another_applyset_is_not_taken_over(run: Run, write: Write) -> None:
    run("apply", "-f", write("set.yaml", SET), "--applyset", "first")
    code, out, err = run("apply", "-f", write("set.yaml", SET), *SHOP)
    assert (code, out) == (1, "")
    assert "it belongs to the applyset 'first', not to 'shop'" in err
    assert "nothing is pruned, since not everything could be applied" in err


def test_an_apply_that_names_no_applyset_leaves_it(run: Run, write: Write) -> None:
    run("apply", "-f", write("all.yaml", f"{SET}---\n{TIER}"), *SHOP)
    assert run("diff", "-f", write("set.yaml", SET))[0] == 0
    assert run("apply", "-f", write("set.yaml", SET.replace("192.0.2.0/24", "10.0.0.0/8")))[0] == 0
    assert run("apply", "-f", write("all.yaml", TIER), *SHOP)[1].endswith(
        "networkset.projectcalico.org/partners pruned\n"
    )


def test_where_something_is_refused_nothing_goes(run: Run, write: Write) -> None:
    run("apply", "-f", write("all.yaml", f"{SET}---\n{TIER}"), *SHOP)
    code, _, err = run("apply", "-f", write("all.yaml", POLICY.replace("security", "nosuch")), *SHOP)
    assert code == 1
    assert "nothing is pruned" in err
    assert "networkset.projectcalico.org/partners" in names(run)


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--prune",), "--prune needs --applyset NAME"), (("--applyset", "a b"), "--applyset a b: must be empty, or")],
)
def test_bad_words(run: Run, write: Write, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("apply", "-f", write("set.yaml", SET), *words)
    assert (code, out) == (2, "")
    assert said in err


def test_what_changed_since_it_was_seen_stays(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply", "-f", write("all.yaml", f"{SET}---\n{TIER}"), *SHOP)
    send = Server.send

    def send_late(self: Server, method: str, path: str, *given: object, **more: object) -> object:
        if method == "DELETE":
            found = self.get(path)
            send(self, "PUT", path, {**found, "spec": {"nets": ["10.0.0.0/8"]}})
        return send(self, method, path, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Server, "send", send_late)
    code, _, err = run("apply", "-f", write("all.yaml", TIER), *SHOP)
    assert code == 1
    assert "networkset.projectcalico.org/partners is not pruned: " in err
    assert "networkset.projectcalico.org/partners" in names(run)
