"""What stands behind the question mark of ``/v1/…``, as OpenAPI describes it."""

from collections.abc import Mapping
from typing import Final

from dnsguard.api.description.operations import Described, parameter
from dnsguard.api.views.learned import MOST as MOST_LEARNED
from dnsguard.api.views.learned import USUAL_NAMES
from dnsguard.api.views.lines import MOST, USUAL
from dnsguard.api.views.packets import ACTIONS
from dnsguard.api.views.routes import COUNTED_KINDS
from dnsguard.resources.reading import string

_BOOLEAN: Final = {"type": "boolean"}
_LAST: Final = parameter(
    "last", "How many of the newest records.", {"type": "integer", "minimum": 0, "maximum": MOST, "default": USUAL}
)
_FOLLOW: Final = parameter("follow", "Go on with what comes; who takes `text/event-stream` always does.", _BOOLEAN)
_RESUME: Final = parameter("Last-Event-ID", "Of a reader of events that comes back.", string(), place="header")
_CLIENT: Final = parameter("client", "An endpoint as `namespace/name`, or an address.", string())


def _limit(usual: int) -> Described:
    bounds = {"type": "integer", "minimum": 1, "maximum": MOST_LEARNED, "default": usual}
    return parameter("limit", "How many, at most.", bounds)


PARAMETERS: Final[Mapping[str, tuple[Described, ...]]] = {
    "/v1/status": (_FOLLOW,),
    "/v1/endpoints": (parameter("namespace", "Only those of one namespace.", string()),),
    "/v1/effective": (
        parameter("endpoint", "`NAMESPACE/NAME`, or the name of a host endpoint.", string(minLength=1))
        | {"required": True},
    ),
    "/v1/set-users": (
        parameter("name", "Of the network set.", string(minLength=1)) | {"required": True},
        parameter("namespace", "Of the network set; absent for a global one.", string()),
    ),
    "/v1/leases": (
        _CLIENT,
        parameter("name", "Only those that a name led to which this domain pattern matches.", string()),
        parameter("address", "Only this address.", string()),
        parameter("set", "Only what this lease set holds.", string()),
        _limit(MOST_LEARNED),
    ),
    "/v1/names": (
        parameter("name", "Only names that this domain pattern matches.", string()),
        _limit(USUAL_NAMES),
    ),
    "/v1/stats": (
        parameter("kind", "Only what is of this kind.", string(enum=list(COUNTED_KINDS))),
        parameter("namespace", "Only what is in this namespace.", string()),
        parameter("name", "Only what has this name.", string()),
        parameter("rules", "Each rule for itself.", _BOOLEAN),
    ),
    "/v1/dns-log": (
        _LAST,
        _CLIENT,
        parameter("name", "Only names that this domain pattern matches.", string()),
        parameter("denied", "Only what was refused or failed.", _BOOLEAN),
        _FOLLOW,
        _RESUME,
    ),
    "/v1/denied": (
        _LAST,
        _CLIENT,
        parameter("action", "What was denied, what Log rules show, or both.", string(enum=list(ACTIONS))),
        _FOLLOW,
        _RESUME,
    ),
    "/v1/audit": (
        _LAST,
        parameter("user", "Only what this user did.", string()),
        parameter("denied", "Only what was refused.", _BOOLEAN),
        _FOLLOW,
        _RESUME,
    ),
}
