"""How a packet is denied. Pure.

Every rule that denies is made here, so that what happens to a denied packet before it ends is said once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Stage
from dnsguard.dataplane.rules import Count, Match, Rule, Verdict
from dnsguard.dataplane.settings import DenyAction, Settings


@dataclass(frozen=True, slots=True)
class Denying:
    """How packets end at one place of their way."""

    verdict: Verdict

    def rules(self, matches: Sequence[Match], counted: Count, comment: str = "") -> tuple[Rule, ...]:
        """The kernel rules that deny what ``matches`` hold for; ``counted`` says which of our rules that is."""
        return (Rule((*matches, counted, self.verdict), comment),)


def denied_by_policy(settings: Settings, stage: Stage) -> Denying:
    """A Deny rule of a policy or profile, the end of a tier, or no profile that decided: the connection is denied.

    Before routing there is nothing to refuse it with.
    """
    early = stage in {Stage.UNTRACKED, Stage.PRE_DNAT}
    return Denying(Verdict.REJECT if settings.deny is DenyAction.REJECT and not early else Verdict.DROP)


def denied_outright() -> Denying:
    """A packet that no policy is asked about: of no known workload, with another's address, of no connection. It says
    nothing about the connection that it claims to belong to."""
    return Denying(Verdict.DROP)
