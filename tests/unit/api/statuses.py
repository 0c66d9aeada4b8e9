"""Statuses that a test turns."""

from collections.abc import Callable, Sequence

from dnsguard.api.reading.statuses import Hear, Turned
from dnsguard.store.interface import Key, Object


class FakeStatuses:
    """Says of every network set which version and generation it was asked about."""

    def __init__(self) -> None:
        self.hearing: list[Hear] = []
        self.turned: Sequence[Turned] = ()
        self.enforced = 0

    def of(self, key: Key, value: Object) -> Object | None:
        metadata = value["metadata"]
        if key.plural != "networksets":
            return None
        enforced = int(metadata["resourceVersion"]) <= self.enforced
        return {"of": str(key), "version": metadata["resourceVersion"], "generation": metadata.get("generation"),
                "enforced": enforced}  # fmt: skip

    def turned_since(self, revision: int, plural: str) -> Sequence[Turned]:
        return [each for each in self.turned if each.key.plural == plural and each.revision <= revision]

    def turn(self, *turned: Turned) -> None:
        """Tell whoever follows."""
        for hear in tuple(self.hearing):
            hear(turned)

    def follow(self, hear: Hear) -> Callable[[], None]:
        self.hearing.append(hear)
        return lambda: self.hearing.remove(hear)
