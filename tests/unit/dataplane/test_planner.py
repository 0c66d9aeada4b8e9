"""Plans that follow changes are the plans from nothing, and the kernel ends up with the same."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    EntityMatch,
    Network,
    PolicyClass,
    Stage,
    TierSlice,
)
from dnsguard.calc.evaluator.failsafe import FailsafePort, FailsafePorts
from dnsguard.dataplane import policysets
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.render import render
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sets import VerdictMap
from dnsguard.dataplane.settings import DenyAction, HostAction, Settings
from tests.support.compiled import (
    ALLOW_ALL,
    compiled,
    host,
    lease_set,
    member_set,
    nets,
    policy,
    policy_class,
    port_set,
    ports,
    rules,
    tier,
    workload,
)
from tests.unit.dataplane.kernelmodel import KernelModel
from tests.unit.dataplane.samples import CANARY

HERE = Settings(node="here", interface_addresses=(("eth1", (ip_address("192.0.2.1"),)),))
FOUNDATION = build_plan(Compiled(), HERE)
ACTIONS = list(Action)
TIERS = ("first", "second", "third")
SETTINGS = [
    HERE,
    replace(HERE, endpoint_to_host=HostAction.ACCEPT),
    replace(HERE, allow_vxlan=True),
    replace(HERE, failsafe=FailsafePorts((FailsafePort(6, 22),), (FailsafePort(17, 53),))),
    replace(HERE, workload_interfaces=("cali*", "veth*"), workload_cidrs=(ip_network("10.65.0.0/16"),)),
    replace(HERE, deny=DenyAction.REJECT),
    replace(HERE, node="there"),
    replace(HERE, interface_addresses=()),
    replace(HERE, bridge_ports=(("cali1", "br0"), ("eth9", "br0"))),
    replace(HERE, bridge_ports=(("cali1", "br1"), ("cali2", "br1"), ("eth9", "br0"))),
    replace(HERE, bridge_ports=(("cali1", "br0"), ("eth9", "br0")), workload_interfaces=("br",)),
    replace(HERE, canary=CANARY),
    replace(HERE, canary=replace(CANARY, interface="other0")),
]


class World:
    """Compiled policy that changes one thing at a time; everything else stays the same object."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.settings = HERE
        self.policies = {(name, number): self._policy(name, number) for name in TIERS for number in range(3)}
        self.profiles = {"kns.app": ALLOW_ALL, "own": self._profile()}
        self.members = {name: self._members(name) for name in ("s:a", "s:b")}
        self.leases = {"s:web": lease_set("s:web", "web.example.org")}
        self.named = {"s:dns": port_set("s:dns", ("10.65.0.2", 17, 53))}
        self.endpoints: dict[str, CompiledEndpoint] = {}

    def compiled(self) -> Compiled:
        in_order = list(self.endpoints.values())
        self._random.shuffle(in_order)
        return compiled(
            endpoints=in_order,
            policies=self.policies.values(),
            profiles=self.profiles.values(),
            members=self.members.values(),
            leases=self.leases.values(),
            named_ports=self.named.values(),
        )

    def change(self) -> None:
        changes: list[Callable[[], None]] = [
            self._put_workload,
            self._put_workload,
            self._put_workload,
            self._remove,
            self._put_host,
            self._edit_policy,
            self._edit_policy,
            self._edit_profile,
            self._replace_members,
            self._replace_ports,
            self._come_and_go_leases,
            self._other_settings,
            self._nothing,
        ]
        self._random.choice(changes)()

    def _nothing(self) -> None:
        """The same again."""

    def often(self, chance: float) -> bool:
        return self._random.random() < chance

    def _rule(self) -> CompiledRule:
        action = self._random.choice(ACTIONS)
        destination = self._random.choice(
            [
                EntityMatch(members="s:a"),
                EntityMatch(members="s:b", ports=ports(53), named_ports="s:dns"),
                EntityMatch(ports=ports(*range(1, self._random.choice((3, 12)), 2))),
                nets("192.0.2.0/24", "198.51.100.0/24"),
                EntityMatch(leases="s:web") if action is Action.ALLOW else EntityMatch(),
            ]
        )
        return CompiledRule(0, action, protocol=17 if destination.ports else None, destination=destination)

    def _rules(self) -> list[CompiledRule]:
        return [self._rule() for _ in range(self._random.choice((0, 1, 2, 3, 12)))]

    def _policy(self, tier_name: str, number: int) -> CompiledPolicy:
        return policy(f"{tier_name}.p{number}", self._rules(), self._rules(), tier=tier_name)

    def _profile(self) -> CompiledProfile:
        return CompiledProfile("own", rules(*self._rules()), rules(*self._rules()))

    def _slice(self, tier_name: str) -> TierSlice | None:
        mine = [item for (name, _), item in self.policies.items() if name == tier_name and self.often(0.5)]
        default = self._random.choice((Action.DENY, Action.PASS, Action.PASS))
        return tier(tier_name, *mine, default=default) if mine else None

    def _class(self, direction: Direction, stage: Stage = Stage.NORMAL) -> PolicyClass:
        slices = [made for name in TIERS if (made := self._slice(name)) is not None]
        profiles = self._random.choice(((), ("kns.app",), ("own", "kns.app"))) if stage is Stage.NORMAL else ()
        return policy_class(direction, *slices, profiles=profiles, stage=stage)

    def _put_workload(self) -> None:
        name = f"w{self._random.randrange(6)}"
        known = self.endpoints.get(name)
        if known is not None and self.often(0.5):  # another address, the class is the same object
            classes = known.classes
        else:
            classes = {(Stage.NORMAL, direction): self._class(direction) for direction in Direction}
        some = [self._random.choice(("10.65.0.2", "10.65.0.3", "10.65.0.4", "2001:db8::2")) for _ in range(2)]
        made = workload(
            name,
            *some[: self._random.choice((0, 1, 2))],
            node=self._random.choice(("", "here", "here", "there")),
            interface=self._random.choice(("", "cali1", "cali2")),
        )
        self.endpoints[name] = replace(made, classes=classes)

    def _put_host(self) -> None:
        name = f"h{self._random.randrange(3)}"
        places = [(stage, direction) for stage in Stage for direction in Direction if self.often(0.4)]
        classes = [self._class(direction, stage) for stage, direction in places]
        interface = self._random.choice(("eth0", "*", ""))
        self.endpoints[name] = host(name, interface, *classes, addresses=() if interface else ("192.0.2.1",))

    def _remove(self) -> None:
        if self.endpoints:
            del self.endpoints[self._random.choice(sorted(self.endpoints))]

    def _edit_policy(self) -> None:
        key = self._random.choice(sorted(self.policies))
        self.policies[key] = self._policy(*key)

    def _edit_profile(self) -> None:
        self.profiles["own"] = self._profile()

    def _members(self, name: str) -> Any:
        some = self._random.sample(range(0, 240, 8), self._random.choice((0, 1, 12, 20)))
        sizes = [f"10.7.0.{first}/{self._random.choice((29, 30, 32))}" for first in sorted(some)]
        return member_set(name, *sizes, *(["2001:db8:7::/64"] if self.often(0.5) else []))

    def _replace_members(self) -> None:
        name = self._random.choice(sorted(self.members))
        before = self.members[name]
        if before.networks and self.often(0.7):  # one of them is another one
            changed = ip_network("10.9.0.0/24")
            leaving = self._random.choice(before.networks)
            others = [each for each in before.networks if each not in {leaving, changed}]
            self.members[name] = replace(before, networks=tuple(sorted((*others, changed), key=_place)))
        else:
            self.members[name] = self._members(name)

    def _replace_ports(self) -> None:
        some = [("10.65.0.2", 17, self._random.randrange(1, 5)), ("2001:db8::2", 6, 7)]
        self.named["s:dns"] = port_set("s:dns", *some[: self._random.choice((0, 1, 2))])

    def _come_and_go_leases(self) -> None:
        if self.leases.pop("s:more", None) is None:
            self.leases["s:more"] = lease_set("s:more", "more.example.org")

    def _other_settings(self) -> None:
        self.settings = self._random.choice(SETTINGS)


