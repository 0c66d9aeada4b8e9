"""Names as policy sees them: canonical names, patterns, and the index from names to whoever asks for them."""

from dnsguard.domains.index import PatternIndex
from dnsguard.domains.name import DomainNameError, name_text, wire_name
from dnsguard.domains.pattern import DomainPattern, DomainPatternError

__all__ = ["DomainNameError", "DomainPattern", "DomainPatternError", "PatternIndex", "name_text", "wire_name"]
