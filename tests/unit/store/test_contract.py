"""What `interface.py` promises, held against every implementation."""

import asyncio
from typing import Any

import pytest

from dnsguard.store.interface import (
    AlreadyExists,
    Change,
    ChangeType,
    Compacted,
    Conflict,
    Event,
    Key,
    NotFound,
    Object,
    Page,
    Record,
    Store,
)
from tests.unit.store.conftest import HISTORY

PARTNERS = Key("networksets", "shop", "partners")
BACKUPS = Key("networksets", "ops", "backups")
TIER = Key("tiers", "", "security")


def value(**spec: Any) -> Object:
    return {"kind": "Any", "metadata": {"name": "any", "labels": {"a": "b"}}, "spec": spec}


def stored(revision: int, **spec: Any) -> Object:
    return {
        "kind": "Any",
        "metadata": {"name": "any", "labels": {"a": "b"}, "resourceVersion": str(revision)},
        "spec": spec,
    }


async def taken(store: Store, count: int, after: int, *scope: str) -> list[Change]:
    """The first `count` changes of a watch."""
    watch = store.watch(after, *scope)
    async with asyncio.timeout(30):
        changes = [await anext(watch) for _ in range(count)]
    await watch.aclose()
    return changes


async def test_the_empty_store_is_at_revision_0(store: Store) -> None:
    assert await store.list_objects() == ([], 0)


async def test_each_change_takes_one_revision_and_the_object_carries_it(store: Store) -> None:
    assert await store.create(PARTNERS, value(a=1)) == stored(1, a=1)
    assert await store.create(TIER, value(order=5)) == stored(2, order=5)
    assert await store.update(PARTNERS, value(a=2), 1) == stored(3, a=2)
    assert await store.update(TIER, value(order=6), None) == stored(4, order=6)
    assert await store.delete(TIER, None) == stored(5, order=6)
    assert await store.list_objects() == ([stored(3, a=2)], 5)


async def test_a_resource_version_in_the_value_is_not_stored(store: Store) -> None:
    assert await store.create(PARTNERS, stored(77, a=1)) == stored(1, a=1)
    assert await store.update(PARTNERS, stored(77, a=2), 1) == stored(2, a=2)


async def test_refusals_change_nothing(store: Store) -> None:
    await store.create(PARTNERS, value(a=1))
    await store.update(PARTNERS, value(a=2), None)
    with pytest.raises(AlreadyExists, match="networksets/shop/partners exists already"):
        await store.create(PARTNERS, value(a=3))
    with pytest.raises(Conflict, match="networksets/shop/partners is at revision 2, not 1"):
        await store.update(PARTNERS, value(a=3), 1)
    with pytest.raises(Conflict, match="is at revision 2, not 3"):
        await store.update(PARTNERS, value(a=2), 3)
    with pytest.raises(Conflict, match="is at revision 2, not 1"):
        await store.delete(PARTNERS, 1)
    with pytest.raises(NotFound, match="tiers/security does not exist"):
        await store.update(TIER, value(), None)
    with pytest.raises(NotFound):
        await store.update(TIER, value(), 2)
    with pytest.raises(NotFound):
        await store.delete(TIER, None)
    with pytest.raises(NotFound):
        await store.get(TIER)
    assert await store.list_objects() == ([stored(2, a=2)], 2)


async def test_an_update_that_changes_nothing_takes_no_revision(store: Store) -> None:
    await store.create(PARTNERS, value(nets=[1], on=True))
    assert await store.update(PARTNERS, stored(1, on=True, nets=[1]), 1) == stored(1, nets=[1], on=True)
    assert await store.update(PARTNERS, value(on=1, nets=[1]), 1) == stored(2, nets=[1], on=1)  # 1 is not true


async def test_an_object_made_again_is_new(store: Store) -> None:
    await store.create(PARTNERS, value(a=1))
    await store.delete(PARTNERS, 1)
    assert await store.create(PARTNERS, value(a=1)) == stored(3, a=1)
    with pytest.raises(Conflict):
        await store.update(PARTNERS, value(a=2), 1)


async def test_any_json_comes_back_as_it_was(store: Store) -> None:
    odd = value(text='"\x00\x1f\u2028\ud800é☃𝄞', numbers=[0, -1, 1.5, 1e300, 10**30], nothing=None, empty=[{}, [], ""])
    assert (await store.create(PARTNERS, odd))["spec"] == odd["spec"]
    assert (await store.get(PARTNERS))["spec"] == odd["spec"]


async def test_what_json_cannot_hold_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        await store.create(PARTNERS, value(a=float("nan")))
    assert await store.list_objects() == ([], 0)


