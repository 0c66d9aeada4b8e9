"""The one error of the selector language."""

from dnsguard.errors import DnsguardError


class SelectorSyntaxError(DnsguardError):
    """A text is not a selector. `column` counts characters from 1; one past the end means that something is missing."""

    def __init__(self, text: str, column: int, reason: str) -> None:
        self.text = text
        self.column = column
        self.reason = reason
        super().__init__(f"bad selector {text!r}, column {column}: {reason}")
