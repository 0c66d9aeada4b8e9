"""Answers that may go out again as they are: to the same client, to the same octets, within the same second.

A name that is asked for all the time costs a look into a dictionary. Whoever puts an answer here vouches that until
then the judge, the cache and the lease would all say the same once more; whoever changes one of them clears everything.
"""

from typing import Final

from dnsguard.dns.client import Client

Ready = dict[bytes, tuple[bytes, float]]
"""Query without its ID → answer without its ID, and the clock's seconds until which it may go out."""

_MOST: Final = 65_536
"""Then all are forgotten at once: within a second those that are asked for are back."""

_MOST_OCTETS: Final = 32 * 1024 * 1024
"""The same for what they take together: a query may be padded to kilobytes, and no two need be alike."""


class ReadyAnswers:
    """By client. Belongs to one event loop, whose thread alone calls it."""

    def __init__(self) -> None:
        self._by_client: dict[Client, Ready] = {}
        self._count = 0
        self._octets = 0

    def of(self, client: Client) -> Ready:
        """Those of one client; for reading. Whoever keeps the dictionary may find it deserted, never out of date."""
        ready = self._by_client.get(client)
        if ready is None:
            if len(self._by_client) >= _MOST:
                self.clear()
                self._by_client = {}
            ready = self._by_client[client] = {}
        return ready

    def put(self, client: Client, query: bytes, answer: bytes, until: float) -> None:
        """Have it sent out again until then; ``query`` and ``answer`` are whole."""
        ready = self.of(client)
        key = query[2:]
        if self._octets >= _MOST_OCTETS or self._count >= _MOST:
            self.clear()
        self._count += key not in ready
        self._octets += len(query) + len(answer)
        ready[key] = answer[2:], until

    def clear(self) -> None:
        """Forget all of them."""
        for ready in self._by_client.values():
            ready.clear()
        self._count = self._octets = 0
