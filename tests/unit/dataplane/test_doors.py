"""Doors while the rules behind them change."""

from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Action, CompiledRule, Direction, PolicyId, Stage
from dnsguard.dataplane.doors import MOST_RULES_IN_DOOR, Doors
from dnsguard.dataplane.rules import Goto
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import compiled, policy

ALLOW, PASS = CompiledRule(0, Action.ALLOW), CompiledRule(0, Action.PASS)
SHORT, LONG = policy("p", [ALLOW] * MOST_RULES_IN_DOOR), policy("p", [ALLOW] * (MOST_RULES_IN_DOOR + 1))


def test_few_rules_stand_in_the_door_and_more_behind_it() -> None:
    doors = Doors(Settings())
    doors.follow(compiled(policies=[SHORT]))
    key, door = doors.take(SHORT.id, Direction.EGRESS, Stage.NORMAL)
    assert (len(door.chain.rules), door.content) == (MOST_RULES_IN_DOOR, None)
    assert doors.follow(compiled(policies=[LONG])) == set()
    (chain,), (content,) = doors.chains.sorted(), doors.contents.sorted()
    assert (chain.name, chain.rules[0].parts) == (door.chain.name, (Goto(content.name),))
    assert len(content.rules) == MOST_RULES_IN_DOOR + 1
    doors.give_back(key)
    assert (doors.chains.sorted(), doors.contents.sorted(), doors.counters.sorted()) == ((), (), ())


def test_one_that_begins_or_ceases_to_pass_is_told() -> None:
    doors = Doors(Settings())
    doors.follow(compiled(policies=[SHORT]))
    key, _ = doors.take(SHORT.id, Direction.EGRESS, Stage.NORMAL)
    passing = policy("p", [ALLOW, PASS])
    assert doors.follow(compiled(policies=[passing])) == {key}
    assert doors.follow(compiled(policies=[replace(passing)])) == set()
    assert doors.follow(compiled(policies=[SHORT])) == {key}


def test_what_is_forwarded_goes_by_the_same_door() -> None:
    doors = Doors(Settings())
    doors.follow(compiled(policies=[SHORT]))
    one, other = (doors.take(SHORT.id, Direction.EGRESS, stage) for stage in (Stage.NORMAL, Stage.FORWARD))
    assert one == other
    doors.give_back(one[0])
    assert doors.chains.sorted() == (one[1].chain,)


def test_there_is_no_door_to_a_policy_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        Doors(Settings()).take(PolicyId("NetworkPolicy", "app", "gone"), Direction.EGRESS, Stage.NORMAL)
