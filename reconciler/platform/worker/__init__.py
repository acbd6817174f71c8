"""The worker: what a firing starts, as a workflow and its steps, and the process that runs them.

Only what assembles it knows adapters: the steps get their ports handed in.
"""
