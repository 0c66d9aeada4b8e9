"""How a packet is denied. Pure.

Every rule that denies is made here, so that what happens to a denied packet before it ends is said once. Where denied
packets are written down, a rule that logs stands before each rule that denies, with the same matches: a limit is a
match itself, and in the rule that denies it would let through what goes beyond it. So a first packet is compared twice
with a Deny rule that it passes (measured with a port and a set: 360 ns, for 170 without a log), and with no other.

What is logged is limited for each interface first, so that no workload hides what is denied to others by the same rule,
and then for each rule.

Where connections are judged again when policy changes (`rejudging`), a packet that is denied with its connection first
marks it, in a chain of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from dnsguard.calc.compiled import Direction, Stage
from dnsguard.dataplane import naming
from dnsguard.dataplane.canary import DENIED_OUT
from dnsguard.dataplane.rules import (
    Chain,
    ConnectionMarked,
    ConnectionStatus,
    Count,
    Goto,
    Log,
    MarkConnection,
    Match,
    Rule,
    Verdict,
    Way,
    WithinShare,
    content_chain,
)
from dnsguard.dataplane.sets import ShareSet
from dnsguard.dataplane.settings import DeniedLog, DenyAction, Settings
from dnsguard.netlink.expressions import STATUS_CONFIRMED

INTERFACES_AT_ONCE = 10
"""Whose full shares one rule logs."""


@dataclass(frozen=True, slots=True)
class Denying:
    """How packets end at one place of their way."""

    verdict: Verdict | Goto
    direction: Direction = Direction.EGRESS
    log: DeniedLog | None = None

    def rules(self, matches: Sequence[Match], counted: Count, comment: str = "") -> tuple[Rule, ...]:
        """The kernel rules that deny what ``matches`` hold for; ``counted`` says which of our rules that is."""
        denial = Rule((*matches, counted, self.verdict), comment)
        if self.log is None or counted.counter == DENIED_OUT:
            return (denial,)  # of the self-test's own packets nobody wants to read
        # Towards the workload that it is about; on the way to the machine itself there is no interface to leave by.
        way = Way.IN if self.direction is Direction.EGRESS else Way.OUT
        share = WithinShare(way, naming.share_set_name(self.direction, self.log.per_second), self.log.per_second)
        log = Log(counted.counter, self.log.group, self.log.per_second * INTERFACES_AT_ONCE)
        return Rule((*matches, share, log), comment), denial


def denied_by_policy(settings: Settings, stage: Stage, direction: Direction) -> Denying:
    """A Deny rule of a policy or profile, the end of a tier, or no profile that decided: the connection is denied.

    Before routing there is nothing to refuse it with.
    """
    early = stage in {Stage.UNTRACKED, Stage.PRE_DNAT}
    verdict = Verdict.REJECT if settings.deny is DenyAction.REJECT and not early else Verdict.DROP
    ends = verdict if stage is Stage.UNTRACKED else _ending(settings, verdict)
    return Denying(ends, direction, settings.denied_log)


def denied_outright(settings: Settings, direction: Direction = Direction.EGRESS) -> Denying:
    """A packet that no policy is asked about: of no known workload, with another's address, of no connection. It says
    nothing about the connection that it claims to belong to."""
    return Denying(Verdict.DROP, direction, settings.denied_log)


def denied_with_connection(settings: Settings, direction: Direction = Direction.EGRESS) -> Denying:
    """A packet that no policy is asked about, and that nothing may come back to."""
    return Denying(_ending(settings, Verdict.DROP), direction, settings.denied_log)


def share_sets(settings: Settings) -> Iterator[ShareSet]:
    """The sets that such rules need."""
    if settings.denied_log is not None:
        for direction in Direction:
            yield ShareSet(naming.share_set_name(direction, settings.denied_log.per_second))


def _ending(settings: Settings, verdict: Verdict) -> Verdict | Goto:
    """How a packet ends that is denied with its connection."""
    return Goto(_denied(settings.mark_mask, verdict).name) if settings.mark_mask else verdict


def marking_chains(settings: Settings) -> Iterator[Chain]:
    """The chains that end packets with their connections, where these are judged again. They need the counter
    `naming.COUNTER_CUT`."""
    if settings.mark_mask:
        yield _denied(settings.mark_mask, Verdict.DROP)
        if settings.deny is DenyAction.REJECT:
            yield _denied(settings.mark_mask, Verdict.REJECT)


@cache
def _denied(mask: int, verdict: Verdict) -> Chain:
    """Two rules: a packet without a connection leaves the first one."""
    is_one_more = ConnectionStatus(STATUS_CONFIRMED), ConnectionMarked(mask, mask, negated=True)
    rules = (
        Rule((*is_one_more, Count(naming.COUNTER_CUT), MarkConnection(mask, mask)), "nothing comes back on it"),
        Rule((verdict,)),
    )
    return content_chain(f"denied-{verdict.name.lower()}", rules, "denied with the connection")
