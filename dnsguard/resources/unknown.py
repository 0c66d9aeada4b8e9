"""Fields that a kind does not have, left out for who asks for that."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from dnsguard.resources.causes import Path, field_text
from dnsguard.resources.problems import problems_of
from dnsguard.resources.registry import UnknownKind, kind_of

UNKNOWN = "D-01"
"""The rule that refuses unknown fields."""

_ROUNDS = 8
"""What stands in an unknown field is not judged, but a part that cannot be read may hide what is unknown in it."""


def without_unknown(data: Any) -> tuple[Any, tuple[str, ...]]:
    """The object without fields that its kind does not have, and where they stood, as ``spec.foo``.

    Whatever else is wrong with it stays as it is, for `parse_object` to say.
    """
    if not isinstance(data, Mapping):
        return data, ()
    dropped: list[str] = []
    for _ in range(_ROUNDS):
        paths = _unknown(data)
        if not paths:
            break
        if not dropped:
            data = deepcopy(data)
        removed = [path for path in paths if _remove(data, path)]
        dropped += map(field_text, removed)
        if not removed:
            break
    return data, tuple(dropped)


def _unknown(data: Mapping[str, Any]) -> list[Path]:
    name, api_version = data.get("kind"), data.get("apiVersion")
    try:
        kind = kind_of(str(name), str(api_version or ""))
        kind.model.model_validate(data)
    except UnknownKind:
        return []
    except ValidationError as error:
        return list(dict.fromkeys(path for path, code, _ in problems_of(error) if code == UNKNOWN))
    return []


def _remove(data: Any, path: Path) -> bool:
    *above, last = path
    for step in above:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return False
    return isinstance(data, dict) and data.pop(last, path) is not path
