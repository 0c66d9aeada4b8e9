"""`dnsguard validate` and `dnsguard render`: no server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.manifests import ALL, POLICY, SET, TIER

Write = Callable[[str, str], str]
WORKLOAD = """\
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {interfaceName: cali1, node: n, ipNetworks: [192.0.2.10]}
"""


def test_good_files(run: Run, write: Write) -> None:
    assert run("validate", "-f", write("all.yaml", ALL)) == (0, "3 objects in 1 file: all good\n", "")
    assert run("validate", "-f", write("a.yaml", SET), "-f", write("b.yaml", TIER))[1] == (
        "2 objects in 2 files: all good\n"
    )


def test_every_fault_of_every_file(run: Run, write: Write) -> None:
    first = write("a.yaml", SET.replace("nets:", "net:"))
    second = write("b.yaml", "a: [\n")
    code, out, err = run("validate", "-f", first, "-f", second)
    assert (code, out) == (2, "")
    assert [line.split(": ")[1:3] for line in err.splitlines()[:-1]] == [
        [first, "document 1, line 8"],
        [second, "document 1, line 2"],
    ]


def test_warnings_do_not_count(run: Run, write: Write) -> None:
    path = write("policy.yaml", POLICY + "---\n" + SET.replace("192.0.2.0/24", ""))
    code, out, err = run("validate", "-f", path)
    assert (code, out.startswith("2 objects in 1 file: valid, ")) == (0, True)
    assert "spec.tier: there is no tier 'security'" in err
    assert err.startswith(f"warning: {path}: document 1, line 7: networkpolicy.projectcalico.org/security.partners: ")


@pytest.mark.parametrize(("kind", "said"), [("NetworkPolicy", "D-02"), ("GlobalNetworkPolicy", "D-02")])
def test_a_name_that_names_another_tier(run: Run, write: Write, kind: str, said: str) -> None:
    moved = POLICY.replace("tier: security", "tier: default").replace("NetworkPolicy", kind)
    moved = moved.replace("  namespace: shop\n", "") if kind.startswith("Global") else moved
    assert said in run("validate", "-f", write("moved.yaml", TIER + "---\n" + moved))[2]


def test_render_prints_the_table(run: Run, write: Write) -> None:
    path = write("all.yaml", ALL + "---\n" + WORKLOAD)
    code, out, err = run("render", "-f", path, "--node-name", "n")
    assert (code, err) == (0, "")
    assert out.startswith("table inet dnsguard {")
    assert "192.0.2.10" in out
    assert "192.0.2.0/24" in out


def test_render_says_where_no_policy_applies(run: Run, write: Write) -> None:
    path = write("all.yaml", ALL + "---\n" + WORKLOAD)
    code, out, err = run("render", "-f", path, "--node-name", "other")
    assert (code, "chain class-" in out) == (0, False)
    assert err == "warning: no endpoint among these objects is on node other: no policy applies here\n"


def test_render_takes_several_files(run: Run, write: Write) -> None:
    both = run("render", "-f", write("tier.yaml", TIER), write("policy.yaml", POLICY), "--node-name", "n")
    assert both == run("render", "-f", write("all.yaml", TIER + "---\n" + POLICY), "--node-name", "n")
    assert both[0] == 0


def test_render_takes_settings(run: Run, write: Write, tmp_path: Path) -> None:
    config = write("config.yaml", "table: guarded\nworkload_interfaces: [veth]\n")
    out = run("render", "-f", write("tier.yaml", TIER), "--config", config, "--state-dir", str(tmp_path))[1]
    assert out.startswith("table inet guarded {")
    assert '"veth*"' in out


def test_render_says_what_the_compiler_warns_about(run: Run, write: Write) -> None:
    code, _, err = run("render", "-f", write("policy.yaml", POLICY))
    assert code == 0
    assert err.startswith("warning: ")
    assert "security" in err


@pytest.mark.usefixtures("api")
def test_render_what_a_server_holds(run: Run, write: Write) -> None:
    path = write("all.yaml", ALL + "---\n" + WORKLOAD)
    run("apply", "-f", path)
    assert run("render", "--live", "--node-name", "n")[:2] == run("render", "-f", path, "--node-name", "n")[:2]


def test_render_wants_to_know_what(run: Run, write: Write) -> None:
    assert run("render")[0] == 2
    assert run("render", "--live", "-f", write("tier.yaml", TIER))[0] == 2
