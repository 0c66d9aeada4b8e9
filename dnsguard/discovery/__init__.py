"""Where endpoints come from besides the API."""