def _place(network: Network) -> tuple[int, int]:
    return network.version, int(network.network_address)


def loaded(plan: Plan) -> KernelModel:
    """The plan, loaded from nothing."""
    model = KernelModel()
    Driver(cast("Any", model), FOUNDATION).apply(plan)
    assert {chain.name for chain in plan.chains} == set(model.held.chains)
    assert {item.name for item in plan.sets} == set(model.held.sets)
    assert set(plan.counters) == model.held.counters
    return model


@pytest.mark.parametrize("large", [policysets.LARGE, 8])
@run_settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_following_changes_is_the_same_as_starting_from_nothing(large: int, seed: int) -> None:
    with patch.object(policysets, "LARGE", large):
        _follow(seed)


def _follow(seed: int) -> None:
    world, planner, model = World(seed), Planner(), KernelModel()
    driver = Driver(cast("Any", model), FOUNDATION)
    given_out: list[tuple[Plan, str]] = []
    for _ in range(12):
        state = world.compiled()
        plan = planner.plan(state, world.settings)
        assert plan == build_plan(state, world.settings)
        given_out.append((plan, render(plan)))
        world.change()
        if world.often(0.3):
            continue  # the kernel was not asked, or refused; what the next plan says of the last is not enough then
        driver.prepare(plan)
        driver.switch(plan)
        driver.sweep(plan, lease_sets=True)
        fresh = loaded(plan)
        assert model.held.chains == fresh.held.chains
        assert model.held.sets == fresh.held.sets
        assert model.held.counters == fresh.held.counters
    for plan, text in given_out:
        assert render(plan) == text


