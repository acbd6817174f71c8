"""The entry point for the GitHub Action: it reads the inputs and the event, runs one use case, and exits with a code.

Owns what GitHub shows: comments, drift issues, annotations, outputs, and step summaries.
"""
