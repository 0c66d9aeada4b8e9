from dnsguard.controller.proven import Proven, proven
from dnsguard.link.messages import Stats
from dnsguard.link.proof import NO_PROOF, Proof, ProofState
from dnsguard.link.server import ForwarderState

BY = "canary (veth), IPv4"
GOOD = Proof(ProofState.PROVEN, BY, 1.0, 15.0)
BAD = Proof(ProofState.FAILED, BY, 9.0, 15.0, "a packet passed")
NEITHER = Proof(ProofState.UNPROVEN, problem="no rights")


def said(name: str, proof: Proof | None, heard_at: float = 100.0) -> ForwarderState:
    return ForwarderState(name, (), 1, 1, "", None if proof is None else Stats({}, {}, proof=proof), heard_at)


def test_where_nobody_is_to_prove_it() -> None:
    assert proven([said("f1", NO_PROOF), said("f2", None)], 101.0, wanted=False) == Proven(True)


def test_where_nobody_has_said_anything_yet() -> None:
    problems = ("nobody has said yet whether the table enforces",)
    for forwarders in ([], [said("f1", None)], [said("worker", NO_PROOF)]):
        assert proven(forwarders, 101.0, wanted=True) == Proven(False, problems=problems)


def test_it_ages_since_it_was_heard() -> None:
    workers = said("worker", NO_PROOF)
    assert proven([workers, said("f1", GOOD)], 104.0, wanted=True) == Proven(True, f"enforcing, proven 5 s ago by {BY}")
    stuck = "forwarder f1: not proven for 16 s: the self-test does not come to an end"
    assert proven([workers, said("f1", GOOD)], 115.0, wanted=True) == Proven(False, problems=(stuck,))


def test_one_that_fails_counts_more_than_one_that_does_not() -> None:
    found = proven([said("f1", GOOD), said("f2", BAD)], 101.0, wanted=True)
    assert found == Proven(
        False, problems=("forwarder f2: the self-test fails: a packet passed (proven last 10 s ago)",)
    )


def test_what_is_not_proven_and_need_not_be_is_a_warning() -> None:
    found = proven([said("f1", NEITHER)], 101.0, wanted=True)
    assert found == Proven(True, warnings=("forwarder f1: not proven: no rights",))
