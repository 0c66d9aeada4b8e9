"""Identities in the order of their endpoints, kept in order while they come and go. Pure."""

from bisect import bisect_left
from collections.abc import Collection

from dnsguard.link.messages import Identity

FEW = 64
"""Changes that are put in their places one by one; of more, sorting everything anew is quicker."""


class Identities:
    """Those that forwarders are told of."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._identities: list[Identity] = []
        self.all: tuple[Identity, ...] = ()
        """All of them; the same tuple as long as nothing changed."""

    def change(self, gone: Collection[str], new: Collection[Identity]) -> None:
        """Take out the identities of these endpoints, then put those in; one that is there already is replaced."""
        if not gone and not new:
            return
        if len(gone) + len(new) > FEW:
            held = dict(zip(self._names, self._identities, strict=True))
            for name in gone:
                held.pop(name, None)
            held.update((each.endpoint, each) for each in new)
            self._names = sorted(held)
            self._identities = [held[name] for name in self._names]
        else:
            for name in gone:
                self._take_out(name)
            for each in new:
                self._put_in(each)
        self.all = tuple(self._identities)

    def _take_out(self, name: str) -> None:
        place = bisect_left(self._names, name)
        if self._names[place : place + 1] == [name]:
            del self._names[place], self._identities[place]

    def _put_in(self, identity: Identity) -> None:
        place = bisect_left(self._names, identity.endpoint)
        if self._names[place : place + 1] == [identity.endpoint]:
            self._identities[place] = identity
        else:
            self._names.insert(place, identity.endpoint)
            self._identities.insert(place, identity)
