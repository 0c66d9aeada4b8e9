"""Tier: an ordered group of policies that decides together."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from dnsguard.resources.choices import choice
from dnsguard.resources.metadata import LABEL
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.numbers import Order
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import NameRule, Resource

DEFAULT_ORDER = 1_000_000.0


class TierAction(StrEnum):
    """What happens to a packet that no policy of the tier decided."""

    DENY = "Deny"
    PASS = "Pass"  # noqa: S105 - no password


class BuiltinTier(NamedTuple):
    """What a built-in tier is, and stays."""

    order: float
    default_action: TierAction


BUILTIN_TIERS: Mapping[str, BuiltinTier] = {
    "kube-admin": BuiltinTier(1_000.0, TierAction.PASS),
    "default": BuiltinTier(DEFAULT_ORDER, TierAction.DENY),
    "kube-baseline": BuiltinTier(10_000_000.0, TierAction.PASS),
}

_ORDINARY = BuiltinTier(DEFAULT_ORDER, TierAction.DENY)


class TierSpec(Model):
    """Order and default action; both are written into the object where they were left out."""

    order: Order = DEFAULT_ORDER
    """Lower is judged first. Tiers of the same order go by name."""
    default_action: Annotated[TierAction, choice(TierAction, "default action of a tier"), AS_TEXT] = TierAction.DENY
    """What becomes of a packet that a policy of the tier applies to and none decided: `Deny`, or `Pass` to the next
    tier."""


class Tier(Resource):
    """A tier; the built-in ones cannot be changed (V-22)."""

    NAME: ClassVar[NameRule] = NameRule("V-04", LABEL, 63, "lower-case letters, digits and '-', and no dot")

    kind: Literal["Tier"]
    spec: TierSpec = TierSpec()
    """Where the tier stands, and what its end does."""
    status: dict[str, Any] | None = None
    """What the server says of the tier."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """An absent order is 1 000 000, an absent default action Deny; a built-in tier has its own."""
        data = super().completed(data)
        metadata, spec = data.get("metadata"), data.get("spec", {})
        if not isinstance(spec, Mapping):
            return data
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        fixed = BUILTIN_TIERS.get(name, _ORDINARY) if isinstance(name, str) else _ORDINARY
        defaults = {"order": fixed.order, "defaultAction": fixed.default_action.value}
        return {**data, "spec": {**defaults, **spec}}

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-22: what is fixed."""
        yield from super().problems(broken)
        fixed = BUILTIN_TIERS.get(self.name) if "metadata" not in broken else None
        if fixed is None or "spec" in broken:
            return
        written = self.spec.model_fields_set
        if "order" in written and self.spec.order != fixed.order:
            yield Problem(("spec", "order"), "V-22", f"tier {self.name} is built in: its order is {fixed.order:.0f}")
        if "default_action" in written and self.spec.default_action is not fixed.default_action:
            yield Problem(
                ("spec", "defaultAction"),
                "V-22",
                f"tier {self.name} is built in: its action is {fixed.default_action.value}",
            )
