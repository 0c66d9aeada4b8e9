import asyncio
import errno
from collections.abc import Sequence

import pytest

from dnsguard.forwarder.committer import FAILURES, PART, Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import Changes, LeaseBook, Limits
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetlinkError, NoAcknowledgementError
from tests.unit.leases.naive import answer, client, feed


class Kernel:
    """Takes transactions, or refuses those that touch a set it was told to."""

    def __init__(self) -> None:
        self.transactions: list[list[Message]] = []
        self.refused: dict[str, int] = {}
        self.silent = False

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        assert deadline_s == 0.25
        if self.silent:
            raise NoAcknowledgementError("the kernel did not answer in time")
        for index, message in enumerate(messages):
            if message.subject in self.refused:
                raise NetlinkError(self.refused[message.subject], index, str(message))
        self.transactions.append(list(messages))

    def said(self) -> list[list[str]]:
        return [[str(message) for message in messages] for messages in self.transactions]


class Bench:
    """A committer with a book of two feeds and one client for each."""

    def __init__(self, *, renews: bool = True, limits: Limits | None = None) -> None:
        self.kernel = Kernel()
        self.counters = ForwarderCounters()
        self.book = LeaseBook(limits=limits)
        self.book.replace_policy(
            [feed("a", "*.example.org"), feed("b", "*.example.net")],
            [client("ns/a", "10.0.0.1", "a"), client("ns/b", "10.0.0.2", "b")],
            0,
        )
        self.committer = Committer(self.book, self.kernel, self.counters, deadline=0.25, renews=renews)
        self.committer.table = "t"
        self.outcomes: dict[str, str] = {}

    def learn(self, who: str, *records: str) -> None:
        """Submit what the records lead to, if anything."""
        now = asyncio.get_running_loop().time()
        changes = self.book.learn(f"ns/{who}", answer(*records), now).changes
        if not changes.is_empty:
            self.committer.submit(changes, lambda problem: self.outcomes.__setitem__(records[0].split()[0], problem))

    async def turn(self) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_one_turn_of_the_loop_is_one_transaction() -> None:
    bench = Bench()
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    bench.learn("a", "y.example.org A 192.0.2.2 30")
    bench.learn("b", "x.example.net A 192.0.2.3 30")
    assert bench.outcomes == {}, "nothing is said before the kernel has it"
    await bench.turn()
    assert bench.outcomes == {"x.example.org": "", "y.example.org": "", "x.example.net": ""}
    assert bench.kernel.said() == [["add elements to set a-4", "add elements to set b-4"]]
    assert (bench.counters.commits, bench.counters.elements_added) == (1, 3)


async def test_transactions_are_timed_also_those_that_fail() -> None:
    bench = Bench()
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    bench.kernel.silent = True
    bench.learn("a", "y.example.org A 192.0.2.2 30")
    await bench.turn()
    assert bench.committer.durations.count == bench.counters.commits + bench.counters.commits_failed == 2
    assert bench.committer.durations.total > 0


async def test_two_answers_for_one_element_are_one_element() -> None:
    bench = Bench()
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    bench.learn("a", "y.example.org A 192.0.2.1 30")
    await bench.turn()
    assert bench.outcomes == {"x.example.org": "", "y.example.org": ""}
    assert bench.counters.elements_added == 1


async def test_a_bad_element_fails_nobody_else() -> None:
    bench = Bench()
    bench.kernel.refused["b-4"] = errno.ENOENT
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    bench.learn("b", "x.example.net A 192.0.2.3 30")
    await bench.turn()
    assert bench.outcomes["x.example.org"] == ""
    assert "add elements to set b-4: No such file" in bench.outcomes["x.example.net"]
    bench.kernel.refused.clear()
    bench.learn("b", "x.example.net A 192.0.2.3 30")
    await bench.turn()
    assert bench.outcomes["x.example.net"] == "", "asked again, written again"


async def test_what_waits_together_takes_no_more_room_than_there_is() -> None:
    """Each alone would have fitted when it was learned."""
    bench = Bench(limits=Limits(elements=3))
    bench.learn("a", "x.example.org A 192.0.2.1 30", "x.example.org A 192.0.2.2 30")
    bench.learn("a", "y.example.org A 192.0.2.3 30", "y.example.org A 192.0.2.4 30")
    bench.learn("a", "z.example.org A 192.0.2.5 30")
    bench.learn("a", "x.example.org A 192.0.2.1 3000")
    await bench.turn()
    full = "lease limit reached: elements (3)"
    assert bench.outcomes == {"x.example.org": "", "y.example.org": full, "z.example.org": ""}
    assert (bench.book.held.count, bench.committer.problem) == (3, "")
    assert (bench.counters.leases_refused, bench.counters.leases_refused_all_full) == (1, 1)
    now = asyncio.get_running_loop().time()
    assert await bench.committer.write(bench.book.apply_delta([], ["a"], [], [], now)) == ""
    assert await bench.committer.write(bench.book.apply_delta([feed("a", "*.example.org")], [], [], [], now)) == ""
    bench.committer.retry()
    assert bench.book.held.count == 3


