"""The revision of policy in the marks of connections. Pure.

::

    0           no policy judged the connection yet
    1 … n - 1   policy allowed it, in the revision of that number
    n           policy denied it; all bits of the mask are set

A plan says "the revision in force" and no number, so that another revision is no other plan. Where rules are written
for the kernel, the number takes its place.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from dnsguard.dataplane.rules import Chain, ConnectionMarked, MarkConnection, Match, Rule, Statement

FIRST: Final = 1
_SAID = "revision"


class Revision(NamedTuple):
    """One of them, as the bits of ``mask`` carry it."""

    mask: int
    number: int = FIRST

    @property
    def value(self) -> int:
        """How it stands in a mark."""
        return self.number << (self.mask & -self.mask).bit_length() - 1

    @property
    def numbers(self) -> int:
        """How many there are before they begin anew."""
        return mask_numbers(self.mask)

    @property
    def following(self) -> "Revision":
        """The one after it."""
        return Revision(self.mask, self.number % self.numbers + 1)

    def __str__(self) -> str:
        return f"{_SAID} {self.number} of 0x{self.mask:08x}"


def mask_numbers(mask: int) -> int:
    """How many revisions the bits of a mask can tell apart, besides "not judged" and "denied"."""
    return (mask // (mask & -mask)) - 1


def at(chain: Chain, revision: Revision | None) -> Chain:
    """The chain with a number in the place of the revision in force; it must be there where the chain speaks of it."""
    if not chain.names_revision or revision is None:
        return chain
    return replace(chain, rules=tuple(_rule_at(rule, revision) for rule in chain.rules))


def revision_in(comment: str) -> Revision | None:
    """The revision that a rule of an earlier run writes, by its comment; None where it writes none."""
    words = comment.split()
    try:
        said, number, _, mask = words
        found = Revision(int(mask, 16), int(number))
        return found if said == _SAID and FIRST <= found.number <= found.numbers else None
    except (ValueError, ZeroDivisionError):
        return None


def _rule_at(rule: Rule, revision: Revision) -> Rule:
    writes = any(isinstance(part, MarkConnection) and part.value is None for part in rule.parts)
    return Rule(tuple(_part_at(part, revision) for part in rule.parts), str(revision) if writes else rule.comment)


def _part_at(part: Match | Statement, revision: Revision) -> Match | Statement:
    if isinstance(part, ConnectionMarked | MarkConnection) and part.value is None:
        return replace(part, value=revision.value)
    return part
