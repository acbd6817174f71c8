"""The entry point of the GitHub Action: inputs and an event in, one use case, an exit code out.

Owns what GitHub shows: comments, drift issues, annotations, outputs, and step summaries.
"""
