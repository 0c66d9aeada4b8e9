"""The tests again as an ordinary user, in user namespaces, and what is left out of them there.

Who runs the tests as root of the machine sees nothing of what only root may: so they run a second time without it.
``left_out.yaml`` says what is left out then and why, and `make test` compares. ``python -m tests.ordinary`` runs all
that stands there, and takes as long as all the rest.
"""