def big(change: Callable[[World], None]) -> tuple[Plan, Plan, Driver]:
    """A hundred workloads with one class, and the same after a change; the driver has applied both."""
    world, planner = World(1), Planner()
    shared = {(Stage.NORMAL, direction): world._class(direction) for direction in Direction}
    for number in range(100):
        made = workload(f"w{number}", f"10.65.1.{number}", interface=f"cali{number}")
        world.endpoints[f"w{number}"] = replace(made, classes=shared)
    world.members["s:a"] = member_set("s:a", *(f"10.8.{number}.0/25" for number in range(200)))
    driver = Driver(cast("Any", KernelModel()), FOUNDATION)
    plans = []
    for step in (lambda _: None), change:
        step(world)
        plans.append(planner.plan(world.compiled(), world.settings))
        driver.apply(plans[-1])
    return plans[0], plans[1], driver


def add_endpoint(world: World) -> None:
    first = world.endpoints["w0"]
    world.endpoints["new"] = replace(workload("new", "10.65.9.9", interface="cali-new"), classes=first.classes)


def edit_policies(world: World) -> None:
    """Every policy has another rule at its end; none can pass that could not before."""
    _lengthen(world, 1)


def edit_policies_much(world: World) -> None:
    _lengthen(world, 20)


def _lengthen(world: World, count: int) -> None:
    for key, known in world.policies.items():
        more = [
            CompiledRule(9 + number, Action.ALLOW, protocol=6, destination=EntityMatch(ports=ports(9443 + number)))
            for number in range(count)
        ]
        world.policies[key] = replace(known, egress=(*known.egress, *more))


def replace_one_network(world: World) -> None:
    before = world.members["s:a"]
    world.members["s:a"] = replace(before, networks=(*before.networks[1:], ip_network("203.0.113.0/24")))


@pytest.mark.parametrize(
    ("change", "prepared", "switched", "sets"),
    [
        pytest.param(
            add_endpoint,
            0,
            5,
            {
                "local-workloads-4",
                "workload-egress-4",
                "workload-ingress-4",
                "workload-interfaces",
                "workload-sources-4",
            },
            id="one endpoint: one element in each set",
        ),
        pytest.param(replace_one_network, 0, 2, {"n4-a"}, id="one network: one range less, one more"),
        pytest.param(lambda _: None, 0, 0, set(), id="nothing"),
    ],
)
def test_a_change_costs_what_it_changes(
    change: Callable[[World], None], prepared: int, switched: int, sets: set[str]
) -> None:
    before, after, driver = big(change)
    assert (driver.prepared.messages, driver.switched.messages) == (prepared, switched)
    assert driver.switched.bytes < 1500
    assert after.chains is before.chains
    known = {id(item) for item in before.sets}
    assert {item.name for item in after.sets if id(item) not in known} == sets


@pytest.mark.parametrize("edit", [edit_policies, edit_policies_much])
def test_an_edited_policy_touches_no_endpoint_and_no_class(edit: Callable[[World], None]) -> None:
    """Of a long one the rules come before the switch, which turns to them by one."""
    before, after, driver = big(edit)
    known = {id(chain) for chain in before.chains}
    changed = {chain.name for chain in after.chains if id(chain) not in known}
    doors = [chain for chain in after.chains if chain.is_door and chain.name in changed]
    assert doors
    assert all(name.startswith("np-app.") for name in changed)
    assert driver.switched.messages == sum(1 + len(chain.rules) for chain in doors)
    if edit is edit_policies_much:
        assert all(len(chain.rules) == 1 for chain in doors)
    maps = [item for item in after.sets if isinstance(item, VerdictMap)]
    assert maps
    assert {id(item) for item in maps} <= {id(item) for item in before.sets}


def test_after_a_mistake_it_starts_from_nothing() -> None:
    world, planner = World(2), Planner()
    world._put_workload()
    planner.plan(world.compiled(), HERE)
    unknown = policy("first.unknown", [])
    broken = workload("w9", "10.65.0.9", egress=policy_class(Direction.EGRESS, tier("first", unknown)))
    whole = dict(world.endpoints)
    world.endpoints["w9"] = broken
    with pytest.raises(KeyError):
        planner.plan(world.compiled(), HERE)
    world.endpoints = whole
    assert planner.plan(world.compiled(), HERE) == build_plan(world.compiled(), HERE)
