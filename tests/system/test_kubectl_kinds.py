"""``kubectl`` with the kinds of every group: written, read, watched, changed and deleted as on a cluster."""

import os
import shutil
import subprocess

import pytest
import yaml

from dnsguard.resources import KINDS, Kind
from tests.support.samples import SAMPLES
from tests.system.apiserver import SHOWN_ONCE, Api, Kubectl, program

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("one API"),
]

UPSTREAM = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: test-network-policy
  namespace: default
spec:
  podSelector:
    matchLabels:
      role: db
  policyTypes:
  - Ingress
  - Egress
  ingress:
  - from:
    - ipBlock:
        cidr: 172.17.0.0/16
        except:
        - 172.17.1.0/24
    - namespaceSelector:
        matchLabels:
          project: myproject
    - podSelector:
        matchLabels:
          role: frontend
    ports:
    - protocol: TCP
      port: 6379
  egress:
  - to:
    - ipBlock:
        cidr: 10.0.0.0/24
    ports:
    - protocol: TCP
      port: 5978
"""
"""The example of Kubernetes' own documentation."""


def called(kind: Kind) -> str:
    """As ``kubectl`` calls the sample of a kind."""
    return kind.called(SAMPLES[kind.collection]["metadata"]["name"])


def full_name(kind: Kind) -> str:
    """As ``kubectl`` is told which kind, beyond doubt."""
    return f"{kind.plural}.{kind.version}.{kind.group}" if kind.group else kind.plural


def test_every_kind_is_applied_read_changed_and_deleted(kubectl: Kubectl) -> None:
    text = yaml.safe_dump_all(SAMPLES[kind.collection] for kind in KINDS)
    changed = text.replace("by-test", "again")
    kinds = ",".join(map(full_name, KINDS))

    def each(verb: str) -> tuple[int, str]:
        return 0, "".join(f"{called(kind)} {verb}\n" for kind in KINDS)

    code, said = each("created")
    assert kubectl("apply -f -", text) == (code, said.replace("accesstoken", f"{SHOWN_ONCE}accesstoken"))
    assert kubectl("apply -f -", text) == each("unchanged")
    assert kubectl("diff -f -", text) == (0, "")
    code, shown = kubectl(f"get {kinds} -l made=by-test -o yaml")
    items = yaml.safe_load(shown)["items"]
    assert len([item["spec"].pop("hash") for item in items if item["kind"] == "AccessToken"]) == 1
    specs = [(item["apiVersion"], item["kind"], item.get("spec")) for item in items]
    written = [SAMPLES[kind.collection] for kind in KINDS]
    assert (code, specs) == (0, [(each["apiVersion"], each["kind"], each.get("spec")) for each in written])
    assert kubectl("apply -f -", changed) == each("configured")
    assert kubectl("replace -f -", text) == each("replaced")
    assert kubectl("delete -f -", text)[0] == 0
    assert kubectl(f"get {kinds} -l made -o name") == (0, "")


def test_kubernetes_own_example_is_applied_and_found_by_every_name(kubectl: Kubectl) -> None:
    example = "networkpolicy.networking.k8s.io/test-network-policy"
    assert kubectl("apply -f -", UPSTREAM) == (0, f"{example} created\n")
    for name in ("networkpolicies.networking.k8s.io", "networkpolicies.v1.networking.k8s.io", "netpol", "knp"):
        assert kubectl(f"get {name} -o name") == (0, f"{example}\n"), name
    assert kubectl("get np -o name") == (0, "")
    assert "test-network-policy" in kubectl("get netpol")[1]
    fewer = UPSTREAM.replace("        except:\n        - 172.17.1.0/24\n", "")
    assert kubectl("apply -f -", fewer) == (0, f"{example} configured\n")
    path = "jsonpath={.spec.ingress[0].from[0].ipBlock}"
    assert kubectl(f"get netpol test-network-policy -o {path}") == (0, '{"cidr":"172.17.0.0/16"}')
    code, said = kubectl("apply -f -", UPSTREAM.replace("172.17.1.0/24", "172.18.1.0/24"))
    assert code == 1
    assert "spec.ingress[0].from[0].ipBlock.except[0]" in said
    assert kubectl("delete netpol test-network-policy")[0] == 0


def test_short_names_and_the_staged_kinds_of_a_tier(kubectl: Kubectl) -> None:
    tier = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: security}\nspec: {order: 10}\n"
    staged = (
        "apiVersion: projectcalico.org/v3\nkind: StagedGlobalNetworkPolicy\nmetadata: {name: security.lockdown}\n"
        "spec: {tier: security, selector: app == 'shop', types: [Egress], egress: [{action: Deny}]}\n"
    )
    assert kubectl("apply -f -", f"{tier}---\n{staged}")[0] == 0
    for names in ("sgnp", "stagedglobalnetworkpolicies"):
        assert kubectl(f"get {names} -o name")[1] == "stagedglobalnetworkpolicy.projectcalico.org/security.lockdown\n"
    for choice in ("-l projectcalico.org/tier=security", "--field-selector spec.tier=security"):
        assert kubectl(f"get sgnp {choice} -o name")[1] != "", choice
    for choice in ("-l projectcalico.org/tier=default", "--field-selector spec.tier=default"):
        assert kubectl(f"get sgnp {choice} -o name") == (0, ""), choice
    code, said = kubectl("delete tier security")
    assert code == 1
    assert "StagedGlobalNetworkPolicy security.lockdown" in said
    assert kubectl("delete sgnp security.lockdown")[0] == 0
    assert kubectl("delete tier security")[0] == 0


def test_the_configuration_is_taken_in_the_spelling_of_older_pages(kubectl: Kubectl) -> None:
    fragment = (
        "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\n"
        "spec: {DNSPolicyMode: DelayDNSResponse}\n"
    )
    code, said = kubectl("apply -f -", fragment)
    assert code == 0, said
    assert "Warning: spec.DNSPolicyMode" in said
    assert kubectl("get felixconfiguration default -o jsonpath={.spec}")[1] == '{"dnsPolicyMode":"DelayDNSResponse"}'
    code, said = kubectl("apply -f -", fragment.replace("DelayDNSResponse", "NoDelay"))
    assert code == 0, said
    assert kubectl("get felixconfiguration default -o jsonpath={.spec}")[1] == '{"dnsPolicyMode":"NoDelay"}'
    code, said = kubectl("apply -f -", fragment.replace("DelayDNSResponse", "delaydnsresponse"))
    assert code == 1
    assert "did you mean DelayDNSResponse" in said
    assert kubectl("delete felixconfiguration default")[0] == 0


def test_a_watch_shows_what_becomes_of_a_staged_policy(api: Api, kubectl: Kubectl) -> None:
    command = [program("kubectl"), "get", "snp", "-w", "--output-watch-events", "--no-headers"]
    environment = {**os.environ, "HOME": str(api.folder), "KUBECONFIG": str(api.folder / "kubeconfig")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        text = yaml.safe_dump(SAMPLES["stagednetworkpolicies"])
        assert kubectl("apply -f -", text)[0] == 0
        first = watching.stdout.readline()
        assert kubectl("delete -f -", text)[0] == 0
        second = watching.stdout.readline()
        watching.terminate()
    assert [first.split()[0], second.split()[0]] == ["ADDED", "DELETED"]
