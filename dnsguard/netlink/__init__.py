"""The kernel's netlink protocol, as far as dnsguard speaks it: messages as bytes, and the socket they go through."""
