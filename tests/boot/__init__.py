"""dnsguard on a Debian of its own, with systemd as its first process: `make boot`."""
