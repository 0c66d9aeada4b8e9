"""Connections end when policy no longer allows them, where that is asked for.

::

    Enforcer ─► Revoker   does a change take something away? then another revision of policy, at once or within a second
                  │
                  ▼
               Sweeper    a thread: connections of earlier revisions are judged as the kernel would judge the next
                          packet of whoever opened them, and marked: denied, or not judged

The kernel judges by itself what the opener of a connection sends (`dataplane.rejudging`), so the sweeper is for those
where only the other side speaks, and so that no number of a revision comes again while a connection still carries it.
It asks the one evaluator there is, and the kernel's own sets for leases.

It denies only what the evaluator denies for certain, and that only for what comes back: the opener's next packet the
kernel judges, and marks the connection by what comes of it. So a mistake would last so long. It allows nothing: what it
finds allowed, and what it cannot tell since that takes an interface that nobody knows or the address before
translation, is not judged; replies go on, and the opener's next packet decides.

Leases are those of now. One that ran out though its name is allowed still would end its connections, so the forwarder
prolongs leases under connections (`forwarder.flows`). What connection tracking does not know (`doNotTrack`) has no
connection to end: there each packet is judged.
"""
