"""What policies, rules and the dataplane count, for people and for Prometheus.

::

    kernel ─► CounterBook ─► Page ─┬─► stats: /v1/stats, `dnsguard get --stats`
                 │    │            └─► metrics: /metrics
         Catalogue    Ledger
       (whose is it?) (sums that only grow)

A rule counts the packets that policy judges: the first of a connection, every one that is denied, and where connections
are judged again, one more of each after a change. Its counter in the kernel is called by its place in its policy, so
that an edit of a policy touches no other counter; the book has it begin anew where another rule comes to stand there.
"""
