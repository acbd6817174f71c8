"""The plan: what must change on a server, and what the changes led to."""
