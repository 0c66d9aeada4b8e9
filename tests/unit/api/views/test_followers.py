import asyncio

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.views.followers import Followers, Place


async def entered(followers: Followers, *callers: str, log: str = "denied") -> list[Place]:
    return [await followers.enter(log, caller) for caller in callers]


async def test_each_caller_has_so_many_places_at_each_log() -> None:
    followers = Followers(most=9, of_one=2)
    first, _ = await entered(followers, "a", "a")
    with pytest.raises(Failure, match="a follows this 2 times already") as refused:
        await followers.enter("denied", "a")
    assert refused.value.code == 429
    await followers.enter("dns", "a")
    await followers.enter("denied", "b")
    first.leave()
    await followers.enter("denied", "a")


async def test_where_all_is_taken_who_has_most_gives_up_the_oldest() -> None:
    followers = Followers(most=4, of_one=3)
    places = await entered(followers, "b", "a", "a", "a")
    newcomer = asyncio.create_task(followers.enter("denied", "c"))
    await places[1].called_away.wait()
    assert places[1].reason == "4 follow this, and a most of them: others need the place"
    assert not newcomer.done()
    places[1].leave()
    assert (await newcomer).caller == "c"
    assert [place.called_away.is_set() for place in places] == [False, True, False, False]


async def test_each_newcomer_waits_for_another_one_to_leave() -> None:
    followers = Followers(most=4, of_one=4)
    places = await entered(followers, "a", "a", "a", "a")
    newcomers = [asyncio.create_task(followers.enter("denied", name)) for name in "bc"]
    for place in places[:2]:
        await asyncio.wait_for(place.called_away.wait(), 5)
    assert [place.called_away.is_set() for place in places] == [True, True, False, False]
    places[0].leave()
    await newcomers[0]
    assert not newcomers[1].done()
    places[1].leave()
    await newcomers[1]


async def test_nobody_gives_way_to_who_would_have_as_many() -> None:
    followers = Followers(most=4, of_one=3)
    await entered(followers, "a", "a", "b", "b")
    with pytest.raises(Failure, match="4 follow this already"):
        await followers.enter("denied", "a")


async def test_all_end_when_the_server_stops() -> None:
    followers = Followers()
    (place,) = await entered(followers, "a")
    followers.close()
    assert (place.called_away.is_set(), place.reason) == (True, "")
    with pytest.raises(Failure) as refused:
        await followers.enter("denied", "a")
    assert refused.value.code == 503
