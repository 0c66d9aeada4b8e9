"""Several processes that answer, and one that owns the leases.

::

    worker: relay ─► Asking ══ socket pair ══► Desk ─► Leasing ─► book, kernel      the owner, which answers, too
                     ◄──────── outcome ◄──────────────────┘

A worker judges, asks upstream and caches by itself, and has a link of its own to the controller. What an answer opens
it has the owner lease, and it releases nothing before the owner says that the kernel has it: so there is one writer,
and nobody shortens what another wrote. ``Crew`` starts the workers, and starts each again when it dies; a worker whose
owner is gone ends.
"""
