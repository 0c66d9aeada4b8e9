"""What applies to one endpoint, told in the order of evaluation from the policy that is in force.

::

    Enforcer.enforced ─► PolicyState ─► stages: implicit rules, tiers, policies, rules, profiles, the end
    forwarders ────────► Learned ─────► sets that the rules name, with what names have led to
"""
