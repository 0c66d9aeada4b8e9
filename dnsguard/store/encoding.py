"""Objects as the text that is stored.

Stored text has sorted keys, so that equal objects are equal text, and no ``resourceVersion``: the revision is stored
beside it and put in when the object is handed out.
"""

import json
from collections.abc import Mapping
from typing import Any


def encoded(value: Mapping[str, Any]) -> str:
    """Canonical text of an object, its ``resourceVersion`` left out.

    Raises ValueError for what JSON cannot hold. Escapes all but ASCII, so any string survives, lone surrogates too.
    """
    metadata = {name: field for name, field in value.get("metadata", {}).items() if name != "resourceVersion"}
    return json.dumps({**value, "metadata": metadata}, sort_keys=True, separators=(",", ":"), allow_nan=False)


def decoded(text: str, revision: int) -> dict[str, Any]:
    """A fresh object that carries its revision."""
    value: dict[str, Any] = json.loads(text)
    value["metadata"]["resourceVersion"] = str(revision)
    return value


def with_revision(text: str, revision: int) -> str:
    """The same as JSON, put together from the stored text."""
    head, name, rest = text.partition('"metadata":{')  # the first one: no kind has such a mapping before its own
    separator = "" if rest.startswith("}") else ","
    return f'{head}{name}"resourceVersion":"{revision}"{separator}{rest}'
