"""How many denied packets were never logged: what the rules counted, without what came. Pure.

Every denied packet is counted by its rule, and logged within a limit. So what is missing is known exactly, a moment
later: a packet may be counted and still be on its way to us, so only what is missing at two looks is missed.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dnsguard.dataplane.rules import Chain, Log, Plan


class Missed(NamedTuple):
    """Packets of one rule that no record tells of."""

    counter: str
    packets: int


class DeniedCounters:
    """The counters of the rules that deny, in a plan."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._chains: tuple[Chain, ...] = ()
        self._found: frozenset[str] = frozenset()

    def __call__(self, plan: Plan) -> frozenset[str]:
        if plan.chains is not self._chains:
            self._chains = plan.chains
            beside = () if plan.beside is None else plan.beside.chains
            self._found = frozenset(
                part.prefix
                for chain in (*plan.chains, *beside)
                for rule in chain.rules
                for part in rule.parts[-1:]
                if isinstance(part, Log) and part.group == self._group
            )
        return self._found


class Unlogged:
    """Compares. Takes every logged packet, and a look at the counters now and then."""

    def __init__(self) -> None:
        self.packets = 0
        """Missed since the beginning."""

        self._logged: dict[str, int] = {}
        self._base: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        """What each said at the last look."""

        self._missing: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._said = 0

    def begin(self, counts: Mapping[str, int]) -> None:
        """What is counted already was denied before anybody read."""
        self._base, self._seen = dict(counts), dict(counts)
        self._logged.clear()

    def logged(self, counter: str) -> None:
        """A packet of this rule came."""
        self._logged[counter] = self._logged.get(counter, 0) + 1

    def said(self, packets: int) -> None:
        """So many are missing, of whichever rules, and that has been said."""
        self._said += packets

    def look(self, counts: Mapping[str, int], denying: Iterable[str]) -> list[Missed]:
        """What was missed since the last look but one; ``denying``: the counters of rules that deny."""
        found: list[Missed] = []
        missing: dict[str, int] = {}
        for counter in denying:
            count = counts.get(counter)
            if count is None:
                continue
            if count < self._seen.get(counter, 0):  # it began anew, and so do we
                self._base[counter] = count
                self._logged.pop(counter, None)
                self._told.pop(counter, None)
            self._seen[counter] = count
            missing[counter] = count - self._base.get(counter, 0) - self._logged.get(counter, 0)
            told = self._told.get(counter, 0)
            sure = min(missing[counter], self._missing.get(counter, 0)) - told
            if sure > 0:
                self._told[counter] = told + sure
                said = min(sure, self._said)
                self._said -= said
                self.packets += sure - said
                if sure > said:
                    found.append(Missed(counter, sure - said))
        self._missing = missing
        for each in self._base, self._seen, self._logged, self._told:
            for counter in each.keys() - counts.keys():  # of rules that are gone
                del each[counter]
        return found

    @property
    def is_settled(self) -> bool:
        """Whether all that was missing at the last look has been told."""
        return all(count <= self._told.get(counter, 0) for counter, count in self._missing.items())
