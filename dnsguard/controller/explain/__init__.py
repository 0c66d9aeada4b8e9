"""``explain``: what happens to a connection and why, by the evaluator that the kernel's rules are tested against.

::

    query ─► question ─► flows ─► routing ─► judging ─► words, summary
             who, what   pairs of  which      verdicts   ▲
                         addresses interfaces            ├─ hints: nearest, unselecting
                         (pieces)    (byname)            └─ what a name led to: learned, names, queries

``model`` asks each in turn, about one ``policystate``: policy in force, or what is ``pending``; compiled, and as it was
``written``.
"""
