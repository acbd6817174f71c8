"""What the entry points share: a session with the server, a job from its plan to its outcome, files, interrupts.

Knows no command line and renders nothing: its users do.
"""
