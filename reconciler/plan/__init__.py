"""The plan: what must change on a server, and the outcome of each change."""
