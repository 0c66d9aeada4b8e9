"""What would have to be different for a denied packet to pass. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from dnsguard.api.views.explaining import NearRule, UnselectingPolicy
from dnsguard.calc.compiled import Address, Stage
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Judgement, Verdict
from dnsguard.controller.explain.learned import would_lease
from dnsguard.controller.explain.nearest import candidates, nearest
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.controller.explain.ruling import denials
from dnsguard.controller.explain.unselecting import unselecting

MOST_BEHIND = 5
"""Rules named that would allow and stand behind what denies."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Nothing of what is allowed."""

    nearest: tuple[NearRule, ...] = ()
    behind: tuple[NearRule, ...] = ()
    unselecting: tuple[UnselectingPolicy, ...] = ()


def hints_of(
    state: PolicyState, verdict: Verdict, packet: Packet, leased: LeaseLookup, names: Collection[bytes]
) -> Hints:
    """For every judgement that denies. ``names``: those that led, or may lead, to the destination."""
    found = [_of_judgement(state, judgement, packet, leased, names) for judgement in denials(verdict)]
    return Hints(
        tuple(each for hints in found for each in hints.nearest),
        tuple(each for hints in found for each in hints.behind),
        tuple(each for hints in found for each in hints.unselecting),
    )


def _of_judgement(
    state: PolicyState, judgement: Judgement, packet: Packet, leased: LeaseLookup, names: Collection[bytes]
) -> Hints:
    words = state.words
    allowing = candidates(judgement, packet, state.compiled, leased)
    behind = [each for each in allowing if not each.failing and not each.is_general]
    closest = nearest(allowing, judgement.direction)
    others: tuple[UnselectingPolicy, ...] = ()
    if not behind and (closest is None or not closest.is_near) and judgement.stage in (Stage.NORMAL, Stage.FORWARD):
        leased_or_would_be = _either(leased, would_lease(state.compiled, names), would_lease(state.idle, names))
        others = tuple(
            words.unselecting(each, judgement)
            for each in unselecting(judgement, packet, state.compiled, state.idle, leased_or_would_be, state.written)
        )
    return Hints(
        () if closest is None else (words.near_rule(closest, judgement),),
        tuple(words.near_rule(each, judgement) for each in behind[:MOST_BEHIND]),
        others,
    )


def _either(*lookups: LeaseLookup) -> LeaseLookup:
    def leased(lease_set: str, client: Address, address: Address) -> bool:
        return any(lookup(lease_set, client, address) for lookup in lookups)

    return leased
