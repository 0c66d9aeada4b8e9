"""What became of a query → its record, with what policy and the lease book say of it at that moment.

Made a moment after the answer went out, a few at a time, so that it costs no answer anything.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from dnsguard.dns.hooks import Handled
from dnsguard.dns.message import Address
from dnsguard.domains.matching import matching
from dnsguard.forwarder.clients import Clients
from dnsguard.leases import NODE, Feed, LeaseBook, Scope
from dnsguard.observe.record import MAX_ADDRESSES, MAX_ALIASES, Leased, Match, Record, Withheld

_MOST_CLIENTS: Final = 8
"""Whose elements are looked at for one set: of a node-wide lease the first few stand for all."""

_REMEMBERED: Final = 8192
"""(Name, lease set) whose patterns are kept; then all are forgotten at once."""


class Describing:
    """Makes records. Belongs to the event loop's thread, as the book does."""

    def __init__(
        self,
        book: LeaseBook,
        clients: Clients,
        scope: Callable[[bytes], Scope],
        ineligible: Callable[[bytes], str | None],
    ) -> None:
        """``scope``: in whose name a client's look-ups count; ``ineligible``: why an address may not be leased."""
        self.policies: Mapping[str, tuple[str, ...]] = {}
        """Lease set → the policies that refer to it, as far as the controller has said."""

        self._book = book
        self._clients = clients
        self._scope = scope
        self._ineligible = ineligible
        self._patterns: dict[tuple[bytes, str], tuple[Feed, tuple[str, ...]]] = {}

    def __call__(self, handled: Handled, total: float, wall: float, now: float) -> Record:
        """``total``: seconds that it took; ``wall``: what the loop's clock is behind the time of day."""
        client, query, answer = handled.client, handled.query, handled.answer
        address = client.address
        scope = self._scope(address)
        names = [query.name]
        if answer is not None and answer.aliases:
            names += [alias.target for alias in answer.aliases[:MAX_ALIASES]]
        feeds = {name: matched for name in names if (matched := self._feeds(scope, name))}
        aliases, addresses = (answer.aliases, answer.addresses) if answer is not None else ((), ())
        return Record(
            time=handled.started + wall,
            client=self._book.roster.owners.get(address) or self._clients.standing(address).value,
            client_address=address,
            asked_address=client.asked,
            transport=client.transport,
            name=query.name,
            qtype=query.qtype,
            rcode=handled.rcode,
            source=handled.source,
            total=total,
            extended=handled.extended,
            text=handled.text,
            server=handled.server,
            aliases=aliases,
            addresses=addresses,
            matches=self._matches(feeds) if feeds else (),
            leased=self._leased(scope, addresses, feeds, now) if feeds and addresses else (),
            node_wide=scope == NODE,
            withheld=self._withheld(addresses) if feeds and addresses else (),
            asked=handled.asked,
            held=handled.held,
        )

    def _feeds(self, scope: Scope, name: bytes) -> frozenset[str]:
        """The lease sets that a name feeds and that this client's look-ups can fill."""
        library = self._book.library
        matched = library.names.matched(name)
        return library.serves(scope, matched) if matched else matched

    def _matches(self, feeds: Mapping[bytes, frozenset[str]]) -> list[Match]:
        found: dict[str, tuple[str, ...]] = {}
        for name, lease_sets in feeds.items():
            for lease_set in lease_sets:
                patterns = self._patterns_of(lease_set, name)
                known = found.get(lease_set)
                found[lease_set] = tuple(dict.fromkeys((*known, *patterns))) if known else patterns
        return [Match(each, found[each], self.policies.get(each, ())) for each in sorted(found)]

    def _patterns_of(self, lease_set: str, name: bytes) -> tuple[str, ...]:
        feed = self._book.roster.feeds.get(lease_set)
        if feed is None:
            return ()
        known = self._patterns.get((name, lease_set))
        if known is None or known[0] is not feed:
            if len(self._patterns) >= _REMEMBERED:
                self._patterns.clear()
            known = self._patterns[name, lease_set] = feed, tuple(matching(name, feed.patterns))
        return known[1]

    def _withheld(self, addresses: Sequence[Address]) -> list[Withheld]:
        """What of the answer's addresses no name may open."""
        found: list[Withheld] = []
        for record in addresses[:MAX_ADDRESSES]:
            reason = self._ineligible(record.address)
            if reason is not None:
                found.append(Withheld(record.address, reason))
        return found

    def _leased(
        self, scope: Scope, addresses: Sequence[Address], feeds: Mapping[bytes, frozenset[str]], now: float
    ) -> list[Leased]:
        """What the kernel holds of the answer's addresses, and for how long."""
        roster, held = self._book.roster, self._book.held
        found: list[Leased] = []
        for lease_set in sorted(set().union(*feeds.values())):
            feed = roster.feeds.get(lease_set)
            if feed is None:
                continue
            clients = islice(roster.served_by(scope, lease_set), _MOST_CLIENTS)
            kernel_sets = feed.kernel_set_v4, feed.kernel_set_v6
            elements = [held.of(kernel_set, client) for client in clients for kernel_set in kernel_sets]
            until = self._until(addresses, {name for name in feeds if lease_set in feeds[name]}, elements, now)
            if until > now:
                found.append(Leased(lease_set, until - now))
        return found

    @staticmethod
    def _until(
        addresses: Sequence[Address], names: set[bytes], elements: Sequence[Mapping[bytes, float]], now: float
    ) -> float:
        """When the first of the addresses that these names lead to closes; 0 where none is open."""
        until = 0.0
        chain: tuple[bytes, ...] = ()
        leads = False
        for record in addresses[:MAX_ADDRESSES]:
            if record.names is not chain:
                chain = record.names
                leads = not names.isdisjoint(chain)
            if leads:
                for held in elements:
                    expires = held.get(record.address, 0.0)
                    if expires > now:
                        until = min(until or expires, expires)
                        break
        return until
