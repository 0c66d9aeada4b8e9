"""Changing a part of an object: JSON patch (RFC 6902) and JSON merge patch (RFC 7386)."""

import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer

from api.failures import Failure, bad_request
from dnsguard.resources import Cause
from dnsguard.resources.manifest import is_deeper_than
from dnsguard.store.interface import Object
from dnsguard.yamltext import MAX_DEPTH

MAX_OPERATIONS = 10_000
"""As Kubernetes."""

MAX_COPIED = 3 * 1024 * 1024
"""Characters that the ``copy`` operations of one patch may copy: thirty of them can double an object thirty times."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

Change = Callable[[Object], Any]
"""An object → the value that the patch makes of it. It may change its argument."""


def json_patch(operations: Any) -> Change:
    """The change that a list of operations makes. Raises Failure 400; the change raises Failure 422."""
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request('a JSON patch is a list of operations: [{"op": "add", "path": "/spec/nets/-", "value": …}]')
    if len(operations) > MAX_OPERATIONS:
        raise Failure(413, "RequestEntityTooLarge", f"a JSON patch has at most {MAX_OPERATIONS} operations")

    def change(document: Object) -> Any:
        copied = 0
        value: Any = document
        for index, operation in enumerate(operations):
            try:
                if operation.get("op") == "copy":
                    copied += len(json.dumps(jsonpointer.resolve_pointer(value, operation.get("from"))))
                    if copied > MAX_COPIED:
                        raise _failed(index, f"the patch copies more than {MAX_COPIED} characters")
                value = jsonpatch.JsonPatch([operation]).apply(value, in_place=True)
            except jsonpatch.InvalidJsonPatch as error:
                raise bad_request(f"patch[{index}]: {error}", [Cause(f"patch[{index}]", str(error), "patch")]) from None
            except (
                jsonpatch.JsonPatchException,
                jsonpointer.JsonPointerException,
                TypeError,
                ValueError,
                LookupError,
                AttributeError,
            ) as error:
                too_deep = is_deeper_than(value, MAX_DEPTH)  # where Python's stack bears what was stacked
                raise _failed(index, _TOO_DEEP if too_deep else str(error)[:500]) from None
            except RecursionError:
                raise _failed(index, _TOO_DEEP) from None
        if is_deeper_than(value, MAX_DEPTH):  # bodies are bounded, but moves can stack what they brought
            raise _failed(len(operations) - 1, _TOO_DEEP)
        return value

    return change


def merge_patch(patch: Any) -> Change:
    """The change that a merge patch makes: null removes, mappings merge, all else replaces."""
    if not isinstance(patch, dict):
        raise bad_request('a merge patch is a mapping, as {"metadata": {"labels": {"a": "b"}}}')
    return lambda document: _merged(document, patch)


def strategic_patch(patch: Any) -> Change:
    """The same as a merge patch, for kinds without lists that merge by key.

    Raises Failure 400 for directives (``$patch`` and its like), which mean something that is not done here.
    """
    if directive := _directive(patch):
        raise bad_request(f"{directive} is not supported: send a merge patch or a JSON patch")
    return merge_patch(_without_order(patch))


def _failed(index: int, message: str) -> Failure:
    cause = Cause(f"patch[{index}]", message, "patch")
    return Failure(422, "Invalid", f"the patch does not apply: operation {index}: {message}", causes=[cause])


def _merged(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(result.get(key), value)
        else:
            result[key] = value
    return result


def _without_order(value: Any) -> Any:
    """Without the hints about the order of lists, which replace each other here."""
    if not isinstance(value, dict):
        return value
    return {key: _without_order(item) for key, item in value.items() if not key.startswith("$setElementOrder/")}


def _directive(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    for key, item in value.items():
        if key.startswith("$") and not key.startswith("$setElementOrder/"):
            return str(key)
        if found := _directive(item):
            return found
    return ""
