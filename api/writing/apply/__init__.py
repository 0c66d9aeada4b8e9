"""Who set which field, and what server-side apply makes of it. Pure: objects, owners and the time come in as arguments.

Every mapping is taken apart, key by key; every list is one value, which one manager sets as a whole. That is what
Calico's own kinds say of their lists, and it holds here for all kinds.
"""
