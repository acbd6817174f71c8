"""The Temporal server as the core sees it: connect, read, write, and convert between protos and `Schedule`.

Only this package and the worker import temporalio. It makes raw service calls throughout: the SDK's schedule classes
drop unknown fields and do not send a conflict token.
"""
