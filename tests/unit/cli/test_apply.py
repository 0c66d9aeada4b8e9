"""`dnsguard apply` and `dnsguard delete`."""

import io
import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dnsguard.cli.server import Server, UnreachableError
from tests.unit.api.conftest import TOKEN
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL, POLICY, SET, TIER

Write = Callable[[str, str], str]

pytestmark = pytest.mark.usefixtures("api")


def test_what_is_referred_to_is_sent_first(run: Run, write: Write) -> None:
    assert run("apply", "-f", write("all.yaml", ALL)) == (
        0,
        "tier.projectcalico.org/security created\n"
        "networkset.projectcalico.org/partners created\n"
        "networkpolicy.projectcalico.org/security.partners created\n",
        "",
    )


def test_applying_again_changes_nothing_and_a_change_is_said(run: Run, write: Write) -> None:
    run("apply", "-f", write("set.yaml", SET))
    assert run("apply", "-f", write("set.yaml", SET))[1] == "networkset.projectcalico.org/partners unchanged\n"
    changed = write("set.yaml", SET.replace("192.0.2.0/24", "198.51.100.0/24"))
    assert run("apply", "-f", changed)[1] == "networkset.projectcalico.org/partners configured\n"
    assert "198.51.100.0/24" in run("get", "networkset", "partners", "-n", "shop", "-o", "yaml")[1]


def test_a_dry_run_keeps_nothing(run: Run, write: Write) -> None:
    assert run("apply", "--dry-run", "-f", write("set.yaml", SET))[1] == (
        "networkset.projectcalico.org/partners created (dry run)\n"
    )
    assert run("get", "networkset", "partners", "-n", "shop")[0] == 1


def test_nothing_is_sent_when_one_document_is_bad(run: Run, write: Write) -> None:
    path = write("bad.yaml", SET + "---\n" + POLICY.replace("app == 'web'", "app = 'web'").replace("443", "0"))
    code, out, err = run("apply", "-f", path)
    assert (code, out) == (2, "")
    assert [line.split(": ")[1:5] for line in err.splitlines()[:-1]] == [
        [path, "document 2, line 19", "NetworkPolicy shop/security.partners", "spec.selector"],
        [path, "document 2, line 25", "NetworkPolicy shop/security.partners", "spec.egress[0].destination.ports[0]"],
    ]
    assert "column 5" in err
    assert run("get", "networksets", "-A", "-o", "name")[1] == ""


def test_what_the_server_refuses_names_file_document_line_and_field(run: Run, write: Write) -> None:
    path = write("all.yaml", POLICY + "---\n" + SET)
    code, out, err = run("apply", "-f", path)
    assert code == 1
    assert out == "networkset.projectcalico.org/partners created\n"
    assert err.startswith(
        f"dnsguard apply: {path}: document 1, line 7: NetworkPolicy shop/security.partners: spec.tier: "
    )
    assert "(V-08)" in err


def test_a_stale_resource_version_is_refused_and_nothing_changes(api: Api, run: Run, write: Write) -> None:
    run("apply", "-f", write("set.yaml", SET))
    stale = SET.replace("  labels:", "  resourceVersion: '1'\n  labels:").replace("192.0.2.0/24", "10.0.0.0/8")
    code, out, err = run("apply", "-f", write("stale.yaml", stale))
    assert (code, out) == (1, "")
    assert "stale.yaml: document 1, line 1: networkset.projectcalico.org/partners" in err
    assert "192.0.2.0/24" in run("get", "networkset", "partners", "-n", "shop", "-o", "yaml")[1]
    assert [record.verb for record in api.world.audit] == ["create", "update"], "asked once: nobody else is to blame"


