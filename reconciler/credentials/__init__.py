"""Credentials in texts: those that this process holds, and what looks like one."""
