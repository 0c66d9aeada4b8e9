"""The numbers of DNS that dnsguard names (IANA "Domain Name System (DNS) Parameters")."""

from typing import Final

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16  # extended: its upper eight bits travel in the OPT record (RFC 6891 §6.1.3)

A: Final = 1
CNAME: Final = 5
SOA: Final = 6
AAAA: Final = 28
OPT: Final = 41
SVCB: Final = 64
HTTPS: Final = 65
ANY: Final = 255

IN: Final = 1

UNASKABLE: Final = frozenset({0, OPT, 249, 250, 251, 252, 253, 254})
"""Types that are no question to a forwarder: OPT, TKEY, TSIG, IXFR, AXFR, MAILB, MAILA (RFC 6895 §3.1)."""

# Extended errors, RFC 8914 §4.
EDE_OTHER: Final = 0
EDE_STALE_ANSWER: Final = 3
EDE_NOT_READY: Final = 14
EDE_BLOCKED: Final = 15
EDE_PROHIBITED: Final = 18
EDE_NOT_SUPPORTED: Final = 21
EDE_NO_REACHABLE_AUTHORITY: Final = 22
EDE_NETWORK_ERROR: Final = 23
