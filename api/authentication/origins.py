"""Requests that a page sends in its reader's name, without the reader.

Whoever may change policy by a client certificate, through `kubectl proxy` or through a forwarder to the Unix socket,
lets a browser do it, too, and a browser sends what any page asks it to. Nothing here answers by CORS, so no page of
another origin reads an answer; what is left is to refuse what changes something.
"""

from ipaddress import ip_address

from starlette.datastructures import Headers

from dnsguard.api.failures import Failure

BROWSERS = "Mozilla/"
"""How the name of every browser begins. No page can change it."""

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a page may send to another origin without asking it first (Fetch standard, CORS-safelisted types)."""


def foreign_page(headers: Headers) -> Failure | None:
    """The refusal of a change that a page of another origin had sent, or that may be a form.

    As Go's ``http.CrossOriginProtection``: browsers say by ``Sec-Fetch-Site`` whose page it was, older ones by
    ``Origin``; who sends neither is no browser.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if (
        site not in ("same-origin", "none")
        if site is not None
        else (origin is not None and not _is_own(origin, headers))
    ):
        return _forbidden(f"a page of another origin ({(origin or site or '')[:100]}) sent this: nothing was changed")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS and headers.get("user-agent", "").startswith(BROWSERS):
        return Failure(415, "UnsupportedMediaType", f"{kind} of a browser may be a form of any page: send JSON or YAML")
    return None


def foreign_name(headers: Headers) -> Failure | None:
    """The refusal of a request over the Unix socket that calls us by a name of the internet.

    Where somebody forwards the socket to a port, pages of that name speak for the administrator once they have it lead
    there (DNS rebinding).
    """
    host = headers.get("host", "")
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.rpartition(":")[0] or host
    if "." not in name.rstrip(".") or _is_address(name):
        return None
    return Failure(
        421, "MisdirectedRequest", f"over the Unix socket there is no server {name[:100]!r}: call it localhost"
    )


def _is_own(origin: str, headers: Headers) -> bool:
    return origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden(message: str) -> Failure:
    return Failure(403, "Forbidden", message)
