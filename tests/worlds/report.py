"""A mismatch made small and told to a person."""

import yaml

from dnsguard.calc.evaluator.trace import Judgement
from tests.worlds.bench import Bench, Mismatch
from tests.worlds.shot import Shot
from tests.worlds.world import World


def told(bench: Bench, mismatch: Mismatch) -> str:
    """Seed, objects, packet, trace and rules; with as few objects as still show it."""
    seeds = f"seed {mismatch.world.seed}"
    if mismatch.before is not None:
        seeds += f", after {mismatch.before.seed}"
    small = mismatch if mismatch.shot is None else _shrunk(bench, mismatch, mismatch.shot)
    if small is None:
        seeds += "; it does not show again with this world and packet alone"
        small = mismatch
    lines = [f"=== {seeds}: {mismatch.text}", yaml.safe_dump_all(small.world.manifests, sort_keys=False)]
    lines.append(f"node: {small.world.node}\ndeny: {small.world.deny}")
    if small.shot is not None and small.verdict is not None:
        lines += [f"packet: {small.shot}", f"verdict: {small.verdict.action}, {small.verdict.decision}"]
        lines += [line for each in small.verdict.judgements for line in _judgement(each)]
    return "\n".join([*lines, small.text, bench.listing()])


def _shrunk(bench: Bench, mismatch: Mismatch, shot: Shot) -> Mismatch | None:
    """The same with nothing that is not needed; None where it needs more than the world itself."""
    smallest = _shown_by(bench, mismatch.world, shot)
    place = len(mismatch.world.manifests) - 1
    while smallest is not None and place >= 0:
        found = _shown_by(bench, smallest.world.without(place), shot)
        smallest = found or smallest
        place = min(place - 1, len(smallest.world.manifests) - 1)
    if smallest is not None:
        _shown_by(bench, smallest.world, shot)
    return smallest


def _shown_by(bench: Bench, world: World, shot: Shot) -> Mismatch | None:
    bench.enforce(world)
    return next(iter(bench.try_alone(shot)), None)


def _judgement(judgement: Judgement) -> list[str]:
    lines = [f"  {judgement.endpoint} {judgement.stage} {judgement.direction}: {judgement.decision}"]
    for tier in judgement.tiers:
        lines.append(f"    tier {tier.name}: {tier.outcome} {'by rule' if tier.by_rule else 'at its end'}")
        for policy in tier.policies:
            lines += [
                f"      {policy.id} rule {rule.index} {rule.action}: {rule.why_not or 'matches'}"
                for rule in policy.rules
            ]
    for profile in judgement.profiles:
        lines += [
            f"    profile {profile.name} rule {rule.index}: {rule.why_not or 'matches'}" for rule in profile.rules
        ]
    return lines
