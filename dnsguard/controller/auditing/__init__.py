"""The audit log: a file that only grows, whose lines prove one another."""