async def test_objects_are_the_callers_own(store: Store) -> None:
    given = value(a=[1])
    returned = await store.create(PARTNERS, given)
    given["spec"]["a"].append("given")
    returned["spec"]["a"].append("returned")
    (await store.get(PARTNERS))["spec"]["a"].append("got")
    (await store.list_objects())[0][0]["spec"]["a"].append("listed")
    (await taken(store, 1, 0))[0].object["spec"]["a"].append("watched")
    assert (await store.get(PARTNERS))["spec"]["a"] == [1]
    assert (await taken(store, 1, 0))[0].object["spec"]["a"] == [1]


@pytest.mark.parametrize(
    ("plural", "namespace", "names"),
    [
        (None, None, ["a.b", "backups", "partners", "z", "security"]),
        ("networksets", None, ["a.b", "backups", "partners", "z"]),
        ("networksets", "ops", ["a.b", "backups"]),
        (None, "ops", ["a.b", "backups"]),
        (None, "", ["security"]),
        ("tiers", "", ["security"]),
        ("tiers", "ops", []),
        ("profiles", None, []),
    ],
)
async def test_lists_are_in_key_order(
    store: Store, plural: str | None, namespace: str | None, names: list[str]
) -> None:
    for key in (TIER, Key("networksets", "shop", "z"), PARTNERS, BACKUPS, Key("networksets", "ops", "a.b")):
        await store.create(key, {"metadata": {"name": key.name}})
    objects, revision = await store.list_objects(plural, namespace)
    assert ([item["metadata"]["name"] for item in objects], revision) == (names, 5)


async def test_a_watch_delivers_what_came_after_and_what_comes(store: Store) -> None:
    await store.create(PARTNERS, value(a=1))
    await store.create(TIER, value())
    await store.update(PARTNERS, value(a=2), None)
    watch = store.watch(1)
    assert await anext(watch) == Change(ChangeType.ADDED, TIER, stored(2), 2)
    assert await anext(watch) == Change(ChangeType.MODIFIED, PARTNERS, stored(3, a=2), 3)
    following = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    assert not following.done()
    await store.delete(PARTNERS, None)
    assert await following == Change(ChangeType.DELETED, PARTNERS, stored(4, a=2), 4)
    await watch.aclose()


async def test_list_then_watch_misses_nothing_and_repeats_nothing(store: Store) -> None:
    await store.create(PARTNERS, value(a=0))
    objects, revision = await store.list_objects()
    await store.update(PARTNERS, value(a=1), None)
    assert objects == [stored(1, a=0)]
    assert await taken(store, 1, revision) == [Change(ChangeType.MODIFIED, PARTNERS, stored(2, a=1), 2)]


@pytest.mark.parametrize(
    ("scope", "revisions"),
    [
        ((), [1, 2, 3, 4, 5]),
        (("networksets",), [1, 2, 4, 5]),
        (("networksets", "shop"), [1, 4]),
        ((None, "ops"), [2, 5]),
        ((None, ""), [3]),
    ],
)
async def test_a_watch_sees_its_scope_only(store: Store, scope: tuple[str, ...], revisions: list[int]) -> None:
    await store.create(PARTNERS, value())
    await store.create(BACKUPS, value())
    await store.create(TIER, value())
    await store.update(PARTNERS, value(a=1), None)
    await store.delete(BACKUPS, None)
    assert [change.revision for change in await taken(store, len(revisions), 0, *scope)] == revisions


async def test_the_revision_of_a_watch_is_where_a_client_may_resume(store: Store) -> None:
    watch = store.watch(0, "tiers")
    following = asyncio.ensure_future(anext(watch))
    await store.create(PARTNERS, value())
    await store.create(BACKUPS, value())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert watch.revision == 2  # nothing for this watch, and yet seen
    await store.create(TIER, value())
    await store.create(Key("tiers", "", "later"), value())
    assert (await following).revision == 3
    assert watch.revision == 3  # 4 was not handed out
    await watch.aclose()


async def test_watches_are_independent(store: Store) -> None:
    watches = [store.watch(0, plural) for plural in ("tiers", "networksets", None)]
    following = [asyncio.ensure_future(anext(watch)) for watch in watches]
    await asyncio.sleep(0)
    await store.create(PARTNERS, value())
    await store.create(TIER, value())
    assert [(await change).revision for change in following] == [2, 1, 1]
    for watch in watches:
        await watch.aclose()


async def test_a_wait_that_is_cancelled_loses_nothing(store: Store) -> None:
    watch = store.watch(0)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.create(PARTNERS, value())
    assert (await anext(watch)).revision == 1
    await watch.aclose()


