"""The entry point of the GitHub Action: inputs and an event in, one use case, told as GitHub shows it, exit code out.

Owns comments, drift issues, annotations, outputs and step summaries..
"""
