"""Addresses that are denied and that no name can open, so that nobody looks for the name that is missing. Pure."""

from collections.abc import Iterator, Sequence

from dnsguard.api.views.explaining import ExplainOutcome
from dnsguard.controller.explain.judging import Judged
from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.explain.question import Party
from dnsguard.dns.eligible import UnleasedNets, ineligible

MOST_NAMED = 3
"""Addresses that a sentence names."""


def led_to_unleased(destination: Party, told: Sequence[ExplainOutcome], learned: Learned) -> str:
    """Where a name led to what no name opens and that is denied: the end of the sentence that says so."""
    if destination.name is None:
        return ""
    denied = {flow.destination for outcome in told if outcome.verdict == "Deny" for flow in outcome.flows}
    found = [each for each in learned.withheld_of(destination.name) if each.address in denied]
    said = "".join(
        f"; {destination.short} leads to {each.address}, which no name opens: it is {each.reason}"
        for each in found[:MOST_NAMED]
    )
    return said + (f"; and to {len(found) - MOST_NAMED} more such" if len(found) > MOST_NAMED else "")


def unleased(found: Sequence[Judged], nets: UnleasedNets, learned: Learned) -> Iterator[str]:
    """A note for every denied destination that is never leased, with the reason. ``nets``: those of the settings."""
    withheld = {each.address: each.reason for each in learned.withheld}
    for each in found:
        if not each.flow.stands_in and not each.ruling.allowed:
            known = withheld.get(str(each.flow.destination))
            reason = known or ineligible(each.flow.destination.packed, (), nets)
            if reason is not None:
                yield f"no name opens {each.flow.destination}, it is {reason}: where it is to be reached, nets say so"
