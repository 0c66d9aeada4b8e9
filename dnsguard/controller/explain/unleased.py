"""Addresses that are denied and that no name can open, so that nobody looks for the name that is missing. Pure."""

from collections.abc import Iterator, Sequence

from dnsguard.controller.explain.judging import Judged
from dnsguard.dns.eligible import UnleasedNets, ineligible


def unleased(found: Sequence[Judged], nets: UnleasedNets) -> Iterator[str]:
    """A note for every denied destination that is never leased, with the reason. ``nets``: those of the settings."""
    for each in found:
        if not each.flow.stands_in and not each.ruling.allowed:
            reason = ineligible(each.flow.destination.packed, (), nets)
            if reason is not None:
                yield f"no name opens {each.flow.destination}, it is {reason}: where it is to be reached, nets say so"
