"""When schedules fire: Temporal's cron grammar, durations and sets of numbers, as pure functions.

Owns how text becomes `model.Calendar` and `model.Interval` and back. Does not know files, servers or clocks.
"""
