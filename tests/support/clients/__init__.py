"""Programs as people write them: each resolves names with one resolver and connects at once to what it got.

Called as ``PROGRAM FAMILY PORT WAIT NAME…``: family 4, 6 or 0 for both, wait in milliseconds for each connection. They
print one line for each address, or one for a name that led to none, with tabs between: ``name  address  outcome`` or
``name  -  error``. The outcome is ``answered`` when the server's greeting came, or else what went wrong.
"""
