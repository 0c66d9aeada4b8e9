"""The forms in which objects are shown, as ``Accept`` asks for them: whole, in a table, or no more than metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dnsguard.api.answers import JSON, liked_best
from dnsguard.api.failures import bad_request

_META = "meta.k8s.io"
_VERSIONS = ("v1", "v1beta1")
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
    return liked_best(accept, lambda media, parameters: _shown(media, parameters, included or "Metadata"))


def _shown(media: str, parameters: Mapping[str, str], included: str) -> Representation | None:
    wanted = parameters.get("as", "")
    if not wanted:
        return Representation(media)
    form = Form.METADATA if wanted == "PartialObjectMetadataList" else wanted
    version = parameters.get("v", "v1")
    if form not in (Form.TABLE, Form.METADATA) or parameters.get("g", _META) != _META or version not in _VERSIONS:
        return None
    return Representation(media, Form(form), version, included if form == Form.TABLE else "Metadata")
