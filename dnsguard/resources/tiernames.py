"""Names of tiers that mean something."""

DEFAULT_TIER = "default"
"""Where policies are that name no tier."""
