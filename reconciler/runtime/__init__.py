"""What the entry points share: the session with a server, the clock, files, interrupts, and logs.

It does not depend on the command line, and renders nothing.
"""
