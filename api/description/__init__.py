"""What there is, told to programs and to people: discovery, OpenAPI, ``/docs``."""