async def test_silence_of_the_kernel_is_a_failure() -> None:
    bench = Bench()
    bench.kernel.silent = True
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    assert "did not answer in time" in bench.outcomes["x.example.org"]
    assert bench.committer.problem
    bench.kernel.silent = False
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    assert (bench.outcomes["x.example.org"], bench.committer.problem) == ("", "")


async def test_on_a_kernel_that_does_not_renew_the_element_is_made_anew() -> None:
    bench = Bench(renews=False)
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    add, delete = "add elements to set a-4", "delete elements of set a-4"
    assert bench.kernel.said() == [[add, delete, add]]


async def test_removals_go_first_and_survive_what_expired() -> None:
    bench = Bench()
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    now = asyncio.get_running_loop().time()
    changes = bench.book.apply_delta([feed("a", "*.example.com")], [], [], [], now)
    assert await bench.committer.write(changes) == ""
    assert bench.kernel.said()[-1] == ["add elements to set a-4", "delete elements of set a-4"]
    assert bench.counters.elements_removed == 1


@pytest.mark.parametrize(("number", "ends_well"), [(errno.ENOENT, True), (errno.EPERM, False)])
async def test_removing_from_a_set_that_is_gone_is_done_by_that(number: int, ends_well: bool) -> None:
    bench = Bench()
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    bench.kernel.refused["a-4"] = number
    now = asyncio.get_running_loop().time()
    problem = await bench.committer.write(bench.book.apply_delta([], ["a"], [], [], now))
    assert (problem == "") == ends_well
    assert bool(bench.book.owed_removals().remove) != ends_well, "what was not removed stays owed"


async def test_much_is_written_in_parts() -> None:
    bench = Bench()
    for number in range(2 * PART + 1):
        bench.learn("a", f"n{number}.example.org A 192.{number >> 16}.{number >> 8 & 255}.{number & 255} 30")
    await bench.turn()
    now = asyncio.get_running_loop().time()
    bench.book.doubt()
    assert await bench.committer.write(bench.book.reconcile_part(bench.book.places(), now)) == ""
    assert len(bench.kernel.transactions) == 1 + 3
    assert bench.kernel.transactions[-1][0].kind == nftables.NEW_ELEMENT


async def test_what_was_refused_is_written_once_it_can_be_and_nobody_asks_for_it_again() -> None:
    bench = Bench()
    bench.kernel.refused = {"a-4": errno.ENOMEM}
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    bench.learn("b", "x.example.net A 192.0.2.3 30")
    await bench.turn()
    bench.committer.retry()
    assert "memory" in bench.committer.problem
    bench.kernel.refused = {}
    bench.committer.retry()
    assert bench.committer.problem == ""
    assert bench.kernel.said()[-1] == ["add elements to set a-4"]
    bench.committer.retry()
    assert len(bench.kernel.transactions) == 2


async def test_that_nothing_had_to_be_written_does_not_mean_that_it_can_be() -> None:
    bench = Bench()
    bench.kernel.silent = True
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    assert bench.committer.problem
    outcomes: list[str] = []
    bench.committer.submit(Changes((), ()), outcomes.append)
    await bench.turn()
    assert outcomes == [""]
    assert bench.committer.problem


async def test_what_policy_wants_no_more_is_not_tried_again() -> None:
    bench = Bench()
    bench.kernel.silent = True
    bench.learn("a", "x.example.org A 192.0.2.1 30")
    await bench.turn()
    assert bench.committer.problem
    bench.book.replace_policy([], [], asyncio.get_running_loop().time())
    bench.kernel.silent = False
    bench.committer.retry()
    assert (bench.committer.problem, bench.kernel.transactions) == ("", [])


async def test_a_kernel_that_does_not_answer_is_not_asked_for_everything() -> None:
    bench = Bench()
    bench.kernel.silent = True
    for number in range(10):
        bench.learn("a", f"x{number}.example.org A 192.0.2.{number} 30")
        await bench.turn()
    before = bench.counters.commits_failed
    bench.committer.retry()
    assert bench.counters.commits_failed == before + FAILURES
