"""Rules by which established connections are judged again when policy changes. Pure.

::

    base chain ─jump─► known-…     of the revision in force: goes on, as its endpoints are there
      │                  └─goto─► stale-…  replies and errors: until their connection is judged; none that was denied
      │ (anything else of an earlier revision comes back, and is judged like the first packet)
      ├─► classes ─goto─► denied-…   a denied packet marks its connection first, see `denying`: nothing comes back on it
      └─► … all base chains passed ─► judged   the connection is of the revision in force

Whoever opened the connection brings it up to date by its next packet, and heals it where it was denied and is allowed
again. Where only the other side speaks, the controller judges (`controller.revoking`). Only `known-…` and `judged`
speak of a revision: another one replaces these few rules.

Without a mark to note it in, established connections go on whatever policy says by now.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.rules import (
    Chain,
    ConnectionMarked,
    ConnectionState,
    ConnectionStatus,
    Goto,
    IsOriginal,
    IsReply,
    Jump,
    MarkConnection,
    Rule,
    Verdict,
    content_chain,
)
from dnsguard.netlink.expressions import STATE_ESTABLISHED, STATE_RELATED, STATUS_EXPECTED
from dnsguard.netlink.nftables import Hook

KNOWN: Final = STATE_ESTABLISHED | STATE_RELATED
ACCEPTED: Final = (Rule((Verdict.ACCEPT,)),)
OUTPUT: Final = "output"
_SAID = "connections that were allowed before"

INPUT_JUDGED = "input-judged", Hook("filter", "input", -9)
FORWARD_JUDGED = "forward-judged", Hook("filter", "forward", -6)
OUTPUT_JUDGED = "output-judged", Hook("filter", "output", -9)


def known_connections(
    additions: Additions, place: str = "", going_on: Sequence[Rule] = ACCEPTED, label: str = "known"
) -> Rule:
    """The rule for packets of known connections. ``going_on``, which ends in a verdict, is what becomes of those that
    need no judging; it differs with ``place``, and ``label`` is what people see of it.

    In the place `OUTPUT` the node itself tells what became of a packet, and is not held back.
    """
    known, comment = ConnectionState(KNOWN), "was allowed before"
    mask = additions.settings.mark_mask
    if not mask:
        if going_on is ACCEPTED:
            return Rule((known, *ACCEPTED[0].parts), comment)
        return Rule((known, Goto(additions.add(content_chain(label, going_on, _SAID)))), comment)
    denied = additions.deny([ConnectionMarked(mask, mask)], naming.COUNTER_REVOKED, "policy denies it by now")
    unjudged = additions.add(content_chain(_named("unjudged", place), [*denied, *going_on]))
    stale = [
        Rule((IsReply(), Goto(unjudged)), "whoever began it is judged"),
        Rule((ConnectionState(STATE_RELATED), Goto(unjudged)), "belongs to one that is judged"),
        Rule((ConnectionStatus(STATUS_EXPECTED), Goto(unjudged)), "comes of one that is judged"),
    ]
    if place == OUTPUT:
        stale.insert(0, Rule((ConnectionState(STATE_RELATED), Verdict.ACCEPT), "the node says it"))
    stale_chain = additions.add(content_chain(_named("stale", place), stale))
    of_others = Rule((ConnectionMarked(mask, None, negated=True), Goto(stale_chain)), "not by the policy in force")
    door = Chain(_named("known", place), (of_others, *going_on), comment=_SAID, is_door=True, names_revision=True)
    return Rule((known, Jump(additions.add(door))), comment)


def _named(label: str, place: str) -> str:
    return f"{label}-{place}" if place else label


def judged_chains(additions: Additions) -> Iterator[tuple[str, Hook, Rule]]:
    """Name, hook and only rule of the base chains that come last where packets are judged."""
    mask = additions.settings.mark_mask
    if not mask:
        return
    rules = (
        Rule((ConnectionMarked(mask, None), Verdict.RETURN)),
        Rule((ConnectionState(STATE_RELATED), Verdict.RETURN), "was not judged itself"),
        Rule((ConnectionStatus(STATUS_EXPECTED), Verdict.RETURN), "was not judged itself"),
        Rule((MarkConnection(mask, None),)),
    )
    noting = "notes which revision of policy allowed a connection"
    door = Chain(naming.JUDGED_CHAIN, rules, comment=noting, is_door=True, names_revision=True)
    rule = Rule((IsOriginal(), Jump(additions.add(door))), "policy allowed it")
    for name, hook in INPUT_JUDGED, FORWARD_JUDGED, OUTPUT_JUDGED:
        yield name, hook, rule
