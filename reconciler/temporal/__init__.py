"""The Temporal server as the core sees it: connect, read, write, and convert between protos and `Schedule`.

The only home of temporalio. Raw service calls are used throughout: the SDK's schedule classes drop fields that they
do not know and send no conflict token.
"""