async def test_a_closed_watch_ends(store: Store) -> None:
    watch = store.watch(0)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    await watch.aclose()
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_closing_the_store_ends_its_watches(store: Store) -> None:
    waiting = asyncio.ensure_future(anext(store.watch(0)))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_history_is_bounded_and_a_watch_from_before_it_is_told(store: Store) -> None:
    await store.create(PARTNERS, value(a=0))
    for number in range(1, 3 * HISTORY):
        await store.update(PARTNERS, value(a=number), None)
    newest = 3 * HISTORY
    kept = await taken(store, HISTORY, newest - HISTORY)
    assert [change.revision for change in kept] == list(range(newest - HISTORY + 1, newest + 1))
    with pytest.raises(Compacted, match=f"revision {newest - HISTORY} is no longer kept"):
        await taken(store, 1, newest - HISTORY - 1)
    with pytest.raises(Compacted):
        await taken(store, 1, 0)


async def test_a_watch_that_falls_behind_is_told(store: Store) -> None:
    await store.create(PARTNERS, value(a=0))
    watch = store.watch(0)
    assert (await anext(watch)).revision == 1
    for number in range(1, 2 * HISTORY):
        await store.update(PARTNERS, value(a=number), None)
    with pytest.raises(Compacted):
        await anext(watch)


async def test_a_quiet_watch_does_not_fall_behind(store: Store) -> None:
    watch = store.watch(0, "tiers")
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    await store.create(PARTNERS, value(a=0))
    for number in range(1, 3 * HISTORY):
        await store.update(PARTNERS, value(a=number), None)
        await asyncio.sleep(0)
    await store.create(TIER, value())
    assert (await waiting).key == TIER
    await watch.aclose()


async def test_a_watch_from_a_revision_never_reached_is_told(store: Store) -> None:
    await store.create(PARTNERS, value())
    with pytest.raises(Compacted, match="revision 2 was never reached"):
        await taken(store, 1, 2)


async def test_concurrent_writers_of_one_object_are_served_one_after_the_other(store: Store) -> None:
    await store.create(PARTNERS, value(by=[]))

    async def append(name: int) -> None:
        while True:
            current = await store.get(PARTNERS)
            current["spec"]["by"].append(name)
            try:
                await store.update(PARTNERS, current, int(current["metadata"]["resourceVersion"]))
            except Conflict:
                continue
            return

    await asyncio.gather(*(append(name) for name in range(20)))
    final = await store.get(PARTNERS)
    assert sorted(final["spec"]["by"]) == list(range(20))
    assert final["metadata"]["resourceVersion"] == "21"


async def test_of_many_that_create_one_object_one_succeeds(store: Store) -> None:
    results = await asyncio.gather(*(store.create(TIER, value(a=n)) for n in range(10)), return_exceptions=True)
    assert sum(isinstance(result, AlreadyExists) for result in results) == 9
    assert (await store.list_objects())[1] == 1


async def test_a_cancelled_write_is_done_whole_or_not_at_all(store: Store) -> None:
    writing = asyncio.ensure_future(store.create(PARTNERS, value(a=1)))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.create(TIER, value())
    names = [change.key for change in await taken(store, (await store.list_objects())[1], 0)]
    assert names in ([PARTNERS, TIER], [TIER])


async def test_a_watch_of_one_object_sees_that_one(store: Store) -> None:
    for key in (PARTNERS, BACKUPS, Key("networksets", "shop", "z"), TIER):
        await store.create(key, value())
    await store.delete(PARTNERS, None)
    watch = store.watch(0, "networksets", "shop", "partners")
    assert [event.revision for event in watch.take(9)] == [1, 5]
    assert watch.revision == 5


async def test_what_is_at_hand_is_taken_at_once_and_a_call_tells_of_more(store: Store) -> None:
    for number in range(3):
        await store.create(Key("tiers", "", f"n{number}"), value())
    calls: list[int] = []
    watch = store.watch(0, "tiers")
    assert [event.revision for event in watch.take(2)] == [1, 2]
    watch.call_when_ready(lambda: calls.append(1))
    await asyncio.sleep(0)
    assert calls == [1]  # one was left
    assert [event.revision for event in watch.take(2)] == [3]
    assert not watch.take(2)
    watch.call_when_ready(lambda: calls.append(2))
    await asyncio.sleep(0)
    assert calls == [1]
    await store.create(TIER, value())
    await store.create(Key("tiers", "", "later"), value())
    assert calls == [1, 2]
    assert [event.revision for event in watch.take(9)] == [4, 5]
    watch.call_when_ready(lambda: calls.append(3))
    await watch.aclose()
    assert calls == [1, 2, 3]
    assert watch.has_ended
    assert not watch.take(9)


