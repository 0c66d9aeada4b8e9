"""What is written down of the queries that were answered: records, the filters and limits of a log, and metrics."""
