"""Rounds of turns."""

import asyncio

from dnsguard.api.reading.pacing import HANDFUL, Pacer


async def test_a_round_lets_a_handful_go_on_at_a_time_and_others_between() -> None:
    pacer = Pacer()
    order: list[str] = []

    async def waiting(name: str) -> None:
        future = asyncio.get_running_loop().create_future()
        pacer.admit(future)
        await future
        order.append(name)

    async def other() -> None:
        while "b0" not in order:
            order.append("other")
            await asyncio.sleep(0)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for letter in "ab":
            for number in range(HANDFUL):
                tasks.create_task(waiting(f"{letter}{number}"))
        tasks.create_task(other())
    first = [f"a{number}" for number in range(HANDFUL)]
    assert order.index("a0") < order.index("b0")
    assert [name for name in order if name != "other"] == [*first, *(f"b{number}" for number in range(HANDFUL))]
    assert "other" in order[order.index(first[-1]) : order.index("b0")]


async def test_who_comes_during_a_round_or_a_rest_has_the_next_turn() -> None:
    pacer = Pacer()
    for _ in range(3):
        future = asyncio.get_running_loop().create_future()
        pacer.admit(future)
        async with asyncio.timeout(30):
            await future


async def test_who_gave_up_holds_up_nobody() -> None:
    pacer = Pacer()
    gone, here = (asyncio.get_running_loop().create_future() for _ in range(2))
    pacer.admit(gone)
    pacer.admit(here)
    gone.cancel()
    async with asyncio.timeout(30):
        await here
