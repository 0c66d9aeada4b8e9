"""Values as bodies: JSON, or YAML for who asks for it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import yaml
from starlette.responses import Response

from dnsguard.api.failures import Failure
from dnsguard.yamltext import plain_value

JSON = "application/json"
YAML = "application/yaml"

_MEDIA: Mapping[str, str] = {
    **dict.fromkeys((JSON, "application/*", "*/*", "text/*"), JSON),
    **dict.fromkeys((YAML, "application/x-yaml", "text/yaml", "text/x-yaml"), YAML),
}

Liked = TypeVar("Liked")

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


def as_text(value: Any) -> str:
    """Compact JSON, ASCII only: any string survives."""
    return _ENCODER.encode(value)


def as_json(value: Any) -> bytes:
    """The same as bytes."""
    return as_text(value).encode("ascii")


def as_yaml(value: Any) -> bytes:
    """YAML that reads back as the same value."""
    text: bytes = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=False, encoding="ascii")
    return text


def media_type(accept: str) -> str:
    """JSON or YAML, whichever an ``Accept`` header likes best; parameters such as ``as=Table`` are passed over.

    Raises Failure 406 where it likes neither.
    """
    return liked_best(accept, lambda media, _: media)


def liked_best(accept: str, made: Callable[[str, Mapping[str, str]], Liked | None]) -> Liked:
    """What an ``Accept`` header likes best of what can be ``made``: of JSON or YAML and the parameters beside it.

    Raises Failure 406 where it likes nothing of that.
    """
    liked: list[tuple[float, Liked]] = []
    for item in accept.split(",") if accept.strip() else [JSON]:
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in rest)}
        media = _MEDIA.get(name.lower())
        found = None if media is None else made(media, parameters)
        quality = _quality(parameters.get("q", "1"))
        if found is not None and quality > 0:
            liked.append((quality, found))
    if not liked:
        raise Failure(406, "NotAcceptable", f"answers are {JSON} or {YAML}, not {accept[:200]!r}")
    return max(liked, key=lambda one: one[0])[1]  # of equals the first


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


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