def test_a_change_by_somebody_else_meanwhile_is_overcome(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply", "-f", write("set.yaml", SET))
    find = Server.find
    seen = []

    def find_old(self: Server, path: str) -> dict[str, object] | None:
        found = find(self, path)
        seen.append(path)
        if len(seen) == 1 and found is not None:
            self.send("PUT", path, {**found, "spec": {"nets": ["10.0.0.0/8"]}})
        return found

    monkeypatch.setattr(Server, "find", find_old)
    changed = write("set.yaml", SET.replace("192.0.2.0/24", "198.51.100.0/24"))
    assert run("apply", "-f", changed)[1] == "networkset.projectcalico.org/partners configured\n"
    assert len(seen) == 2


def test_warnings_of_the_server_go_to_stderr(run: Run, write: Write) -> None:
    path = write("set.yaml", SET.replace("192.0.2.0/24", "10.1.2.3/8"))
    code, out, err = run("apply", "-f", path)
    assert (code, out) == (0, "networkset.projectcalico.org/partners created\n")
    assert err == f"warning: {path}: document 1: spec.nets[0]: 10.1.2.3/8 means 10.0.0.0/8\n"


def test_directories_and_standard_input(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("dir/b.yml", SET)
    write("dir/sub/a.json", '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}')
    directory = write("dir/notes.txt", "no manifest").removesuffix("/notes.txt")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TIER.encode())))
    code, out, _ = run("apply", "-f", directory, "-f", "-")
    assert code == 0
    assert out.split() == [
        "namespace/shop", "created", "tier.projectcalico.org/security", "created",
        "networkset.projectcalico.org/partners", "created",
    ]  # fmt: skip


@pytest.mark.usefixtures("api")
def test_an_object_that_stands_twice_and_is_the_same_counts_once(run: Run, write: Write) -> None:
    assert run("validate", "-f", write("a.yaml", SET), "-f", write("b.yaml", SET))[:2] == (
        0,
        "1 object in 1 file: all good\n",
    )


def test_files_that_cannot_be_used(run: Run, write: Write) -> None:
    twice = write("twice.yaml", SET + "---\n" + SET.replace("192.0.2.0/24", "192.0.3.0/24"))
    empty = write("empty.yaml", "# nothing\n")
    for words, said in [
        (("-f", "/nowhere/x.yaml"), "/nowhere/x.yaml: cannot be read: No such file or directory"),
        (
            ("-f", twice),
            f"{twice}: document 2, line 14: NetworkSet shop/partners: metadata.name: the same object stands in",
        ),
        (("-f", empty), f"no objects in {empty}"),
        ((), "the following arguments are required: -f"),
    ]:
        code, _, err = run("apply", *words)
        assert code == 2
        assert said in err


def test_delete_by_file_goes_backwards(run: Run, write: Write) -> None:
    path = write("all.yaml", ALL)
    run("apply", "-f", path)
    assert run("delete", "-f", path) == (
        0,
        "networkpolicy.projectcalico.org/security.partners deleted\n"
        "networkset.projectcalico.org/partners deleted\n"
        "tier.projectcalico.org/security deleted\n",
        "",
    )


def test_delete_by_name(run: Run, write: Write) -> None:
    run("apply", "-f", write("all.yaml", ALL))
    assert run("delete", "netsets/partners", "-n", "shop")[:2] == (0, "networkset.projectcalico.org/partners deleted\n")
    assert run("delete", "tier", "security")[0] == 1
    assert run("delete", "networkset", "-n", "shop", "partners") == (
        1,
        "",
        "dnsguard delete: networksets/shop/partners does not exist\n",
    )
    assert run("delete", "networkset", "partners", "-n", "shop", "--ignore-not-found") == (0, "", "")


@pytest.mark.parametrize("words", [(), ("tier",), ("tier", "a", "-f", "x"), ("nosuch", "a"), ("a/b", "c")])
def test_delete_wants_to_know_what(run: Run, words: tuple[str, ...]) -> None:
    assert run("delete", "--token", TOKEN, *words)[0] == 2


def test_files_that_a_shell_names(run: Run, write: Write) -> None:
    code, out, _ = run("apply", "-R", "-f", write("a.yaml", TIER), write("b.yaml", SET))
    assert (code, len(out.splitlines())) == (0, 2)
    assert run("apply", "-f", "https://example.org/a.yaml")[::2] == (
        2,
        "dnsguard apply: https://example.org/a.yaml is an address: fetch it first, as in"
        " curl -s https://example.org/a.yaml | dnsguard apply -f -\n",
    )


def test_names_and_outcomes_for_programs(run: Run, write: Write) -> None:
    path = write("all.yaml", ALL)
    assert run("apply", "-f", path, "-o", "name")[1].splitlines()[0] == "tier.projectcalico.org/security"
    items = json.loads(run("apply", "-f", path, "-o", "json")[1])["items"]
    assert items[1] == {
        "apiVersion": "projectcalico.org/v3", "kind": "NetworkSet", "namespace": "shop", "name": "partners",
        "outcome": "unchanged", "warnings": [],
    }  # fmt: skip


