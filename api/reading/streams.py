"""All watches that clients have open: how many there may be, and what they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dnsguard.api.failures import too_many, unavailable
from dnsguard.api.queries import is_true
from dnsguard.api.reading.eventlines import EventLines
from dnsguard.api.reading.handfuls import chosen_of
from dnsguard.api.reading.pacing import Pacer
from dnsguard.api.reading.paging import NOT_OLDER, count, forbidden, stated_version, too_new
from dnsguard.api.reading.representation import Representation
from dnsguard.api.reading.selection import Selection
from dnsguard.api.reading.statuses import Statuses
from dnsguard.api.reading.turns import Turns
from dnsguard.api.reading.watching import Stream, Surroundings, Wishes
from dnsguard.api.writing.objects import Target
from dnsguard.store.interface import Record, Store

MOST_STREAMS = 4_000
"""Open watches of all clients; each costs a task and a socket."""

MOST_OF_ONE = 2_000
"""Of one user."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """How a client asks for a watch."""

    revision: int | None = None
    """To go on from; ``None``: it begins with what there is, unless ``initial`` says otherwise."""

    initial: bool | None = None
    """Whether to tell first what there is, whatever the revision."""

    bookmarks: bool = False
    seconds: float = float("inf")
    caller: str = ""
    """Whose it is."""


def watch_request(query: Mapping[str, str], caller: str) -> WatchRequest:
    """What a query asks for. Raises Failure 400, InvalidResource (422), both as Kubernetes does."""
    initial = is_true(query, "sendInitialEvents") if query.get("sendInitialEvents") else None
    match = query.get("resourceVersionMatch", "")
    if initial is not None and match != NOT_OLDER:
        raise forbidden("resourceVersionMatch", f"with sendInitialEvents it must be {NOT_OLDER}")
    if match and initial is None:
        raise forbidden("resourceVersionMatch", "it is forbidden for watches unless sendInitialEvents is given")
    return WatchRequest(
        stated_version(query.get("resourceVersion", "")),
        initial,
        is_true(query, "allowWatchBookmarks"),
        float(count(query.get("timeoutSeconds", ""), "timeoutSeconds")) or float("inf"),
        caller,
    )


class Streams:
    """They can be counted, and ended when the server stops."""

    def __init__(self, store: Store, bookmark_interval: float, statuses: Statuses, now: Callable[[], datetime]) -> None:
        self._lines = EventLines(statuses, now)  # hears of turns before those who are told of them
        self._around = Surroundings(store, Turns(statuses), Pacer(), bookmark_interval)
        self._open: set[Stream] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    async def close(self) -> None:
        """End every watch: a server that waits for its connections would wait for them for ever."""
        self._closed = True
        for stream in tuple(self._open):
            stream.leave()

    async def stream(self, target: Target, wanted: Selection, how: Representation, asked: WatchRequest) -> Stream:
        """A watch, from a revision on, or beginning with what there is. Raises Failure."""
        self._require_room(asked.caller)
        if target.namespace and wanted.namespace not in (None, target.namespace):
            wanted = wanted.also(lambda _: False)
        newest = await self._around.store.page(target.kind.collection, limit=1)
        if asked.initial and asked.revision is not None and asked.revision > newest.revision:
            raise too_new(asked.revision, newest.revision)
        tells_first = asked.revision is None if asked.initial is None else asked.initial
        since = newest.revision if tells_first or asked.revision is None else asked.revision
        view = self._lines.view(target.kind, how)
        wishes = Wishes(
            target,
            wanted,
            since,
            first=await self._first(target, wanted, since) if tells_first else (),
            bookmarks=asked.bookmarks,
            marks_beginning=bool(asked.initial),
            seconds=asked.seconds,
            caller=asked.caller,
        )
        return Stream(self._around, view, wishes, self._open)

    async def _first(self, target: Target, wanted: Selection, revision: int) -> Sequence[Record]:
        scope = target.namespace or wanted.namespace
        page = await self._around.store.page(target.kind.collection, scope, at=revision, limit=0)
        if wanted == Selection():
            return page.records
        return [record async for record in chosen_of(page.records, wanted)]

    def _require_room(self, caller: str) -> None:
        if self._closed:
            raise unavailable("the server stops")
        own = sum(stream.caller == caller for stream in self._open)
        for have, most, whose in ((len(self._open), MOST_STREAMS, ""), (own, MOST_OF_ONE, f" by {caller}")):
            if have >= most:
                raise too_many(f"{have} watches are open{whose}: close some, or follow many objects by one")
