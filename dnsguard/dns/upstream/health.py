"""Which trusted server is asked next, judged by results alone: no timer declares a server dead, only silence does."""

from collections.abc import Sequence
from typing import Final

from dnsguard.dns.message import FLAG_RD
from dnsguard.dns.synthesis import OPT_PLAIN
from dnsguard.dns.upstream.latency import Latency
from dnsguard.dns.upstream.question import Question

FAILURES_TO_DOWN: Final = 3
ANSWERS_TO_UP: Final = 2
"""To probes, after it was down: one answer among many losses is no recovery. Of answers to clients one is enough."""

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0
IDLE_PAUSE: Final = 10.0
"""Who said nothing for so long, because nobody asked, is asked: `up` is never older than this."""

DOUBT_PAUSE: Final = 1.0
"""Between questions to one that failed last, or that begins to answer again."""


_ROOT: Final = Question.probe()


class Health:
    """One server's record.

    Down after ``FAILURES_TO_DOWN`` unanswered attempts in a row, or at once when it is not who it must be; up again
    after ``ANSWERS_TO_UP``, or at once when it answers a client's question.
    """

    __slots__ = (
        "_answers_in_a_row", "_known", "_last_sign", "_noticed", "_pause", "answers", "down_since", "failures",
        "failures_in_all", "has_answered", "heard", "latency", "probe_at", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.answers = 0
        self.failures = 0
        """In a row, and not forgiven yet."""

        self.failures_in_all = 0
        self.has_answered = False
        self.down_since: float | None = None
        self.probe_at = 0.0
        self.why = ""
        self.latency = Latency()
        self.heard: Question | None = None
        """The client's question that it answered well last, set by whoever saw that; None once ``probe`` looked."""

        self._known: Question | None = None
        self._pause = FIRST_PAUSE
        self._answers_in_a_row = 0
        self._noticed = 0
        self._last_sign = float("-inf")

    def answered(self, *, probe: bool = False) -> None:
        """Any well-formed answer came, whatever its rcode. ``probe``: to a question of our own."""
        self.answers += 1
        self.has_answered = True
        if self.failures:
            self._recover(probe)

    def _recover(self, probe: bool) -> None:
        self._answers_in_a_row += 1
        if not probe or self.down_since is None or self._answers_in_a_row >= ANSWERS_TO_UP:
            self.failures = 0
            self.down_since = None
            self.why = ""
            self._pause = FIRST_PAUSE
            self._answers_in_a_row = 0

    def failed(self, now: float, why: str, *, for_good: bool = False) -> None:
        """An attempt stayed unanswered, or could not be sent. ``for_good``: it is not the server that is trusted."""
        self.failures = max(self.failures + 1, FAILURES_TO_DOWN if for_good else 0)
        self.failures_in_all += 1
        self.why = why
        self._answers_in_a_row = 0
        if self.failures >= FAILURES_TO_DOWN and self.down_since is None:
            self.down_since = now
            self.probe_at = now + self._pause

    @property
    def state(self) -> str:
        """For people: ``up``, ``not asked yet``, ``no answer yet: …``, or ``down: …`` with the reason."""
        if self.down_since is not None:
            return f"down: {self.why}"
        if self.has_answered:
            return "up"
        return f"no answer yet: {self.why}" if self.failures else "not asked yet"

    def probe_due(self, now: float) -> bool:
        """Whether it should be asked something now; call it every now and then. Asking is counted.

        One that is down: after pauses, each twice the last, and sooner once it answers again. One that is up: when it
        was not heard for a while.
        """
        if self.answers != self._noticed:
            self._noticed, self._last_sign = self.answers, now
        if self.down_since is not None and not self._answers_in_a_row:
            if now < self.probe_at:
                return False
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self.probe_at = now + self._pause
            return True
        if now - self._last_sign < (DOUBT_PAUSE if self.failures else IDLE_PAUSE):
            return False
        self._last_sign = now
        return True

    def probe(self) -> Question:
        """What to ask it when a probe is due: what it answered a client last, which need not be anything but its own
        zones; ``. NS`` before there is such a thing, and in turns while nothing is answered: that name's own servers
        may be silent, or in the hands of whoever asked for it.
        """
        heard, self.heard = self.heard, None
        if heard is not None and len(heard.opt) <= len(OPT_PLAIN[False]):
            # One with a client's subnet is not asked again: neither with it, nor for what was no answer without it.
            self._known = heard._replace(flags=FLAG_RD, opt=heard.opt and OPT_PLAIN[False])
        known = self._known
        if known is None:
            return _ROOT
        return _ROOT._replace(opt=known.opt) if self.failures % 2 else known


def preference(healths: Sequence[Health], tried: Sequence[int]) -> int:
    """Index of the server to ask next: up before down, untried before tried, then in the order of the list.

    Never nothing: with all of them down they are asked all the same.
    """
    return min(
        range(len(healths)),
        key=lambda i: (tried.count(i), healths[i].down_since is not None, i),
    )
