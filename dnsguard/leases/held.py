"""What the kernel has acknowledged."""

from collections.abc import Iterator

from dnsguard.leases.changes import Element, Place
from dnsguard.leases.wheel import Wheel


class Held:
    """Elements the kernel holds by its own word, and those it has yet to be rid of."""

    __slots__ = ("_doomed", "_inherited", "_sets", "_wheel", "count")

    def __init__(self) -> None:
        self._sets: dict[str, dict[bytes, dict[bytes, float]]] = {}
        """Kernel set → client → address → expiry."""

        self._inherited: dict[tuple[str, bytes], dict[bytes, float]] = {}
        self._doomed: set[Place] = set()
        self._wheel: Wheel[Place] = Wheel()
        self.count = 0
        """Elements held, expired ones that were not swept yet included."""

    def of(self, kernel_set: str, client: bytes) -> dict[bytes, float]:
        """Address → expiry of one client in one set. Not to be changed."""
        return self._sets.get(kernel_set, _NO_CLIENTS).get(client, _NO_ADDRESSES)

    def inherit(self, place: Place, expires: float) -> None:
        """A process before us wrote this, and we do not know why. It stays until policy changes where it stands."""
        if place.address not in self.of(place.kernel_set, place.client):
            self._inherited.setdefault((place.kernel_set, place.client), {})[place.address] = expires
            self._wheel.put(place, expires)

    def inherited_until(self, place: Place) -> float:
        """How long what was inherited stands, 0 where nothing was."""
        if not self._inherited:
            return 0.0
        return self._inherited.get((place.kernel_set, place.client), _NO_ADDRESSES).get(place.address, 0.0)

    def disown(self, kernel_set: str, client: bytes) -> dict[bytes, float]:
        """What was inherited here, address → expiry; from now on it counts for nothing."""
        return self._inherited.pop((kernel_set, client), {})

    def inherited_at(self, kernel_set: str) -> list[tuple[str, bytes]]:
        """The (kernel set, client) of one set where something was inherited."""
        return [key for key in self._inherited if key[0] == kernel_set]

    def inherited(self) -> list[tuple[str, bytes]]:
        """Every (kernel set, client) where something was inherited."""
        return list(self._inherited)

    def keys(self) -> Iterator[tuple[str, bytes]]:
        """Every (kernel set, client) there is."""
        for kernel_set, clients in self._sets.items():
            for client in clients:
                yield kernel_set, client

    def kernel_sets(self) -> list[str]:
        """Those that hold something."""
        return list(self._sets)

    def clients(self, kernel_set: str) -> list[bytes]:
        """The clients that one set holds something of."""
        return list(self._sets.get(kernel_set, ()))

    def added(self, element: Element) -> None:
        """The kernel acknowledged an element."""
        place, expires = element
        kernel_set, client, address = place
        clients = self._sets.get(kernel_set)
        if clients is None:
            clients = self._sets[kernel_set] = {}
        addresses = clients.get(client)
        if addresses is None:
            addresses = clients[client] = {}
        if address not in addresses:
            self.count += 1
            self._wheel.put(place, expires)
        addresses[address] = expires
        if self._doomed:
            self._doomed.discard(place)

    def doom(self, place: Place) -> None:
        """An element has to go, or to be written anew: from now on it counts for nothing, until it is added."""
        self._discard(place)
        self._doomed.add(place)

    def doomed(self, place: Place) -> bool:
        return place in self._doomed

    def removed(self, place: Place) -> None:
        """The kernel acknowledged the removal, or the set is gone."""
        self._doomed.discard(place)

    def all_doomed(self) -> tuple[Place, ...]:
        return tuple(self._doomed)

    def clear(self) -> dict[str, dict[bytes, dict[bytes, float]]]:
        """Take nothing for granted any more: kernel set → client → address → expiry, as it was thought to be. What had
        to go still has to, and what was inherited may be there."""
        before, self._sets = self._sets, {}
        self.count = 0
        return before

    def expire_due(self, now: float) -> Iterator[None]:
        """Forget what the kernel has dropped by itself, an element at each step."""
        for place in self._wheel.due(now):
            kernel_set, client, address = place
            inherited = self._inherited.get((kernel_set, client), _NO_ADDRESSES)
            until = max(self.of(kernel_set, client).get(address, 0.0), inherited.get(address, 0.0))
            if until > now:
                self._wheel.put(place, until)
            else:
                self._discard(place)
                if inherited.pop(address, None) is not None and not inherited:
                    del self._inherited[kernel_set, client]
            yield

    def _discard(self, place: Place) -> None:
        kernel_set, client, address = place
        clients = self._sets.get(kernel_set, {})
        addresses = clients.get(client, {})
        if addresses.pop(address, None) is not None:
            self.count -= 1
            if not addresses:
                del clients[client]
                if not clients:
                    del self._sets[kernel_set]


_NO_ADDRESSES: dict[bytes, float] = {}
_NO_CLIENTS: dict[bytes, dict[bytes, float]] = {}