async def test_closing_the_store_calls_who_waits(store: Store) -> None:
    calls: list[int] = []
    watch = store.watch(0)
    watch.call_when_ready(lambda: calls.append(1))
    await store.close()
    assert (calls, watch.has_ended) == ([1], True)


async def test_what_is_taken_says_what_it_replaced(store: Store) -> None:
    await store.create(PARTNERS, value(a=1))
    await store.update(PARTNERS, value(a=2), None)
    await store.delete(PARTNERS, None)
    first, second, third = store.watch(0).take(9)
    assert first.record.value() == stored(1, a=1)
    assert [event.replaced for event in (first, second, third)] == [None, first.record, second.record]
    assert third == Event(3, ChangeType.DELETED, PARTNERS, second.text, second.record)
    assert third.record.value() == stored(3, a=2)


def sets(*names: str) -> list[Key]:
    return [Key("networksets", *name.split("/")) for name in names]


async def shown(store: Store, *scope: str, at: int | None = None, limit: int = 2) -> list[str]:
    """A list in pages: each page, and what remains."""
    pages: list[str] = []
    after = None
    while True:
        page = await store.page("networksets", *scope, at=at, after=after, limit=limit)
        assert at in (None, page.revision)
        at = page.revision
        pages.append(
            f"{' '.join(f'{record.key.namespace}/{record.key.name}' for record in page.records)} +{page.remaining}"
        )
        if not page.remaining:
            return pages
        after = page.records[-1].key


async def test_a_list_is_shown_in_pages(store: Store) -> None:
    for key in (*sets("shop/b", "ops/c", "shop/a", "ops/a.b", "shops/x"), TIER):
        await store.create(key, value())
    assert await shown(store) == ["ops/a.b ops/c +3", "shop/a shop/b +1", "shops/x +0"]
    assert await shown(store, limit=0) == ["ops/a.b ops/c shop/a shop/b shops/x +0"]
    assert await shown(store, "shop") == ["shop/a shop/b +0"]
    assert await shown(store, "shop", limit=1) == ["shop/a +1", "shop/b +0"]
    assert await shown(store, "nowhere") == [" +0"]
    assert await store.page("profiles", limit=0) == Page([], 6, 0)
    page = await store.page("networksets", limit=1, after=sets("shop/aa")[0])
    assert page == Page([Record(sets("shop/b")[0], page.records[0].text, 1)], 6, 1)
    assert page.records[0].value() == stored(1)


async def test_pages_of_one_revision_agree_whatever_is_written_meanwhile(store: Store) -> None:
    for key in sets("shop/a", "shop/b", "shop/c", "shop/d"):
        await store.create(key, value(n=0))
    before = await store.page("networksets", limit=0)
    first = await store.page("networksets", limit=1)
    await store.delete(sets("shop/b")[0], None)
    await store.create(sets("shop/aa")[0], value())
    await store.update(sets("shop/c")[0], value(n=1), None)
    await store.update(sets("shop/c")[0], value(n=2), None)
    await store.create(sets("shop/b")[0], value(n=3))
    await store.create(TIER, value())
    assert await shown(store, at=4) == ["shop/a shop/b +2", "shop/c shop/d +0"]
    assert await shown(store, "shop", at=4, limit=3) == ["shop/a shop/b shop/c +1", "shop/d +0"]
    assert await shown(store, at=6) == ["shop/a shop/aa +2", "shop/c shop/d +0"]
    assert await shown(store) == ["shop/a shop/aa +3", "shop/b shop/c +1", "shop/d +0"]
    rest = await store.page("networksets", at=first.revision, after=first.records[-1].key, limit=0)
    assert [*first.records, *rest.records] == before.records


async def test_pages_of_what_is_forgotten_or_never_was_are_refused(store: Store) -> None:
    await store.create(PARTNERS, value(a=0))
    for number in range(1, 2 * HISTORY):
        await store.update(PARTNERS, value(a=number), None)
    oldest = HISTORY
    assert (await store.page("networksets", at=oldest, limit=0)).records[0].value() == stored(oldest, a=oldest - 1)
    for plural in ("networksets", "tiers"):
        with pytest.raises(Compacted, match=f"revision {oldest} is no longer kept"):
            await store.page(plural, at=oldest - 1, limit=1)
        with pytest.raises(Compacted, match="was never reached"):
            await store.page(plural, at=2 * HISTORY + 1, limit=1)
