"""When the enforcement loop has another revision begin."""

from tests.unit.controller.fakes import until
from tests.unit.controller.test_enforcement import Loop, running


class Revoker:
    """Says what it was told to, and writes down what it is asked; see `Revoker`."""

    def __init__(self, loop: Loop) -> None:
        self._journal = loop.journal
        self.begins = False
        self.waits_for_leases = False
        self.seconds_left: float | None = None
        loop.enforcer._revoker = self  # type: ignore[assignment]

    def weigh(self, before: object, wanted: object) -> bool:  # noqa: ARG002 - says what it was told to
        return self.begins

    def leases_went(self, enforced: object) -> bool:  # noqa: ARG002
        self._journal.append("leases went")
        self.waits_for_leases = False
        return True

    def is_due(self, enforced: object) -> bool:  # noqa: ARG002
        self._journal.append("due")
        self.seconds_left = None
        return True

    def switched(self, enforced: object, begun: bool) -> None:  # noqa: ARG002
        if begun:
            self._journal.append("begun")


async def test_with_the_rules_that_take_something_away() -> None:
    async with running() as loop:
        revoker = Revoker(loop)
        loop.want("a", "b")
        await loop.settled()
        assert "revise" not in " ".join(loop.since())
        revoker.begins = True
        loop.want("a")
        await loop.settled()
        assert loop.since() == ["prepare", "revise a", "begun", "publish a", "sweep b"]


async def test_when_forwarders_have_taken_leases_away() -> None:
    async with running() as loop:
        revoker = Revoker(loop)
        loop.want("a", "b")
        await loop.settled()
        loop.since()
        revoker.waits_for_leases = True
        loop.want("a")
        await loop.settled()
        noted = ["prepare", "switch a", "publish a", "wait", "leases went", "revise a", "begun", "sweep b"]
        assert loop.since() == noted


async def test_one_that_had_to_wait_begins_by_itself() -> None:
    async with running() as loop:
        revoker = Revoker(loop)
        loop.want("a")
        await loop.settled()
        loop.since()
        revoker.seconds_left = 0.0
        await until(lambda: "begun" in loop.journal)
        assert loop.since() == ["due", "revise a", "begun"]


async def test_not_while_leases_are_missing_because_others_removed_them() -> None:
    async with running() as loop:
        revoker = Revoker(loop)
        loop.want("a")
        await loop.settled()
        loop.since()
        revoker.begins = True
        loop.kernel.flush()
        await until(lambda: "reassert a" in loop.journal)
        await loop.settled()
        assert not [each for each in loop.since() if each.startswith(("revise", "begun"))]
