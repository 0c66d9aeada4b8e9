"""A place to try dnsguard: workloads, a node, an internet, and a shell in which the documents' commands work."""
