from threading import Event

import pytest

from dnsguard.controller.lookout import Lookout
from dnsguard.dataplane.sentinel import Harm, Sighting
from tests.unit.controller.fakes import RefusedError

SIGHTING = Sighting(Harm.RULES, 0.01, 1.0)


class Looks:
    """Finds what it is given, one after the other, and then nothing."""

    def __init__(self, *found: Sighting | Exception | None) -> None:
        self.found = list(found)
        self.ended = Event()

    def look(self) -> Sighting | None:
        if not self.found:
            self.ended.set()
            return None
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def test_every_sighting_is_told_and_refusals_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks(None, RefusedError("no"), RefusedError("no"), SIGHTING, None, RefusedError("no"), SIGHTING)
    told: list[Sighting] = []
    with Lookout(looks, told.append, pause=0):
        assert looks.ended.wait(20)
    assert told == [SIGHTING, SIGHTING]
    assert [record.message for record in caplog.records].count(
        "whether others changed the table cannot be seen at once: no"
    ) == 2


def test_a_mistake_of_ours_does_not_end_the_looking(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks(IndexError("of ours"), IndexError("of ours"), SIGHTING)
    told: list[Sighting] = []
    with Lookout(looks, told.append, pause=0):
        assert looks.ended.wait(5)
    assert told == [SIGHTING]
    (said,) = [record.message for record in caplog.records]
    assert said.endswith("internal error: IndexError('of ours')")
