import asyncio
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic

import pytest

from dnsguard.controller.enforcement import Enforcer, Pace
from dnsguard.controller.inputs import Inputs
from dnsguard.dataplane.sentinel import Harm, Sighting
from dnsguard.link.messages import Snapshot
from tests.unit.controller.fakes import FakeKernel, FakeLink, compute, network_set, until

PACE = Pace(coalesce=0, acknowledge=1, guard=0.005, first_pause=0.001, longest_pause=0.002)


class Loop:
    def __init__(self, judged: frozenset[str], pace: Pace) -> None:
        self.journal: list[str] = []
        self.inputs = Inputs()
        self.kernel = FakeKernel(self.journal)
        self.kernel.judged = judged
        self.link = FakeLink(self.journal)
        self.worker = ThreadPoolExecutor(1)
        self.enforcer = Enforcer(self.inputs, compute, self.kernel, self.link, self.worker, pace, self._switched)
        self.told: list[int] = []
        """Revisions of the store that were in force when other policy was told of."""

        self.revision = 0

    def _switched(self) -> None:
        assert self.enforcer.enforced is not None
        self.told.append(self.enforcer.enforced.revision)

    def want(self, *names: str) -> None:
        """The store now holds exactly these network sets."""
        self.revision += 1
        self.inputs.replace([network_set(name) for name in names], self.revision)
        self.enforcer.changed()

    async def settled(self) -> None:
        await until(lambda: self.enforcer.in_sync and not self.enforcer._unswept)

    def since(self) -> list[str]:
        """The journal since the last call."""
        noted = self.journal.copy()
        self.journal.clear()
        return noted


@asynccontextmanager
async def running(judged: frozenset[str] = frozenset({"192.0.2.7"}), pace: Pace = PACE) -> AsyncIterator[Loop]:
    """``judged``: the addresses that rules of an earlier run judge."""
    loop = Loop(judged, pace)
    task = asyncio.create_task(loop.enforcer.run())
    try:
        yield loop
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        loop.worker.shutdown()


async def test_the_base_comes_first_and_nothing_is_switched_before_the_store_was_read() -> None:
    async with running() as loop:
        await until(lambda: loop.kernel.rules is not None)
        loop.enforcer.wake()  # a forwarder says hello before the store answers
        await asyncio.sleep(0.02)
        assert loop.since() == ["open"]
        assert not loop.enforcer.in_sync


async def test_sets_then_forwarders_then_rules_then_sweep() -> None:
    async with running() as loop:
        loop.want("a", "b")
        await loop.settled()
        assert loop.since() == ["open", "prepare a b", "publish a b", "wait", "switch a b", "publish a b", "sweep"]
        loop.want("b", "c")
        await loop.settled()
        assert loop.since() == ["prepare c", "publish b c a", "wait", "switch b c", "publish b c", "sweep a"]


async def test_what_the_old_rules_look_into_is_fed_until_they_are_gone() -> None:
    async with running() as loop:
        loop.want("old")
        await loop.settled()
        fed: list[set[str]] = []
        switch = loop.kernel.switch

        def switched(plan: frozenset[str], revise: bool = False) -> None:
            assert loop.link.last is not None
            fed.append({feed.id for feed in loop.link.last.lease_sets})
            fed.append(set(loop.link.last.identities[0].lease_sets))
            switch(plan, revise)

        loop.kernel.switch = switched  # type: ignore[method-assign]
        loop.want("new")
        await loop.settled()
        assert fed == [{"old", "new"}, {"old", "new"}]


async def test_taking_away_waits_for_nobody_and_the_set_outlives_a_forwarder_that_may_still_write_to_it() -> None:
    async with running() as loop:
        loop.want("a", "b")
        await loop.settled()
        loop.since()
        loop.link.prompt = False
        loop.want("a")
        await until(lambda: "sweep kept" in loop.journal)
        assert loop.since()[:4] == ["prepare", "switch a", "publish a", "sweep kept"]
        assert loop.kernel.sets == {"a", "b"}
        loop.link.acked = loop.link.revision
        await loop.settled()
        assert loop.since()[-1] == "sweep b"
        assert loop.kernel.sets == {"a"}


async def test_a_forwarder_that_is_away_or_stuck_does_not_keep_rules_from_being_switched() -> None:
    async with running() as loop:
        loop.link.prompt = False
        loop.want("a")
        await until(lambda: loop.kernel.rules == frozenset({"a"}))
        assert loop.link.waits == [PACE.acknowledge]
        loop.link.connected = False
        await loop.settled()


