"""The answer of `dnsguard explain` as people see it."""

from dnsguard.api.views.explaining import (
    Carrier,
    ExplainDecision,
    ExplainedFlow,
    ExplainedName,
    ExplainOutcome,
    ExplainStep,
    Explanation,
    LearnedAddress,
    LearnedAlias,
    NearRule,
    PendingVerdict,
    UnselectingPolicy,
    WithheldAddress,
)
from dnsguard.cli.explained import explanation

STEP = ExplainStep(direction="egress", stage="normal", endpoint="shop/cart", tier="default")
RULE = STEP.model_copy(update={"policy": "NetworkPolicy/shop/names", "rule": 0, "action": "Allow"})
END = ExplainDecision(by="end of tier", text="by the end of tier default, where no rule matched", action="Deny")
ALLOWED = ExplainDecision(
    by="rule",
    text="by rule 0 of NetworkPolicy/shop/names",
    action="Allow",
    endpoint="shop/cart",
    direction="egress",
    stage="normal",
    tier="default",
    policy="NetworkPolicy/shop/names",
    rule=0,
    written={"action": "Allow", "protocol": "TCP", "destination": {"ports": [443]}},
)


def shown(answer: Explanation) -> str:
    return "\n".join(explanation(answer.model_dump(mode="json", by_alias=True)))


def answer(*outcomes: ExplainOutcome, **more: object) -> Explanation:
    whole = {"verdict": "Deny", "summary": "in short", "source": "endpoint shop/cart", "destination": "there", **more}
    return Explanation.model_validate({**whole, "outcomes": outcomes})


def test_a_denial() -> None:
    outcome = ExplainOutcome(
        verdict="Deny",
        flows=(ExplainedFlow(source="10.0.0.7", destination="203.0.113.9"),),
        decision=END,
        steps=(
            RULE.model_copy(update={"reason": "destination port 80 is none of [443]"}),
            STEP.model_copy(
                update={"action": "Deny", "matched": True, "decides": True, "reason": "no rule matched"},
            ),
        ),
        nearest=(
            NearRule(
                endpoint="shop/cart",
                direction="egress",
                stage="normal",
                policy="NetworkPolicy/shop/names",
                rule=0,
                matching=("protocol", "destination"),
                failing=("destination port 80 is none of [443]",),
            ),
        ),
        behind=(
            NearRule(
                endpoint="shop/cart",
                direction="egress",
                stage="normal",
                policy="NetworkPolicy/shop/late",
                rule=2,
                behind="rule 1 of NetworkPolicy/shop/names",
            ),
        ),
        unselecting=(
            UnselectingPolicy(
                endpoint="shop/cart",
                direction="egress",
                policy="NetworkPolicy/shop/web",
                tier="default",
                rule=1,
                missing=("it asks for has(web), but shop/cart has no such label",),
            ),
        ),
    )
    name = ExplainedName(
        name="api.example.org",
        aliases=(LearnedAlias(owner="api.example.org", target="edge.example.net", seconds_left=41.6),),
        addresses=(
            LearnedAddress(address="203.0.113.9", sets=("s:a",), node_wide=True, seconds_left=59.6),
            LearnedAddress(address="203.0.113.10", seconds_left=5),
        ),
        carriers=(
            Carrier(
                lease_set="s:a",
                pattern="*.Example.org",
                origin="NetworkSet/shop/partners",
                rules=("rule 0 of NetworkPolicy/shop/names",),
                used=True,
            ),
            Carrier(lease_set="", pattern="api.example.org", origin="GlobalNetworkSet/all", rules=(), used=False),
        ),
        query="its query is answered: its policy lets it send DNS",
    )
    pending = PendingVerdict(
        verdict="Allow",
        differs=True,
        outcomes=(outcome.model_copy(update={"verdict": "Allow", "decision": ALLOWED}),),
    )
    assert shown(answer(outcome, name=name, pending=pending, notes=("look here",))) == (
        """\
Deny: in short

Steps
  egress of shop/cart
        default   NetworkPolicy/shop/names rule 0   Allow   destination port 80 is none of [443]
    →   default   end of tier                       Deny    no rule matched

Nearest rule that allows
  rule 0 of NetworkPolicy/shop/names (egress of shop/cart)
    matches: protocol, destination
    but destination port 80 is none of [443]

Rules that would allow it, and come too late
  rule 2 of NetworkPolicy/shop/late (egress of shop/cart), but rule 1 of NetworkPolicy/shop/names comes first

Policies that would allow it, and do not select the endpoint
  NetworkPolicy/shop/web (rule 1, tier default, egress of shop/cart)
    it asks for has(web), but shop/cart has no such label

What endpoint shop/cart knows of api.example.org
  api.example.org → edge.example.net, for 42 s more
  203.0.113.9 leased, by a look-up that counts for the whole node, for 60 s more
  203.0.113.10 not leased: no policy of it that is in force takes the name, for 5 s more
  *.Example.org (NetworkSet/shop/partners) opens what it leads to: rule 0 of NetworkPolicy/shop/names
  its query is answered: its policy lets it send DNS

Pending, if what is staged were enforced: Allow
  Allow by rule 0 of NetworkPolicy/shop/names, for 10.0.0.7 → 203.0.113.9
    - action: Allow
      protocol: TCP
      destination:
        ports:
        - 443

Notes
  look here"""
    )


