"""How much the program costs at size: one scenario a module, run with ``python -m loadtest.<scenario>``."""
