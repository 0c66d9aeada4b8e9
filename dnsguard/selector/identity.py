"""Stable identifiers of selectors, and of whatever else is known by its content."""

import base64
import hashlib

from dnsguard.selector.expression import Expression


def identifier(expression: Expression) -> str:
    """The `content_id` of its canonical text, of kind `s`."""
    return content_id("s", str(expression))


def content_id(kind: str, text: str) -> str:
    """`kind:` and 38 characters of base64url: equal for equal kind and text, on every node and in every version."""
    # A lone surrogate can come in through JSON; it has no UTF-8 but must not stop us.
    digest = hashlib.sha224(f"{kind}:{text}".encode("utf-8", "surrogatepass")).digest()
    return f"{kind}:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode('ascii')}"
