"""What base chains need besides the chains of classes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane.denying import denied_outright, denied_with_connection
from dnsguard.dataplane.rules import Chain, Count, Match, Rule
from dnsguard.dataplane.settings import Settings


@dataclass(slots=True)
class Additions:
    """The chains and counters that base chains need besides those of classes, each once."""

    settings: Settings
    chains: dict[str, Chain] = field(default_factory=dict)
    counters: dict[str, None] = field(default_factory=dict)

    def add(self, chain: Chain) -> str:
        self.chains.setdefault(chain.name, chain)
        return chain.name

    def deny(
        self,
        matches: Sequence[Match],
        counter: str,
        comment: str = "",
        direction: Direction = Direction.EGRESS,
        *,
        connection: bool = False,
    ) -> tuple[Rule, ...]:
        """The rules that drop such packets, which no policy is asked about. ``connection``: and what comes back."""
        self.counters.setdefault(counter)
        denying = (denied_with_connection if connection else denied_outright)(self.settings, direction)
        return denying.rules(matches, Count(counter), comment)
