"""Credentials in text: those that this process holds, and strings that look like credentials."""
