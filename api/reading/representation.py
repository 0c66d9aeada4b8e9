"""The forms in which objects are shown, as ``Accept`` asks for them: whole, in a table, or no more than metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.answers import JSON, YAML
from api.failures import Failure, bad_request

_META = "meta.k8s.io"
_VERSIONS = ("v1", "v1beta1")
_MEDIA = {
    "application/json": JSON,
    "application/*": JSON,
    "text/*": JSON,
    "*/*": JSON,
    YAML: YAML,
    "application/x-yaml": YAML,
    "text/yaml": YAML,
    "text/x-yaml": YAML,
}
_INCLUDED = ("None", "Metadata", "Object")


class Form(StrEnum):
    """What of an object is shown."""

    WHOLE = "whole"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


@dataclass(frozen=True, slots=True)
class Representation:
    """How one answer shows objects."""

    media: str = JSON
    form: Form = Form.WHOLE
    version: str = "v1"
    """Of the group that tables and metadata are of."""

    included: str = "Metadata"
    """What a row carries of its object: ``None``, ``Metadata`` or ``Object``."""

    @property
    def api_version(self) -> str:
        """Of tables and metadata."""
        return f"{_META}/{self.version}"


def representation(accept: str, included: str = "") -> Representation:
    """The form that an ``Accept`` header likes best of those there are; ``included``: the query's ``includeObject``.

    Raises Failure 406 where it likes none, and 400.
    """
    if included and included not in _INCLUDED:
        raise bad_request(f"includeObject: {included[:40]!r} is none of {', '.join(_INCLUDED)}")
    liked: list[tuple[float, Representation]] = []
    for item in accept.split(",") if accept.strip() else [JSON]:
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in rest)}
        quality = _quality(parameters.get("q", "1"))
        shown = _shown(name.lower(), parameters, included or "Metadata")
        if quality > 0 and shown is not None:
            liked.append((quality, shown))
    if not liked:
        raise Failure(406, "NotAcceptable", f"answers are {JSON} or {YAML}, also as Table, not {accept[:200]!r}")
    return max(liked, key=lambda one: one[0])[1]  # of equals the first


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _shown(name: str, parameters: Mapping[str, Any], included: str) -> Representation | None:
    media = _MEDIA.get(name)
    wanted = parameters.get("as", "")
    if media is None or not wanted:
        return Representation(media) if media else None
    form = Form.METADATA if wanted == "PartialObjectMetadataList" else wanted
    version = parameters.get("v", "v1")
    if form not in (Form.TABLE, Form.METADATA) or parameters.get("g", _META) != _META or version not in _VERSIONS:
        return None
    return Representation(media, Form(form), version, included if form == Form.TABLE else "Metadata")
