"""Classes in short."""

from dnsguard.calc.compiled import Compiled, Direction, Stage


def place(compiled: Compiled, name: str, stage: Stage, direction: Direction) -> list[tuple[str, str, list[str]]] | None:
    """Tiers, default actions and policies that judge an endpoint there; None where nothing does."""
    endpoint = next(each for each in compiled.endpoints.values() if each.id.name == name)
    found = endpoint.classes.get((stage, direction))
    if found is None:
        return None
    return [(each.tier, each.default_action.value, [one.name for one in each.policies]) for each in found.tiers]
