"""The worker: the workflow that a firing starts, its steps, and the process that runs them.

Only `assembly` knows about the adapters; the steps are given ports.
"""
