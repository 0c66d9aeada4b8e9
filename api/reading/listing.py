"""Lists: whole or in pages, as of one revision, written piece by piece so that nobody else waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from dnsguard.api.answers import JSON, as_json, as_text, as_yaml
from dnsguard.api.reading.handfuls import MOST, chosen_of, in_handfuls
from dnsguard.api.reading.paging import Asked, Place, asked, expired, token_of, too_new
from dnsguard.api.reading.representation import Representation
from dnsguard.api.reading.selection import Selection
from dnsguard.api.reading.statuses import Statuses, shown_record, with_status
from dnsguard.api.reading.tables import Shown
from dnsguard.api.writing.objects import Target
from dnsguard.store.encoding import with_revision
from dnsguard.store.interface import Compacted, Key, Object, Page, Record, Store


@dataclass(frozen=True, slots=True)
class _Found:
    """The objects of an answer."""

    records: Sequence[Record]
    revision: int
    more: bool
    """Whether there are objects after these."""

    remaining: int | None
    """How many; ``None`` where only reading them all would tell."""


class Lists:
    """Answers lists."""

    def __init__(self, store: Store, statuses: Statuses, now: Callable[[], datetime]) -> None:
        self._store = store
        self._statuses = statuses
        self._now = now

    async def answer(
        self, target: Target, wanted: Selection, how: Representation, query: Mapping[str, str]
    ) -> Response:
        """The list that a query asks for. Raises Failure, InvalidResource."""
        found = await self._found(target, wanted, asked(target, query), query)
        metadata: Object = {"resourceVersion": str(found.revision)}
        if found.more:
            metadata["continue"] = token_of(Place(found.records[-1].key, found.revision), target, query)
            if found.remaining is not None:
                metadata["remainingItemCount"] = found.remaining
        shown = Shown(target.kind, how, self._now())
        handfuls = list(in_handfuls(found.records))
        if how.media == JSON:
            pieces = self._pieces(shown, metadata, handfuls)
            if len(handfuls) > 1:
                return StreamingResponse(pieces, media_type=JSON)
            return Response(b"".join([piece async for piece in pieces]), media_type=JSON)
        items: list[Any] = []
        for handful in handfuls:
            items += [shown.item(shown_record(self._statuses, record)) for record in handful]
            await asyncio.sleep(0)
        whole = {**shown.head(metadata), shown.items_field: items}
        return Response(await asyncio.to_thread(as_yaml, whole), media_type=how.media)

    async def _found(self, target: Target, wanted: Selection, what: Asked, query: Mapping[str, str]) -> _Found:
        at, after = what.at, None
        if what.place is not None:
            at, after = what.place.revision, what.place.after
        try:
            page = await self._page(target, wanted, at, after, what.limit)
        except Compacted as error:
            current = (await self._store.page(target.kind.collection, limit=1)).revision
            if at is not None and at > current:
                raise too_new(at, current) from error
            if what.place is not None:
                raise expired(what.place, target, query) from error
            raise
        if what.at_least > page.revision:
            raise too_new(what.at_least, page.revision)
        if wanted == Selection():
            return _Found(page.records, page.revision, page.remaining > 0, page.remaining)
        return await self._chosen(target, wanted, page, what.limit)

    async def _chosen(self, target: Target, wanted: Selection, page: Page, limit: int) -> _Found:
        """What is wanted of a page and, until the limit is reached, of those after it."""
        chosen: list[Record] = []
        while True:
            async for record in chosen_of(page.records, wanted):
                chosen.append(record)
                if len(chosen) == limit:
                    more = page.remaining > 0 or record is not page.records[-1]
                    return _Found(chosen, page.revision, more, None)
            if not page.remaining:
                return _Found(chosen, page.revision, False, None)
            page = await self._page(target, wanted, page.revision, page.records[-1].key, limit)

    async def _page(self, target: Target, wanted: Selection, at: int | None, after: Key | None, limit: int) -> Page:
        size = limit if wanted == Selection() or not limit else max(limit, MOST)
        scope = target.namespace or wanted.namespace
        return await self._store.page(target.kind.collection, scope, at=at, after=after, limit=size)

    async def _pieces(
        self, shown: Shown, metadata: Object, handfuls: Sequence[Sequence[Record]]
    ) -> AsyncIterator[bytes]:
        """A list as JSON, piece by piece."""
        yield as_json(shown.head(metadata))[:-1] + f',"{shown.items_field}":['.encode()
        for number, handful in enumerate(handfuls):
            if shown.is_whole:
                items = ",".join([_text(self._statuses, record) for record in handful])
            else:
                items = as_text([shown.item(shown_record(self._statuses, record)) for record in handful])[1:-1]
            yield f"{',' if number else ''}{items}".encode("ascii")
            await asyncio.sleep(0)
        yield b"]}"


def _text(statuses: Statuses, record: Record) -> str:
    """A stored object as readers see it, as JSON: only its status is written anew."""
    value = record.value()
    status = statuses.of(record.key, value)
    if "status" in value:
        return as_text(with_status(value, status))
    text = with_revision(record.text, record.revision)
    return text if status is None else f'{text[:-1]},"status":{as_text(status)}}}'
