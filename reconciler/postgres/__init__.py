"""PostgreSQL: migrations, the audit of applies, and an advisory lock.

Only this package and `platform.postgres` use psycopg and SQL. Nothing here decides what is applied or when; it only
stores and returns the core's data.
"""
