import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Action, Compiled, CompiledPolicy, CompiledProfile, CompiledRule, PolicyId
from dnsguard.controller.counting.book import CounterBook, Counting
from dnsguard.controller.counting.ledger import TierSum
from dnsguard.dataplane.counted import Counted
from tests.unit.controller.counting.fakes import FakeCounters
from tests.unit.controller.running import SHOP, InForce

ALLOW, DENY = Action.ALLOW, Action.DENY
WEB = CompiledPolicy(
    PolicyId("NetworkPolicy", "shop", "web"),
    "default",
    ingress=(CompiledRule(0, ALLOW),),
    egress=(CompiledRule(0, ALLOW), CompiledRule(1, DENY), CompiledRule(2, ALLOW)),
)
PROFILE = CompiledProfile("kns.shop", egress=(CompiledRule(0, ALLOW),))
RULES = ("np-shop.web-ingress-0", *(f"np-shop.web-egress-{place}" for place in range(3)), "profile-kns.shop-egress-0")


def compiled(policy: CompiledPolicy = WEB, profile: CompiledProfile = PROFILE) -> Compiled:
    return Compiled(policies={policy.id: policy}, profiles={profile.name: profile})


@pytest.fixture
def kernel() -> FakeCounters:
    return FakeCounters({name: Counted(10, 600) for name in RULES})


def packets(book: CounterBook, of: Compiled) -> list[int]:
    return [each.packets for each in book.look(of, RULES).counts.values()]


def test_a_moment_later_nothing_is_read_again(kernel: FakeCounters) -> None:
    now = [100.0]
    book, policy = CounterBook(kernel, 1.0, lambda: now[0]), compiled()
    page = book.look(policy, RULES)
    now[0] += 0.9
    assert book.look(policy, RULES) is page
    now[0] += 0.2
    assert book.look(policy, RULES) is not page
    assert kernel.reads == 2
    assert book.look(compiled(), RULES).counts == page.counts
    assert kernel.reads == 3, "other policy has other counters"


@pytest.mark.parametrize(
    ("after", "anew"),
    [
        (compiled(), []),
        (compiled(replace(WEB)), []),
        (compiled(replace(WEB, egress=(CompiledRule(0, DENY), *WEB.egress[1:]))), RULES[1:2]),
        (compiled(replace(WEB, egress=(CompiledRule(0, ALLOW, protocol=6), *WEB.egress[1:]))), RULES[1:2]),
        (compiled(replace(WEB, egress=(CompiledRule(0, DENY), CompiledRule(1, ALLOW)))), RULES[1:3]),
        (compiled(replace(WEB, egress=WEB.egress[:1])), []),
        (compiled(replace(WEB, ingress=(CompiledRule(0, DENY),))), RULES[:1]),
        (compiled(profile=replace(PROFILE, egress=(CompiledRule(0, DENY),))), RULES[4:]),
        (Compiled(), []),
    ],
    ids=["same", "made again", "action", "condition", "moved", "fewer", "ingress", "profile", "gone"],
)
def test_where_another_rule_stands_the_counter_begins_anew(
    kernel: FakeCounters, after: Compiled, anew: list[str]
) -> None:
    book = CounterBook(kernel)
    book.follow(compiled())
    book.follow(after)
    assert kernel.resets == list(anew)


def test_what_is_shown_after_an_edit_is_of_the_rule_as_it_is(kernel: FakeCounters) -> None:
    book, before = CounterBook(kernel), compiled()
    assert packets(book, before) == [10] * 5
    after = compiled(replace(WEB, egress=(CompiledRule(0, DENY), *WEB.egress[1:])))
    book.follow(after)
    assert packets(book, after) == [10, 0, 10, 10, 10]
    assert packets(book, after) == [10, 0, 10, 10, 10]
    tiers = {(key.direction.value, key.action): each.packets for key, each in book.look(after, RULES).tiers.items()}
    assert tiers == {("ingress", ALLOW): 10, ("egress", ALLOW): 20, ("egress", DENY): 10}


def test_a_look_sees_an_edit_that_nobody_told_of(kernel: FakeCounters) -> None:
    book = CounterBook(kernel)
    packets(book, compiled())
    assert packets(book, compiled(replace(WEB, ingress=(CompiledRule(0, DENY),)))) == [0, 10, 10, 10, 10]


def test_what_an_earlier_run_counted_is_in_no_sum(kernel: FakeCounters) -> None:
    book = CounterBook(kernel, fresh_seconds=0)
    book.open()
    kernel.counts[RULES[1]] = Counted(13, 780)
    page = book.look(compiled(), RULES)
    assert page.counts[RULES[1]].packets == 13
    assert {key.action: each.packets for key, each in page.tiers.items() if each.packets} == {ALLOW: 3}
    assert all(isinstance(key, TierSum) for key in page.tiers)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, "counters") as made:
        yield made


class SlowCounters(FakeCounters):
    """Waits until it may answer."""

    def __init__(self) -> None:
        super().__init__({})
        self.may = threading.Event()

    def counters(self) -> dict[str, Counted]:
        assert self.may.wait(30)
        return super().counters()


async def test_who_asks_at_the_same_time_shares_a_reading_while_the_loop_goes_on(worker: ThreadPoolExecutor) -> None:
    kernel = SlowCounters()
    counting = Counting(InForce(SHOP).enforcer, CounterBook(kernel, fresh_seconds=600), worker)
    asking = [asyncio.create_task(counting.page()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    kernel.may.set()
    found = await asyncio.gather(*asking[1:])
    assert len({id(page) for page in found}) == 1
    assert kernel.reads == 1


async def test_a_kernel_that_refuses_is_a_warning_at_the_start_and_at_an_edit(
    worker: ThreadPoolExecutor, kernel: FakeCounters, caplog: pytest.LogCaptureFixture
) -> None:
    in_force = InForce(SHOP)
    counting = Counting(in_force.enforcer, CounterBook(kernel), worker)
    kernel.broken = True
    await counting.open()
    assert "counts as ours: refused" in caplog.text
    assert in_force.enforcer.enforced is not None
    counting.switched()
    compiled = in_force.enforcer.enforced.compiled
    edited = {id: replace(each, egress=each.egress[::-1]) for id, each in compiled.policies.items()}  # noqa: A001
    in_force.enforcer.enforced = replace(in_force.enforcer.enforced, compiled=replace(compiled, policies=edited))
    counting.switched()
    await asyncio.get_running_loop().run_in_executor(worker, lambda: None)
    assert "counters of rules that were edited go on" in caplog.text
