"""Stable identifiers of selectors."""

import base64
import hashlib

from dnsguard.selector.expression import Expression


def identifier(expression: Expression) -> str:
    """`s:` and 38 characters of base64url: equal for equal canonical text, on every node and in every version."""
    text = f"s:{expression}"
    # A lone surrogate can come in through JSON; it has no UTF-8 but must not stop us.
    digest = hashlib.sha224(text.encode("utf-8", "surrogatepass")).digest()
    return "s:" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
