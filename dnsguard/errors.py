"""The base of every error that dnsguard raises on purpose."""


class DnsguardError(Exception):
    """Something is wrong that dnsguard can name; `str()` says what, where, and what to do about it."""