def test_many_are_counted(run: Run, write: Write) -> None:
    many = "---\n".join(SET.replace("partners", f"partners-{number}") for number in range(20))
    assert run("apply", "-f", write("many.yaml", many))[2] == "20 created\n"
    changed = many.replace("partners-7\n", "partners-77\n")
    assert run("apply", "-f", write("many.yaml", changed))[2] == "1 created, 19 unchanged\n"


CHANGED = """\
--- NetworkSet shop/partners (server)
+++ NetworkSet shop/partners ({source})
@@ -9,4 +9,4 @@
   allowedEgressDomains:
   - '*.example.org'
   nets:
-  - 192.0.2.0/24
+  - 198.51.100.0/24
"""


def test_what_an_apply_would_change(run: Run, write: Write) -> None:
    path = write("set.yaml", SET)
    code, out, err = run("diff", "-f", path)
    assert (code, err) == (1, "1 created (dry run)\n")
    assert out.startswith(f"--- /dev/null\n+++ NetworkSet shop/partners ({path})\n@@ -0,0 +1,12 @@\n+apiVersion: ")
    run("apply", "-f", path)
    assert run("diff", "-f", path) == (0, "", "1 unchanged (dry run)\n")
    path = write("set.yaml", SET.replace("192.0.2.0/24", "198.51.100.0/24"))
    expected = (1, CHANGED.format(source=path), "1 configured (dry run)\n")
    assert run("diff", "-f", path) == expected
    assert run("apply", "--diff", "--dry-run", "-f", path) == expected
    assert run("apply", "--diff", "-f", path) == (0, CHANGED.format(source=path), "1 configured\n")
    assert run("diff", "-f", path)[0] == 0


def test_a_policy_whose_tier_comes_with_it_can_be_previewed(run: Run, write: Write) -> None:
    code, out, err = run("diff", "-f", write("all.yaml", ALL))
    assert (code, err) == (1, "3 created (dry run)\n")
    assert "+++ NetworkPolicy shop/security.partners" in out
    assert run("get", "tiers", "-o", "name")[1].count("security") == 0


def test_what_would_be_refused_is_no_difference(run: Run, write: Write) -> None:
    code, out, err = run("diff", "-f", write("policy.yaml", POLICY))
    assert (code, out) == (2, "")
    assert "dnsguard diff: " in err
    assert "(V-08)" in err


def test_colours_are_for_terminals(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("set.yaml", SET)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32m+kind: NetworkSet\x1b[0m\n" in run("diff", "-f", path)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("diff", "-f", path)[1]


def test_confirm_asks_and_takes_no_for_an_answer(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("set.yaml", SET)
    assert run("apply", "--confirm", "-f", path)[0] == 2, "there is no terminal"
    for answer, created in (("\n", False), ("no\n", False), ("y\n", True)):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=lambda answer=answer: answer))
        code, out, err = run("apply", "--confirm", "-f", path)
        assert (code, "Apply this? [y/N] " in err) == (0, True)
        assert ("networkset.projectcalico.org/partners created" in out) == created
    assert run("apply", "--confirm", "-f", path)[2] == "1 unchanged (dry run)\n", "nothing to ask about"


def test_a_server_that_goes_away_is_told_of_once(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    find = Server.find

    def find_or_lose(self: Server, path: str) -> dict[str, object] | None:
        if "networkpolicies" in path:
            raise UnreachableError("gone")
        return find(self, path)

    monkeypatch.setattr(Server, "find", find_or_lose)
    assert run("apply", "-f", write("all.yaml", ALL))[::2] == (
        4,
        "dnsguard apply: the server went away: 2 of 3 were sent\ndnsguard apply: gone\n",
    )


def test_the_token_of_an_access_token_is_shown_once(run: Run, write: Write) -> None:
    path = write("token.yaml", "apiVersion: dnsguard.io/v1\nkind: AccessToken\nmetadata: {name: ci}\nspec: {}\n")
    assert run("apply", "--dry-run", "-f", path)[2] == ""
    code, out, err = run("apply", "-f", path)
    assert (code, out) == (0, "accesstoken.dnsguard.io/ci created\n")
    said, _, secret = err.strip().rpartition(" ")
    assert said == "accesstoken.dnsguard.io/ci: its token, shown this once:"
    code, _, err = run("get", "tiers", "--token", secret)
    assert (code, "ci" in err) == (5, True), "it is known, and may nothing"
    assert run("apply", "-f", path)[1:] == ("accesstoken.dnsguard.io/ci unchanged\n", "")
