"""What the load tests of look-ups are made of: a site, a name server, forwarders, load, and what a process uses."""
