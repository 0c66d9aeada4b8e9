"""What a forwarder's self-test says of the table, and what that means for readiness. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class ProofState(StrEnum):
    """How far the self-test is."""

    OFF = "off"
    WAITING = "waiting"
    """Nothing is proven yet, and it is too early to complain."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    """Nothing can be proven here, and nothing speaks against it."""

    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Proof:
    """As it was when it was sent."""

    state: str = ProofState.OFF
    """A ``ProofState``."""

    by: str = ""
    """``canary (namespace), IPv4 and IPv6``."""

    seconds_ago: float = -1.0
    """Since it was proven last; negative: never."""

    counts_for: float = 0.0
    """Seconds after which what was proven counts no more."""

    problem: str = ""
    """Why it is not proven."""

    required: bool = False
    """Whether a node where nothing can be proven is not ready."""

    def is_ready(self, later: float = 0.0) -> bool:
        """Whether readiness may be said, so many seconds after it was sent."""
        match self.state:
            case ProofState.OFF:
                return True
            case ProofState.PROVEN:
                return self._is_fresh(later)
            case ProofState.UNPROVEN:
                return not self.required
            case _:
                return False

    def words(self, later: float = 0.0) -> str:
        """The same for people; empty where there is no self-test."""
        ago = f"{self.seconds_ago + later:.0f} s"
        match self.state:
            case ProofState.OFF:
                return ""
            case ProofState.PROVEN if self._is_fresh(later):
                return f"enforcing, proven {ago} ago by {self.by}"
            case ProofState.PROVEN:
                return f"not proven for {ago}: the self-test does not come to an end"
            case ProofState.FAILED:
                last = f" (proven last {ago} ago)" if self.seconds_ago >= 0 else ""
                return f"the self-test fails: {self.problem}{last}"
            case ProofState.UNPROVEN:
                return f"not proven: {self.problem}"
            case _:
                return f"not proven yet: {self.problem}" if self.problem else "not proven yet"

    def _is_fresh(self, later: float) -> bool:
        return self.seconds_ago + later <= self.counts_for


NO_PROOF = Proof()
"""Of a forwarder that has no self-test."""
