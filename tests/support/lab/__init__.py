"""A lab of network namespaces: workloads, a node that runs dnsguard, name servers and an internet."""
