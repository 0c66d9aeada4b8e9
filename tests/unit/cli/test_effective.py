"""`dnsguard effective` as people see it."""

import json

import pytest

from dnsguard.api.views.effective import (
    Effective,
    EffectiveEnd,
    EffectivePolicy,
    EffectiveProfile,
    EffectiveRule,
    EffectiveSet,
    EffectiveStage,
    EffectiveTier,
    ImplicitRule,
    LearnedNow,
)
from dnsguard.cli.applying import few, listing
from tests.unit.cli.conftest import Run

END = ImplicitRule(by="no profile", action="Deny", text="what no tier and no profile decides")
PARTNERS = EffectiveSet(
    id="s:p", kind="Addresses", description="role == 'partner'", count=1, members=("192.0.2.0/24",),
    origins=("NetworkSet/shop/partners",), kernel_sets=("n4-p", "n6-p"),
)  # fmt: skip
NAMES = EffectiveSet(
    id="s:p", kind="Names", description="role == 'partner'", count=1, members=("*.example.org",),
    kernel_sets=("d4-p", "d6-p"),
    learned=(LearnedNow(name="api.example.org", address="198.51.100.7", seconds_left=59.6),),
)  # fmt: skip
WEB = Effective(
    kind="WorkloadEndpoint",
    namespace="shop",
    name="web",
    interface="cali1",
    addresses=("10.0.0.7",),
    labels={"app": "web"},
    revision=7,
    stages=(
        EffectiveStage(
            direction="egress",
            stage="normal",
            before=(ImplicitRule(by="x", action="Allow", text="what belongs to a connection that was allowed"),),
            tiers=(
                EffectiveTier(
                    tier="default",
                    policies=(
                        EffectivePolicy(
                            policy="NetworkPolicy/shop/names",
                            rules=(
                                EffectiveRule(
                                    rule=0,
                                    action="Allow",
                                    protocol="TCP",
                                    destination=EffectiveEnd(members="s:p", names="s:p", ports=("443",)),
                                ),
                                EffectiveRule(
                                    rule=1, action="Deny", destination=EffectiveEnd(not_nets=("10.0.0.0/8",))
                                ),
                                EffectiveRule(rule=2, action="Log", ip_version=4, source=EffectiveEnd(nets=())),
                            ),
                        ),
                        EffectivePolicy(policy="StagedNetworkPolicy/shop/new", staged="ToBeAdded"),
                    ),
                    end="Deny",
                ),
            ),
            profiles=(EffectiveProfile(profile="kns.shop", rules=(EffectiveRule(rule=0, action="Allow"),)),),
            end=END,
            then=("ingress of the workload that it goes to, where that is one",),
        ),
    ),
    sets=(PARTNERS, NAMES),
    notes=("a note",),
)
SHOWN = """\
WorkloadEndpoint shop/web: enforced, revision 7
  interface   cali1
  addresses   10.0.0.7
  labels      app=web

Egress: what it sends; what comes first decides
  Allow: what belongs to a connection that was allowed
  tier default
    NetworkPolicy/shop/names
      0   Allow   TCP to role == 'partner' (1 CIDR) or names *.example.org port 443
      1   Deny    to anything but not 10.0.0.0/8
      2   Log     IPv4 from no address at all
    staged, not in force: StagedNetworkPolicy/shop/new
      no rules: it only makes the tier apply
    Deny: end of the tier
  profile kns.shop
    0   Allow   everything
  Deny: what no tier and no profile decides
  then: ingress of the workload that it goes to, where that is one

Sets
  addresses of role == 'partner': 192.0.2.0/24
    from NetworkSet/shop/partners
    in the kernel: n4-p, n6-p
  names of role == 'partner': *.example.org
    api.example.org → 198.51.100.7, for 60 s more
    in the kernel: d4-p, d6-p

Notes
  a note"""


def test_all_of_it_in_order() -> None:
    assert "\n".join(listing(WEB.model_dump(mode="json", by_alias=True))) == SHOWN


def test_what_is_not_enforced_says_why_and_stages_have_their_names() -> None:
    stage = EffectiveStage(direction="ingress", stage="pre-dnat", end=END)
    host = Effective(kind="HostEndpoint", name="up", revision=7, problem="it is on node b", stages=(stage,))
    lines = listing(host.model_dump(mode="json", by_alias=True))
    assert lines[0] == "HostEndpoint up: not enforced: it is on node b"
    assert "Ingress, pre-dnat stage: what is sent to it; what comes first decides" in lines


@pytest.mark.parametrize(
    ("items", "count", "text"),
    [([], None, ""), (["a", "b"], None, "a, b"), (list("abcdefg"), None, "a, b, c, d, e and 2 more"),
     (list("abcdef"), 90, "a, b, c, d, e and 85 more")],
)  # fmt: skip
def test_long_lists_are_cut_and_counted(items: list[str], count: int | None, text: str) -> None:
    assert few(items, count) == text


@pytest.mark.usefixtures("api")
def test_the_server_is_asked(run: Run) -> None:
    code, out, _ = run("effective", "shop/web")
    assert (code, out.splitlines()[0]) == (0, "WorkloadEndpoint shop/web: enforced, revision 7")
    assert json.loads(run("effective", "shop/web", "-o", "json")[1])["revision"] == 7
    code, _, err = run("effective", "shop/nobody")
    assert (code, "there is no endpoint 'shop/nobody'" in err) == (1, True)
