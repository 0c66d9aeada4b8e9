"""Packets that were denied, and those that Log rules show: from the kernel to whoever wants to know.

::

    kernel: limited log ─► NFLOG ─► PacketLog ─► Whose, RuleNames ─► Merging ─► names ─► record ─┬─► recent, followers
      │                             (a few at a time)                           (asked of the    └─► writer ─► file
      └─ counter of the rule ─► Unlogged: how many there were beyond that        forwarders)

Nothing here makes enforcement wait: the kernel logs what it has room for, and what is missing is counted.
"""
