"""Names of objects that a server has, for people who mistype them and shells that complete them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from dnsguard.cli.server import Server, ServerError, object_path
from dnsguard.resources import Kind, kind_named

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Names are asked for without what the objects hold."""

_MOST_MEANT = 3


def names_of(
    server: Server, kind: Kind, namespace: str, parameters: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Namespace and name of each object; an empty namespace means all. Raises ServerError, UnreachableError."""
    answer = server.get(object_path(kind, namespace), parameters, accept=METADATA)
    for item in answer.get("items") or ():
        yield item["metadata"].get("namespace", ""), item["metadata"]["name"]


def meant_instead(server: Server, kind: Kind, namespace: str, name: str) -> str:
    """What to add to an error about an object that does not exist: one that is called nearly so, or is called so in
    another namespace; else nothing."""
    from difflib import get_close_matches

    try:
        names = [found for _, found in names_of(server, kind, namespace)]
        if close := get_close_matches(name, names, n=1):
            return f"; did you mean {close[0]}?"
        if kind.namespaced:
            there = names_of(server, kind, "", {"fieldSelector": f"metadata.name={name}"})
            elsewhere = sorted(of for of, found in there if found == name)
            if elsewhere:
                return f"; there is one in namespace {elsewhere[0]}: -n {elsewhere[0]}"
    except ServerError:
        return ""
    return ""


def is_missing(error: ServerError) -> bool:
    """Whether the object does not exist."""
    return error.status == HTTPStatus.NOT_FOUND


@contextmanager
def naming_endpoint(server: Server, text: str) -> Iterator[None]:
    """Where the server does not know the endpoint of that name, its error ends with those that may be meant."""
    try:
        yield
    except ServerError as error:
        if not text or repr(text) not in str(error) or not (meant := _endpoints_like(server, text)):
            raise
        raise ServerError(error.status, f"{error}; did you mean {' or '.join(meant)}?", error.causes) from None


def _endpoints_like(server: Server, text: str) -> list[str]:
    """A few workloads that hold the last part of the name, as containers of Docker do; else the one that is called
    nearly so."""
    from difflib import get_close_matches

    wanted = text.rpartition("/")[2]
    try:
        known = list(names_of(server, kind_named("workloadendpoints"), ""))
    except ServerError:
        return []
    holding = [f"{namespace}/{name}" for namespace, name in known if wanted and wanted in name]
    return holding[:_MOST_MEANT] or get_close_matches(text, ["/".join(each) for each in known], n=1)
