"""Values as bodies: JSON, or YAML for who asks for it."""

import json
from typing import Any

import yaml
from starlette.responses import Response

from api.failures import Failure
from dnsguard.yamltext import plain_value

JSON = "application/json"
YAML = "application/yaml"

_YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})
_JSON_TYPES = frozenset({JSON, "application/*", "*/*", "text/*"})

MAX_WARNING_TEXT = 4_096
"""Characters of all ``Warning`` headers together, as Kubernetes bounds them."""


class _Dumper(yaml.CSafeDumper):
    """Quotes every string that a YAML 1.2 reader would take for something else; PyYAML by itself thinks of 1.1 only."""


def _represent_string(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if isinstance(plain_value(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_string)


# Made once: json.dumps makes one for each value, which takes as long as a small value itself.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def as_json(value: Any) -> bytes:
    """Compact JSON, ASCII only: any string survives."""
    return _ENCODER.encode(value).encode("ascii")


def as_yaml(value: Any) -> bytes:
    """YAML that reads back as the same value."""
    text: bytes = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=False, encoding="ascii")
    return text


def media_type(accept: str) -> str:
    """JSON or YAML, whichever an ``Accept`` header likes best; parameters such as ``as=Table`` are passed over.

    Raises Failure 406 where it likes neither.
    """
    liked: list[tuple[float, str]] = []
    for item in accept.lower().split(",") if accept.strip() else [JSON]:
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if quality > 0 and name in _YAML_TYPES:
            liked.append((quality, YAML))
        elif quality > 0 and name in _JSON_TYPES:
            liked.append((quality, JSON))
    if not liked:
        raise Failure(406, "NotAcceptable", f"answers are {JSON} or {YAML}, not {accept[:200]!r}")
    return max(liked, key=lambda one: one[0])[1]  # of equals the first


def answer(accept: str, value: Any, code: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    """A response with the value in the form that is liked, and a ``Warning`` header for each warning."""
    chosen = media_type(accept)
    response = Response(as_json(value) if chosen == JSON else as_yaml(value), code, media_type=chosen)
    for header in warning_headers(warnings):
        response.headers.append("Warning", header)
    return response


def warning_headers(warnings: tuple[str, ...]) -> list[str]:
    """Values of ``Warning`` headers (RFC 7234 § 5.5), within bounds; what is left out is counted."""
    headers: list[str] = []
    left = MAX_WARNING_TEXT
    for index, warning in enumerate(warnings):
        text = warning.encode("ascii", "backslashreplace").decode("ascii")
        text = "".join(sign if sign.isprintable() else " " for sign in text).replace("\\", "\\\\").replace('"', '\\"')
        left -= len(text)
        if left < 0:
            headers.append(f'299 - "and {len(warnings) - index} more warnings"')
            break
        headers.append(f'299 - "{text}"')
    return headers
