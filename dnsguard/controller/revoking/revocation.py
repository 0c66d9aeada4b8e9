"""Everything that ends connections, put together."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from dnsguard.controller.revoking.revoker import Kernel, Revoker
from dnsguard.controller.revoking.sweeper import Sweeper
from dnsguard.observe.exposition import Metric, number


class Revocation:
    """A context manager; connections are judged while it is entered. Raises OSError when it is made."""

    def __init__(self, kernel: Kernel) -> None:
        self.sweeper = Sweeper()
        self.revoker = Revoker(kernel, self.sweeper)

    def __enter__(self) -> Self:
        self.sweeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sweeper.close()

    @property
    def problems(self) -> Iterator[str]:
        """Why connections may go on that policy denies by now."""
        yield from filter(None, (self.revoker.problem, self.sweeper.problem))

    def metrics(self) -> Iterator[Metric]:
        """What there is to measure."""
        for name, text, value in (
            ("policy_revisions", "Times that established connections were to be judged again.", self.revoker.begun),
            ("connections_judged", "Established connections judged again by the controller.", self.sweeper.judged),
            ("connections_cut", "Established connections that policy allows no more, and that were cut.",
             self.sweeper.cut),
        ):  # fmt: skip
            yield number(f"dnsguard_{name}_total", "counter", text, value)
        yield number("dnsguard_connections_settled", "gauge",
                     "Whether no connection of earlier policy is left to be judged: 1 or 0.",
                     int(self.sweeper.is_done))  # fmt: skip
