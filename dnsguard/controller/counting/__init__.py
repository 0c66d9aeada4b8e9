"""What policies, rules and the dataplane count, for people and for Prometheus.

::

    kernel ─► CounterReader ─► Catalogue: whose counter is it? ─► stats: /v1/stats, `dnsguard get --stats`
              (one list for all               │
               who ask within a second)       └─► Ledger (sums that only grow) ─► metrics: /metrics

A rule's counter stands for its place in its policy, and counts the packets that policy judges: the first of a
connection, every one that is denied. Who edits a rule has its count begin anew (`fresh`).
"""