def test_what_differs_by_family_is_shown_one_after_the_other() -> None:
    denied = ExplainOutcome(
        verdict="Deny", flows=(ExplainedFlow(source="2001:db8::7", destination="2001:db8:5::9"),), decision=END
    )
    allowed = ExplainOutcome(
        verdict="Allow",
        flows=tuple(ExplainedFlow(source="10.0.0.7", destination=f"203.0.113.{last}") for last in range(7)),
        decision=ALLOWED,
    )
    lines = shown(answer(denied, allowed)).splitlines()
    assert lines[2] == "Deny for 2001:db8::7 → 2001:db8:5::9"
    assert lines[4].startswith("Allow for 10.0.0.7 → 203.0.113.0, ")
    assert lines[4].endswith("10.0.0.7 → 203.0.113.4 and 2 more")
    assert lines[6] == "The rule that decides: rule 0 of NetworkPolicy/shop/names (egress of shop/cart, tier default)"


def test_what_other_nodes_and_this_node_decide_says_so() -> None:
    there = ExplainStep(direction="ingress", stage="forward", endpoint="far", node="there", action="Deny", matched=True)
    here = ExplainStep(action="Deny", matched=True, decides=True, reason="since so it is")
    outcome = ExplainOutcome(
        verdict="Deny", flows=(ExplainedFlow(source="a", destination=""),), decision=END, steps=(there, here)
    )
    assert shown(answer(outcome)).splitlines()[3:] == [
        "  ingress of far, forward stage, on node there",
        "    +   Deny",
        "  this node",
        "    →   Deny   since so it is",
    ]


def test_a_name_that_nobody_knows() -> None:
    others = Carrier(lease_set="", pattern="*.example.org", origin="NetworkSet/shop/idle", rules=(), used=False)
    name = ExplainedName(name="x.example.org", carriers=(others,), query="its query is REFUSED: …")
    outcome = ExplainOutcome(verdict="Deny", flows=(ExplainedFlow(source="a", destination=""),), decision=END)
    assert shown(answer(outcome, name=name)).splitlines()[2:] == [
        "What endpoint shop/cart knows of x.example.org",
        "  no address: it has not looked it up lately",
        "  *.example.org (NetworkSet/shop/idle) matches it, but no rule of it looks there: no rule in force",
        "  its query is REFUSED: …",
    ]
    assert (
        "  no domain of any policy matches it"
        in shown(answer(outcome, name=name.model_copy(update={"carriers": ()}))).splitlines()
    )


def test_an_address_that_no_name_opens_is_none_that_was_not_looked_up() -> None:
    kept = WithheldAddress(address="10.50.0.9", reason="in 10.0.0.0/8 of unleased_nets", seconds_left=41.5)
    name = ExplainedName(name="x.example.org", withheld=(kept,), query="its query is answered")
    outcome = ExplainOutcome(verdict="Deny", flows=(ExplainedFlow(source="a", destination="10.50.0.9"),), decision=END)
    lines = shown(answer(outcome, name=name)).splitlines()
    assert "  10.50.0.9 no name opens: it is in 10.0.0.0/8 of unleased_nets, for 42 s more" in lines
    assert "not looked it up" not in "".join(lines)


def test_what_is_staged_may_change_nothing() -> None:
    outcome = ExplainOutcome(verdict="Deny", flows=(), decision=END)
    same = PendingVerdict(verdict="Deny", differs=False, outcomes=(outcome,))
    assert shown(answer(outcome, pending=same)).splitlines()[-1] == "Pending, if what is staged were enforced: the same"


def test_what_is_said_of_both_ends_says_of_which() -> None:
    late = NearRule(
        endpoint="shop/cart",
        direction="egress",
        stage="normal",
        policy="GlobalNetworkPolicy/open",
        rule=0,
        behind="the end",
    )
    web = UnselectingPolicy(
        endpoint="shop/cart", direction="egress", policy="GlobalNetworkPolicy/web", tier="default", rule=0, missing=()
    )
    other = {"endpoint": "shop/web", "direction": "ingress"}
    outcome = ExplainOutcome(
        verdict="Deny",
        flows=(ExplainedFlow(source="10.0.0.7", destination="10.0.0.8"),),
        decision=END,
        behind=(late, late.model_copy(update=other)),
        unselecting=(web, web.model_copy(update=other)),
    )
    lines = [line for line in shown(answer(outcome)).splitlines() if line]
    assert len(lines) == len(set(lines))
