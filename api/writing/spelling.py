"""Patches of a kind whose keys are read in any case: they must meet the keys that are kept."""

from collections.abc import Mapping
from typing import Any

from dnsguard.api.failures import Failure
from dnsguard.resources import Cause, Kind
from dnsguard.resources.felix import FelixConfiguration, other_spellings


def as_kept(kind: Kind, patch: Any) -> tuple[Any, tuple[str, ...]]:
    """The patch (of any form) with the keys of ``spec`` as they are kept, and a warning for each that was not.

    Raises Failure 422 where a merge patch gives one field two values. What is no patch is returned as it is.
    """
    if kind.model is not FelixConfiguration:
        return patch, ()
    if isinstance(patch, list):
        return _operations(patch)
    if isinstance(patch, dict) and isinstance(patch.get("spec"), dict):
        spec = patch["spec"]
        return {**patch, "spec": _folded(spec)}, tuple(_warning(*each) for each in other_spellings(spec))
    return patch, ()


def _folded(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A field that is removed in one spelling and set in another is set: so a client moves from one to the other."""
    names = dict(other_spellings(spec))
    folded: dict[str, Any] = {}
    for key, value in spec.items():
        name = names.get(key, key)
        if folded.get(name) is not None and value is not None:
            message = f"is written twice, once as {key}: write one of them"
            causes = [Cause(f"spec.{name}", message, "D-29")]
            raise Failure(422, "Invalid", f"the patch is invalid: spec.{name}: {message}", causes=causes)
        folded[name] = value if value is not None else folded.get(name)
    return folded


def _operations(operations: list[Any]) -> tuple[list[Any], tuple[str, ...]]:
    warnings: dict[str, None] = {}
    folded = []
    for operation in operations:
        if isinstance(operation, dict):
            pointers = {field: operation[field] for field in ("path", "from") if isinstance(operation.get(field), str)}
            for field, pointer in pointers.items():
                steps = pointer.split("/")
                if steps[:2] == ["", "spec"] and len(steps) > 2:
                    for key, name in other_spellings({steps[2]: None}):
                        warnings[_warning(key, name)] = None
                        pointers[field] = "/".join([*steps[:2], name, *steps[3:]])
            operation = {**operation, **pointers}
        folded.append(operation)
    return folded, tuple(warnings)


def _warning(key: str, name: str) -> str:
    return f"spec.{key}: is written {name} (D-29)"
