"""Worlds in force one after the other in the same table, and packets held against what the evaluator says."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from dnsguard.calc.compile import Compiler
from dnsguard.calc.compiled import Action, Address, Compiled, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import PacketState
from dnsguard.calc.evaluator.trace import Decider, Verdict
from dnsguard.controller.revoking.sweeper import Policy, Sweeper
from dnsguard.dataplane import naming
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.settings import DenyAction, Settings
from dnsguard.netlink.nftables import Element, Message, add_elements, flush_set
from dnsguard.netlink.socket import NetfilterSocket
from dnsguard.resources import Resource
from tests.worlds import counting
from tests.worlds.comparing import leaves_untracked, problem_with, shown_by
from tests.worlds.flows import can_be_followed, connection_of, error_about, next_answer, next_of, reply_to
from tests.worlds.naive import Naive
from tests.worlds.packets import Packets
from tests.worlds.scene import Scene, scene
from tests.worlds.shot import Shot
from tests.worlds.takers import takers
from tests.worlds.tally import Tally
from tests.worlds.wire import PASSED, Wire
from tests.worlds.world import World

FLOWS = 3
"""Connections of each world that are followed."""

CHOICE = 5
"""So many times more packets are drawn than sent."""

SMALLER = 4
"""A world that is almost the last one gets so many times fewer packets."""

MARK_MASK = 0x0000_FF00
PATIENCE_SECONDS = 60.0
_CUTTING = (
    Decider.RULE,
    Decider.END_OF_TIER,
    Decider.PROFILE,
    Decider.NO_PROFILE,
    Decider.OWN_NODE,
    Decider.ENCAPSULATED,
)

_LEASE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The kernel did something else than the evaluator says."""

    world: World
    before: World | None
    text: str
    shot: Shot | None = None
    verdict: Verdict | None = None


