"""The trusted servers: which they are, how a question is put to them, and which answers are believed."""
