"""Containers of Docker as workload endpoints, one for each container and network.

::

    events ──► rings a bell, and says no more than that
                 ▼
    containers, networks, sandboxes (answers) ─► ports into namespaces (netlink.peers) ─► endpoints
                 ─► which go first, which last (changes) ─► store (mirror)

What is wanted hangs on Docker's present state alone, which is read whole each time: an event that was lost, torn or
told twice makes no difference. While Docker does not answer, what it told last stays.
"""
