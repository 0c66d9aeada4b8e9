"""The `dnsguard` command: the processes, their supervisor, and the client of the admin API."""
