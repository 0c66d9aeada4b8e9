"""How objects are changed: bodies, patches, apply on the server, owners of fields."""
