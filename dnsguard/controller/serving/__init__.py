"""The API's sockets: who may connect, what a connection proves of its peer, how long it may take.

::

    listener ─► Door ─► (TLS) ─► Conversation ─► uvicorn ─► api.gate
                 │        │           └ peer, limits of time
                 │        └ Contexts ─► certificates; Vouching: is a client's still good
                 └ Crowd: how many, and how many strangers
"""
