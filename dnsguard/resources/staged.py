"""Staged policies: previews of NetworkPolicy and GlobalNetworkPolicy that are evaluated, never enforced."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import WithJsonSchema

from dnsguard.resources.choices import choice
from dnsguard.resources.labels import STAGED_ACTION
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.policy import GlobalNetworkPolicy, GlobalPolicySpec, NetworkPolicy, Policy, PolicySpec
from dnsguard.resources.problems import Problem
from dnsguard.resources.reading import string
from dnsguard.resources.resource import NameRule


class StagedAction(StrEnum):
    """What a staged policy proposes."""

    SET = "Set"
    """A new policy, or a new version of the enforced one of its name."""
    DELETE = "Delete"
    """To take the enforced policy of its name away."""
    LEARN = "Learn"
    """A recommendation that is still being refined."""
    IGNORE = "Ignore"
    """A recommendation that was turned down."""


_SCHEMA = string(enum=[*(each.value for each in StagedAction), ""])  # empty: as if it were absent
StagedActionField = Annotated[StagedAction, choice(StagedAction, "staged action"), AS_TEXT, WithJsonSchema(_SCHEMA)]


def _action_meant(spec: Mapping[str, Any]) -> Any:
    """The action of an unchecked spec: Set where none was written."""
    return spec.get("stagedAction") or StagedAction.SET.value


def with_action_label(data: dict[str, Any]) -> dict[str, Any]:
    """An unchecked object with the label that mirrors its action, whatever was written there."""
    spec, metadata = data.get("spec"), data.get("metadata")
    labels = (metadata.get("labels") or {}) if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(labels, Mapping) or not isinstance(spec, Mapping):
        return data
    action = _action_meant(spec)
    if not isinstance(action, str):
        return data
    return {**data, "metadata": {**metadata, "labels": {**labels, STAGED_ACTION: action}}}


def _deletion_problems(spec: Model) -> Iterable[Problem]:
    """V-16: a deletion names a policy, and says nothing about what is in it."""
    for written, attribute in spec.field_names().items():
        if attribute not in ("tier", "staged_action") and not _is_zero(getattr(spec, attribute)):
            yield Problem((written,), "V-16", "has no meaning in a deletion: leave it out, or write another action")


def _is_zero(value: object) -> bool:
    if isinstance(value, Model):
        return all(_is_zero(getattr(value, attribute)) for attribute in type(value).model_fields)
    return value is None or value is False or str(value) == "" or value in ((), {})


class StagedSpec(Model):
    """What a spec says more when it is staged. Stands before the spec of the enforced kind among the bases."""

    TYPES: ClassVar[str] = "types"
    """The field (as written) that a deletion does not infer."""

    staged_action: StagedActionField = StagedAction.SET
    """What is proposed: to `Set` a policy of this name or a new version of it, to `Delete` it; `Learn` and `Ignore`
    mark recommendations."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The action that is meant; a deletion infers no types."""
        data = {**data, "stagedAction": _action_meant(data)}
        if data["stagedAction"] == StagedAction.DELETE.value:
            return {field: value for field, value in data.items() if field != cls.TYPES or value}
        return super().completed(data)

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-16, or all that the enforced kind is held to (V-17)."""
        if self.staged_action is StagedAction.DELETE and "stagedAction" not in broken:
            return _deletion_problems(self)
        return super().problems(broken)


class StagedPolicySpec(StagedSpec, PolicySpec):
    """The spec of a NetworkPolicy, and what is proposed. A deletion says nothing more than the tier."""


class StagedGlobalPolicySpec(StagedSpec, GlobalPolicySpec):
    """The spec of a GlobalNetworkPolicy, and what is proposed. A deletion says nothing more than the tier."""


class StagedPolicy(Policy):
    """What both kinds share."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The label that says the action, as for the tier."""
        return with_action_label(super().completed(data))


class StagedNetworkPolicy(StagedPolicy):
    """A preview of a NetworkPolicy of this name: judged and counted, never enforced."""

    NAMESPACED: ClassVar[bool] = True
    NAME: ClassVar[NameRule] = NetworkPolicy.NAME

    kind: Literal["StagedNetworkPolicy"]
    spec: StagedPolicySpec = StagedPolicySpec()
    """What would be enforced, or that the policy of this name would go."""


class StagedGlobalNetworkPolicy(StagedPolicy):
    """A preview of a GlobalNetworkPolicy of this name: judged and counted, never enforced."""

    NAME: ClassVar[NameRule] = GlobalNetworkPolicy.NAME

    kind: Literal["StagedGlobalNetworkPolicy"]
    spec: StagedGlobalPolicySpec = StagedGlobalPolicySpec()
    """What would be enforced, or that the policy of this name would go."""
