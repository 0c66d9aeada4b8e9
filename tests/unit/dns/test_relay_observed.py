"""What the relay tells of the queries that it handled, and when."""

from collections.abc import Callable
from typing import Any

import pytest

from dnsguard.dns.codes import EDE_NETWORK_ERROR, EDE_OTHER, EDE_PROHIBITED, NOERROR, NOTIMP, REFUSED, SERVFAIL
from dnsguard.dns.hooks import Handled
from dnsguard.dns.relay import LeaseOutcome, Refusal
from dnsguard.dns.upstream.exchange import Unanswered
from tests.unit.dns.messages import query_bytes
from tests.unit.dns.test_relay import CLIENT, GOOD, Stage, make

__all__ = ["make"]

Make = Callable[..., Stage]
SERVER = "192.0.2.53:53"


def observed(stage: Stage) -> list[Handled]:
    heard: list[Handled] = []
    stage.relay.observe = heard.append
    return heard


async def test_an_answer_of_upstream_and_then_of_the_cache(make: Make) -> None:
    stage = make()
    heard = observed(stage)
    stage.query()
    assert heard == []
    stage.upstream(GOOD)
    stage.query(query_bytes("www.EXAMPLE.org"))
    first, second = heard
    assert (first.client, first.query.name, first.rcode) == (CLIENT, b"\3www\7example\3org\0", NOERROR)
    assert (first.source, first.server, first.extended, first.text) == ("upstream", SERVER, None, "")
    assert first.answer is not None
    assert first.answer.addresses[0].address == b"\xc0\0\2\1"
    assert first.asked > 0 <= first.held
    assert (second.source, second.server, second.asked, second.answer) == ("cache", "", 0.0, first.answer)
    assert second.started >= first.started + first.asked


async def test_it_hears_after_the_answer_was_given_to_the_socket(make: Make) -> None:
    stage = make()
    order: list[str] = []
    stage.relay.observe = lambda _: order.append("observed")
    stage.refusal = Refusal(REFUSED, EDE_PROHIBITED, "no")
    stage.relay.handle(query_bytes(), CLIENT, lambda _: order.append("answered"))
    assert order == ["answered", "observed"]


def upstream_fails(stage: Stage) -> None:
    stage.query()
    stage.questions[0][1](Unanswered(EDE_NETWORK_ERROR, "no trusted server answered"))


def lease_fails(stage: Stage) -> None:
    stage.outcome = LeaseOutcome(ok=False, extended=14, text="the set is full")
    stage.query()
    stage.upstream(GOOD)


def judge_breaks(stage: Stage) -> None:
    stage.judge_error = RuntimeError("boom")
    stage.query()


def one_too_many(stage: Stage) -> None:
    stage.query()
    stage.query(query_bytes("other.example.org"))


@pytest.mark.parametrize(
    ("happens", "limits", "rcode", "source", "extended", "text", "answered"),
    [
        (upstream_fails, {}, SERVFAIL, "error", EDE_NETWORK_ERROR, "no trusted server answered", False),
        (lease_fails, {}, SERVFAIL, "error", 14, "the set is full", True),
        (judge_breaks, {}, SERVFAIL, "error", EDE_OTHER, "policy could not be evaluated", False),
        (one_too_many, {"max_in_flight": 1}, SERVFAIL, "limit", 14, "too many queries are waiting", False),
        (one_too_many, {"max_in_flight_per_client": 1}, REFUSED, "limit", 14,
         "too many queries of this client are waiting", False),
        (lambda stage: stage.query(query_bytes(qtype="AXFR")), {}, NOTIMP, "error", 21,
         "only class IN, and no meta types", False),
    ],
)  # fmt: skip
async def test_answers_of_our_own(
    make: Make, happens: Callable[[Stage], None], limits: dict[str, Any], rcode: int, source: str, extended: int,
    text: str, answered: bool,
) -> None:  # fmt: skip
    stage = make(**limits)
    heard: list[Handled] = []
    stage.relay.observe_errors = heard.append
    happens(stage)
    (one,) = heard
    assert (one.rcode, one.source, one.extended, one.text) == (rcode, source, extended, text)
    assert (one.answer is not None, one.server) == (answered, SERVER if answered else "")


async def test_who_hears_of_errors_hears_of_nothing_else_and_not_twice(make: Make) -> None:
    stage = make()
    errors: list[Handled] = []
    stage.relay.observe_errors = errors.append
    stage.query()
    stage.upstream(GOOD)
    heard = observed(stage)
    stage.refusal = Refusal(REFUSED, EDE_PROHIBITED, "no")
    stage.query()
    assert (len(errors), [one.source for one in heard]) == (0, ["policy"])


async def test_an_observer_that_raises_harms_nobody(make: Make) -> None:
    stage = make()

    def broken(_: Handled) -> None:
        raise RuntimeError("boom")

    stage.relay.observe = broken
    first, second = stage.query(), stage.query()
    stage.upstream(GOOD)
    assert (len(first), len(second), stage.counters.hook_errors) == (1, 1, 2)
