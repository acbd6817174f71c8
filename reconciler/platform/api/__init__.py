"""The HTTP service: charter syncs for operators, and users' schedules for callers that have a grant.

Owns the routes, their requests and responses, and who may call them and how often. The work itself is done by the use
cases that the command line also uses. FastAPI and its dependencies are in the `service` extra.
"""