async def test_rules_that_look_into_new_sets_wait_for_a_forwarder_that_comes_back() -> None:
    async with running(pace=replace(PACE, attended=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.link.connected = False
        loop.want("b")
        await until(lambda: "publish b a" in loop.journal)
        await asyncio.sleep(0.02)
        assert loop.kernel.rules == frozenset({"a"})
        loop.link.connected = True
        loop.link.last = None  # it gets a snapshot
        await loop.settled()
        assert loop.since()[-5:] == ["publish b a", "wait", "switch b", "publish b", "sweep a"]


async def test_a_forwarder_that_comes_while_it_is_waited_for_is_told_before_rules_look_into_new_sets() -> None:
    """The hello alone fills nothing."""
    async with running(pace=replace(PACE, attended=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        acknowledged = loop.link.acknowledged
        loop.link.connected = False

        async def comes(revision: int, seconds: float, ignoring: Collection[str] = frozenset()) -> tuple[str, ...]:
            found = await acknowledged(revision, seconds, ignoring)
            if not loop.link.connected:
                loop.link.connected, loop.link.acked, loop.link.last = True, 0, None
            return found

        loop.link.acknowledged = comes  # type: ignore[method-assign]
        loop.want("b")
        await loop.settled()
        assert loop.since()[:6] == ["prepare b", "publish b a", "wait", "publish b a", "wait", "switch b"]


async def test_a_set_that_is_still_there_though_its_content_went_is_waited_for_as_a_new_one() -> None:
    async with running(pace=replace(PACE, attended=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.want("b")
        await loop.settled()
        loop.kernel.sets.add("a")  # nobody has swept it, and forwarders have emptied it
        loop.link.connected = False
        loop.want("a")
        await until(lambda: loop.journal[-1] == "wait")
        await asyncio.sleep(0.02)
        assert loop.kernel.rules == frozenset({"b"})
        loop.link.connected, loop.link.last = True, None
        await loop.settled()


async def test_what_needs_no_new_set_waits_for_nobody_who_is_away() -> None:
    async with running(pace=replace(PACE, attended=60)) as loop:
        loop.want("a", "b")
        await loop.settled()
        loop.link.connected = False
        loop.want("a")
        await loop.settled()
        loop.want("a", "pod-new")
        await loop.settled()


async def test_nobody_waits_a_second_time_for_a_forwarder_that_did_not_come_back() -> None:
    async with running(pace=replace(PACE, attended=0.05)) as loop:
        loop.want("a")
        await loop.settled()
        loop.link.connected = False
        for turn in range(40):
            loop.want("a", f"s{turn}")
            await loop.settled()
        assert not loop.enforcer._telling.misses_forwarder


async def test_where_no_forwarder_ever_was_none_is_waited_for() -> None:
    async with running(frozenset(), pace=replace(PACE, attended=60)) as loop:
        loop.link.connected = False
        for name in "a", "b":
            loop.want(name)
            await loop.settled()


async def test_a_stuck_forwarder_keeps_everybody_waiting_once() -> None:
    async with running() as loop:
        loop.link.prompt = False
        for number in range(3):
            loop.want(*(f"s{each}" for each in range(number + 1)))
            await until(lambda number=number: len(loop.kernel.rules or ()) == number + 1)  # type: ignore[misc]
        assert loop.link.waits == [PACE.acknowledge, 0, 0]
        loop.link.acked = loop.link.revision
        loop.want("other")
        await until(lambda: loop.kernel.rules == frozenset({"other"}))
        assert loop.link.waits == [PACE.acknowledge, 0, 0, PACE.acknowledge]


async def test_a_new_endpoint_gets_no_answer_before_its_rules_stand() -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.want("a", "pod1")
        await loop.settled()
        assert loop.since() == ["prepare", "switch a", "publish a pod1", "sweep"]
        loop.want("a")
        await loop.settled()
        assert loop.since() == ["prepare", "publish a", "switch a", "sweep"]


async def test_a_burst_is_one_change() -> None:
    async with running() as loop:
        await until(lambda: loop.kernel.rules is not None)
        for count in range(50):
            loop.want(*(f"s{number}" for number in range(count)))
        await loop.settled()
        assert len([line for line in loop.journal if line.startswith("switch")]) == 1


async def test_changes_do_not_each_wait_for_a_look_at_the_table() -> None:
    async with running(pace=replace(PACE, guard=60)) as loop:
        for count in range(1, 6):
            loop.want(f"s{count}")
            await loop.settled()
        assert loop.kernel.looks == 1
        loop.kernel.refuse = "prepare"
        loop.want("refused")
        await until(lambda: loop.enforcer.problem != "")
        await until(lambda: loop.kernel.looks > 1)


@pytest.mark.parametrize("refused", ["prepare", "switch", "sweep"])
async def test_what_the_kernel_refuses_leaves_the_old_rules_and_is_tried_again(refused: str) -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.kernel.refuse = refused
        loop.want("b")
        await until(lambda: loop.enforcer.problem != "")
        assert loop.enforcer.problem == f"no {refused} today"
        assert loop.enforcer.failures >= 1
        assert not loop.enforcer.in_sync
        if refused != "sweep":
            assert loop.kernel.rules == frozenset({"a"})
        loop.kernel.refuse = ""
        await loop.settled()
        assert loop.kernel.rules == frozenset({"b"})
        assert loop.kernel.sets == {"b"}
        assert loop.enforcer.durations.count >= 2


async def test_a_kernel_that_refuses_at_start_is_tried_again() -> None:
    async with running() as loop:
        loop.kernel.refuse = "open"
        loop.want("a")
        await until(lambda: loop.enforcer.problem != "")
        loop.kernel.refuse = ""
        await loop.settled()
        assert loop.since()[0] == "open"


async def test_a_mistake_of_ours_is_a_problem_and_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.want("a", "crash")
        await until(lambda: loop.enforcer.problem != "")
        assert loop.enforcer.problem == "internal error: KeyError('crash')"
        assert loop.kernel.rules == frozenset({"a"})
        loop.want("a", "b")
        await loop.settled()
        assert loop.kernel.rules == frozenset({"a", "b"})
    assert "enforcement failed" in caplog.text


async def test_a_table_removed_by_others_is_closed_at_once_and_its_elements_asserted_anew() -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.kernel.flush()
        await until(lambda: loop.enforcer.restorations.count == 1)
        await until(lambda: "reassert a" in loop.journal)
        assert loop.since()[:4] == ["open", "prepare a", "switch a", "reassert a"]
        await loop.settled()


async def test_what_was_seen_is_restored_without_waiting_for_the_next_whole_look() -> None:
    async with running(pace=replace(PACE, guard=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.kernel.flush()
        loop.enforcer.harmed(Sighting(Harm.RULES, 0.01, monotonic()))
        await until(lambda: "reassert a" in loop.journal)
        assert loop.since()[:4] == ["open", "prepare a", "switch a", "reassert a"]
        assert loop.enforcer.restorations.count == 1
        assert loop.enforcer.restorations.took > 0


async def test_what_a_whole_look_has_made_up_for_meanwhile_is_not_made_up_for_again() -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        seen = monotonic()
        loop.kernel.flush()
        await until(lambda: loop.enforcer.restorations.took > 0)
        await loop.settled()
        loop.since()
        loop.enforcer.harmed(Sighting(Harm.RULES, 0.01, seen))
        await asyncio.sleep(0.02)
        assert loop.enforcer.restorations.count == 1
        assert loop.since() == []


async def test_leases_that_others_removed_are_asserted_anew_and_no_rule_is_touched() -> None:
    async with running(pace=replace(PACE, guard=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.enforcer.harmed(Sighting(Harm.LEASES, 0.01, monotonic()))
        await until(lambda: "reassert a" in loop.journal)
        assert "open" not in loop.since()
        assert "restored: once, " in loop.enforcer.restorations.summary


async def test_rules_that_the_sentinel_could_put_back_need_nothing_else() -> None:
    async with running(pace=replace(PACE, guard=60)) as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.enforcer.harmed(Sighting(Harm.RULES, 0.01, monotonic()))
        await until(lambda: loop.enforcer.restorations.took > 0)
        assert loop.since() == []


async def test_a_forwarder_that_comes_makes_it_publish_again() -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.since()
        loop.link.listen = frozenset({"192.0.2.54#53"})
        loop.enforcer.wake()
        await until(lambda: loop.enforcer.enforced is not None and "54" in str(loop.enforcer.enforced.snapshot))
        assert loop.since()[:3] == ["prepare", "publish a", "switch a"]


async def test_after_a_restart_an_endpoint_that_came_meanwhile_gets_no_answer_before_its_rules_stand() -> None:
    async with running() as loop:
        loop.want("a", "pod-new")
        await loop.settled()
        assert loop.since() == ["open", "prepare a", "publish a", "wait", "switch a", "publish a pod-new", "sweep"]


async def test_until_the_rules_of_an_earlier_run_are_replaced_forwarders_keep_what_those_may_look_into() -> None:
    async with running() as loop:
        told: list[bool] = []
        publish = loop.link.publish

        def published(wanted: Snapshot, *, reassert: bool = False) -> int:
            told.append(wanted.keeps)
            return publish(wanted, reassert=reassert)

        loop.link.publish = published  # type: ignore[method-assign]
        loop.want("a")
        await loop.settled()
        loop.want("a", "b")
        await loop.settled()
        assert told[:3] == [True, False, False]
        assert not any(told[3:])


async def test_where_nothing_is_in_force_rules_stand_before_the_first_answer() -> None:
    async with running(frozenset()) as loop:
        loop.want("a", "pod-new")
        await loop.settled()
        assert loop.since() == ["open", "prepare a", "switch a", "publish a pod-new", "sweep"]


async def test_who_answers_by_policy_is_told_once_another_is_in_force() -> None:
    async with running() as loop:
        loop.want("a")
        await loop.settled()
        loop.want("a", "b")
        await loop.settled()
        assert loop.told == [1, 2]
