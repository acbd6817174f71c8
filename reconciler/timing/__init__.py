"""When schedules fire: Temporal's cron grammar, durations and sets of numbers, as pure functions.

Owns how text becomes `timings.Calendar` and `timings.Interval` and back. Does not know files, servers or clocks.
"""
