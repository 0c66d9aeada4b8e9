"""Changing a part of an object: JSON patch (RFC 6902), merge patch (RFC 7386), Kubernetes' strategic merge patch."""

import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer

from dnsguard.api.failures import Failure, bad_request
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
            except jsonpatch.JsonPatchTestFailed:
                raise _failed(index, f"{operation['path']} is not what the test expects") from None
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
    """The change that a strategic merge patch makes: a merge patch with directives.

    No list of the kinds here merges by key, neither in Calico's types nor in those of Kubernetes that are served: a
    list replaces the other. Raises Failure 400 for directives that would need such a key.
    """
    if not isinstance(patch, dict):
        raise bad_request('a strategic merge patch is a mapping, as {"metadata": {"labels": {"a": "b"}}}')
    _check_directives(patch)
    return lambda document: _strategically_merged(document, patch)


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


_PATCH, _RETAIN, _REMOVE, _ORDER = "$patch", "$retainKeys", "$deleteFromPrimitiveList/", "$setElementOrder/"


def _strategically_merged(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch.get(_PATCH)
    if directive == "delete":
        return {}
    result = dict(target) if isinstance(target, dict) and directive != "replace" else {}
    if _RETAIN in patch:
        result = {key: value for key, value in result.items() if key in patch[_RETAIN]}
    for key, value in patch.items():
        if key.startswith(_REMOVE):
            name = key.removeprefix(_REMOVE)
            if isinstance(result.get(name), list):
                gone = frozenset(value)
                result[name] = [item for item in result[name] if isinstance(item, dict | list) or item not in gone]
        elif key.startswith("$"):
            continue  # the order of a list is that of the list that replaces it
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _strategically_merged(result.get(key), value)
        else:
            result[key] = value
    return result


def _check_directives(value: Any) -> None:
    """Raises Failure 400 for what is none, or stands where it cannot be followed."""
    if isinstance(value, list):
        if any(isinstance(item, dict) and _PATCH in item for item in value):
            raise bad_request(
                f"{_PATCH} in a list needs a key to find items by, which lists here have not: send the list"
            )
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == _PATCH:
            if inner not in ("replace", "delete", "merge"):
                raise bad_request(f"{_PATCH} is replace, delete or merge, not {str(inner)[:40]!r}")
        elif key == _RETAIN or key.startswith((_REMOVE, _ORDER)):
            if not isinstance(inner, list):
                raise bad_request(f"{key[:100]} is a list")
            if key.startswith(_REMOVE) and any(isinstance(item, dict | list) for item in inner):
                raise bad_request(f"{key[:100]} is a list of single values")
        elif key.startswith("$"):
            raise bad_request(f"{key[:100]} is not supported: send a merge patch or a JSON patch")
        else:
            _check_directives(inner)
