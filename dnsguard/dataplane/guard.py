"""Whether others changed the table: by what the kernel counts at each look, by reading everything once in a while."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from dnsguard.dataplane.actual import Content, planned_content
from dnsguard.dataplane.reading import TableReader
from dnsguard.dataplane.rules import Chain, Goto, Jump, Plan
from dnsguard.dataplane.sets import Set, VerdictMap
from dnsguard.netlink import nftables

LOOKS_PER_ROUND = 30
"""In so many looks after the last change of anybody every set and chain is read once."""

LEAST_READ = 100
"""Chains, and sets of a hundred elements, that one look reads at least, in 6 ms. A large table is read in parts: policy
that changes waits meanwhile."""

_ELEMENTS_LIKE_A_CHAIN = 100
_GENERATION_ENDS = 4
"""Every answer begins with a header that carries the generation."""


class Guard:
    """Looks at a table that only its owner should change, lease sets left out."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self._generation: int | None = None
        """The last one up to which every change was ours, or was looked at."""

        self._position = 0
        self._unread = 0
        """How many sets and chains are still to be read since somebody else changed something."""

        self._adopted: dict[str, int] | None = None
        self._expected = _Expected((), (), {}, 0)
        self._chains: tuple[list[bytes], dict[str, int]] = [], {}
        """What the kernel said of the chains at the last look, as it came and as it was read."""

        self._seen: dict[str, tuple[Content, int]] = {}
        """Of each set that was as planned: what was planned, and the hash of what the kernel said. The next time it is
        enough that both are the same: to read 10 000 elements takes 100 ms."""

    def before_writing(self) -> int:
        return self._reader.generation()

    def written(self, before: int) -> None:
        """A transaction of ours is done. Others that came between are seen at the next look."""
        self._adopted = None
        self._generation = (
            before + 1 if self._generation == before and self._reader.generation() == before + 1 else None
        )

    def is_damaged(self, plan: Plan, *, swept: bool) -> bool:
        """Whether rules, chains or elements of the plan in force are missing, or others were added.

        Nothing has been removed that others cannot add: until the table is ``swept`` more may lead to a chain.
        """
        generation = self._reader.generation()
        if generation != self._generation:
            found, expected = self._uses(), self._expected_of(plan).uses
            if found != expected if swept else any(found.get(name, -1) < uses for name, uses in expected.items()):
                return True
            self._generation = generation
            self._unread = len(plan.sets) + len(plan.chains)
        return self._unread > 0 and any(self._differences(plan))

    def is_adopted_damaged(self, foundation: Plan) -> bool:
        """The same of a table that an earlier run left: what it should be is not known, only that it should stay."""
        found = self._uses()
        if self._adopted is None:
            self._adopted = found
            return any(found.get(chain.name, 0) < 1 for chain in foundation.chains if chain.hook is not None)
        return found != self._adopted

    def _uses(self) -> dict[str, int]:
        bodies = self._reader.listed(self._reader.chain_request)
        said = [body[_GENERATION_ENDS:] for body in bodies]
        if said != self._chains[0]:
            self._chains = said, {chain.name: chain.references for chain in self._reader.chains_of(bodies)}
        return self._chains[1]

    def _expected_of(self, plan: Plan) -> "_Expected":
        if plan.chains is not self._expected.chains or plan.sets is not self._expected.sets:
            self._expected = _expected(plan)
            # Sets that are called after their content come and go with every edit of a policy.
            self._seen = {item.name: self._seen[item.name] for item in plan.sets if item.name in self._seen}
        return self._expected

    def _differences(self, plan: Plan) -> Iterator[bool]:
        """Reads the next part of the table."""
        left = max(LEAST_READ, self._expected_of(plan).cost // (LOOKS_PER_ROUND - 2))
        while left > 0 and self._unread > 0:
            place = self._position % (len(plan.sets) + len(plan.chains))
            self._position = place + 1
            self._unread -= 1
            if place < len(plan.sets):
                left -= _cost(plan.sets[place])
                yield self._differs(plan.table, plan.sets[place])
            else:
                left -= 1
                chain = plan.chains[place - len(plan.sets)]
                yield self._reader.rules(chain.name) != len(chain.rules)

    def _differs(self, table: str, item: Set) -> bool:
        planned = planned_content(item)
        if planned is None:
            return False
        bodies = self._reader.listed(nftables.list_request(nftables.GET_ELEMENT, table, item.name))
        said = hash(b"".join(body[_GENERATION_ENDS:] for body in bodies))
        known = self._seen.get(item.name)
        if known is not None and known[0] is planned and known[1] == said:
            return False
        self._seen[item.name] = planned, said
        if self._reader.content_of(item, bodies) == planned:
            return False
        del self._seen[item.name]
        return True


class _Expected(NamedTuple):
    """What the kernel should say of a plan."""

    chains: tuple[Chain, ...]
    sets: tuple[Set, ...]
    uses: dict[str, int]
    """How many rules each chain has, and how many rules and map elements lead there."""

    cost: int
    """Of reading all of it, in chains."""


def _expected(plan: Plan) -> _Expected:
    uses = Counter({chain.name: len(chain.rules) for chain in plan.chains})
    uses.update(
        part.chain
        for chain in plan.chains
        for rule in chain.rules
        for part in rule.parts
        if isinstance(part, (Jump, Goto))
    )
    for item in plan.sets:
        if isinstance(item, VerdictMap):
            uses.update(entry.chain for entry in item.entries.values() if entry.chain is not None)
    return _Expected(plan.chains, plan.sets, dict(uses), len(plan.chains) + sum(map(_cost, plan.sets)))


def _cost(item: Set) -> int:
    return 1 + len(planned_content(item) or ()) // _ELEMENTS_LIKE_A_CHAIN
