import pytest

from dnsguard.dns.upstream.hedging import BURST, LATEST_RETRY, SHARE, SOONEST, HedgeBudget, hedge_after, retry_after
from dnsguard.dns.upstream.latency import Latency

RETRY = 0.3


def answering(seconds: float, answers: int = 100) -> Latency:
    latency = Latency()
    for _ in range(answers):
        latency.observe(seconds)
    return latency


@pytest.mark.parametrize(
    # answers take, hedge after (at least, at most), retry after (at least, at most)
    ("latency", "hedge", "retry"),
    [
        (Latency(), (RETRY, RETRY), (RETRY, RETRY)),
        (answering(0.001), (SOONEST, SOONEST), (RETRY, RETRY)),
        (answering(0.05), (0.05, 0.06), (RETRY, RETRY)),
        (answering(0.2), (0.2, 0.24), (0.4, 0.48)),
        (answering(0.4), (RETRY, RETRY), (LATEST_RETRY, LATEST_RETRY)),
        (answering(3.0), (RETRY, RETRY), (LATEST_RETRY, LATEST_RETRY)),
    ],
)
def test_times_follow_the_server(latency: Latency, hedge: tuple[float, float], retry: tuple[float, float]) -> None:
    assert hedge[0] <= hedge_after(latency, RETRY) <= hedge[1]
    assert retry[0] <= retry_after(latency, RETRY) <= retry[1]


def test_a_budget_is_a_share_of_the_questions() -> None:
    budget = HedgeBudget()
    spent = sum(budget.spend() for _ in range(1000))
    assert spent == BURST
    for _ in range(1000):
        budget.earn(1)
        spent += budget.spend()
    assert BURST + 1000 * SHARE - 1 <= spent <= BURST + 1000 * SHARE


def test_what_is_not_spent_is_not_saved_for_ever() -> None:
    budget = HedgeBudget()
    budget.earn(1_000_000)
    assert sum(budget.spend() for _ in range(1000)) == BURST
