"""What policy says of the servers that clients ask past us, asked of the controller as the need comes up.

::

    intercepted query ─► known? ─ yes ─────────────────────────────► relay ─► judge: allows()?
                           │ no                                        ▲
                           └─► held, and asked for with all others ────┘ when the answer is there, or it takes too long

Without an answer policy counts as denying: then only names that a domain rule of the endpoint allows are answered.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address

from dnsguard.dns.client import Client, Handler, Respond
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.link.messages import AskedServer, RightsQuery, RightsReply

PATIENCE_SECONDS = 2.0
"""A busy controller has that long; stub resolvers give up after 5 s."""

MOST_HELD = 1024
"""Queries that wait for a verdict, of all clients together; those beyond are judged without."""

MOST_HELD_PER_CLIENT = 64
MOST_KNOWN = 8192
"""Verdicts; then all are forgotten at once."""

MOST_SERVERS_PER_SECOND = 64
"""Different ones that an endpoint is looked up for in a second: the controller has other things to do."""

MOST_AT_ONCE = 64
"""In one message to the controller, which judges them in one go."""

_SWEEP_SECONDS = 0.1

Place = tuple[str, bytes]
"""(endpoint, packed address of the server)."""


class Rights:
    """Owner of the verdicts. Belongs to one event loop."""

    def __init__(self, ask: Callable[[RightsQuery], bool], counters: ForwarderCounters) -> None:
        """``ask`` sends a question on its way, or says that nobody is there to answer it."""
        self.forgotten: Callable[[], None] = lambda: None
        """Called when what was said no longer counts: whoever keeps answers that it allowed forgets them."""

        self._ask = ask
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._known: dict[Place, tuple[str, ...]] = {}
        self._wanted: dict[Place, _Wanted] = {}
        """In the order in which they are given up."""

        self._request = 0
        self._asked: tuple[Place, ...] = ()
        """In the open request; none where there is none."""

        self._held = 0
        self._held_by_client: dict[bytes, int] = {}
        self._seen: dict[str, set[bytes]] = {}
        """Servers by endpoint, in this second."""

        self._second = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def allows(self, endpoint: str, server: bytes, transport: str) -> bool:
        """Whether policy is known to let the endpoint ask this server."""
        return transport in self._known.get((endpoint, server), ())

    def knows(self, endpoint: str, server: bytes) -> bool:
        return (endpoint, server) in self._known

    def hold(self, endpoint: str, client: Client, then: Callable[[], None]) -> None:
        """Call ``then`` once the verdict is known, or when it is too late or too much; at once, or later."""
        if not self._has_room(endpoint, client):
            self._counters.rights_unanswered += 1
            then()
            return
        place = endpoint, client.asked
        wanted = self._wanted.get(place)
        if wanted is None:
            wanted = self._wanted[place] = _Wanted(self._loop.time() + PATIENCE_SECONDS)
            if self._timer is None:
                self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        wanted.waiting.append((client.address, then))
        self._held += 1
        self._held_by_client[client.address] = self._held_by_client.get(client.address, 0) + 1
        self._ask_on()

    def answered(self, reply: RightsReply) -> None:
        """The controller has spoken."""
        if reply.request != self._request:
            return  # to a question of an earlier connection
        for right in reply.rights:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[right.endpoint, ip_address(right.server).packed] = right.transports
        asked, self._asked = self._asked, ()
        for place in asked:
            self._let_go(place)
        self._ask_on()

    def void(self) -> None:
        """Policy is another one now. What is asked already is answered by the new one."""
        self._known.clear()
        self.forgotten()

    def anew(self) -> None:
        """There is a controller, perhaps a new one: what the last one said or was asked counts no longer."""
        self._known.clear()
        self.forgotten()
        self._asked = ()
        self._ask_on()

    def give_up(self) -> None:
        """The controller is away. What is known still counts; what is not is not waited for."""
        self._asked = ()
        for place in list(self._wanted):
            self._fail(place)

    def close(self) -> None:
        """Nothing that is held goes on."""
        self._wanted.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _has_room(self, endpoint: str, client: Client) -> bool:
        if self._held >= MOST_HELD or self._held_by_client.get(client.address, 0) >= MOST_HELD_PER_CLIENT:
            return False
        now = self._loop.time()
        if now - self._second >= 1.0:
            self._second = now
            self._seen.clear()
        seen = self._seen.setdefault(endpoint, set())
        if client.asked not in seen:
            if len(seen) >= MOST_SERVERS_PER_SECOND:
                return False
            seen.add(client.asked)
        return True

    def _ask_on(self) -> None:
        """One question at a time: those that come meanwhile travel together in the next."""
        if self._asked or not self._wanted:
            return
        self._request += 1
        self._asked = tuple(place for place, _ in zip(self._wanted, range(MOST_AT_ONCE), strict=False))
        self._counters.rights_asked += len(self._asked)
        asked = tuple(AskedServer(endpoint, str(ip_address(server))) for endpoint, server in self._asked)
        if not self._ask(RightsQuery(self._request, asked)):
            self.give_up()

    def _sweep(self) -> None:
        now = self._loop.time()
        late = [place for place, wanted in self._wanted.items() if wanted.due <= now]
        if late:
            self._asked = ()
            for place in late:
                self._fail(place)
            self._ask_on()
        self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._wanted else None

    def _fail(self, place: Place) -> None:
        self._counters.rights_unanswered += len(self._wanted[place].waiting)
        self._let_go(place)

    def _let_go(self, place: Place) -> None:
        wanted = self._wanted.pop(place, None)
        for address, then in () if wanted is None else wanted.waiting:
            self._held -= 1
            left = self._held_by_client[address] - 1
            if left:
                self._held_by_client[address] = left
            else:
                del self._held_by_client[address]
            then()


class _Wanted:
    """A verdict that queries wait for."""

    __slots__ = ("due", "waiting")

    def __init__(self, due: float) -> None:
        self.due = due
        self.waiting: list[tuple[bytes, Callable[[], None]]] = []


class Gate:
    """The handler of intercepted queries: each goes on to the relay when policy's word on its server is there."""

    def __init__(self, handler: Handler, rights: Rights, owners: Callable[[], Mapping[bytes, str]]) -> None:
        """``owners``: address → endpoint, of those that are known."""
        self._handler = handler
        self._rights = rights
        self._owners = owners

    def handle(self, data: bytes, client: Client, respond: Respond) -> None:
        endpoint = self._owners().get(client.address)
        if endpoint is None or self._rights.knows(endpoint, client.asked):
            self._handler(data, client, respond)
        else:
            self._rights.hold(endpoint, client, partial(self._handler, data, client, respond))
