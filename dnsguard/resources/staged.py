"""Staged policies: previews of NetworkPolicy and GlobalNetworkPolicy that are evaluated, never enforced."""

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator

from dnsguard.resources.labels import STAGED_ACTION
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.policy import GlobalNetworkPolicy, GlobalPolicySpec, NetworkPolicy, Policy, PolicySpec
from dnsguard.resources.problems import Problem, refused
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


def _read_staged_action(value: Any) -> StagedAction:
    try:
        return StagedAction(value)
    except ValueError:
        raise refused("type", f"{value!r} is no staged action: write Set, Delete, Learn or Ignore") from None


StagedActionField = Annotated[StagedAction, PlainValidator(_read_staged_action), AS_TEXT]


def with_staged_action(data: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with the action that is meant where none was written: Set."""
    return {**data, "stagedAction": data.get("stagedAction") or StagedAction.SET.value}


def with_action_label(data: dict[str, Any]) -> dict[str, Any]:
    """An unchecked object with the label that mirrors its action, whatever was written there."""
    spec, metadata = data.get("spec"), data.get("metadata")
    labels = (metadata.get("labels") or {}) if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(labels, Mapping) or not isinstance(spec, Mapping):
        return data
    action = with_staged_action(spec)["stagedAction"]
    if not isinstance(action, str):
        return data
    return {**data, "metadata": {**metadata, "labels": {**labels, STAGED_ACTION: action}}}


def is_deletion(data: Mapping[str, Any]) -> bool:
    """Whether the unchecked data of a spec propose a deletion."""
    return data.get("stagedAction") == StagedAction.DELETE.value


def deletion_problems(spec: Model, kept: Container[str]) -> Iterable[Problem]:
    """V-16: a deletion names a policy, and says nothing about what is in it; `kept` are the attributes it may have."""
    for written, attribute in spec.field_names().items():
        if attribute not in kept and not _is_zero(getattr(spec, attribute)):
            yield Problem((written,), "V-16", "has no meaning in a deletion: leave it out, or write another action")


def _is_zero(value: object) -> bool:
    if isinstance(value, Model):
        return all(_is_zero(getattr(value, attribute)) for attribute in type(value).model_fields)
    return value is None or value is False or str(value) == "" or value in ((), {})


_KEPT = frozenset({"tier", "staged_action"})


class StagedPolicySpec(PolicySpec):
    """The spec of a StagedNetworkPolicy. In a deletion `types` is empty."""

    staged_action: StagedActionField = StagedAction.SET

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The action that is meant; a deletion infers no types."""
        data = with_staged_action(data)
        return _without_empty_types(data) if is_deletion(data) else super().completed(data)

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-16, or all that the enforced kind is held to (V-17)."""
        if self.staged_action is StagedAction.DELETE and "stagedAction" not in broken:
            return deletion_problems(self, _KEPT)
        return super().problems(broken)


class StagedGlobalPolicySpec(GlobalPolicySpec):
    """The spec of a StagedGlobalNetworkPolicy. In a deletion `types` is empty."""

    staged_action: StagedActionField = StagedAction.SET

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The action that is meant; a deletion infers no types."""
        data = with_staged_action(data)
        return _without_empty_types(data) if is_deletion(data) else super().completed(data)

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """V-16, or all that the enforced kind is held to (V-17)."""
        if self.staged_action is StagedAction.DELETE and "stagedAction" not in broken:
            return deletion_problems(self, _KEPT)
        return super().problems(broken)


def _without_empty_types(data: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in data.items() if field != "types" or value}


class StagedNetworkPolicy(Policy):
    """A preview of a NetworkPolicy of this name."""

    NAMESPACED: ClassVar[bool] = True
    NAME: ClassVar[NameRule] = NetworkPolicy.NAME

    kind: Literal["StagedNetworkPolicy"]
    spec: StagedPolicySpec = StagedPolicySpec()

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The label that says the action, as for the tier."""
        return with_action_label(super().completed(data))


class StagedGlobalNetworkPolicy(Policy):
    """A preview of a GlobalNetworkPolicy of this name."""

    NAME: ClassVar[NameRule] = GlobalNetworkPolicy.NAME

    kind: Literal["StagedGlobalNetworkPolicy"]
    spec: StagedGlobalPolicySpec = StagedGlobalPolicySpec()

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The label that says the action, as for the tier."""
        return with_action_label(super().completed(data))
