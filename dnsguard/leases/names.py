"""The names that some scope has learned, and the lease sets whose patterns they match."""

from collections.abc import Iterable

from dnsguard.domains import DomainPattern, PatternIndex


class NameTable:
    """Each learned name once, however many scopes know it: matched when it first comes and when patterns change."""

    def __init__(self) -> None:
        self._index: PatternIndex[str] = PatternIndex()
        self._users: dict[bytes, int] = {}
        self._feeds: dict[bytes, frozenset[str]] = {}
        """Only names that match something."""

        self._members: dict[str, set[bytes]] = {}
        self._shared: dict[tuple[str, ...] | frozenset[str], frozenset[str]] = {}
        """Equal sets of feeds are one object: there are few of them and many names. By what the index says, too."""

    def __len__(self) -> int:
        return len(self._users)

    def feeds(self, name: bytes) -> frozenset[str]:
        """The lease sets that a learned name feeds."""
        return self._feeds.get(name, _NONE)

    def matched(self, name: bytes) -> frozenset[str]:
        """The same for any name, learned or not."""
        return self.feeds(name) if name in self._users else self._look_up(name)

    def members(self, feed: str) -> set[bytes]:
        """The learned names that feed a lease set. Not to be changed."""
        return self._members.get(feed, _NOBODY)

    def acquire(self, name: bytes) -> frozenset[str]:
        """One more scope has edges from this name; the lease sets that it feeds."""
        users = self._users.get(name)
        if users is not None:
            self._users[name] = users + 1
            return self._feeds.get(name, _NONE)
        self._users[name] = 1
        feeds = self._look_up(name)
        if feeds:
            self._feeds[name] = feeds
            for feed in feeds:
                self._members.setdefault(feed, set()).add(name)
        return feeds

    def release(self, name: bytes) -> None:
        """One scope less has edges from it."""
        users = self._users[name] - 1
        if users:
            self._users[name] = users
        else:
            del self._users[name]
            self._put(name, _NONE)

    def change(self, feed: str, before: Iterable[DomainPattern], after: Iterable[DomainPattern]) -> set[bytes]:
        """Exchange the patterns of a lease set; the learned names that match it now and did not, or the reverse."""
        old, new = set(before), set(after)
        if old != new:
            self._shared = {}  # what the index says now is something else
        for pattern in old - new:
            self._index.discard(pattern, feed)
        added: PatternIndex[str] = PatternIndex()
        for pattern in new - old:
            self._index.add(pattern, feed)
            added.add(pattern, feed)
        flipped = set()
        if old - new:
            flipped = {name for name in self.members(feed) if feed not in self._index.owners(name)}
        if new - old:
            members = self.members(feed)
            flipped |= {name for name in self._like(new - old) if name not in members and added.matching(name)}
        for name in flipped:
            self._put(name, self.feeds(name) ^ {feed})
        return flipped

    def _like(self, patterns: set[DomainPattern]) -> Iterable[bytes]:
        """The learned names that one of the patterns may match. Looking at each of very many takes long, and nobody is
        answered meanwhile; by its ending it is ten times as fast."""
        if len(patterns) > _FEW:
            return self._users
        found: set[bytes] = set()
        for pattern in patterns:
            tail = pattern.tail
            if tail is None:
                found.update({pattern.head} & self._users.keys())
            else:
                found.update([name for name in self._users if name.endswith(tail)])
        return found

    def _look_up(self, name: bytes) -> frozenset[str]:
        found = self._index.matching(name)
        if not found:
            return _NONE
        feeds = self._shared.get(found)
        if feeds is None:
            feeds = frozenset(found)
            feeds = self._shared[found] = self._shared.setdefault(feeds, feeds)
        return feeds

    def _put(self, name: bytes, feeds: frozenset[str]) -> None:
        before = self._feeds.get(name, _NONE)
        for feed in before - feeds:
            members = self._members[feed]
            members.discard(name)
            if not members:
                del self._members[feed]
        for feed in feeds - before:
            self._members.setdefault(feed, set()).add(name)
        if feeds:
            self._feeds[name] = self._shared.setdefault(feeds, feeds)
        else:
            self._feeds.pop(name, None)


_FEW = 10
"""Patterns that are looked for one after the other in all names."""

_NONE: frozenset[str] = frozenset()
_NOBODY: set[bytes] = set()
