"""PostgreSQL: migrations, the audit of applies, and an advisory lock.

The only home of psycopg and of SQL. Nothing here decides what is applied or when; the core's data goes in and out.
"""
