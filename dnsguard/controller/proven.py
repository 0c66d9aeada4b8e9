"""What the self-tests of forwarders say, together."""

from collections.abc import Iterable
from dataclasses import dataclass

from dnsguard.link.proof import ProofState
from dnsguard.link.server import ForwarderState


@dataclass(frozen=True, slots=True)
class Proven:
    """Whether readiness may be said, and why."""

    is_ready: bool
    enforcing: str = ""
    """``enforcing, proven 2 s ago by canary (namespace), IPv4``; empty where that is not so."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What is not proven and takes no readiness away."""


def proven(forwarders: Iterable[ForwarderState], now: float, *, wanted: bool) -> Proven:
    """``now`` is on the clock of ``heard_at``. ``wanted``: somebody is to prove it.

    One forwarder has a self-test, for all that share its table; those that only answer have none.
    """
    enforcing, problems, warnings = "", [], []
    said_by = [(state, state.stats.proof) for state in forwarders if state.stats is not None]
    testing = [(state, proof) for state, proof in said_by if proof.state != ProofState.OFF]
    for state, proof in testing:
        later = now - state.heard_at
        said = f"forwarder {state.name}: {proof.words(later)}"
        if not proof.is_ready(later):
            problems.append(said)
        elif proof.state == ProofState.PROVEN:
            enforcing = enforcing or proof.words(later)
        else:
            warnings.append(said)
    if wanted and not testing:
        return Proven(False, problems=("nobody has said yet whether the table enforces",))
    return Proven(not problems, "" if problems else enforcing, tuple(problems), tuple(warnings))
