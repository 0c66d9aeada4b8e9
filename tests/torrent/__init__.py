"""Packets at full speed through a node whose dnsguard is restarted, killed, edited and flushed: none may go wrong."""
