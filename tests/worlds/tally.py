"""What a run has seen: how much, what decided, and what hardly ever did."""

from collections import Counter
from dataclasses import dataclass, field

from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.trace import Decider

LEAST_SHARE = 0.005
"""Of the packets, for each kind of thing that decides; what is established is followed, not drawn."""

_FOLLOWED = Decider.ESTABLISHED, Decider.REVOKED

Decided = tuple[Action | None, Decider | None]


@dataclass(slots=True)
class Tally:
    """What was seen so far."""

    worlds: int = 0
    packets: int = 0
    followed: int = 0
    cut: int = 0
    """Of those, what the next world does not allow, where it ends them."""

    deciders: Counter[Decided] = field(default_factory=Counter)
    mismatches: int = 0

    def rare(self) -> list[str]:
        """Kinds of things that decided too seldom for a run to say much of them."""
        shares: Counter[Decider] = Counter({kind: 0 for kind in Decider if kind not in _FOLLOWED})
        for (_, kind), count in self.deciders.items():
            if kind is not None:
                shares[kind] += count
        return [kind.value for kind, count in shares.items() if count < self.packets * LEAST_SHARE]
