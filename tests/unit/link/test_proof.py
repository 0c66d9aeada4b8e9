import pytest

from dnsguard.link.proof import NO_PROOF, Proof, ProofState

BY = "canary (namespace), IPv4"


def proof(state: ProofState, ago: float = 2.0, problem: str = "why", *, required: bool = False) -> Proof:
    return Proof(state, BY, ago, 15.0, problem, required)


@pytest.mark.parametrize(
    ("said", "later", "ready", "words"),
    [
        (NO_PROOF, 1e6, True, ""),
        (proof(ProofState.WAITING, -1.0, ""), 0, False, "not proven yet"),
        (proof(ProofState.WAITING, -1.0), 0, False, "not proven yet: why"),
        (proof(ProofState.PROVEN), 0, True, f"enforcing, proven 2 s ago by {BY}"),
        (proof(ProofState.PROVEN), 13, True, f"enforcing, proven 15 s ago by {BY}"),
        (proof(ProofState.PROVEN), 14, False, "not proven for 16 s: the self-test does not come to an end"),
        (proof(ProofState.PROVEN, 16.0), 0, False, "not proven for 16 s: the self-test does not come to an end"),
        (proof(ProofState.UNPROVEN, -1.0), 1e6, True, "not proven: why"),
        (proof(ProofState.UNPROVEN, -1.0, required=True), 0, False, "not proven: why"),
        (proof(ProofState.FAILED), 1, False, "the self-test fails: why (proven last 3 s ago)"),
        (proof(ProofState.FAILED, -1.0), 0, False, "the self-test fails: why"),
    ],
)
def test_what_it_means_for_readiness(said: Proof, later: float, ready: bool, words: str) -> None:
    assert (said.is_ready(later), said.words(later)) == (ready, words)


def test_a_state_of_another_version_is_no_readiness() -> None:
    assert not Proof("marvellous").is_ready()