class Bench:
    """One node, one table, one world at a time."""

    def __init__(self, place: Scene, wire: Wire, socket: NetfilterSocket, sweeper: Sweeper | None = None) -> None:
        """With a ``sweeper`` each world is another revision of policy, and what is established is judged again."""
        self._sweeper = sweeper
        self._begun = 0
        self._place = place
        self._wire = wire
        self._socket = socket
        self._driver = Driver(socket, build_plan(Compiled(), Settings()))
        self._compiler = Compiler()
        self._planner = Planner()
        self._parsed: dict[str, Resource] = {}
        self._leased: frozenset[tuple[str, Address, Address]] = frozenset()
        self._going_on: list[Shot] = []
        self._compiled = Compiled()
        self._evaluator = Evaluator(self._compiled)
        self._world: World | None = None
        self._before: World | None = None
        self.tally = Tally()

    def run(self, world: World, packets: int) -> list[Mismatch]:
        """Try a world, and the same with one object less: that what was established goes on, and what it newly
        decides."""
        found = self._run(world, world.seed, packets)
        if not found:
            less = world.without(self._one_less(world))
            found = self._run(less, ~world.seed, packets // SMALLER)
        self.tally.worlds += 1
        self.tally.mismatches += len(found)
        return found

    def _one_less(self, world: World) -> int:
        """Which object goes: half the time an endpoint that a connection goes on of."""
        random = Random(world.seed)
        ends = {str(end) for shot in self._going_on for end in (shot.packet.source, shot.packet.destination)}
        met = [
            number
            for number, each in enumerate(world.manifests)
            if each["kind"] == "WorkloadEndpoint" and ends.intersection(each["spec"]["ipNetworks"])
        ]
        return random.choice(met) if met and random.random() < 0.5 else random.randrange(len(world.manifests))

    def _run(self, world: World, seed: int, packets: int) -> list[Mismatch]:
        found = self.enforce(world)
        shots = self._telling(Packets(seed).draw(packets * CHOICE), packets)
        found += self._misread(world, shots)
        found += self._established(world)
        self.tally.followed += len(self._going_on)
        self._wire.forget_connections()
        found += self._try_new(shots)
        self._going_on = []
        firsts = {
            connection_of(shot): shot for shot in shots if can_be_followed(shot) and not self._is_intercepted(shot)
        }
        for shot in firsts.values():
            if len(self._going_on) < 2 * FLOWS and self.expected(shot).action is not Action.DENY:
                found += self._follow(shot)
        self.tally.packets += len(shots)
        return found

    def enforce(self, world: World) -> list[Mismatch]:
        """The product's own way from manifests to the kernel."""
        self._before, self._world = self._world, world
        self._compiled = self._compiler.compile(self._resources(world))
        settings = world.settings if self._sweeper is None else replace(world.settings, mark_mask=MARK_MASK)
        plan = self._planner.plan(self._compiled, settings)
        self._driver.prepare(plan)
        self._leased = world.leased(self._compiled)
        self._socket.transact(list(self._lease_messages()))
        self._driver.switch(plan, revise=self._sweeper is not None)
        self._driver.sweep(plan, lease_sets=True)
        self._evaluator = Evaluator(self._compiled, world.node)
        lost = self._driver.lost() or self._driver.lost()  # the second look reads sets as well
        return [self._mismatch("the kernel does not hold what the plan says")] if lost else []

    def _established(self, world: World) -> list[Mismatch]:
        """What becomes of the connections that go on."""
        if self._sweeper is None:
            return self._misread(world, self._going_on) + self.try_all(self._going_on)
        first, answers = self._going_on[::2], self._going_on[1::2]
        # What whoever opened them sends is judged like a first packet.
        judged = [replace(each, packet=replace(each.packet, state=PacketState.NEW)) for each in first]
        verdicts = [self.expected(each) for each in judged]
        allowed = [
            answer for answer, verdict in zip(answers, verdicts, strict=True) if verdict.action is not Action.DENY
        ]
        # An answer that is let through before there are connections belongs to none.
        denied = [
            (answer, verdict)
            for answer, verdict in zip(answers, verdicts, strict=True)
            if _cuts(verdict) and not self._is_untracked(answer)
        ]
        cut = [answer for answer, _ in denied]
        found = self._misread(world, judged) + self._misread(world, allowed)
        if world.seed % 2:
            self._sweep(world, self._sweeper)
        found += self.try_all(allowed)
        notes = self._wire.send(first)
        for shot, verdict in zip(first, verdicts, strict=True):
            if problem := problem_with(shot, verdict, notes[shot.number]):
                found.append(self._mismatch(f"established: {problem}", shot, verdict))
        if not world.seed % 2:
            self._sweep(world, self._sweeper)
        found += self.try_all(allowed)
        notes = self._wire.send(cut)
        found += [self._mismatch("policy denies the connection, and its answers pass", each, verdict)
                  for each, verdict in denied if PASSED in notes[each.number]]  # fmt: skip
        self.tally.cut += len(cut)
        return found

    def _sweep(self, world: World, sweeper: Sweeper) -> None:
        """Connections are judged by the controller, too."""
        revision = self._driver.revision()
        assert revision is not None
        self._begun += 1
        sweeper.begin(Policy(revision, self._begun, self._compiled, replace(world.settings, mark_mask=MARK_MASK)))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not sweeper.is_done:
            assert time.monotonic() < give_up, sweeper.problem
            time.sleep(0.001)

    def expected(self, shot: Shot) -> Verdict:
        """What the evaluator says of a packet."""
        return self._evaluator.evaluate(shot.packet, self._is_leased, arrives=shot.arrives, leaves=shot.leaves)

    def try_all(self, shots: Sequence[Shot]) -> list[Mismatch]:
        """Send packets in one go, and compare."""
        notes = self._wire.send(shots)
        found = []
        for shot in shots:
            verdict = self.expected(shot)
            if problem := problem_with(shot, verdict, notes[shot.number]):
                found.append(self._mismatch(problem, shot, verdict))
        return found

    def _telling(self, shots: Sequence[Shot], count: int) -> list[Shot]:
        """So many of them: some as they come, then those that show something new, a rule or a reason why not."""
        chosen, rest = list(shots[: count // 3]), shots[count // 3 :]
        seen: set[tuple[object, ...]] = set()
        for shot in rest:
            new = set(shown_by(self.expected(shot))) - seen
            if new and len(chosen) < count:
                seen |= new
                chosen.append(shot)
        return chosen + [shot for shot in rest if shot not in chosen][: count - len(chosen)]

    def _misread(self, world: World, shots: Sequence[Shot]) -> list[Mismatch]:
        """Where a naive reading of the manifests comes to another end."""
        naive = Naive(world)
        found = []
        for shot in shots:
            verdict = self.expected(shot)
            if problem := naive.problem_with(shot, verdict):
                found.append(self._mismatch(problem, shot, verdict))
            for each in verdict.judgements:
                who, decision = each.endpoint, each.decision
                read = naive.decide(who.name, who.kind, each.stage, each.direction, shot.packet)
                judged = decision.action.value if decision.action else ""
                if decision.decider is not Decider.FAILSAFE and judged != read:
                    text = (
                        f"{who} {each.stage} {each.direction}: {judged or 'nothing'}, read naively {read or 'nothing'}"
                    )
                    found.append(self._mismatch(text, shot, verdict))
        return found

    def try_alone(self, shot: Shot) -> list[Mismatch]:
        """The same for one packet, with who denied it. No connection goes on after it."""
        self._wire.forget_connections()
        self._going_on = []
        assert self._world is not None
        before = self._counted()
        found = self._misread(self._world, [shot]) or self.try_all([shot])
        return found or self._by_another([shot], before)

    def listing(self) -> str:
        """Our table as the kernel has it."""
        return self._place.node.run("nft list table inet dnsguard")

    def _try_new(self, shots: Sequence[Shot]) -> list[Mismatch]:
        before = self._counted()
        found = self.try_all(shots)
        decisions = [self.expected(shot).decision for shot in shots]
        self.tally.deciders.update((each.action, each.decider) if each else (None, None) for each in decisions)
        if not found and self._by_another(shots, before):
            # Which one it was; none, when something of the node's own stack was counted.
            found = [each for shot in shots for each in self.try_alone(shot)]
        return found

    def _by_another(self, shots: Sequence[Shot], before: dict[str, int]) -> list[Mismatch]:
        """A packet that is denied is counted by what denied it, and by nothing else that denies."""
        assert self._world is not None
        if self._world.deny is DenyAction.REJECT:
            return []  # what the node answers is counted, too
        verdicts = [self.expected(shot) for shot in shots]
        expected = Counter(counter for verdict in verdicts if (counter := counting.counter_of(verdict)))
        counted = counting.denied(self._counted(), before, counting.denying_counters(self._compiled))
        if counted == expected:
            return []
        text = f"denied by {dict(expected)} as evaluated, by {counted} in the kernel"
        return [self._mismatch(text, shots[0], verdicts[0])]

    def _follow(self, first: Shot) -> list[Mismatch]:
        """A connection from its first packet on."""
        first = replace(first, goes_on=True)
        found = self.try_all([first])
        if found or self._is_untracked(first):
            return found
        reply = reply_to(first, 2)
        found = self.try_all([reply, error_about(first, 3)])
        if not found and not self._is_untracked(reply) and self.expected(reply).action is not Action.DENY:
            number = 100 + len(self._going_on)
            following, answer = next_of(first, number), next_answer(reply, first, number + 1)
            found = self.try_all([following, answer])
            self._going_on += [following, answer]
        return found

    def _is_intercepted(self, shot: Shot) -> bool:
        """Then nobody speaks for the other end."""
        return self._world is not None and self._world.node.intercepts(shot.packet)

    def _is_untracked(self, shot: Shot) -> bool:
        return leaves_untracked(self.expected(shot))

    def _resources(self, world: World) -> list[Resource]:
        """Objects that did not change are the same ones, as they are to the product."""
        known, self._parsed = self._parsed, {}
        for manifest, resource in zip(world.manifests, world.resources(), strict=True):
            self._parsed[repr(manifest)] = known.get(repr(manifest), resource)
        return list(self._parsed.values())

    def _is_leased(self, lease_set: str, client: Address, address: Address) -> bool:
        return (lease_set, client, address) in self._leased

    def _lease_messages(self) -> Iterator[Message]:
        table = Settings().table
        for lease_set in self._compiled.lease_sets:
            for version, name in zip((4, 6), naming.lease_set_names(lease_set), strict=True):
                yield flush_set(table, name)
                elements = [
                    Element(client.packed + address.packed, _LEASE_MS)
                    for owner, client, address in self._leased
                    if owner == lease_set and address.version == version
                ]
                yield from add_elements(table, name, elements) if elements else ()

    def _counted(self) -> dict[str, int]:
        return {name: counted.packets for name, counted in self._driver.counters().items()}

    def _mismatch(self, text: str, shot: Shot | None = None, verdict: Verdict | None = None) -> Mismatch:
        assert self._world is not None
        return Mismatch(self._world, self._before, text, shot, verdict)


def _cuts(verdict: Verdict) -> bool:
    """Whether the connection is denied with the packet: what no policy is asked about says nothing of it, nor what is
    denied before there are connections."""
    decision = verdict.decision
    if decision is None or decision.action is not Action.DENY:
        return False
    early = any(each.stage is Stage.UNTRACKED and each.decision is decision for each in verdict.judgements)
    return decision.decider in _CUTTING and not early


@contextlib.contextmanager
def bench(*, revokes: bool = False) -> Iterator[Bench]:
    """A scene with nothing in force yet. ``revokes``: connections end when a world does not allow them."""
    with scene() as place, takers(place.node), Wire(place) as wire, contextlib.ExitStack() as stack:
        with place.node.entered():
            socket = stack.enter_context(NetfilterSocket())
            sweeper = Sweeper() if revokes else None
            if sweeper is not None:
                sweeper.start()
                stack.callback(sweeper.close)
        yield Bench(place, wire, socket, sweeper)
