"""Bad input: an error that says where, a status that says whose fault, and the policy in force untouched."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.guard import PROGRAM, Guard, collection
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside, run
from tests.support.lab.running import running, tell_everything

pytestmark = [pytest.mark.xdist_group("bad input"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

POLICY = """apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: fine}
spec: {selector: all(), types: [Egress], egress: [{action: Allow}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: bad}
spec:
"""

FILES = {
    # what is wrong: file, what the error says
    "no YAML": ("kind: [unclosed\n", ["bad.yaml"]),
    "unknown kind": ("apiVersion: projectcalico.org/v3\nkind: Firewall\nmetadata: {name: a}\n", ["Firewall", "kind"]),
    "unknown field": (POLICY + "  selektor: all()\n", ["document 2", "spec.selektor"]),
    "bad selector": (POLICY + "  selector: a == 'b' &&& c\n", ["document 2", "spec.selector", "column"]),
    "bad domain": (
        POLICY + "  egress: [{action: Allow, destination: {domains: [ok.example.org, 'www.g*.com']}}]\n",
        ["document 2", "spec.egress[0].destination.domains[1]", "www.g*.com"],
    ),
    "domains in Deny": (
        POLICY + "  egress: [{action: Deny, destination: {domains: [example.org]}}]\n",
        ["document 2", "spec.egress[0].destination.domains"],
    ),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running() as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def in_force(guard: Guard) -> tuple[int, str]:
    """The revision of the store, and the kernel's chains."""
    return guard.status()["storeRevision"], run("node", "nft -s list table inet dnsguard")


@pytest.mark.parametrize("wrong", FILES)
def test_a_bad_file_changes_nothing(lab: Running, wrong: str, tmp_path: Path) -> None:
    _, guard = lab
    text, said = FILES[wrong]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    before = in_force(guard)
    token = ["env", f"DNSGUARD_STATE_DIR={guard.state}"]
    done = subprocess.run(
        inside("node", [*token, str(PROGRAM), "apply", "-f", str(file)]), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    for words in ["bad.yaml", *said]:
        assert words in done.stderr
    assert in_force(guard) == before


BODIES: dict[str, tuple[dict[str, object], int, str]] = {
    # what is wrong: object, HTTP status, what the answer says
    "unknown field": ({"spec": {"selektor": "all()"}}, 422, "spec.selektor"),
    "bad selector": ({"spec": {"selector": "a =="}}, 422, "column"),
    "domains in Deny": (
        {"spec": {"egress": [{"action": "Deny", "destination": {"domains": ["example.org"]}}]}},
        422,
        "spec.egress[0].destination.domains",
    ),
    "other kind": ({"kind": "Tier", "spec": {}}, 400, "kind"),
}


@pytest.mark.parametrize("wrong", BODIES)
def test_a_bad_object_is_refused_with_its_field(lab: Running, wrong: str) -> None:
    _, guard = lab
    part, status, said = BODIES[wrong]
    head = {"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": "bad"}}
    whole: dict[str, object] = {**head, **part}
    before = in_force(guard)
    response = guard.request("POST", collection("GlobalNetworkPolicy"), whole)
    assert response.status_code == status
    assert said in response.text
    assert in_force(guard) == before


def test_a_wrong_token_is_refused(lab: Running) -> None:
    _, guard = lab
    path = collection("GlobalNetworkPolicy")
    assert guard.request("GET", path).status_code == 200
    assert guard.request("GET", path, token="wrong").status_code == 401


def test_a_stale_version_is_a_conflict(lab: Running) -> None:
    _, guard = lab
    path = f"{collection('NetworkSet', 'app2-ns')}/app2-repo"
    stale = guard.answer("GET", path)
    newer = {**stale, "spec": {"allowedEgressDomains": ["app2-repo.example.com", "new.example.org"]}}
    guard.answer("PUT", path, newer)
    response = guard.request("PUT", path, stale)
    assert response.status_code == 409
    assert guard.answer("GET", path)["spec"] == newer["spec"]


def test_a_body_of_100_megabytes_is_refused_and_not_kept(lab: Running) -> None:
    _, guard = lab
    before, memory = in_force(guard), peak_memory(guard.processes()["controller"])
    pieces = (bytes(1 << 20) for _ in range(100))
    # A server that hangs up before the end has said enough.
    assert guard.send_bytes("POST", collection("GlobalNetworkPolicy"), pieces) in (413, None)
    assert peak_memory(guard.processes()["controller"]) - memory < 20_000
    assert in_force(guard) == before


def peak_memory(process: int) -> int:
    """In KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
