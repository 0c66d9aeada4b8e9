"""How a packet is denied. Pure.

Every rule that denies is made here, so that what happens to a denied packet before it ends is said once. Where denied
packets are written down, a rule that logs stands before each rule that denies, with the same matches: a limit is a
match itself, and in the rule that denies it would let through what goes beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Stage
from dnsguard.dataplane.rules import Count, Log, Match, Rule, Verdict
from dnsguard.dataplane.settings import DeniedLog, DenyAction, Settings


@dataclass(frozen=True, slots=True)
class Denying:
    """How packets end at one place of their way."""

    verdict: Verdict
    log: DeniedLog | None = None

    def rules(self, matches: Sequence[Match], counted: Count, comment: str = "") -> tuple[Rule, ...]:
        """The kernel rules that deny what ``matches`` hold for; ``counted`` says which of our rules that is."""
        denial = Rule((*matches, counted, self.verdict), comment)
        if self.log is None:
            return (denial,)
        log = Log(counted.counter, self.log.group, self.log.per_second)
        return Rule((*matches, log), comment), denial


def denied_by_policy(settings: Settings, stage: Stage) -> Denying:
    """A Deny rule of a policy or profile, the end of a tier, or no profile that decided: the connection is denied.

    Before routing there is nothing to refuse it with.
    """
    early = stage in {Stage.UNTRACKED, Stage.PRE_DNAT}
    verdict = Verdict.REJECT if settings.deny is DenyAction.REJECT and not early else Verdict.DROP
    return Denying(verdict, settings.denied_log)


def denied_outright(settings: Settings) -> Denying:
    """A packet that no policy is asked about: of no known workload, with another's address, of no connection. It says
    nothing about the connection that it claims to belong to."""
    return Denying(Verdict.DROP, settings.denied_log)
