"""The HTTP service: the sync of charters for those who operate, users' schedules for those who have a grant.

Owns the routes, what they take and answer, who may call them and how often. What it does is done by the use cases that
the command line has too. FastAPI and what comes with it are the extra `service`.
"""
