"""Which policies judge an endpoint in which stage, and who shares classes."""

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Direction, Stage
from tests.unit.calc.builders import global_policy, host, policy, tier, workload
from tests.unit.calc.places import place


def test_stages_of_host_endpoints() -> None:
    both = ["Ingress", "Egress"]
    compiled = compile_policy(
        [
            tier("t", order=1),
            host("h", "10.0.0.1"),
            host("all", interfaceName="*"),
            workload("w", "10.1.0.1"),
            global_policy("untracked", tier="t", doNotTrack=True, applyOnForward=True, types=both),
            global_policy("pre", preDNAT=True, applyOnForward=True),
            global_policy("forward", applyOnForward=True, types=["Egress"]),
            global_policy("normal", types=["Ingress"]),
        ]
    )
    untracked = [("t", "pass", ["untracked"])]
    pre = [("default", "pass", ["pre"])]
    for name in ("h", "all"):
        for direction in Direction:
            assert place(compiled, name, Stage.UNTRACKED, direction) == (untracked if name == "h" else None)
        assert place(compiled, name, Stage.PRE_DNAT, Direction.INGRESS) == pre
        assert place(compiled, name, Stage.PRE_DNAT, Direction.EGRESS) is None
        assert place(compiled, name, Stage.NORMAL, Direction.INGRESS) == [("default", "deny", ["normal"])]
        assert place(compiled, name, Stage.NORMAL, Direction.EGRESS) == [("default", "deny", ["forward"])]
        assert place(compiled, name, Stage.FORWARD, Direction.INGRESS) is None
        assert place(compiled, name, Stage.FORWARD, Direction.EGRESS) == [("default", "deny", ["forward"])]
    workload_places = next(each for each in compiled.endpoints.values() if each.is_workload).classes.keys()
    assert workload_places == {(Stage.NORMAL, Direction.INGRESS), (Stage.NORMAL, Direction.EGRESS)}


def test_endpoints_that_the_same_policies_judge_share_their_classes() -> None:
    compiled = compile_policy(
        [
            workload("a", "10.0.0.1"),
            workload("b", "10.0.0.2"),
            workload("c", "10.0.0.3", labels={"app": "c"}),
            policy("all", types=["Egress"]),
            policy("one", selector="app == 'c'", types=["Ingress"]),
        ]
    )
    a, b, c = compiled.endpoints.values()
    egress, ingress = (Stage.NORMAL, Direction.EGRESS), (Stage.NORMAL, Direction.INGRESS)
    assert a.classes[egress] is b.classes[egress] is c.classes[egress]
    assert a.classes[ingress] is b.classes[ingress]
    assert a.classes[ingress] != c.classes[ingress]
