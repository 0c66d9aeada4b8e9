"""Where workloads ask: UDP and TCP listeners, both handing every message to one handler."""
