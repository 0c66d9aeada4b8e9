"""The process that answers DNS: it relays, learns, and opens what policy allows before an answer is released."""
