"""What the numbers of DNS and IP are called (IANA "Domain Name System (DNS) Parameters")."""

from typing import Final

RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME",
    19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
}  # fmt: skip

TYPES: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 11: "WKS", 12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT",
    17: "RP", 18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT",
    39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
    49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY",
    61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64",
    249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI",
    257: "CAA", 32768: "TA", 32769: "DLV",
}  # fmt: skip


def rcode_text(rcode: int) -> str:
    """The mnemonic, or ``RCODE12`` for one that has none."""
    return RCODES.get(rcode) or f"RCODE{rcode}"


def type_text(rrtype: int) -> str:
    """The mnemonic, or ``TYPE65280`` for one that has none here (RFC 3597 §5)."""
    return TYPES.get(rrtype) or f"TYPE{rrtype}"


PROTOCOLS: Final = {1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 33: "DCCP", 41: "IPv6", 47: "GRE", 50: "ESP",
                    51: "AH", 58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP", 136: "UDPLite",
                    0x0806: "ARP"}  # fmt: skip
"""What policies and people call them (IANA "Protocol Numbers")."""


def protocol_text(protocol: int) -> str:
    """The name, or the number for one that is rare; of a frame that is not IP, its Ethernet type."""
    return PROTOCOLS.get(protocol) or (str(protocol) if protocol < 256 else f"0x{protocol:04x}")
