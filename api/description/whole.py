"""The whole API in one OpenAPI 3.1 document: kinds, ``/v1``, discovery, metrics and health, with all that a request may
be answered."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from dnsguard.api.description.discovery import API_VERSIONS, REVIEW_VERSIONS, root_of, served_groups
from dnsguard.api.description.kindschemas import all_schemas
from dnsguard.api.description.metaschemas import GROUP, GROUP_LIST, RESOURCE_LIST, STATUS, VERSIONS, reference
from dnsguard.api.description.operations import Described, content, operations
from dnsguard.api.description.viewparameters import PARAMETERS
from dnsguard.resources import KINDS

_HEADERS: Final[Mapping[str, Described]] = {
    "WWW-Authenticate": {"description": "How to say who asks.", "schema": {"type": "string"}},
    "Retry-After": {"description": "When to try again, in seconds.", "schema": {"type": "integer"}},
    "Warning": {"description": "What was taken and should be looked at (RFC 7234).", "schema": {"type": "string"}},
}

# Code → name, what it says, headers.
_REFUSALS: Final[Mapping[int, tuple[str, str, tuple[str, ...]]]] = {
    400: ("BadRequest", "The request itself is wrong.", ()),
    401: ("Unauthorized", "Nobody known asks.", ("WWW-Authenticate",)),
    403: ("Forbidden", "The caller may not do that, or nobody may.", ()),
    404: ("NotFound", "There is no such thing.", ()),
    406: ("NotAcceptable", "There is no answer in a form that the caller takes.", ()),
    408: ("Timeout", "The body did not arrive in time.", ()),
    409: ("Conflict", "Something else is there, or was changed meanwhile.", ()),
    410: ("Expired", "The revision, or the page, is no longer known: list again.", ()),
    413: ("RequestEntityTooLarge", "The body is too large.", ()),
    415: ("UnsupportedMediaType", "The body is in a form that is not read here.", ()),
    421: ("MisdirectedRequest", "Over the Unix socket the server has another name.", ()),
    422: ("Invalid", "What is sent breaks rules; `details.causes` names each field.", ()),
    429: ("TooManyRequests", "The caller, or all of them, ask too much.", ("Retry-After",)),
    431: ("RequestHeaderFieldsTooLarge", "The request's line and headers are too large.", ()),
    503: ("ServiceUnavailable", "It cannot be done or known now.", ("Retry-After",)),
}
_ANY: Final = (400, 401, 403, 406, 413, 421, 429, 431)
"""What any request may be answered."""

_READ: Final = (404, 410, 422, 503)
_WRITTEN: Final = (404, 408, 409, 410, 415, 422, 503)

_ABOUT: Final = """\
Kinds are served as Kubernetes serves them: `kubectl`, `curl` and clients of the Kubernetes API read and write them.
What Kubernetes has no word for is under `/v1`.

