"""OpenAPI v2 as far as ``kubectl`` before 1.27 needs it: which kinds there are, and that they take ``dryRun`` and
``fieldValidation``: unknown fields are refused here, not there.

Those programs ask for it in one form only, the protocol buffers of gnostic's ``OpenAPIv2.proto``; the numbers below are
that file's.
"""

import json

from dnsguard.api.description.kindschemas import identity
from dnsguard.api.description.operations import path_of
from dnsguard.resources import KINDS, Kind

MEDIA_TYPE = "application/octet-stream"
"""The name that those clients ask for it by holds an ``@``, which they cannot read in an answer."""

_SWAGGER, _PATHS = 1, 8  # Document
_PATH = 2  # Paths
_NAME, _VALUE = 1, 2  # NamedPathItem, NamedAny
_PATCH = 8  # PathItem
_PARAMETERS, _EXTENSION = 8, 13  # Operation
_PARAMETER = 1  # ParametersItem
_NON_BODY = 2  # Parameter
_QUERY = 3  # NonBodyParameter
_IN, _PARAMETER_NAME = 2, 4  # QueryParameterSubSchema
_YAML = 2  # Any


def document() -> bytes:
    """The document. It has no schemas: what an object may hold is checked by the server."""
    paths = b"".join(_field(_PATH, _field(_NAME, path_of(kind)) + _field(_VALUE, _item(kind))) for kind in KINDS)
    return _field(_SWAGGER, "2.0") + _field(_PATHS, paths)


def _item(kind: Kind) -> bytes:
    parameters = b"".join(_field(_PARAMETERS, _query(name)) for name in ("dryRun", "fieldValidation"))
    named = _field(_YAML, json.dumps(identity(kind)))
    extension = _field(_NAME, "x-kubernetes-group-version-kind") + _field(_VALUE, named)
    return _field(_PATCH, parameters + _field(_EXTENSION, extension))


def _query(name: str) -> bytes:
    """A parameter behind the question mark."""
    query = _field(_IN, "query") + _field(_PARAMETER_NAME, name)
    return _field(_PARAMETER, _field(_NON_BODY, _field(_QUERY, query)))


def _field(number: int, value: str | bytes) -> bytes:
    """A length-delimited field: the only kind that is needed."""
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    head = b""
    while number > 0x7F:
        head += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return head + bytes((number,))
