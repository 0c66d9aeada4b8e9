"""403: who may not do what, in the words of Kubernetes and Calico."""

from dnsguard.access.ask import Ask
from dnsguard.api.failures import Failure
from dnsguard.api.services import Caller


def forbidden(caller: Caller, ask: Ask) -> Failure:
    """That no role allows it."""
    if not ask.resource:
        return _refused(ask, f"User {_quoted(caller.name)} cannot {ask.verb} path {_quoted(ask.path)}")
    where = f"in the namespace {_quoted(ask.namespace)}" if ask.namespace else "at the cluster scope"
    told = f"cannot {ask.verb} resource {_quoted(ask.resource)} in API group {_quoted(ask.group)} {where}"
    return _refused(ask, f"User {_quoted(caller.name)} {told}")


def forbidden_in_tier(caller: Caller, ask: Ask, tier: str, *, can_get_tier: bool) -> Failure:
    """That no role allows it in a tier: Calico's words."""
    where = f" and namespace {_quoted(ask.namespace)}" if ask.namespace else ""
    told = f"User {_quoted(caller.name)} cannot {ask.verb} {_qualified(ask)} in tier {_quoted(tier)}{where}"
    return _refused(ask, told if can_get_tier else f"{told} (user cannot get tier)")


def forbidden_because(ask: Ask, reason: str) -> Failure:
    """That it would give away what the caller does not have, or touch what nobody may."""
    return _refused(ask, reason)


def _refused(ask: Ask, reason: str) -> Failure:
    if not ask.resource:
        return Failure(403, "Forbidden", f"forbidden: {reason}")
    named = f" {_quoted(ask.name)}" if ask.name else ""
    details = {"kind": ask.resource, **({"name": ask.name} if ask.name else {})}
    if ask.group:
        details["group"] = ask.group
    return Failure(403, "Forbidden", f"{_qualified(ask)}{named} is forbidden: {reason}", details=details)


def _qualified(ask: Ask) -> str:
    return f"{ask.resource}.{ask.group}" if ask.group else ask.resource


def _quoted(text: str) -> str:
    """As Go quotes what is printable; what is not, and the quotation mark, stand as escapes."""
    return '"' + "".join(sign if sign.isprintable() and sign not in '"\\' else _escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    return f"\\{sign}" if sign in '"\\' else sign.encode("unicode_escape").decode("ascii")