Bodies are JSON or YAML, and so are answers, as `Accept` asks. A refusal is a `Status` that says what is wrong, where,
and what to do. A parameter without a value is as one that is not there. Callers say who they are by a token, or by a
certificate; over the Unix socket nothing needs to be said.
"""

_EXAMPLES: Final[Mapping[str, tuple[str, Any]]] = {
    "application/json-patch+json": (
        "Allow one more domain",
        [{"op": "add", "path": "/spec/allowedEgressDomains/-", "value": "*.example.org"}],
    ),
    "application/merge-patch+json": (
        "Replace the list of domains",
        {"spec": {"allowedEgressDomains": ["example.org", "*.example.org"]}},
    ),
}
_QUESTION: Final = {"source": "shop/web", "destination": "api.example.org", "port": 443}


def description(version: str, routes: Iterable[BaseRoute]) -> Described:
    """The document. ``version``: of the program; ``routes``: those that say themselves what they answer."""
    made = get_openapi(title="dnsguard", version=version, description=_ABOUT, routes=list(routes))
    for path, item in made["paths"].items():
        for operation in item.values():
            _complete_view(path, operation)
    for path, operation in _plain_reads().items():
        made["paths"][path] = {"get": operation}
    for each in (operation for kind in KINDS for operation in operations(kind)):
        made["paths"].setdefault(each.path, {})[each.method] = _complete_operation(
            each.path, each.method, each.described
        )
    made["components"] = {
        "schemas": {**made["components"]["schemas"], **all_schemas()},
        "responses": {name: _refusal(text, headers) for name, text, headers in _REFUSALS.values()},
        "headers": dict(_HEADERS),
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "An access token, or the administrator's."},
            "certificate": {"type": "mutualTLS", "description": "A client certificate; its CN is the user's name."},
        },
    }
    made["security"] = [{"token": []}, {"certificate": []}]
    made["servers"] = [{"url": "/"}]
    made["tags"] = [{"name": name, "description": text} for name, text in _tags().items()]
    return made


def _tags() -> dict[str, str]:
    return {
        "dnsguard": "What happens on this node, and why.",
        **{each: f"The kinds of {each}." for each in API_VERSIONS},
        "authorization": "Who may what.",
        "discovery": "What there is.",
        "health": "Open to everybody.",
    }


def _refusal(text: str, headers: tuple[str, ...]) -> Described:
    described: Described = {"description": text, "content": {"application/json": {"schema": reference(STATUS)}}}
    return described | ({"headers": _headers(headers)} if headers else {})


def _headers(names: Iterable[str]) -> Described:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusals(codes: Iterable[int]) -> Described:
    return {str(code): {"$ref": f"#/components/responses/{_REFUSALS[code][0]}"} for code in sorted(codes)}


def _complete_operation(path: str, method: str, described: Described) -> Described:
    refused = _READ if method == "get" else _WRITTEN
    made = {**described, "responses": {**described["responses"], **_refusals((*_ANY, *refused))}}
    if method in ("post", "put", "patch"):
        for code in ("200", "201"):
            if code in made["responses"]:
                made["responses"][code] = made["responses"][code] | {"headers": _headers(["Warning"])}
    if method == "patch" and path.endswith("/networksets/{name}"):
        bodies = made["requestBody"]["content"]
        shown = {each: {**body, **_example(*_EXAMPLES[each])} for each, body in bodies.items() if each in _EXAMPLES}
        made["requestBody"] = {**made["requestBody"], "content": {**bodies, **shown}}
    return made


def _example(summary: str, value: Any) -> Described:
    return {"examples": {"example": {"summary": summary, "value": value}}}


def _complete_view(path: str, operation: Described) -> None:
    asks = "requestBody" in operation
    said = " ".join(operation["description"].split())
    operation["description"] = said
    operation["summary"] = re.split(r"[.;:(]", said)[0]
    operation["parameters"] = list(PARAMETERS.get(path, ()))
    operation["responses"] |= _refusals((*_ANY, 404, 503, *((408, 415, 422) if asks else ())))
    answers = (operation["responses"].get("200") or operation["responses"]["201"])["content"]
    if "application/json" in answers:
        answers["application/yaml"] = answers["application/json"]
    if asks:
        bodies = operation["requestBody"]["content"]
        if path == "/v1/explain":
            bodies["application/json"] |= _example("Whether a workload reaches a name", _QUESTION)
        bodies["application/yaml"] = {"schema": bodies["application/json"]["schema"]}


def _plain_reads() -> dict[str, Described]:
    """Path → operation, of what is the same for everybody."""
    anything = {"type": "object"}
    listed = {"/api": (VERSIONS, "The versions of the core group"), "/apis": (GROUP_LIST, "The other groups")}
    listed |= {f"/apis/{name}": (GROUP, f"The group {name}") for name, _ in served_groups() if name}
    every = (*API_VERSIONS, *REVIEW_VERSIONS)
    listed |= {root_of(each): (RESOURCE_LIST, f"The kinds of {each}") for each in every}
    made = {path: _read(said, content(reference(name))) for path, (name, said) in listed.items()}
    made["/version"] = _read("Of the Kubernetes API that is spoken, and of dnsguard", content(anything))
    made["/openapi/v3"] = _read("Where the OpenAPI documents of each group are", content(anything))
    for each in API_VERSIONS:
        path = f"/openapi/v3{root_of(each)}"
        made[path] = _read(f"The OpenAPI document of {each}", content(anything))
        made[path]["responses"]["304"] = {"description": "It is what the caller has already."}
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    made["/openapi/v2"] = _read("OpenAPI v2 for old clients, in protocol buffers", binary)
    text = {"text/plain": {"schema": {"type": "string"}}}
    made["/docs"] = _read("All of this for people", {**text, "text/html": {"schema": {"type": "string"}}})
    made["/openapi.json"] = _read("All of this for programs", content(anything))
    for path, said in _HEALTH.items():
        made[path] = {
            "summary": said,
            "operationId": f"read{path.title().replace('/', '')}",
            "tags": ["health"],
            "security": [],
            "responses": {"200": {"description": "So it is.", "content": text}},
        }
    told = {**text, "application/json": {"schema": reference(STATUS)}}
    made["/readyz"]["responses"]["503"] = {"description": "It is not, or it is not known.", "content": told}
    return made


_HEALTH: Final = {
    "/livez": "Whether the process lives",
    "/healthz": "Whether the process lives",
    "/readyz": "Whether all is enforced and answered",
}


def _read(summary: str, answers: Described) -> Described:
    return {
        "summary": summary,
        "tags": ["discovery"],
        "responses": {"200": {"description": "Done.", "content": answers}, **_refusals(_ANY)},
    }
