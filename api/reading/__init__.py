"""How objects are shown: lists, pages, tables, watches, and their status."""
