"""The worker: the workflow that a firing starts, its steps, and the process that runs them.

Only `assembly` knows the adapters; the steps receive their ports.
"""
