"""The self-test: a packet that is leased passes, and one that is not does not, by the very table that enforces.

It runs in the forwarder, for that one owns the leases, and goes on where the controller is away. ``testing`` draws its
way; what the table knows of the canary stands in ``dataplane.canary``.
"""
