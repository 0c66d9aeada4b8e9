"""What happens to a packet, and why: one evaluator behind everything that answers "what would happen"."""
